"""Claims about what a prediction means: the mosaic of what fills a hole, on grids that are square and not,
what a linear map reads (course/readings.py), and what else could be there (course/completions.py).

1. A filled image has the given patches in its hole and is untouched elsewhere; so is the original.
2. What is cut out holds the hole and its margin, and stops at the border.
3. Every panel shows its own filling, the first one hides exactly the hole, and the alt text has the errors.
4. Bars of what is read are as long as the shares, those below 0 have none, and hatches tell sources apart.
5. In the plane of two clouds their means lie at 0 and 1, and so does an answer between them.
   Strokes lie in their patches, along their angles, and the errors are told.
6. Ridge regression equals scikit-learn's; a share of 1 is perfect, 0 is the mean. The mean of what is near a
   hidden patch is that of loops, and holds no hidden one.
7. Another filling of a hole leaves the rest as it was, keeps the field's direction, and changes the colours.
8. Targets at a patch are normalised by the usual images, so they equal the model's own for these.
"""

import math

import pytest
import torch
from sklearn.linear_model import Ridge

from jepa_lite import preset
from jepa_lite.course.completions import one_field, repainted, targets_at
from jepa_lite.course.figures.meaning import _filled, cut, mosaic, possible_targets, readable, strokes
from jepa_lite.course.readings import explained, nearby_mean, quantities, ridge
from jepa_lite.data import drawn_fields, load, normalize
from jepa_lite.data.fields import directions_of
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.method.patches import patchify

STATES = [((4, 6), 3, 5, [8, 9, 14, 15]), ((6, 4), 1, 4, [0, 1]), ((5, 5), 3, 2, [18, 19, 23, 24])]


def images(grid, channels, P, n=3):
    size = n, channels, grid[0] * P, grid[1] * P
    return torch.rand(size, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05


# 1, 2 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid, channels, P, hole", STATES)
def test_a_hole_is_filled_and_nothing_else(grid, channels, P, hole):
    (image,), hidden = images(grid, channels, P, 1), torch.tensor(hole)
    before, patches = image.clone(), torch.rand(len(hole), channels * P * P)
    got = patchify(_filled(image, hidden, patches, P)[None], P)[0]
    rest = [i for i in range(grid[0] * grid[1]) if i not in hole]
    assert torch.equal(got[hidden], patches) and torch.equal(got[rest], patchify(image[None], P)[0, rest])
    assert torch.equal(image, before), "the original was written into"


def test_what_is_cut_out_stops_at_the_border():
    (image,) = images((5, 7), 3, 2, 1)
    assert torch.equal(cut(image, torch.tensor([16, 17]), 2), image[:, 2:8, 2:10])
    assert torch.equal(cut(image, torch.tensor([0, 7]), 2), image[:, :6, :4])
    assert torch.equal(cut(image, torch.tensor([34]), 2, margin=2), image[:, 4:, 8:])


# 3 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid, channels, P, hole", STATES)
def test_every_panel_shows_its_own(grid, channels, P, hole):
    whole, hidden = images(grid, channels, P), torch.tensor(hole)
    truth = patchify(whole, P)[:, hidden]
    fillings = {"itself": truth, "grey": torch.full_like(truth, 0.5)}
    fig = mosaic(whole, hidden, fillings, P)
    fig.canvas.draw()
    lines = [fig.axes[4 * i : 4 * i + 4] for i in range(3)]
    assert [ax.get_title() for ax in lines[0]] == ["image", "truth", "itself", "grey"]
    for image, line in zip(whole, lines, strict=True):
        marks = [p for p in line[0].patches if p.get_gid() == "hidden"]
        corners = sorted((round(p.get_y() + 0.5) // P, round(p.get_x() + 0.5) // P) for p in marks)
        assert corners == sorted(divmod(i, grid[1]) for i in hole)
        shown = [torch.as_tensor(ax.images[0].get_array()).squeeze() for ax in line[1:]]
        assert torch.equal(shown[0], shown[1]) and not torch.equal(shown[0], shown[2])
        wanted = cut(image, hidden, P).permute(1, 2, 0).squeeze()
        torch.testing.assert_close(shown[0], wanted, atol=0.01, rtol=0)
    error = (truth - 0.5).abs().mean().item()
    assert f"itself 0.00, grey {error:.2f}" in fig.alt_text and f"hole of {len(hole)} patches" in fig.alt_text


# 4, 5 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sources", (1, 3, 5))
def test_bars_of_what_is_read_are_as_long_as_the_shares(sources):
    shares = {f"source {i}": {"pixels": 0.2 * i - 0.1, "direction": 0.9 - 0.1 * i} for i in range(sources)}
    fig = readable(shares)
    bars = {bar.get_gid(): bar for bar in fig.axes[0].patches}
    assert len(bars) == 2 * sources and len({bar.get_hatch() for bar in bars.values()}) == sources
    for source, found in shares.items():
        for quantity, share in found.items():
            assert bars[f"{source} {quantity}"].get_width() == pytest.approx(max(share, 0.0))
            assert f"{quantity} {share:.2f}" in fig.alt_text
    assert "-0.10" in [text.get_text() for text in fig.axes[0].texts]


def test_clouds_have_their_means_at_0_and_1():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(30, 7, generator=generator) + 3 * i for i in range(2))
    between = 0.25 * other.mean(0) + 0.75 * one.mean(0)
    fig = possible_targets({"one": one, "other": other}, {"between": between, "first": one.mean(0)})
    drawn = {c.get_gid(): torch.as_tensor(c.get_offsets().data) for c in fig.axes[0].collections}
    for name, x in (("one", 0.0), ("other", 1.0), ("between", 0.25), ("first", 0.0)):
        torch.testing.assert_close(drawn[name][:, 0].mean().item(), x, rtol=0, atol=1e-5)
    assert len(drawn["one"]) == len(drawn["other"]) == 30
    assert "between at 0.25, first at " in fig.alt_text


def test_strokes_lie_in_their_patches_along_their_angles():
    whole, hidden, grid, P = images((5, 6), 3, 4, 2), torch.tensor([8, 9, 14, 15]), (5, 6), 4
    true = torch.tensor([0.0, 0.5, 1.0, 1.5]).expand(2, 4)
    fig = strokes(whole, grid, hidden, {"true": true, "right": true + 0.1, "wrong": true + 1.0})
    assert "6 degrees off in the median, with wrong addresses 57" in fig.alt_text
    for ax in fig.axes:
        boxes = [(p.get_x(), p.get_y()) for p in ax.patches if p.get_gid() == "hidden"]
        assert boxes == [(x * P - 0.5, y * P - 0.5) for y in (1, 2) for x in (1, 2)]
        for name, more in {"true": 0.0, "right": 0.1, "wrong": 1.0}.items():
            lines = [line for line in ax.lines if line.get_gid() == name]
            for (x, y), line, angle in zip(boxes, lines, true[0].tolist(), strict=True):
                (x0, x1), (y0, y1) = line.get_data()
                assert math.atan2(y1 - y0, x1 - x0) == pytest.approx(angle + more, abs=1e-5)
                assert x < min(x0, x1) and max(y0, y1) < y + P
    assert len(fig.legends[0].get_texts()) == 3


# 6 ---------------------------------------------------------------------------------------------------


def test_the_mean_of_what_is_near_is_that_of_loops():
    tokens, hidden = (
        torch.rand(2, 20, 3, generator=torch.Generator().manual_seed(1)),
        torch.tensor([6, 7, 11]),
    )
    found = nearby_mean(tokens, hidden, (4, 5), 1)
    for t, patch in enumerate(hidden.tolist()):
        near = [
            other
            for other in range(20)
            if max(abs(other // 5 - patch // 5), abs(other % 5 - patch % 5)) <= 1 and other not in (6, 7, 11)
        ]
        torch.testing.assert_close(found[:, t], tokens[:, near].mean(1))
    with pytest.raises(ValueError, match="no visible one"):
        nearby_mean(tokens, torch.arange(15), (4, 5), 1)


def test_the_linear_map_equals_scikit_learns():
    generator = torch.Generator().manual_seed(3)
    tokens, y = torch.randn(5, 6, 4, generator=generator), torch.randn(5, 6, 2, generator=generator)
    theirs = Ridge(alpha=2.0).fit(tokens.flatten(0, 1).numpy(), y.flatten(0, 1).numpy())
    wanted = torch.from_numpy(theirs.predict(tokens[0].numpy())).float()
    torch.testing.assert_close(ridge(tokens, y, 2.0)(tokens[0]), wanted, rtol=1e-4, atol=1e-5)
    mean = y.mean((0, 1))
    assert explained(y, y, mean) == 1 and explained(y, mean.expand_as(y), mean) == 0
    assert explained(y, 3 * mean - 2 * y, mean) == pytest.approx(-8)


def test_quantities_are_those_of_the_patches():
    (image,) = images((2, 3), 3, 4, 1)
    found = quantities((255 * image[None]).round().to(torch.uint8), torch.zeros(1, 6), 4)
    torch.testing.assert_close(found["mean colour"][0, 1], image[:, :4, 4:8].mean((1, 2)), atol=0.01, rtol=0)
    assert found["pixels"].shape == (1, 6, 48) and found["direction"][0, 0].tolist() == [1, 0]


# 7, 8 ------------------------------------------------------------------------------------------------


def test_another_filling_keeps_the_field_and_changes_the_tiles():
    images, hidden = (
        load("fields", "test", image_size=64, seed=2, limit=3, progress=False).images,
        [18, 19, 26],
    )
    drawn = drawn_fields("test", 3, 2)
    field, turned = one_field(drawn, 1), one_field(drawn, 1, math.pi / 2)
    filled = repainted(images[1], field, torch.tensor(hidden), 8, 20, seed=4)
    assert torch.equal(filled, repainted(images[1], field, torch.tensor(hidden), 8, 20, seed=4))
    patches, before = patchify(filled.float(), 8), patchify(images[1:2].float(), 8)
    rest = [i for i in range(64) if i not in hidden]
    assert torch.equal(patches[:, rest], before[:, rest].expand(20, -1, -1))
    assert patches[:, hidden].std(0).mean() > 20, "the tiles should differ from drawing to drawing"
    angle, other = (directions_of(one, (8, 8))[0, 18] for one in (field, turned))
    assert float((other - angle).remainder(math.pi)) == pytest.approx(math.pi / 2, abs=1e-5)
    slopes = []
    for one in (
        field,
        turned,
    ):  # the mean squared slope along the field's direction: small along the hatching
        x = repainted(images[1], one, torch.tensor(hidden), 8, 60, seed=5)[:, :, 17:23, 17:23].float().mean(1)
        down, across = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
        slopes.append((across * angle.cos() + down * angle.sin()).square().mean().item())
    assert slopes[0] < 0.5 * slopes[1], slopes
    with pytest.raises(ValueError, match="count must be from 1 to"):
        repainted(images[1], field, torch.tensor(hidden), 8, 1000, seed=4)


def test_targets_at_a_patch_are_the_models_own():
    config = preset("demo").model
    model = IJEPA(config).eval()
    images = load("fields", "test", image_size=64, seed=2, limit=6, progress=False).images
    found = targets_at(model, images, images[:4], 20)
    torch.testing.assert_close(found, model.targets(normalize(images))[:4, 20], rtol=1e-3, atol=1e-3)
    model = IJEPA(preset("demo").with_values({"model.target_norm": "layer"}).model)
    with pytest.raises(ValueError, match="normalises by place, and this model by 'layer'"):
        targets_at(model, images, images, 20)
