"""The rules that multi-block masking is compared to (paper, Table 6): rasterized, block, random.

The paper's numbers: 15.5, 20.2 and 17.6%, where multi-block masking reaches 54.2 (ViT-B/16, linear probe
with 1% of ImageNet's labels). In all three the context is what the targets leave, and its size is the same
in a whole batch, so nothing is padded. Where the paper is silent (what to do with the middle of an odd grid,
which shape the one block has) the choice is ours and said below.
"""

import torch

from ..method.masks import RULES, Masks, Size, block_masks, covered, draw_size, places_of, possible_sizes


def _draw_rasterized(grid: Size, batch: int, config, generator: torch.Generator | None = None) -> Masks:
    """One quadrant of the image, any of the four, is the context; the other three are the targets.

    Quadrants have one size, so that targets stack: of an odd number of rows or columns the middle one belongs
    to none, and is neither seen nor asked for.
    """
    places = places_of(grid, _quadrant(grid))
    right, last = grid[1] - places.size[1], len(places) - 1  # places are in raster order
    corners = torch.tensor([0, right, last - right, last])
    first = torch.randint(4, (batch, 1), generator=generator)
    place = corners[(first + torch.arange(4)) % 4]  # (B, 4)
    context = places.covers(place[:, 0].numpy())
    return block_masks(places, place[:, 1:].sort(1).values.numpy(), context, covered(context))


def _check_rasterized(grid: Size, config) -> None:
    """The context is a quadrant, whatever is drawn."""
    h, w = _quadrant(grid)
    _refuse_a_poor_context(grid, f"the context, a quadrant of {h} x {w},", h * w, config.min_keep, "")


def _draw_block(grid: Size, batch: int, config, generator: torch.Generator | None = None) -> Masks:
    """One block that covers `target_share` of the image is the target; all the rest is the context.

    Its shape is drawn from `target_aspect` as for multi-block masking. At Table 6's share of 0.6 a block
    covers the middle of the image wherever it lies, so that the middle is never context.
    """
    places = places_of(grid, draw_size(grid, (config.target_share,) * 2, config.target_aspect, generator))
    place = places.draw((batch, 1), generator)
    context = ~places.covers(place.T).any(0)
    return block_masks(places, place, context, covered(context))


def _check_block(grid: Size, config) -> None:
    """The largest block decides: shape and rounding move its area a little."""
    sizes = possible_sizes(grid, (config.target_share,) * 2, config.target_aspect)
    h, w = max(sizes, key=lambda size: size[0] * size[1])
    left = grid[0] * grid[1] - h * w
    what = f"the context around a target of {h} x {w}"
    _refuse_a_poor_context(grid, what, left, config.min_keep, " or target_share")


def _draw_random(grid: Size, batch: int, config, generator: torch.Generator | None = None) -> Masks:
    """Single patches, `target_share` of the image, are the one target; all the others are the context."""
    N, T = grid[0] * grid[1], _scattered(grid, config)
    order = torch.rand(batch, N, generator=generator, dtype=torch.float64).argsort(1)  # (B, N)
    target_idx, context_idx = (part.sort(1).values for part in (order[:, :T], order[:, T:]))
    keep = torch.ones_like(context_idx, dtype=torch.bool)  # (B, K)
    return Masks(grid, context_idx, keep, target_idx[:, None], None, padded=False)


def _check_random(grid: Size, config) -> None:
    """Which patches are drawn changes nothing."""
    T = _scattered(grid, config)
    what = f"the context beside {T} scattered targets"
    _refuse_a_poor_context(grid, what, grid[0] * grid[1] - T, config.min_keep, " or target_share")


def _quadrant(grid):
    return grid[0] // 2, grid[1] // 2


def _scattered(grid, config):
    return max(int(config.target_share * grid[0] * grid[1] + 0.5), 1)


def _refuse_a_poor_context(grid, what, left, min_keep, dial):
    if left < min_keep:
        raise ValueError(
            f"masks do not fit a {grid[0]} x {grid[1]} grid: {what} has {left} patches, fewer than "
            f"min_keep = {min_keep}; use a smaller min_keep{dial} or smaller patches"
        )


RULES["rasterized"] = _draw_rasterized, _check_rasterized
RULES["block"] = _draw_block, _check_block
RULES["random"] = _draw_random, _check_random
