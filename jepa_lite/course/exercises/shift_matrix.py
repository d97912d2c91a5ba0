"""Exercise of notebook 02: a step on the grid as one matrix (Vaswani et al. 2017, section 3.5)."""

import math

import torch

from ...method.patches import sincos_positions
from .engine import exercise


def _frequencies(width, stretch=1.0, last=0, base=10000.0, unit=1.0):
    quarter = width // 4
    exponent = stretch * torch.arange(quarter, dtype=torch.float64) / max(quarter - last, 1)
    return unit * base**-exponent


def _turn(step, frequency):
    """From (sines, cosines) of a coordinate to those `step` further: each pair is turned by an angle."""
    cos, sin = (step * frequency).cos().diag(), (step * frequency).sin().diag()
    return torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])


def shifted(down, right, width):
    """M (width, width) with p(r + down, c + right) = M p(r, c), for every place of `sincos_positions`."""
    frequency = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    return torch.block_diag(_turn(right, frequency), _turn(down, frequency))


def _wrong(turn=_turn, order=None, **frequencies):
    """`shifted` with another matrix for a half, other frequencies, or another order of the values."""

    def wrong(down, right, width):
        frequency = _frequencies(width, **frequencies)
        matrix = torch.block_diag(turn(right, frequency), turn(down, frequency))
        return matrix if order is None else matrix[order(width)][:, order(width)]

    return wrong


def _signs(first, second):
    """A half with other signs before its two blocks of sines."""

    def turn(step, frequency):
        cos, sin = (step * frequency).cos().diag(), (step * frequency).sin().diag()
        return torch.cat([torch.cat([cos, first * sin], 1), torch.cat([second * sin, cos], 1)])

    return turn


def _exchanged(step, frequency):
    cos, sin = (step * frequency).cos().diag(), (step * frequency).sin().diag()
    return torch.cat([torch.cat([sin, cos], 1), torch.cat([-cos, sin], 1)])


def _alternating(width):
    """From (sines, cosines) to sine, cosine, sine, cosine, in each half."""
    return torch.arange(width).view(2, 2, -1).transpose(1, 2).flatten()


def _sines_first(width):
    """From column sines, column cosines, row sines, row cosines to all sines, then all cosines."""
    return torch.arange(width).view(2, 2, -1).transpose(0, 1).flatten()


exercise(
    name="shift_matrix",
    notebook="02",
    answer=shifted,
    cases=lambda: [(1, 0, 8), (2, -1, 12), (0, 3, 8), (-2, 5, 16)],
    traps=lambda: {
        "No step at all leaves every address as it is.": (0, 0, 8),
        "The smallest table has one frequency for each direction.": (2, -3, 4),
    },
    returns="the matrix (width, width)",
    hint="Take one frequency w of the column's half. Its sine becomes sin(c w + k w), and its cosine becomes "
    "cos(c w + k w), with k = right. The angle-sum formulas write both as multiples of the OLD sine and "
    "cosine, which is four numbers. Put them where the table has its sines and its cosines, then do the "
    "row's half.",
    source=(shifted, _turn, sincos_positions),
    mistakes=(
        (
            "It steps the other way. Each pair is turned by an angle, and the transposed matrix turns it "
            "back. M stands on the left, M @ p.",
            lambda down, right, width: shifted(-down, -right, width),
        ),
        (
            "The halves are swapped: the first half of an address encodes the column, so it moves with "
            "`right`.",
            lambda down, right, width: shifted(right, down, width),
        ),
        (
            "Both sines have the same sign. The cosine's formula has a minus: cos(a + b) = cos a cos b - "
            "sin a sin b.",
            _wrong(_signs(1, 1)),
            _wrong(_signs(-1, -1)),
        ),
        (
            "Sines and cosines alternate here, as if each sine stood beside its cosine. In the table all "
            "sines of a half come first, then its cosines.",
            _wrong(order=_alternating),
        ),
        (
            "Here the sines of both halves come first. In the table the column has its half, sines then "
            "cosines, and the row has the other.",
            _wrong(order=_sines_first),
        ),
        (
            "The cosines of the step stand beside the diagonal and its sines on it: a step of 0 must change "
            "nothing.",
            _wrong(_exchanged),
        ),
        (
            "The frequencies fall too slowly: a direction has width / 4 of them, so the exponent divides by "
            "that.",
            _wrong(stretch=0.5),
            _wrong(stretch=0.25),
        ),
        (
            "The frequencies fall too fast: the exponent is i / (width / 4), from 0 to nearly 1.",
            _wrong(stretch=2.0),
            _wrong(stretch=4.0),
        ),
        (
            "The last frequency is exactly 1/10000 here. The exponent divides by width / 4, not by one less.",
            _wrong(last=1),
        ),
        (
            "The angles have a factor of 2 pi, or pi: the fastest goes on by 1 from patch to patch.",
            _wrong(unit=2 * math.pi),
            _wrong(unit=math.pi),
        ),
        (
            "Only the column moves: the half of the row needs a rotation by `down`.",
            lambda down, right, width: shifted(0, right, width),
        ),
        (
            "Only the row moves: the half of the column needs a rotation by `right`.",
            lambda down, right, width: shifted(down, 0, width),
        ),
        (
            "Both halves move by the same step: `right` is for the column's half, `down` for the row's.",
            lambda down, right, width: shifted(right, right, width),
            lambda down, right, width: shifted(down, down, width),
        ),
        (
            "Nothing moves: this is the identity.",
            lambda down, right, width: torch.eye(width),
        ),
        (
            "The sines are missing: a sine alone does not know whether it rises or falls, so the new sine "
            "needs the old cosine as well.",
            _wrong(_signs(0, 0)),
        ),
        (
            "This is one half alone, (width / 2, width / 2): both the column and the row have one.",
            lambda down, right, width: shifted(down, right, width)[: width // 2, : width // 2],
            lambda down, right, width: shifted(down, right, width)[width // 2 :, width // 2 :],
        ),
    ),
)
