"""Blocks of patches on a grid, and the `Masks` made of them: what every masking rule is built from.

The size of a block comes from its scale and aspect ratio (paper, section 3); its place is one look-up in a
table of all places. Which blocks are drawn, and what becomes context, is a rule's affair: see masking.py.
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
    index 0 and must be ignored. `target_idx` is (B, M, T). `target_size`: (rows, columns) of a block, None
    where targets are scattered patches.
    """

    grid: tuple[int, int]
    context_idx: torch.Tensor
    context_keep: torch.Tensor
    target_idx: torch.Tensor
    target_size: tuple[int, int] | None
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


# --- sizes ------------------------------------------------------------------------------------


def block_size(grid, scale, aspect):
    """Rows and columns of a block that covers `scale` of the grid with height/width = `aspect`.

    Where the grid is too narrow for that shape, the area is kept and the shape is bent.
    """
    rows, columns = grid
    area = scale * rows * columns
    height = min(max(math.sqrt(area * aspect), area / columns), rows)
    return max(int(height + 0.5), 1), max(int(area / height + 0.5), 1)


def draw_size(grid, scale, aspect, generator):
    """A `block_size` of a scale and an aspect ratio that are uniform in their intervals."""
    u = torch.rand(2, generator=generator).tolist()  # two draws: size and shape are independent
    return block_size(grid, between(scale, u[0]), between(aspect, u[1]))


def between(interval, u):
    """The value a share u of the way from the low end of an interval to its high end."""
    return interval[0] + u * (interval[1] - interval[0])


def possible_sizes(grid, scale, aspect=(1.0, 1.0)):
    """Every (rows, columns) that `block_size` can return: exact, where a lattice would miss rare ones.

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


# --- places -----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def block_table(grid, size, reach=0):
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


def any_block(covers, place):
    """Which patches lie in any of an image's blocks: covers (L, N), place (B, M) -> (B, N)."""
    union = covers.new_zeros(len(place), covers.shape[1])
    for blocks in place.unbind(1):  # M is small: faster than covers[place].any(1)
        union |= covers.index_select(0, blocks)  # covers[blocks] would wake the other threads
    return union


def block_masks(grid, size, block_idx, place, context):
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
