"""Is this a sampler of multi-block masks? Judged by its properties, because it may draw in any order."""

import collections
import math

import torch

from ...config import MaskConfig
from ...method.masks import possible_sizes

GRID, B, BATCHES = (7, 9), 24, 120
CONFIG = MaskConfig(num_targets=3, target_scale=(0.1, 0.25), context_scale=(0.5, 0.8), min_keep=5)
MOST = 0.6  # no more than that share of places should be equal
OFTEN = 0.04  # a size that this share of the batches should have must turn up


def judge_masks(sample) -> str | None:
    """What is wrong with a `sample_masks`: None if nothing is, "" if it returns nothing."""
    drawn = [sample(GRID, B, CONFIG, torch.Generator().manual_seed(seed)) for seed in range(BATCHES)]
    if all(one is None or one is ... for one in drawn):
        return ""
    problems = (_form(one) or _targets(one) or _contexts(one) for one in drawn)
    return next(filter(None, problems), None) or _chance(sample, drawn) or _sizes(drawn)


def _form(masks):
    M = CONFIG.num_targets
    tensors = isinstance(masks, tuple | list) and all(isinstance(one, torch.Tensor) for one in masks)
    if not tensors or len(masks) != 3:
        return "It returns three tensors: context_idx (B, K), keep (B, K) and target_idx (B, M, T)."
    context_idx, keep, target_idx = masks
    if context_idx.ndim != 2 or keep.shape != context_idx.shape or len(keep) != B:
        return (
            f"context_idx and keep have the shapes {tuple(context_idx.shape)} and {tuple(keep.shape)}; both "
            f"are "
            f"({B}, K) for {B} images."
        )
    if target_idx.ndim != 3 or target_idx.shape[:2] != (B, M):
        return f"target_idx has the shape {tuple(target_idx.shape)}, and ({B}, {M}, T) is right."
    if keep.dtype != torch.bool or context_idx.dtype != torch.int64 or target_idx.dtype != torch.int64:
        return "Indices are whole numbers (torch.long), and keep is a tensor of bool."
    every = torch.cat([context_idx.flatten(), target_idx.flatten()])
    if every.min() < 0 or every.max() >= math.prod(GRID):
        return f"A patch has a number from 0 to {math.prod(GRID) - 1} on a grid of {GRID[0]} x {GRID[1]}."
    return None


def _block(idx):
    """(rows, columns) of the rectangle that holds patches, and whether they fill it."""
    row, column = idx // GRID[1], idx % GRID[1]
    size = int(row.max() - row.min()) + 1, int(column.max() - column.min()) + 1
    return size, len(idx.unique()) == len(idx) == math.prod(size)


def _targets(masks):
    blocks = [_block(idx) for idx in masks[2].flatten(0, 1)]
    if not all(full for _, full in blocks):
        return "A target is a full rectangle of neighbouring patches, each of them once; one of these is not."
    if len({size for size, _ in blocks}) > 1:
        return "All targets of a batch have one size, so that they stack; these differ in shape."
    return None


def _contexts(masks):
    for idx, keep, targets in zip(*masks, strict=True):
        count = int(keep.sum())
        if not keep[:count].all():
            return "Padding comes last: in a row of keep, every True stands before every False."
        seen = idx[keep]
        if len(seen.unique()) < count:
            return "A context holds the same patch twice."
        if torch.isin(seen, targets).any():
            return "A context holds a patch of one of its image's targets, so the answer is given away."
        if count < CONFIG.min_keep:
            return f"A context has {count} patches and min_keep is {CONFIG.min_keep}: draw such images again."
        row, column = seen // GRID[1], seen % GRID[1]
        inside = torch.zeros(GRID).bool()
        inside[row.min() : row.max() + 1, column.min() : column.max() + 1] = True
        inside.view(-1)[torch.cat([seen, targets.flatten()])] = False
        if inside.any():
            return (
                "The context is a block without the targets' patches. Here patches are missing from it that "
                "are in "
                "no target."
            )
    longest = int(masks[1].sum(1).max())
    return (
        None
        if longest == masks[1].shape[1]
        else "No context fills its row, so K is larger than it needs to be."
    )


def _chance(sample, drawn):
    again = sample(GRID, B, CONFIG, torch.Generator().manual_seed(0))
    if not all(torch.equal(a, b) for a, b in zip(again, drawn[0], strict=True)):
        return "The same generator gives other masks the second time: hand it to every function that draws."
    if torch.equal(drawn[0][2], drawn[1][2]):
        return (
            "Two generators with different seeds give the same targets: chance must come from the generator."
        )
    first = [masks[2][:, :, 0] for masks in drawn]  # where a block begins
    if _share(place == place[:1] for place in first) > MOST:
        return "All images of a batch have the same targets. Only the size is shared; each has its places."
    if _share(place == place[:, :1] for place in first) > MOST:
        return "All targets of an image lie at the same place; each is drawn on its own."
    for which, patches in (
        ("target", [masks[2].flatten() for masks in drawn]),
        ("context", [masks[0][masks[1]] for masks in drawn]),
    ):
        never = math.prod(GRID) - len(torch.cat(patches).unique())
        if never:
            return (
                f"In {B * BATCHES:,} images, {never} of the grid's {math.prod(GRID)} patches are never "
                f"{which}. A block "
                "may touch every border: the corner has rows - h + 1 places in a column."
            )
    return None


def _share(equal):
    """How many of many comparisons hold. Images that are drawn again may differ from the others."""
    return torch.cat([one.flatten() for one in equal]).float().mean()


def _sizes(drawn):
    possible = possible_sizes(GRID, CONFIG.target_scale, CONFIG.target_aspect)
    found = collections.Counter(_block(masks[2][0, 0])[0] for masks in drawn)
    if odd := [size for size in found if size not in possible]:
        return (
            f"A target has {odd[0][0]} x {odd[0][1]} patches. That is no block with a share of "
            f"{CONFIG.target_scale[0]} to {CONFIG.target_scale[1]} of the grid and height / width from "
            f"{CONFIG.target_aspect[0]} to {CONFIG.target_aspect[1]}, sides rounded to the nearest number."
        )
    wanted = {size for size, share in _shares().items() if share > OFTEN}
    if missing := sorted(wanted - set(found)):
        return (
            f"In {BATCHES} batches no target has {missing[0][0]} x {missing[0][1]} patches, which should be "
            f"common. "
            "Scale and aspect ratio are two random numbers, each uniform and independent of the other."
        )
    largest = max(int(masks[1].sum(1).max()) for masks in drawn)
    areas = [h * w for h, w in possible_sizes(GRID, CONFIG.context_scale)]
    if largest > max(areas):
        return (
            f"A context has {largest} patches; a block with a share of {CONFIG.context_scale[1]} of the "
            f"grid has at "
            f"most {max(areas)}."
        )
    if largest < 0.85 * max(areas):
        return f"No context has more than {largest} patches; its block may have up to {max(areas)}."
    return None


def _shares():
    """How often each size of a target should be drawn: {(rows, columns): share}."""
    from ..ijepa_in_one_file import draw_size

    generator, count = torch.Generator().manual_seed(1), 4000
    sizes = [draw_size(GRID, CONFIG.target_scale, CONFIG.target_aspect, generator) for _ in range(count)]
    return {size: times / count for size, times in collections.Counter(sizes).items()}
