"""Rule "official": the released collator's masks, quirks included, so that they can be measured.

Rebuilt from the released code's behaviour, not from its text. It differs from the paper in what it does with
sizes, borders, failed tries and contexts of unequal size; each function says where. Where the released
code would loop for ever, `_check_official` refuses instead.
"""

import functools
import itertools
import math

import torch

from ..method.masks import RULES, TRIES, Interval, Masks, Size, between, block_masks, covered, places_of


def _draw_official(grid: Size, batch: int, config, generator: torch.Generator | None = None) -> Masks:
    """What the released collator hands to the model. The quirk: every context loses its end, in raster
    order, down to the batch's smallest."""
    targets, place, context, count = _blocks(grid, batch, config, generator)
    return block_masks(targets, place, context, count, longest=int(count.min()))


def official_uncut(grid: Size, batch: int, config, generator: torch.Generator | None = None) -> Masks:
    """The official rule's `Masks` before the cut: what `sample_masks` draws with the same generator."""
    grid = tuple(grid)
    _check_official(grid, config)
    return block_masks(*_blocks(grid, batch, config, generator))


def _blocks(grid, batch, config, generator):
    """Targets and contexts of a batch, as `block_masks` takes them.

    Targets may be anywhere but in the last row and column. After every TRIES failed tries at a
    context larger than `min_keep`, one more target is no longer kept out of it."""
    u = torch.rand(2, generator=generator).tolist()
    targets = places_of(grid, _size(grid, config.target_scale, config.target_aspect, u[0]), reach=1)
    contexts = places_of(grid, _size(grid, config.context_scale, (1.0, 1.0), u[1]), reach=1)
    place = targets.draw((batch, config.num_targets), generator)  # (B, M)

    def draw(place):
        return contexts.covers(contexts.draw((len(place),), generator)) & ~targets.covers(place.T).any(0)

    context = draw(place)
    for failed in itertools.count(1):  # ends, as in the end nothing is kept out
        count = covered(context)
        poor = (count <= config.min_keep).nonzero()[0]
        if not len(poor):
            return targets, place, context, count
        context[poor] = draw(place[poor, : config.num_targets - failed // TRIES])


def _size(grid, scale, aspect, u):
    """One random number sets scale AND aspect ratio; a block is kept smaller than the grid."""
    area = int(grid[0] * grid[1] * between(scale, u))
    ratio = between(aspect, u)
    h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    return min(h, grid[0] - 1), min(w, grid[1] - 1)


def size_shares(grid: Size, scale: Interval, aspect: Interval) -> dict[Size, float]:
    """{(rows, columns): share of the draws}, exact: between two cuts of u the size does not change."""
    N = grid[0] * grid[1]
    areas = range(int(N * scale[0]), int(N * scale[1]) + 1)
    halves = [(side + 0.5) ** 2 for side in range(max(grid))]
    cuts = [_inverse(scale, area / N) for area in areas]
    cuts += [_inverse(aspect, r) for a in areas for half in halves for r in (half / max(a, 1), a / half)]
    cuts = sorted({0.0, 1.0, *(u for u in cuts if 0 < u < 1)})
    shares = {}
    for u0, u1 in itertools.pairwise(cuts):
        if u1 - u0 > 1e-9:  # thinner is one cut twice, but for rounding
            size = _size(grid, scale, aspect, (u0 + u1) / 2)
            shares[size] = shares.get(size, 0) + u1 - u0
    return shares


def _inverse(interval, value):
    """The u for which `between(interval, u)` is `value`; 0 where there is only one value."""
    return (value - interval[0]) / (interval[1] - interval[0]) if interval[1] > interval[0] else 0.0


@functools.lru_cache(maxsize=256)
def _check_official(grid: Size, config) -> None:
    """The released code redraws places, never the size, so a small size loops for ever."""
    for name, scale, aspect in (
        ("target", config.target_scale, config.target_aspect),
        ("context", config.context_scale, (1.0, 1.0)),
    ):
        shares = size_shares(grid, scale, aspect)
        endless = sum(share for (h, w), share in shares.items() if h * w <= config.min_keep)
        if endless:
            raise ValueError(
                f'rule "official" would never end on a {grid[0]} x {grid[1]} grid: {100 * endless:.3g}% of '
                f"its {name} sizes are not larger than min_keep = {config.min_keep}; lower min_keep, raise "
                f'{name}_scale, or use rule "paper"'
            )


RULES["official"] = _draw_official, _check_official
