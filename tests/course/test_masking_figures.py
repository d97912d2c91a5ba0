"""Claims tested here, of the figures of notebook 03, for square grids and others:

1. Pairs: on the left each target has as many hatched marks as patches; on the right exactly what is not
   context is covered. Alt text counts both for each image.
2. Rules: one column a rule, one line an image. All that is not context is covered, targets are hatched on
   top of that, and each panel says how many patches are seen; the note stands in the first line alone.
"""

import pytest
import torch

from jepa_lite.config import MaskConfig
from jepa_lite.course.figures import masking
from jepa_lite.method.masks import sample_masks

GRIDS = [(8, 8), (5, 9), (9, 6)]


def pictures(grid, count, P=4):
    generator = torch.Generator().manual_seed(1)
    return list(torch.rand(count, 3, grid[0] * P, grid[1] * P, generator=generator))


def marks(ax, gid):
    """The (row, column) of marks of 4 pixels."""
    found = [mark.get_xy() for mark in ax.patches if mark.get_gid() == gid]
    return {(round((y + 0.5) / 4), round((x + 0.5) / 4)) for x, y in found}


def places(idx, grid):
    return {divmod(int(patch), grid[1]) for patch in idx}


@pytest.mark.parametrize("grid", GRIDS)
def test_pairs_show_what_is_hidden_and_what_is_seen(grid):
    config = MaskConfig(num_targets=3, context_scale=(0.6, 0.8), min_keep=2)
    masks = sample_masks(grid, 3, config, torch.Generator().manual_seed(2))
    one, two = pictures(grid, 2)
    fig = masking.pairs({"one": (one, masks, 0), "two": (two, masks, 2)})
    fig.canvas.draw()
    for row, (left, right) in zip((0, 2), (fig.axes[:2], fig.axes[2:]), strict=True):
        context = masks.context_idx[row][masks.context_keep[row]]
        targets = masks.target_idx[row]
        for m in range(3):
            assert marks(left, f"target {m + 1}") == places(targets[m], grid)
        every = places(range(grid[0] * grid[1]), grid)
        assert marks(right, "unseen") == every - places(context, grid)
        assert right.get_title() == f"{len(context)} patches seen"
        hidden = len(set(targets.flatten().tolist()))
        assert f"{hidden} of {grid[0] * grid[1]} patches lie in the 3 hatched targets" in fig.alt_text
        assert f"{len(context)} are seen" in fig.alt_text
    assert left.get_title() == "two" and "two: " in fig.alt_text


@pytest.mark.parametrize("grid", GRIDS)
def test_rules_cover_what_they_hide(grid):
    names = ("paper", "block", "random", "rasterized")
    drawn = {
        rule: sample_masks(grid, 2, MaskConfig(rule=rule, min_keep=2), torch.Generator().manual_seed(4))
        for rule in names
    }
    notes = {rule: f"note {i}" for i, rule in enumerate(names)}
    fig = masking.rules([pictures(grid, 4), pictures(grid, 4)], drawn, notes)
    fig.canvas.draw()
    assert len(fig.axes) == 8
    for i, ax in enumerate(fig.axes):
        row, rule = i // 4, names[i % 4]
        masks = drawn[rule]
        context = places(masks.context_idx[row][masks.context_keep[row]], grid)
        assert marks(ax, "unseen") == places(range(grid[0] * grid[1]), grid) - context
        for m, target in enumerate(masks.target_idx[row]):
            assert marks(ax, f"target {m + 1}") == places(target, grid)
        assert f"{len(context)} seen" in ax.get_title() and (notes[rule] in ax.get_title()) == (row == 0)
        assert f"{rule} ({notes[rule]}): " in fig.alt_text
    assert "scattered patches" in fig.alt_text and "the 1 hatched target of" in fig.alt_text
