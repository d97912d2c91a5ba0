"""Claims tested here, of the first notebook's figures:

1. The drawing has three networks, of which only the target encoder is dashed, and one square a target block
   on each side of the loss; the context it shows holds no target. Alt text counts both.
2. Every timing is a dot in its round, the warm-up hollow; the line is the median of the others.
3. The bars are the numbers; a notebook here is its seconds there over the ratio; alt text holds the ratio. No
   notebooks yet, or one, is drawn as well.
"""

import pytest
import torch

from jepa_lite.config import MaskConfig
from jepa_lite.course.figures.start import beside_reference, three_networks, timings
from jepa_lite.method.masks import sample_masks


def marked(ax, gid):
    return [artist for artist in (*ax.patches, *ax.lines) if artist.get_gid() == gid]


@pytest.mark.parametrize("grid, targets", [((8, 8), 4), ((5, 9), 2), ((9, 6), 1), ((7, 6), 6)])
def test_the_drawing_shows_who_sees_what(grid, targets):
    image = torch.rand(3, 4 * grid[0], 4 * grid[1], generator=torch.Generator().manual_seed(1))
    masks = sample_masks(
        grid, 2, MaskConfig(num_targets=targets, min_keep=2), torch.Generator().manual_seed(7)
    )
    fig = three_networks(image, masks, row=1)
    fig.canvas.draw()
    (ax,) = fig.axes
    names = ("context encoder", "predictor", "target encoder")
    dashed = [marked(ax, name)[0].get_linestyle() in ("--", "dashed") for name in names]
    assert dashed == [False, False, True], "only the target encoder learns by no gradient"
    assert len(marked(ax, "predictions")) == len(marked(ax, "targets")) == targets
    seen = masks.context_keep[1].sum().item()
    context, whole = ax.child_axes
    assert len(marked(context, "unseen")) == grid[0] * grid[1] - seen and not marked(whole, "unseen")
    assert f"sees {seen} patches" in fig.alt_text and f"{targets} hatched blocks" in fig.alt_text


def test_every_timing_is_a_dot():
    times = {"one": [9.0, 0.5, 0.3, 0.7, 0.4], "other": [4.0, 0.25, 0.15, 0.2, 0.35]}
    fig = timings(times, 2)
    fig.canvas.draw()
    (ax,) = fig.axes
    for name, middle in (("one", 0.4), ("other", 0.2)):
        (counted,), (warm,) = marked(ax, f"{name} counted"), marked(ax, f"{name} warm-up")
        assert list(counted.get_ydata()) == times[name][2:] and list(counted.get_xdata()) == [3, 4, 5]
        assert list(warm.get_ydata()) == times[name][:2] and warm.get_markerfacecolor() == "none"
        assert set(marked(ax, f"{name} median")[0].get_ydata()) == {middle}
        assert f"{name}: median {middle:.3g} s" in fig.alt_text
    assert "the first 2 are hollow" in fig.alt_text


@pytest.mark.parametrize(
    "notebooks", [{}, {"00_start_here": 12.0}, {"00_start_here": 12.0, "08_ijepa_whole": 80.0}]
)
@pytest.mark.parametrize("yours", [0.31, 40.0])
def test_bars_are_the_numbers(notebooks, yours):
    fig = beside_reference(yours, 6.2, notebooks)
    fig.canvas.draw()
    left, right = fig.axes
    assert [marked(left, name)[0].get_width() for name in ("you", "reference")] == [yours, 6.2]
    for name, seconds in notebooks.items():
        assert marked(right, f"{name} there")[0].get_width() == seconds
        assert marked(right, f"{name} here")[0].get_width() == pytest.approx(seconds * 6.2 / yours)
    assert f"{100 * yours / 6.2:.0f}% of its speed" in fig.alt_text
    assert ("the longest, 08" in fig.alt_text) == ("08_ijepa_whole" in notebooks)
