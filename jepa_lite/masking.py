"""Masking: what the context encoder sees and what must be predicted (paper, section 3).

`sample_masks` draws the masks of a whole batch at once, by the rule that the config names. Here is rule
"paper", the multi-block masking of the paper's text; official.py holds the released collator's, rivals.py
those that the paper compares it to. Block sizes are shared within a batch (so that targets stack);
positions are drawn per image.
"""

import functools
import itertools

import torch

from .blocks import TRIES, Masks, Places, block_masks, draw_size, possible_sizes
from .config import plain
from .official import check_official, draw_official, official_uncut
from .rivals import check_block, check_random, check_rasterized, draw_block, draw_random, draw_rasterized

__all__ = ["Masks", "check_masks", "official_uncut", "sample_masks"]


def sample_masks(grid, batch, config, generator=None):
    """Draw masks for `batch` images on a `grid` of (rows, columns) patches.

    Returns `Masks` on the CPU. All randomness comes from `generator`. Raises ValueError when
    `config` cannot be met on this grid (see `check_masks`).
    """
    grid = plain(tuple(grid))
    check_masks(grid, config)
    if batch < 1:
        raise ValueError(f"masks are drawn for at least 1 image, not for a batch of {batch}")
    draw, _ = RULES[config.rule]
    return draw(grid, batch, config, generator)


@functools.lru_cache(maxsize=256)
def check_masks(grid, config):
    """Raise ValueError, with the reason, if `config` could not be met on `grid`.

    Every size that the config can draw is tried; each rule's own check says what it must leave.
    """
    _, check = RULES[config.rule]
    check(grid, config)


# --- rule "paper" -----------------------------------------------------------------------------


def draw_paper(grid, batch, config, generator):
    """Independent scale and aspect ratio; every border can be touched; no target in the context.

    An image whose context would keep fewer than `min_keep` patches is drawn again, targets and all:
    its masks follow the same distribution, given that the context is large enough. Who fails 1 + TRIES
    times gets the one layout that `check_masks` has shown to work.
    """
    targets = Places(grid, draw_size(grid, config.target_scale, config.target_aspect, generator))
    contexts = Places(grid, draw_size(grid, config.context_scale, (1.0, 1.0), generator))

    def draw(count):
        place = torch.randint(len(targets), (count, config.num_targets), generator=generator)  # (B, M)
        context = contexts.covers(torch.randint(len(contexts), (count,), generator=generator))
        return place, context & ~targets.any(place)

    place, context = draw(batch)
    for _ in range(TRIES):
        poor = (context.sum(1) < config.min_keep).nonzero()[:, 0]
        if not len(poor):
            break
        place[poor], context[poor] = draw(len(poor))
    else:
        poor = context.sum(1) < config.min_keep
        first, last = torch.tensor([0]), torch.tensor([len(contexts) - 1])
        place[poor], context[poor] = 0, contexts.covers(last) & ~targets.covers(first)
    return block_masks(targets, place, context)


def check_paper(grid, config):
    """Even with all targets stacked in one corner and the context in the opposite one, the context must
    keep `min_keep` patches, and some target must leave the middle of the grid free."""
    sizes = possible_sizes(grid, config.target_scale, config.target_aspect)
    for (h, w), (ch, cw) in itertools.product(sizes, possible_sizes(grid, config.context_scale)):
        overlap = max(0, h + ch - grid[0]) * max(0, w + cw - grid[1])  # from opposite corners
        if ch * cw - overlap < config.min_keep:
            raise ValueError(
                f"masks do not fit a {grid[0]} x {grid[1]} grid: a target of {h} x {w} patches can leave "
                f"a context of {ch} x {cw} fewer than min_keep = {config.min_keep} patches; use a smaller "
                f"min_keep or target_scale, a larger context_scale or smaller patches"
            )
    if all(2 * h > grid[0] and 2 * w > grid[1] for h, w in sizes):
        raise ValueError(
            f"masks do not fit a {grid[0]} x {grid[1]} grid: wherever they lie, targets of target_scale "
            f"{config.target_scale} cover its middle, which could then never be context; use a smaller one"
        )


# A rule: how its masks are drawn, and the check that they can be.
RULES = {
    "paper": (draw_paper, check_paper),
    "official": (draw_official, check_official),
    "rasterized": (draw_rasterized, check_rasterized),
    "block": (draw_block, check_block),
    "random": (draw_random, check_random),
}
