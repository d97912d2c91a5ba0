"""What must hold of the figures of notebook 05 (jepa_lite/course/figures/asking.py).

1. A column of synthetic images holds images of its kind.
2. A sequence shows the context's patches in order, then T hatched squares, each with the number of its place.
3. A 0 stands at the rows that get no gradient, and nowhere else; the alt text counts both.
4. A panel of answers has a stroke at every hidden patch, along its direction; the error above is its median.
5. One answer is drawn at its address, beside the true direction, and the map holds the error of every one.
"""

import math

import numpy as np
import pytest
import torch

from jepa_lite.config import MaskConfig
from jepa_lite.course.figures import asking
from jepa_lite.data.images import Images
from jepa_lite.evaluation.directions import degrees_between
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import patchify

STATES = [((8, 8), 4, 2), ((5, 9), 3, 2), ((9, 6), 2, 1)]  # grid, patch, targets
each = pytest.mark.parametrize("grid, P, targets", STATES)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def drawn(grid, P, targets, n=3):
    """Images and their masks, of which the first is padded."""
    images = torch.rand(n, 3, grid[0] * P, grid[1] * P, generator=seeded(1))
    config = MaskConfig(num_targets=targets, min_keep=2, context_scale=(0.4, 0.6))
    return images, sample_masks(grid, n, config, seeded(7))


def marked(ax, gid):
    return [one for one in (*ax.patches, *ax.lines, *ax.texts) if one.get_gid() == gid]


def test_a_column_holds_images_of_its_kind():
    labels = torch.tensor([1, 0, 1, 2, 0, 2, 1])
    values = torch.arange(7, dtype=torch.uint8) * 20
    made = Images(values[:, None, None, None].expand(7, 3, 6, 9), labels, ("a", "b", "c"), "planted")
    fig = asking.mosaics(made)
    axes = np.array(fig.axes).reshape(2, 3)
    shown = [[float(ax.images[0].get_array()[0, 0, 0]) * 255 for ax in line] for line in axes]
    np.testing.assert_allclose(shown, [[20, 0, 60], [80, 40, 100]], atol=1e-4)
    assert [ax.get_title() for ax in axes[0]] == ["a", "b", "c"] and "a, b and c" in fig.alt_text


@each
def test_a_sequence_is_the_context_and_then_mask_tokens(grid, P, targets):
    images, masks = drawn(grid, P, targets)
    fig = asking.one_sequence(images[1], masks, 1)
    fig.canvas.draw()
    strip = fig.axes[1]
    context = masks.context_idx[1][masks.context_keep[1]].tolist()
    places, T = context + masks.target_idx[1, 0].tolist(), masks.target_idx.shape[2]
    assert [int(text.get_text()) for text in marked(strip, "place")] == places
    at = [round((p.get_y() + 0.5) / P) * asking.ACROSS + round((p.get_x() + 0.5) / P)
          for p in marked(strip, "mask token")]  # fmt: skip
    assert at == list(range(len(context), len(context) + T))
    pixels = torch.as_tensor(np.array(strip.images[0].get_array())).permute(2, 0, 1)[None]
    torch.testing.assert_close(
        patchify(pixels.float(), P)[0, : len(context)], patchify(images[1:2], P)[0, context]
    )
    assert f"{len(context)} context patches, then {T} equal" in fig.alt_text


@each
def test_a_zero_stands_where_no_gradient_is(grid, P, targets):
    images, masks = drawn(grid, P, targets)
    norms = torch.rand(grid[0] * grid[1], generator=seeded(2)) + 0.1
    norms[[0, 7, 11]] = 0.0
    fig = asking.rows_with_gradient(images[0], masks, 0, norms)
    zeros = sorted(text.get_position() for text in marked(fig.axes[1], "none"))
    assert zeros == sorted((n % grid[1], n // grid[1]) for n in (0, 7, 11))
    assert f"{len(norms) - 3} rows of the table get" in fig.alt_text and "other 3, marked 0" in fig.alt_text


@each
def test_a_stroke_runs_along_its_direction_at_its_patch(grid, P, targets):
    images, masks = drawn(grid, P, targets)
    true = torch.rand(masks.target_idx.shape, generator=seeded(3)) * math.pi
    found = {"truth": true, "right address": true + math.radians(7), "no address": true + math.radians(120)}
    fig = asking.answers(images, ["x", "y", "z"], masks, found)
    axes = np.array(fig.axes).reshape(3, 4)
    for i, line in enumerate(axes):
        for ax, (name, angle) in zip(line[1:], found.items(), strict=True):
            strokes = marked(ax, name)
            for stroke, patch, one in zip(
                strokes, masks.target_idx[i].flatten().tolist(), angle[i].flatten().tolist(), strict=True
            ):
                (x0, x1), (y0, y1) = stroke.get_xdata(), stroke.get_ydata()
                middle = ((y0 + y1) / 2 + 0.5) // P, ((x0 + x1) / 2 + 0.5) // P
                assert middle == divmod(patch, grid[1])
                assert math.sin(math.atan2(y1 - y0, x1 - x0) - one) == pytest.approx(0, abs=1e-5)
        assert [ax.get_title().split("\n")[-1] for ax in line[2:]] == ["7° off", "60° off"]
    assert "right address: 7, 7 and 7; no address: 60, 60 and 60" in fig.alt_text


@each
def test_one_answer_stands_at_its_address(grid, P, targets):
    (image, *_), masks = drawn(grid, P, targets)
    N = grid[0] * grid[1]
    true = torch.rand(N, generator=seeded(4)) * math.pi
    predicted, address = true + torch.deg2rad(torch.arange(N).float()) / 2, N - 3
    fig = asking.one_answer(image, masks, true, predicted, address)
    left, right = fig.axes[:2]
    for gid, wanted in (("true", true), ("predicted", predicted)):
        (stroke,) = marked(left, gid)
        (x0, x1), (y0, y1) = stroke.get_xdata(), stroke.get_ydata()
        assert (((y0 + y1) / 2 + 0.5) // P, ((x0 + x1) / 2 + 0.5) // P) == divmod(address, grid[1])
        assert math.sin(math.atan2(y1 - y0, x1 - x0) - float(wanted[address])) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(right.images[0].get_array().ravel(), np.arange(N) / 2, atol=1e-3)
    assert len(marked(right, "context")) == masks.context_keep[0].sum()
    off = degrees_between(predicted, true)[address]
    assert f"address {address} is {off:.0f} degrees off" in fig.alt_text
