"""Exercises of notebook 02: pixels back from patches, addresses, and picking tokens."""

import torch

from ..patches import sincos_positions, take, unpatchify
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
        _patches(3, 1, 3, (1, 2), 2),
    ],
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


def _sincos(grid, width, half=0, base=10000.0, by_column=False, swap=False, interleave=False):
    """`sincos_positions` with one of its choices made wrongly."""
    rows, columns = grid
    quarter = width // 4
    frequency = base ** -(torch.arange(quarter, dtype=torch.float64) / (quarter * (2 if half else 1)))
    row, column = torch.arange(rows).repeat_interleave(columns), torch.arange(columns).repeat(rows)
    if by_column:
        row, column = torch.arange(rows).repeat(columns), torch.arange(columns).repeat_interleave(rows)
    first, second = (row, column) if swap else (column, row)
    parts = [f(place[:, None] * frequency) for place in (first, second) for f in (torch.sin, torch.cos)]
    if interleave:
        parts = [torch.stack(parts[i : i + 2], -1).flatten(1) for i in (0, 2)]
    return torch.cat(parts, 1).float()


def _one_dimension(grid, width):
    place = torch.arange(grid[0] * grid[1], dtype=torch.float64)[:, None]
    angle = place * 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    return torch.cat([angle.sin(), angle.cos()], 1).float()


exercise(
    name="address_table",
    notebook="02",
    answer=sincos_positions,
    cases=lambda: [((3, 5), 16), ((6, 2), 8), ((4, 4), 32)],
    returns="the table (N, width)",
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
            lambda grid, width: _sincos(grid, width, half=1),
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
    cases=lambda: [_picks(3, 7, 4, (5,), 0), _picks(2, 6, 3, (2, 4), 1)],
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
    ),
)
