"""Exercise of notebook 02: an address for every patch."""

import torch

from ...method.patches import sincos_positions
from .engine import exercise


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
