"""Multi-block masking: what the context encoder sees and what must be predicted (paper, section 3).

`sample_masks` draws the masks of a whole batch at once. A block's size comes from its scale and aspect ratio;
its place is one number. Sizes are shared within a batch, so that targets stack; places are drawn per image.
Here is rule "paper", by its text; the released code's, and those of Table 6, join `RULES` in baselines/.
"""

import functools
import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

Size = tuple[int, int]  # (rows, columns), of a grid or of a block
Interval = tuple[float, float]  # (low, high)
Array = type(torch.empty(0).numpy())  # numpy's
TRIES = 20  # draws before a rule's way out; the released collator's own number
RULES = {}  # {name: (draws the masks of a batch, refuses a config that cannot be met)}


@dataclass(frozen=True, eq=False)  # == of tensors has no single answer
class Masks:
    """The masks of B images on a (rows, columns) grid, as patch indices in raster order.

    `context_idx` (B, K) is padded on the right where `context_keep` (B, K) is False; padding repeats index 0
    and must be ignored. `target_idx` is (B, M, T). `target_size`: (rows, columns) of a block, or None."""

    grid: Size
    context_idx: Tensor
    context_keep: Tensor
    target_idx: Tensor
    target_size: Size | None
    padded: bool = True  # False when no context holds padding, so that attention needs no mask

    def __len__(self) -> int:
        return len(self.context_idx)

    def to(self, device: torch.device | str) -> "Masks":
        """The same masks with their tensors on `device`."""
        tensors = (self.context_idx, self.context_keep, self.target_idx)
        tensors = (t.to(device, non_blocking=True) for t in tensors)
        return Masks(self.grid, *tensors, self.target_size, self.padded)

    def rows(self, rows: Tensor) -> "Masks":
        """The masks of the images numbered `rows` (a 1-D tensor), with no more padding than they need."""
        keep = self.context_keep[rows]
        K = int(keep.sum(1).max())
        context_idx, keep = self.context_idx[rows, :K], keep[:, :K]
        return Masks(self.grid, context_idx, keep, self.target_idx[rows], self.target_size, not keep.all())

    def groups(self, count: int) -> list[tuple[Tensor, "Masks"]]:
        """Split into at most `count` micro-batches of images with like context sizes.

        Returns [(rows, masks)]: which images, and their masks with little padding left."""
        order = self.context_keep.sum(1).argsort(stable=True)
        return [(rows, self.rows(rows)) for rows in order.tensor_split(min(count, len(self))) if len(rows)]


def block_size(grid: Size, scale: float, aspect: float) -> Size:
    """Rows and columns of a block that covers `scale` of the grid with height/width = `aspect`.

    Where the grid is too narrow for that shape, the area is kept and the shape is bent."""
    rows, columns = grid
    area = scale * rows * columns
    height = min(max(math.sqrt(area * aspect), area / columns), rows)
    return max(int(height + 0.5), 1), max(int(area / height + 0.5), 1)


def draw_size(grid: Size, scale: Interval, aspect: Interval, generator: torch.Generator | None) -> Size:
    """A `block_size` of a scale and an aspect ratio that are uniform in their intervals."""
    u = torch.rand(2, generator=generator).tolist()  # two draws: size and shape are independent
    return block_size(grid, between(scale, u[0]), between(aspect, u[1]))


def between(interval: Interval, u: float) -> float:
    """The value a share u of the way from the low end of an interval to its high end."""
    return interval[0] + u * (interval[1] - interval[0])


def possible_sizes(grid: Size, scale: Interval, aspect: Interval = (1.0, 1.0)) -> list[Size]:
    """Every (rows, columns) that `block_size` can return: exact, where a lattice would miss rare ones.

    The areas that round to h x w form an interval, and each term below is a bound on it: the interval of
    `scale`, the sides that round to h and w, those sides with the extreme (or bent) aspect ratios."""
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


class Places:
    """Every place of a block of `size` on a grid, numbered from the top left to the bottom right corner.

    `reach`: how many of the last rows and columns stay out of reach. Places, and what is looked up for them,
    are numpy arrays: on arrays as small as these a call of numpy takes a fraction of one of torch."""

    def __init__(self, grid: Size, size: Size, reach: int = 0) -> None:
        self.grid, self.size = grid, size
        # in how many rows, and in how many columns, the top left patch can lie
        self.corners = tuple(n - side + 1 - reach for n, side in zip(grid, size, strict=True))
        patches = numbers(math.prod(grid)).reshape(grid)
        self._first, self._inside = (patches[:h, :w].reshape(-1) for h, w in (self.corners, size))
        places = [numbers(count)[:, None] for count in self.corners]
        parts = zip(divmod(patches.reshape(-1), grid[1]), places, size, strict=True)
        self._rows, self._columns = ((here >= first) & (here < first + side) for here, first, side in parts)
        self._idx = self._covers = None
        if len(self) * patches.size <= 2**15:  # tables of all places would fill gigabytes on a 128 x 128 grid
            every = numbers(len(self))
            self._idx, self._covers = self.idx(every), self.covers(every)

    def __len__(self) -> int:
        return math.prod(self.corners)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Array:
        """Places, uniform and independent, in an array of `shape`."""
        return torch.randint(len(self), shape, generator=generator).numpy()

    def idx(self, place: Array) -> Array:
        """The patches of the block at `place` (...), in raster order: (..., T)."""
        if self._idx is not None:
            return self._idx.take(place, 0)
        return self._first.take(place)[..., None] + self._inside

    def covers(self, place: Array) -> Array:
        """Which patches the block covers at `place` (...): (..., N)."""
        if self._covers is not None:
            return self._covers.take(place, 0)
        row, column = divmod(place, self.corners[1])
        return self._rows.take(row, 0) & self._columns.take(column, 0)


places_of = functools.lru_cache(maxsize=64)(Places)  # the same sizes come again and again


@functools.lru_cache(maxsize=256)
def numbers(count: int, dtype="int64") -> Array:
    """The numbers from 0 to count - 1, an array that nobody may change."""
    return torch.arange(count).numpy().astype(dtype)


def covered(patches: Array) -> Array:
    """How many patches each row of (B, N) covers: (B,), in bytes where they suffice, which is quicker."""
    return patches.sum(1, "uint8" if patches.shape[1] < 256 else "int32")


def block_masks(targets: Places, place: Array, context: Array, count: Array, longest=None) -> Masks:
    """Masks of target blocks at `place` (B, M) of the `Places` of targets, and of `context` (B, N), of which
    `count` (B,) are covered. `longest`: to how many patches all contexts are cut, in raster order."""
    B, N = context.shape
    K = int(count.max())
    keep = numbers(K, count.dtype) < count[:, None]  # (B, K)
    first = numbers(B)[:, None] * N  # each image's first patch, when all are in one row
    patches = context.reshape(-1).nonzero()[0]
    context_idx = first.repeat(K, 1)
    context_idx[keep] = patches
    context_idx -= first  # and padding becomes 0
    tensors = map(torch.from_numpy, (context_idx[:, :longest], keep[:, :longest], targets.idx(place)))
    return Masks(targets.grid, *tensors, targets.size, padded=longest is None and len(patches) < B * K)


def sample_masks(grid: Size, batch: int, config, generator: torch.Generator | None = None) -> Masks:
    """Draw `Masks`, on the CPU, for `batch` images on a `grid` of (rows, columns) patches.

    All randomness comes from `generator`. Raises ValueError when `config` cannot be met on this grid."""
    grid = tuple(map(int, grid))
    check_masks(grid, config)
    if batch < 1:
        raise ValueError(f"masks are drawn for at least 1 image, not for a batch of {batch}")
    draw, _ = RULES[config.rule]
    return draw(grid, batch, config, generator)


@functools.lru_cache(maxsize=256)
def check_masks(grid: Size, config) -> None:
    """Raise ValueError, with the reason, if `config` could not be met on `grid`: every size is tried."""
    _, check = RULES[config.rule]
    check(grid, config)


def draw_paper(grid: Size, batch: int, config, generator: torch.Generator | None) -> Masks:
    """Independent scale and aspect ratio; every border can be touched; no target in the context.

    An image whose context would keep fewer than `min_keep` patches is drawn again, targets and all:
    its masks follow the same distribution, given that the context is large enough. Who fails 1 + TRIES
    times gets the one layout that `check_masks` has shown to work."""
    targets = places_of(grid, draw_size(grid, config.target_scale, config.target_aspect, generator))
    contexts = places_of(grid, draw_size(grid, config.context_scale, (1.0, 1.0), generator))

    def draw(count):
        place = targets.draw((count, config.num_targets), generator)  # (B, M)
        return place, contexts.covers(contexts.draw((count,), generator)) & ~targets.covers(place.T).any(0)

    place, context = draw(batch)
    for _ in range(TRIES):
        count = covered(context)
        poor = (count < config.min_keep).nonzero()[0]
        if not len(poor):
            return block_masks(targets, place, context, count)
        place[poor], context[poor] = draw(len(poor))
    poor = covered(context) < config.min_keep
    place[poor], context[poor] = 0, contexts.covers(len(contexts) - 1) & ~targets.covers(0)
    return block_masks(targets, place, context, covered(context))


def check_paper(grid: Size, config) -> None:
    """Even with all targets stacked in one corner and the context in the opposite one, the context must
    keep `min_keep` patches, and some target must leave the middle of the grid free."""
    sizes = possible_sizes(grid, config.target_scale, config.target_aspect)
    for (h, w), (ch, cw) in itertools.product(sizes, possible_sizes(grid, config.context_scale)):
        overlap = max(0, h + ch - grid[0]) * max(0, w + cw - grid[1])  # from opposite corners
        if ch * cw - overlap < config.min_keep:
            raise ValueError(
                f"masks do not fit a {grid[0]} x {grid[1]} grid: a target of {h} x {w} patches can leave "
                f"a context of {ch} x {cw} fewer than min_keep = {config.min_keep}; use a smaller min_keep "
                "or target_scale, a larger context_scale or smaller patches"
            )
    if all(2 * h > grid[0] and 2 * w > grid[1] for h, w in sizes):
        raise ValueError(
            f"masks do not fit a {grid[0]} x {grid[1]} grid: wherever they lie, targets of target_scale "
            f"{config.target_scale} cover its middle, which could then never be context; use a smaller one"
        )


RULES["paper"] = draw_paper, check_paper
