"""Multi-block masking: what the context encoder sees and what must be predicted (paper, section 3).

`sample_masks` draws the masks of a whole batch at once. Rule "paper" follows the paper's text;
rule "official" reproduces the released collator, with its quirks, so that they can be measured.
Block sizes are shared within a batch (so that targets stack); positions are drawn per image.
"""

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

TRIES = 20  # draws before a rule's way out; the released collator's own number


@dataclass(frozen=True)
class Masks:
    """The masks of B images on a (rows, columns) grid, as patch indices in raster order.

    `context_idx` (B, K) is padded on the right where `context_keep` (B, K) is False; padding repeats
    index 0 and must be ignored. `target_idx` is (B, M, T). `target_size`: (rows, columns) of a block.
    """

    grid: tuple[int, int]
    context_idx: torch.Tensor
    context_keep: torch.Tensor
    target_idx: torch.Tensor
    target_size: tuple[int, int]
    padded: bool = True  # False when no context holds padding, so that attention needs no mask

    def __len__(self):
        return len(self.context_idx)

    @property
    def padding_share(self):
        """Share of the context tokens that are padding, from 0 to 1."""
        return 1 - self.context_keep.float().mean().item()

    def to(self, device):
        """The same masks with their tensors on `device`."""
        tensors = (
            t.to(device, non_blocking=True) for t in (self.context_idx, self.context_keep, self.target_idx)
        )
        return Masks(self.grid, *tensors, self.target_size, self.padded)

    def rows(self, rows):
        """The masks of the images numbered `rows` (a 1-D tensor), with no more padding than they need."""
        keep = self.context_keep[rows]
        K = int(keep.sum(1).max())
        context_idx, keep = self.context_idx[rows, :K], keep[:, :K]
        return Masks(self.grid, context_idx, keep, self.target_idx[rows], self.target_size, not keep.all())

    def groups(self, count):
        """Split into at most `count` micro-batches of images with like context sizes.

        Returns [(rows, masks)]: which images, and their masks with little padding left.
        """
        order = self.context_keep.sum(1).argsort(stable=True)
        return [(rows, self.rows(rows)) for rows in order.tensor_split(min(count, len(self))) if len(rows)]


def sample_masks(grid, batch, config, generator=None):
    """Draw masks for `batch` images on a `grid` of (rows, columns) patches.

    Returns `Masks` on the CPU. All randomness comes from `generator`. Raises ValueError when
    `config` cannot be met on this grid (see `check_masks`).
    """
    grid = tuple(grid)
    check_masks(grid, config)
    if batch < 1:
        raise ValueError(f"masks are drawn for at least 1 image, not for a batch of {batch}")
    if config.rule == "official":
        return _cut(official_uncut(grid, batch, config, generator))
    return _paper(grid, batch, config, generator)


@functools.lru_cache(maxsize=256)
def check_masks(grid, config):
    """Raise ValueError, with the reason, if `config` could not be met on `grid`.

    Every size that the config can draw is tried. Rule "paper": even with all targets stacked in one
    corner and the context in the opposite one, the context must keep `min_keep` patches, and some
    target must leave the middle of the grid free. Rule "official": a block not larger than `min_keep`
    would be redrawn for ever by the released code.
    """
    check = _check_official if config.rule == "official" else _check_paper
    check(grid, config)


# --- rule "paper" -----------------------------------------------------------------------------


def _paper(grid, batch, config, generator):
    """Independent scale and aspect ratio; every border can be touched; no target in the context.

    An image whose context would keep fewer than `min_keep` patches is drawn again, targets and all:
    its masks follow the same distribution, given that the context is large enough. Who fails 1 + TRIES
    times gets the one layout that `check_masks` has shown to work.
    """
    size = _draw_size(grid, config.target_scale, config.target_aspect, generator)
    context_size = _draw_size(grid, config.context_scale, (1.0, 1.0), generator)
    (target_idx, in_target), (_, in_context) = _blocks(grid, size), _blocks(grid, context_size)

    def draw(count):
        place = torch.randint(len(in_target), (count, config.num_targets), generator=generator)  # (B, M)
        context = in_context.index_select(0, torch.randint(len(in_context), (count,), generator=generator))
        return place, context & ~_any_block(in_target, place)

    place, context = draw(batch)
    for _ in range(TRIES):
        poor = (context.sum(1) < config.min_keep).nonzero()[:, 0]
        if not len(poor):
            break
        place[poor], context[poor] = draw(len(poor))
    else:
        poor = context.sum(1) < config.min_keep
        place[poor], context[poor] = 0, in_context[-1] & ~in_target[0]
    return _masks(grid, size, target_idx, place, context)


def _check_paper(grid, config):
    sizes = _sizes(grid, config.target_scale, config.target_aspect)
    for (h, w), (ch, cw) in itertools.product(sizes, _sizes(grid, config.context_scale)):
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


def _block_size(grid, scale, aspect):
    """Rows and columns of a block that covers `scale` of the grid with height/width = `aspect`.

    Where the grid is too narrow for that shape, the area is kept and the shape is bent.
    """
    rows, columns = grid
    area = scale * rows * columns
    height = min(max(math.sqrt(area * aspect), area / columns), rows)
    return max(int(height + 0.5), 1), max(int(area / height + 0.5), 1)


def _draw_size(grid, scale, aspect, generator):
    u = torch.rand(2, generator=generator).tolist()  # two draws: size and shape are independent
    return _block_size(grid, _between(scale, u[0]), _between(aspect, u[1]))


def _between(interval, u):
    return interval[0] + u * (interval[1] - interval[0])


def _sizes(grid, scale, aspect=(1.0, 1.0)):
    """Every (rows, columns) that `_block_size` can return: exact, where a lattice would miss rare ones.

    The areas that round to h x w form an interval; each term below is a bound on it: the interval of
    `scale`, the sides that round to h and w, and those sides with the extreme (or bent) aspect ratios.
    """
    rows, columns = grid
    low, high = (s * rows * columns for s in scale)
    high = max(high, low * (1 + 1e-9))  # a scale of one value still has an inside
    sizes = []
    for h, w in itertools.product(range(1, rows + 1), range(1, columns + 1)):
        h0, h1 = h - 0.5 if h > 1 else 0, h + 0.5 if h < rows else math.inf
        w0, w1 = w - 0.5 if w > 1 else 0, w + 0.5 if w < columns else math.inf
        tall, wide = min(h0**2 / aspect[1], h0 * columns), min(w0**2 * aspect[0], w0 * rows)
        flat, slim = min(h1**2 / aspect[0], h1 * columns), min(w1**2 * aspect[1], w1 * rows)
        if max(low, h0 * w0, tall, wide) < min(high, h1 * w1, flat, slim):
            sizes.append((h, w))
    return sizes


# --- blocks, for both rules ---------------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def _blocks(grid, size, reach=0):
    """Every place of a block, from the top left to the bottom right corner, as a table.

    Returns its patches' indices (L, T) and whether it covers each patch (L, N). `reach`: how many
    of the last rows and columns stay out of reach. A draw is then one look-up.
    """
    places = [n - side + 1 - reach for n, side in zip(grid, size, strict=True)]
    patches = torch.arange(grid[0] * grid[1]).view(grid)
    corner, inside = patches[: places[0], : places[1]].flatten(), patches[: size[0], : size[1]].flatten()
    idx = corner[:, None] + inside  # (L, T)
    covers = torch.zeros(len(idx), patches.numel(), dtype=torch.bool).scatter_(1, idx, True)  # (L, N)
    return idx, covers


def _any_block(covers, place):
    """Which patches lie in any of an image's blocks: covers (L, N), place (B, M) -> (B, N)."""
    union = covers.new_zeros(len(place), covers.shape[1])
    for blocks in place.unbind(1):  # M is small: faster than covers[place].any(1)
        union |= covers.index_select(0, blocks)  # covers[blocks] would wake the other threads
    return union


def _masks(grid, size, block_idx, place, context):
    """Masks of target blocks at `place` (B, M) in the table `block_idx` (L, T) and `context` (B, N)."""
    B, N = context.shape
    count = context.sum(1)
    K = int(count.max())
    context_keep = torch.arange(K) < count[:, None]  # (B, K)
    first = torch.arange(0, B * N, N)[:, None]  # each image's first patch, when all are in one row
    context_idx = first.repeat(1, K)
    # numpy finds and places them three times as fast as torch on a CPU
    context_idx.numpy()[context_keep.numpy()] = np.flatnonzero(context.numpy())
    context_idx -= first  # and padding becomes 0
    target_idx = block_idx.index_select(0, place.flatten()).view(*place.shape, -1)  # (B, M, T)
    return Masks(grid, context_idx, context_keep, target_idx, size, padded=int(count.min()) < K)


# --- rule "official": the released collator, quirks included ------------------------------------


def official_uncut(grid, batch, config, generator=None):
    """The official rule's `Masks` before the cut: what `sample_masks` draws with the same generator.

    Targets may be anywhere but in the last row and column. After every TRIES failed tries at a
    context larger than `min_keep`, one more target is no longer kept out of it.
    """
    grid = tuple(grid)
    check_masks(grid, config)
    u = torch.rand(2, generator=generator).tolist()
    size = _official_size(grid, config.target_scale, config.target_aspect, u[0])
    context_size = _official_size(grid, config.context_scale, (1.0, 1.0), u[1])
    (target_idx, in_target), (_, in_context) = _blocks(grid, size, 1), _blocks(grid, context_size, 1)
    place = torch.randint(len(in_target), (batch, config.num_targets), generator=generator)  # (B, M)

    context, todo = torch.empty(batch, grid[0] * grid[1], dtype=torch.bool), torch.arange(batch)
    for attempt in range(TRIES * config.num_targets + 1):  # the last try keeps nothing out: it succeeds
        respected = config.num_targets - attempt // TRIES
        block = in_context.index_select(0, torch.randint(len(in_context), (len(todo),), generator=generator))
        context[todo] = block & ~_any_block(in_target, place[todo, :respected])
        todo = todo[context[todo].sum(1) <= config.min_keep]
        if not len(todo):
            break
    return _masks(grid, size, target_idx, place, context)


def _cut(masks):
    """The quirk: every context loses its end, in raster order, down to the batch's smallest."""
    K = int(masks.context_keep.sum(1).min())
    context_idx, context_keep = masks.context_idx[:, :K], masks.context_keep[:, :K]
    return Masks(masks.grid, context_idx, context_keep, masks.target_idx, masks.target_size, padded=False)


def _official_size(grid, scale, aspect, u):
    """One random number sets scale AND aspect ratio; a block is kept smaller than the grid."""
    area = int(grid[0] * grid[1] * _between(scale, u))
    ratio = _between(aspect, u)
    h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    return min(h, grid[0] - 1), min(w, grid[1] - 1)


def _official_shares(grid, scale, aspect):
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
            size = _official_size(grid, scale, aspect, (u0 + u1) / 2)
            shares[size] = shares.get(size, 0) + u1 - u0
    return shares


def _inverse(interval, value):
    """The u for which `_between(interval, u)` is `value`; 0 where there is only one value."""
    return (value - interval[0]) / (interval[1] - interval[0]) if interval[1] > interval[0] else 0.0


def _check_official(grid, config):
    """The released code redraws places, never the size, so a small size loops for ever."""
    for name, scale, aspect in (
        ("target", config.target_scale, config.target_aspect),
        ("context", config.context_scale, (1.0, 1.0)),
    ):
        shares = _official_shares(grid, scale, aspect)
        endless = sum(share for (h, w), share in shares.items() if h * w <= config.min_keep)
        if endless:
            raise ValueError(
                f'rule "official" would never end on a {grid[0]} x {grid[1]} grid: {100 * endless:.3g}% of '
                f"its {name} sizes are not larger than min_keep = {config.min_keep}; lower min_keep, raise "
                f'{name}_scale, or use rule "paper"'
            )
