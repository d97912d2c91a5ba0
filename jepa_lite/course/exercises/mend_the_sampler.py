"""Exercise of notebook 12: the size of a block from two random numbers."""

import math

import torch

from ...method.masks import between, block_size, draw_size
from .engine import exercise


def sampled(grid, scale, aspect, u):
    """`draw_size` with its two random numbers handed in: u (2,) -> (rows, columns)."""
    return block_size(grid, between(scale, float(u[0])), between(aspect, float(u[1])))


def _size_cases():
    """Fine grids, where each slip shows, and narrow ones, where a block is as tall as the grid, or taller."""
    settings = [
        ((14, 14), (0.15, 0.2), (0.75, 1.5)),
        ((26, 15), (0.1, 0.3), (0.5, 2.2)),
        ((5, 9), (0.3, 0.45), (0.8, 1.3)),
        ((4, 13), (0.3, 0.5), (1.1, 1.9)),
        ((12, 4), (0.3, 0.5), (0.3, 0.6)),
    ]
    u = torch.rand(len(settings), 6, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return [(*setting, u[i, j]) for i, setting in enumerate(settings) for j in range(6)]


def _sized(size=block_size, first=0, second=1, pick=between):
    """A wrong `mend_the_sampler`: other numbers for scale and aspect ratio, or another size from them."""
    return lambda grid, scale, aspect, u: size(
        grid, pick(scale, float(u[first])), pick(aspect, float(u[second]))
    )


def _near(x):
    return int(x + 0.5)


def _bent(whole=_near, root=math.sqrt, tall=True, wide=True, early=False):
    """`block_size` with another rounding or power of the aspect ratio, or bent only when too tall or wide."""

    def size(grid, scale, aspect):
        area = scale * grid[0] * grid[1]
        height = math.sqrt(area) * root(aspect)
        height = max(height, area / grid[1]) if wide else height
        height = min(height, grid[0]) if tall else height
        height = max(_near(height), 1) if early else height
        return whole(height), whole(area / height)

    return size


def _by_sides(change):
    """Another size altogether: `change(rows, columns, scale, aspect)` -> (height, width), then rounded."""
    return lambda grid, scale, aspect: tuple(max(_near(s), 1) for s in change(*grid, scale, aspect))


def _cut_to(less):
    """The shape is kept, and what is over the grid's side less `less` is cut off."""

    def size(grid, scale, aspect):
        area = scale * grid[0] * grid[1]
        sides = math.sqrt(area * aspect), math.sqrt(area / aspect)
        return tuple(max(min(int(s + 0.5), n - less), 1) for s, n in zip(sides, grid, strict=True))

    return size


exercise(
    name="mend_the_sampler",
    notebook="12",
    answer=sampled,
    cases=_size_cases,
    traps=lambda: {
        "A block that is too wide for the grid keeps its area and becomes taller.": (
            *((8, 4), (0.4, 0.5), (0.3, 0.4), torch.tensor([1.0, 0.0])),
        ),
        "A block may be as large as the grid.": ((3, 5), (1.0, 1.0), (0.4, 2.0), torch.tensor([0.3, 0.6])),
    },
    returns="the block's (rows, columns)",
    parts=("the rows", "the columns"),
    hint="area = scale * N and height / width = aspect, so height = sqrt(area * aspect), and the width is "
    "area / height. u[0] says where in its interval the scale lies, u[1] the aspect ratio. Limit the height "
    "(to at most the rows, to at least area / columns) BEFORE the width is taken from it; round last.",
    source=(draw_size, block_size, between),
    mistakes=(
        (
            "One random number sets scale AND aspect ratio: that is the released code's quirk. Small blocks "
            "are then always wide and large ones always tall. The aspect ratio has u[1].",
            _sized(second=0),
        ),
        (
            "The two numbers have changed places: u[0] is for the scale, u[1] for the aspect ratio.",
            _sized(first=1, second=0),
        ),
        (
            "Height and width are swapped: an aspect ratio over 1 is a block that is TALLER than wide.",
            _sized(lambda grid, scale, aspect: block_size(grid[::-1], scale, aspect)[::-1]),
        ),
        (
            "The aspect ratio enters without its square root: height / width then comes out as its square.",
            _sized(_bent(root=float)),
        ),
        (
            "The sides are rounded down: a block then covers less of the image than its scale asks for, "
            "always. Round to the nearest.",
            _sized(_bent(int)),
        ),
        (
            "The sides are rounded up: a block then covers more than its scale asks for, always. "
            "Round to the nearest.",
            _sized(_bent(math.ceil)),
        ),
        (
            "The height is rounded before the width is taken from it, so the width makes up for the "
            "rounding. Round both last.",
            _sized(_bent(early=True)),
        ),
        (
            "The shape is bent only where a block is too TALL. One that is too wide (wider than the grid's "
            "columns) keeps its area as well, and becomes taller: height at least area / columns.",
            _sized(_bent(wide=False)),
            _sized(
                lambda g, s, a: tuple(min(x, n) for x, n in zip(_bent(wide=False)(g, s, a), g, strict=True))
            ),
        ),
        (
            "The shape is bent only where a block is too WIDE. One that is too tall (taller than the grid's "
            "rows) keeps its area as well, and becomes wider.",
            _sized(_bent(tall=False)),
            _sized(
                lambda g, s, a: tuple(min(x, n) for x, n in zip(_bent(tall=False)(g, s, a), g, strict=True))
            ),
        ),
        (
            "Nothing is bent: a block that is taller or wider than the grid comes out as it is.",
            _sized(_bent(tall=False, wide=False)),
        ),
        (
            "u runs backwards: 0 is the LOW end of an interval.",
            _sized(pick=lambda ends, u: ends[1] + u * (ends[0] - ends[1])),
        ),
        (
            "The scale is taken as a share of the grid's SIDES; it is one of its area.",
            _sized(_by_sides(lambda r, c, s, a: (s * r * math.sqrt(a), s * c / math.sqrt(a)))),
            _sized(_by_sides(lambda r, c, s, a: (s * r, s * c))),
            _sized(_by_sides(lambda r, c, s, a: (math.sqrt(s) * r, math.sqrt(s) * c))),
            _sized(_by_sides(lambda r, c, s, a: (math.sqrt(s * a) * r, math.sqrt(s / a) * c))),
        ),
        (
            "The area is that of a square grid: it is scale * rows * columns.",
            _sized(lambda g, s, a: block_size(g, s * g[0] / g[1], a)),
            _sized(lambda g, s, a: block_size(g, s * g[1] / g[0], a)),
        ),
        (
            "The aspect ratio is left out: this block is as square as it can be.",
            _sized(lambda g, s, a: block_size(g, s, 1.0)),
        ),
        (
            "This is the middle of an interval, or one of its ends, whatever u is.",
            *(_sized(pick=lambda ends, u, at=at: between(ends, at)) for at in (0.0, 0.5, 1.0)),
        ),
        (
            "Blocks are kept smaller than the grid, as in the released code: no block can then be as tall "
            "as the image.",
            _sized(_cut_to(1)),
        ),
        (
            "Where the shape does not fit, a side is cut off and the area shrinks. Keep the area and bend "
            "the shape: a shorter block is a wider one.",
            _sized(_cut_to(0)),
        ),
        (
            "The low end plus u times the HIGH end overshoots: u runs over what lies between the two.",
            _sized(pick=lambda ends, u: ends[0] + u * ends[1]),
            _sized(_bent(), pick=lambda ends, u: u * ends[1]),
        ),
    ),
)
