"""Claims tested here, of the figures of notebooks 08 and 14:

1. The minute has four panels: each value of the log is drawn at its step, the controls are dotted at their
   level, and the alt text holds first and last values; what was not measured says so; no log is an error.
2. Two runs are drawn in one figure, with their controls, and told apart without colour.
3. Training images are the first of each class, under its name; of eight classes, of every second.
4. The share of the fall is that of the mean of the last losses when the probe first stands above its level.
5. Every patch seen is a stroke in its direction, every hidden one two, true and predicted, at its place; the
   alt text holds how far these two are apart.
"""

import math

import pytest
import torch

from jepa_lite.course.figures.whole import hidden_strokes, labelled_images, minute, share_of_fall, two_runs

LOG = [{"step": s + 1, "loss": 1.0 - 0.01 * s} for s in range(80)]
for s, (rank, gain, knn) in {0: (9.0, 1.0, 0.3), 39: (6.5, 1.25, 0.31), 79: (7.0, 1.75, 0.62)}.items():
    LOG[s] |= {"rank": rank, "address_gain": gain, "knn": knn}
CONTROLS = {"loss": 0.43, "rank": 9.5, "address_gain": 1.0, "knn": 0.29}


def lines(fig):
    return {line.get_gid(): line for ax in fig.axes for line in ax.lines}


def test_the_minute_draws_its_log():
    fig = minute(LOG, CONTROLS)
    fig.canvas.draw()
    drawn = lines(fig)
    assert list(drawn["every step"].get_ydata()) == [r["loss"] for r in LOG]
    for key in ("rank", "address_gain", "knn"):
        assert list(drawn[key].get_xdata()) == [1, 40, 80]
        assert list(drawn[key].get_ydata()) == [LOG[s][key] for s in (0, 39, 79)]
    for key, level in CONTROLS.items():
        assert set(drawn[f"{key} control"].get_ydata()) == {level} and drawn[f"{key} control"].get_ls() == ":"
    for words in ("address gain goes from 1 to 1.75 (dotted: 1)", "rank goes from 9 to 7", "up to 80"):
        assert words in fig.alt_text, fig.alt_text
    few = minute(LOG[:1], {})
    few.canvas.draw()
    none = minute([{"step": 1, "loss": 0.5}], {})
    assert none.alt_text.count("was not measured") == 3
    with pytest.raises(ValueError, match="train for at least one step"):
        minute([], {})


def test_two_runs_stand_beside_each_other():
    other = [record | {"loss": record["loss"] / 2} for record in LOG]
    fig = two_runs({"one": LOG, "other": other}, {"one": {"knn": 0.29}, "other": {"knn": 0.19}})
    fig.canvas.draw()
    drawn = lines(fig)
    assert drawn["other loss"].get_ydata()[0] == 0.5 and drawn["one loss"].get_ydata()[0] == 1.0
    assert drawn["one loss"].get_ls() != drawn["other loss"].get_ls()
    assert set(drawn["other control"].get_ydata()) == {0.19}
    assert "other: the loss goes from 0.50" in fig.alt_text and "random weights 0.29" in fig.alt_text


@pytest.mark.parametrize("count, step", [(3, 1), (8, 2)])
def test_an_image_of_each_class_is_shown(count, step):
    labels = torch.tensor([*range(count), *range(count), *range(count)]).roll(1)
    images = torch.arange(3 * count)[:, None, None, None].expand(-1, 3, 4, 4).to(torch.uint8)
    fig = labelled_images(images, labels, tuple(f"class {i}" for i in range(count)))
    fig.canvas.draw()
    for ax, label in zip(fig.axes, range(0, count, step), strict=True):
        row = (labels == label).nonzero()[0, 0].item()
        assert ax.get_title() == f"class {label}"
        assert ax.images[0].get_array()[0, 0, 0] == pytest.approx(row / 255)
    assert f"classes: class 0, class {step}" in fig.alt_text


def test_the_share_of_the_fall():
    mean = sum(r["loss"] for r in LOG[-4:]) / 4
    middle = sum(r["loss"] for r in LOG[36:40]) / 4
    assert share_of_fall(LOG, 0.25, 0.05, window=4) == 0.0, "at the first probe nothing has fallen"
    assert share_of_fall(LOG, 0.26, 0.05, window=4) == pytest.approx(100 * (1 - middle) / (1 - mean))
    assert share_of_fall(LOG, 0.6, 0.05, window=4) == 100.0, "it never stands so high"


def test_directions_are_strokes():
    grid, seen = (3, 5), [torch.tensor([0, 7]), torch.tensor([14])]
    angle = torch.linspace(0, 3, 30).view(2, 15)
    hidden = torch.tensor([[1, 13], [2, 3]])
    predicted = angle.gather(1, hidden) + math.radians(20)
    fig = hidden_strokes(grid, seen, angle, hidden, predicted)
    fig.canvas.draw()
    for i, ax in enumerate(fig.axes):
        for gid, patches, angles in (
            ("seen", seen[i], angle[i, seen[i]]),
            ("true", hidden[i], angle[i, hidden[i]]),
            ("predicted", hidden[i], predicted[i]),
        ):
            strokes = [line for line in ax.lines if line.get_gid() == gid]
            for stroke, patch, radians in zip(strokes, patches.tolist(), angles.tolist(), strict=True):
                (x0, x1), (y0, y1) = stroke.get_data()
                assert ((y0 + y1) / 2, (x0 + x1) / 2) == pytest.approx(divmod(patch, grid[1]))
                assert math.atan2(y1 - y0, x1 - x0) == pytest.approx(
                    math.atan2(math.sin(radians), math.cos(radians))
                )
    assert "they are 20 degrees apart" in fig.alt_text
