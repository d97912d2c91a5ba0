"""Exercises of notebook 02: pixels back from patches, addresses, and picking tokens."""

import torch

from ...method.patches import sincos_positions, take, unpatchify
from .engine import exercise

# --- unpatchify -------------------------------------------------------------------------------------


def _patches(B, C, P, grid, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(B, grid[0] * grid[1], C * P * P, generator=generator), P, grid


def _folded(order, shape):
    """A wrong `unpatchify`: the axes of the patches read as `shape`, then brought into another `order`."""

    def wrong(patches, patch_size, grid):
        sizes = {"B": len(patches), "r": grid[0], "c": grid[1], "y": patch_size, "x": patch_size}
        sizes["C"] = patches.shape[-1] // patch_size**2
        x = patches.reshape([sizes[axis] for axis in shape]).permute([shape.index(axis) for axis in order])
        return x.reshape(sizes["B"], sizes["C"], grid[0] * patch_size, grid[1] * patch_size)

    return wrong


exercise(
    name="unpatchify",
    notebook="02",
    answer=unpatchify,
    # Neither grid nor image is square, and no two sizes are equal: nothing can be swapped unseen.
    cases=lambda: [
        _patches(2, 3, 4, (2, 5), 0),
        _patches(1, 3, 2, (4, 3), 1),
        _patches(3, 2, 3, (3, 2), 2),
    ],
    traps=lambda: {
        "An image may have one channel: C is the length of a patch divided by P * P.": _patches(
            2, 1, 3, (3, 2), 3
        ),
        "A batch may hold one image, and a grid one row.": _patches(1, 2, 3, (1, 4), 4),
        "An image may be one patch, and a patch one pixel: axes of size 1 are kept.": _patches(
            1, 3, 1, (1, 1), 5
        ),
    },
    returns="the images (B, C, H, W)",
    hint="patchify was reshape, permute, reshape. Walk it backwards: split N into rows and columns, C*P*P "
    "into C, P and P; bring each row of the grid beside the row within its patch; then merge.",
    source=(unpatchify,),
    mistakes=(
        (
            "Rows and columns of the grid are swapped: patch 1 lies to the right of patch 0, not below it.",
            _folded("BCrycx", "BcrCyx"),
        ),
        ("Each patch is transposed inside: its rows come before its columns.", _folded("BCrycx", "BrcCxy")),
        (
            "Rows and columns are swapped twice, of the grid and within each patch, so the image is mirrored "
            "along its diagonal.",
            _folded("BCcxry", "BrcCyx"),
            _folded("BCrycx", "BcrCxy"),
        ),
        (
            "Rows of the grid and rows within a patch are the wrong way round: a patch's rows lie together, "
            "so (rows, P) are merged in this order.",
            _folded("BCyrxc", "BrcCyx"),
            _folded("BCyrcx", "BrcCyx"),
        ),
        (
            "The patches are in place, but each row of the image is cut: bring a grid's row beside the row "
            "within its patch (rows, P), and a column beside the column (columns, P).",
            _folded("BCrcyx", "BrcCyx"),
            _folded("BCryxc", "BrcCyx"),
            _folded("BCyxrc", "BrcCyx"),
        ),
        (
            "The channels are in reverse order.",
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(1),
        ),
        (
            "The image is upside down or mirrored: patch 0 lies at the top left.",
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(2),
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(3),
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(2, 3),
            lambda patches, P, grid: unpatchify(patches.flip(1), P, grid),
        ),
        (
            "The channels stand last, as matplotlib wants them: here they come first, (B, C, H, W).",
            lambda patches, P, grid: unpatchify(patches, P, grid).permute(0, 2, 3, 1),
        ),
        (
            "Height and width of the image are swapped: H is rows * P.",
            lambda patches, P, grid: unpatchify(patches, P, grid).mT,
            lambda patches, P, grid: _folded("BCrycx", "BrcCyx")(patches, P, grid[::-1]),
            lambda patches, P, grid: unpatchify(patches, P, grid).reshape(
                len(patches), -1, grid[1] * P, grid[0] * P
            ),
        ),
        (
            "The channel order is wrong: a patch is flattened channel first (C, P, P), not colour by colour "
            "within each pixel.",
            _folded("BCrycx", "BrcyxC"),
        ),
        (
            "No axis was moved: a bare reshape strings the pixels of a patch along one row of the image. "
            "Permute before the last reshape.",
            _folded("BrcCyx", "BrcCyx"),
        ),
    ),
)


# --- address_table -------------------------------------------------------------------------------


def _sincos(
    grid, width, stretch=1.0, last=0, base=10000.0, by_column=False, swap=False, interleave=False, first=0,
    waves=(torch.sin, torch.cos), unit=1.0,
):  # fmt: skip
    """`sincos_positions` with one of its choices made wrongly."""
    rows, columns = grid
    quarter = width // 4
    frequency = unit * base ** -(stretch * torch.arange(quarter, dtype=torch.float64) / (quarter - last))
    row, column = torch.arange(rows).repeat_interleave(columns), torch.arange(columns).repeat(rows)
    if by_column:
        row, column = torch.arange(rows).repeat(columns), torch.arange(columns).repeat_interleave(rows)
    row, column = row + first, column + first
    parts = [f(p[:, None] * frequency) for p in ((row, column) if swap else (column, row)) for f in waves]
    if interleave:
        parts = [torch.stack(parts[i : i + 2], -1).flatten(1) for i in (0, 2)]
    return torch.cat(parts, 1).float()


def _one_dimension(grid, width):
    place = torch.arange(grid[0] * grid[1], dtype=torch.float64)[:, None]
    angle = place * 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    return torch.cat([angle.sin(), angle.cos()], 1).float()


def _by_wrong_side(grid, width):
    n, rows = torch.arange(grid[0] * grid[1], dtype=torch.float64), grid[0]
    frequency = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    places = (n % rows)[:, None] * frequency, (n // rows)[:, None] * frequency
    return torch.cat([f(place) for place in places for f in (torch.sin, torch.cos)], 1)


exercise(
    name="address_table",
    notebook="02",
    answer=sincos_positions,
    cases=lambda: [((3, 2), 12), ((2, 6), 8), ((7, 4), 8)],
    traps=lambda: {
        "A grid may have one row or one column.": ((1, 6), 8),
        "The smallest table has one patch, and one frequency for each direction.": ((1, 1), 4),
    },
    returns="the table (N, width)",
    tolerance=2e-4,  # sines of large angles in float32
    hint="Each patch has two numbers, its row and its column. Turn each into width / 4 sines and width / 4 "
    "cosines of angles that slow down from 1 to 1/10000; join column sines, column cosines, row sines, row "
    "cosines.",
    source=(sincos_positions,),
    mistakes=(
        (
            "The halves are swapped: the first half says the column, the second the row. (Either would do "
            "for a network of your own; published weights expect this order.)",
            lambda grid, width: _sincos(grid, width, swap=True),
        ),
        (
            "The patches are numbered column by column; here they run row by row, as patchify cuts them.",
            lambda grid, width: _sincos(grid, width, by_column=True),
        ),
        (
            "Sines and cosines alternate; here all sines of a half come first, then its cosines.",
            lambda grid, width: _sincos(grid, width, interleave=True),
        ),
        (
            "This counts the patches in one line and forgets that the image has two directions: the patch "
            "below is as near as the patch beside.",
            _one_dimension,
        ),
        (
            "The frequencies fall too slowly: a direction has width / 4 of them, so that is what the "
            "exponent divides by.",
            lambda grid, width: _sincos(grid, width, stretch=0.5),
            lambda grid, width: _sincos(grid, width, stretch=0.25),
        ),
        (
            "The frequencies fall too fast: the exponent is i / (width / 4), from 0 to nearly 1.",
            lambda grid, width: _sincos(grid, width, stretch=2.0),
            lambda grid, width: _sincos(grid, width, stretch=4.0),
        ),
        (
            "The last frequency is exactly 1/10000 here. The exponent divides by width / 4, not by one less, "
            "so it stops short of that (as linspace without its end).",
            lambda grid, width: _sincos(grid, width, last=1),
        ),
        (
            "The frequencies grow, from 1 to 10000: it is 1 over them.",
            lambda grid, width: _sincos(grid, width, stretch=-1.0),
        ),
        (
            "The base of the frequencies is not 10000 here.",
            *(lambda grid, width, base=base: _sincos(grid, width, base=base) for base in (1000, 1e5)),
        ),
        (
            "Cosines come before sines; here each half begins with its sines.",
            lambda grid, width: _sincos(grid, width, waves=(torch.cos, torch.sin)),
        ),
        (
            "There are sines only, or cosines only: a sine alone cannot tell a place from its mirror.",
            lambda grid, width: _sincos(grid, width, waves=(torch.sin, torch.sin)),
            lambda grid, width: _sincos(grid, width, waves=(torch.cos, torch.cos)),
        ),
        (
            "Rows and columns count from 0: the first patch has sines of 0 and cosines of 1.",
            lambda grid, width: _sincos(grid, width, first=1),
        ),
        (
            "The angles have a factor of 2 pi, or pi: here the fastest goes on by 1 from patch to patch.",
            lambda grid, width: _sincos(grid, width, unit=2 * torch.pi),
            lambda grid, width: _sincos(grid, width, unit=torch.pi),
        ),
        (
            "Only one of the two directions is told: the first half is for the column, the second for the "
            "row.",
            lambda grid, width: _sincos(grid, width)[:, : width // 2].repeat(1, 2),
            lambda grid, width: _sincos(grid, width)[:, width // 2 :].repeat(1, 2),
        ),
        (
            "Row and column of a patch are computed with the wrong side of the grid: patch n lies in row "
            "n // columns and column n % columns.",
            _by_wrong_side,
        ),
        (
            "Sines of column and row come first and cosines of both afterwards; here the column has its "
            "half, and the row the other.",
            lambda grid, width: _sincos(grid, width).unflatten(1, (2, 2, -1)).transpose(1, 2).flatten(1),
            lambda grid, width: (
                _sincos(grid, width, swap=True).unflatten(1, (2, 2, -1)).transpose(1, 2).flatten(1)
            ),
        ),
    ),
)


# --- pick_tokens -------------------------------------------------------------------------------------------


def _picks(B, N, D, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(B, N, D, generator=generator)
    return tokens, torch.randint(N, (B, *shape), generator=generator)


exercise(
    name="pick_tokens",
    notebook="02",
    answer=take,
    cases=lambda: [_picks(3, 7, 4, (5,), 0), _picks(2, 8, 3, (2, 3), 1)],
    traps=lambda: {
        "A batch may hold one image, and its axis is kept.": _picks(1, 5, 3, (4,), 2),
        "One pick an image keeps its axis.": _picks(3, 5, 4, (1,), 3),
        "A token may hold one value, and a block one patch: axes of size 1 are kept.": _picks(
            2, 5, 1, (3, 1), 4
        ),
        "As many picks as images: do not mix up the two.": _picks(3, 3, 3, (3,), 5),
    },
    returns="the picked tokens (B, ..., D)",
    hint="Every image has picks of its own, so tokens[:, idx] is too simple. torch.gather wants an index for "
    "every value: repeat idx along D. Or index with torch.arange(B) beside idx, shaped to broadcast.",
    source=(take,),
    mistakes=(
        (
            "All images get the picks of the first one: each image has its own row of idx.",
            lambda tokens, idx: tokens[:, idx[0]],
        ),
        (
            "This picks for every pair of images, so it has one axis too many: image b wants its own picks.",
            lambda tokens, idx: tokens[:, idx],
        ),
        (
            "This picks values, not tokens: idx counts the patches, and a token comes with all its D values.",
            lambda tokens, idx: tokens.gather(1, idx.flatten(1)[..., None]).reshape(*idx.shape, 1),
        ),
        (
            "The picks come out in ascending order: the order of idx must be kept, for positions follow it.",
            lambda tokens, idx: take(tokens, idx.flatten(1).sort(1).values.view(idx.shape)),
        ),
        (
            "All images get the picks of the last one: each image has its own row of idx.",
            lambda tokens, idx: tokens[:, idx[-1]],
        ),
        (
            "The picks come from the first image only: image b is asked for its own tokens.",
            lambda tokens, idx: tokens[0][idx],
        ),
        (
            "The picks come from another image: row b of idx belongs to image b.",
            lambda tokens, idx: take(tokens.roll(1, 0), idx),
            lambda tokens, idx: take(tokens.roll(-1, 0), idx),
            lambda tokens, idx: take(tokens.flip(0), idx),
        ),
        (
            "Off by one: patches are numbered from 0.",
            lambda tokens, idx: take(tokens, (idx - 1) % tokens.shape[1]),
            lambda tokens, idx: take(tokens, (idx + 1) % tokens.shape[1]),
        ),
        (
            "These are the first tokens of each image, whatever idx says.",
            lambda tokens, idx: tokens[:, : idx[0].numel()].unflatten(1, idx.shape[1:]),
            lambda tokens, idx: tokens[:, : idx.shape[1]],
        ),
        (
            "The picks are right, but lie in one line: the axes of idx are kept, (B, ..., D).",
            lambda tokens, idx: take(tokens, idx).flatten(1, -2),
            lambda tokens, idx: take(tokens, idx).flatten(0, -2),
        ),
        (
            "The tokens lie along the wrong axis: D stays last.",
            lambda tokens, idx: take(tokens, idx).movedim(-1, 1),
        ),
        (
            "All tokens are still there, and what was not picked is 0: picked tokens alone are wanted.",
            lambda tokens, idx: (
                tokens * torch.zeros(tokens.shape[:2]).scatter_(1, idx.flatten(1), 1.0)[..., None]
            ),
        ),
        (
            "The tokens are indexed along D: it is axis 1 that counts the patches.",
            lambda tokens, idx: tokens.gather(
                2, idx.flatten(1)[:, None].expand(-1, tokens.shape[1], -1) % tokens.shape[2]
            ),
        ),
    ),
)
