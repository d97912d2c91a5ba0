"""Signals with more than one completion: what the best single guess is, and what it cannot avoid.

A wave is torn in two, and nobody can know whether the hidden half goes on as it was or upside down; a piece
of striped cloth is sewn onto a cloth of the same stripes, shifted this way or that. Under the squared error
the best guess is the mean of what could be, under the absolute error the median. What both completions
share, their fineness or direction, can be known. (Paper, section 1: why I-JEPA does not predict pixels.)
"""

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor

CYCLES = (2, 7)  # of half a wave: how many may cross it


# --- ambiguous signals ------------------------------------------------------------------------------


def wave(length: int, cycles: float | Tensor, phase: float | Tensor = 0.0) -> Tensor:
    """`cycles` periods of a sine over `length` points, begun at `phase` of one: (..., length).

    Numbers, or tensors (...) of them.
    """
    place = torch.arange(length, dtype=torch.float64) / length
    turns = torch.as_tensor(cycles)[..., None] * place + torch.as_tensor(phase)[..., None]
    return torch.sin(2 * math.pi * turns).float()


def torn_waves(
    count: int, generator: torch.Generator, odds: float = 0.5, length: int = 32
) -> tuple[Tensor, Tensor, Tensor]:
    """Waves of which one half is seen: seen (count, length), hidden (count, length), cycles (count,).

    The hidden half goes on as the wave was, with probability `odds`, and otherwise upside down.
    """
    cycles = torch.randint(CYCLES[0], CYCLES[1] + 1, (count,), generator=generator)  # in each half
    phases = torch.rand(count, generator=generator)
    seen, hidden = wave(2 * length, 2 * cycles, phases).split(length, 1)  # (count, length)
    turned = torch.rand(count, generator=generator) >= odds
    return seen, torch.where(turned[:, None], -hidden, hidden), cycles


def two_cloths(
    size: int = 64, angle: float = 22.5, cycles: float = 8, hidden: tuple[float, float] = (0.25, 0.75)
) -> Tensor:
    """Two grey images that differ only in a block: worlds (2, 1, size, size) in [0, 1].

    Stripes `angle` degrees from horizontal, clockwise; within the block, from share `hidden[0]` to
    `hidden[1]` of both sides, they are a quarter of a period ahead in one world and behind in the other:
    bright where the other has dark. Where stripes cross the seam, neither world is the smoother one.
    """
    place = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    turn = math.radians(angle)
    across = place[:, None] * math.cos(turn) - place[None] * math.sin(turn)  # (H, W), across the stripes
    quarters = torch.tensor([1.0, -1.0], dtype=torch.float64)[:, None, None] / 4
    block, inside = slice(round(size * hidden[0]), round(size * hidden[1])), torch.zeros(size, size)
    inside[block, block] = 1
    cloths = torch.sin(2 * math.pi * (cycles * across + quarters * inside))  # (2, H, W)
    return (0.5 + 0.4 * cloths[:, None]).float()  # (2, 1, H, W)


# --- the best single guess --------------------------------------------------------------------------


def shares(odds: ArrayLike, like: Tensor) -> Tensor:
    """Odds (n,), as 3 to 1, as shares that sum to 1, shaped to multiply worlds (n, ...)."""
    odds = torch.as_tensor(odds, dtype=like.dtype)
    return (odds / odds.sum()).view(-1, *[1] * (like.ndim - 1))  # (n, 1, ...)


def weighted_mean(worlds: Tensor, odds: ArrayLike) -> Tensor:
    """The guess with the least expected squared error: worlds (n, ...), odds (n,) -> (...)."""
    return (shares(odds, worlds) * worlds).sum(0)


def unavoidable_loss(worlds: Tensor, odds: ArrayLike) -> Tensor:
    """The mean squared error of that guess: the variance of the worlds, averaged over values; a scalar."""
    error = (worlds - weighted_mean(worlds, odds)).square()  # (n, ...)
    return (shares(odds, worlds) * error).sum(0).mean()


def weighted_median(worlds: Tensor, odds: ArrayLike) -> Tensor:
    """The guess with the least expected absolute error: worlds (n, ...), odds (n,) -> (...).

    Where two values leave half the odds on either side, all between them are as good: the lower is given.
    """
    values, order = worlds.sort(0)
    below = shares(odds, worlds).expand_as(worlds).gather(0, order).cumsum(0)  # (n, ...)
    first = (below < 0.5).sum(0, keepdim=True)  # of the sorted values, the first that reaches half
    return values.gather(0, first)[0]


def smooth_l1_guess(worlds: Tensor, odds: ArrayLike, beta: float = 1.0) -> Tensor:
    """The guess with the least expected smooth-L1 error: worlds (n, ...), odds (n,) -> (...).

    The slope of the error is the mean of (guess - world) / beta, each cut off at -1 and 1: it rises with the
    guess, so its zero is found by halving an interval. For a large `beta` nothing is cut off and the guess is
    the mean; for a small one only signs are left, as of the median. Of equally good guesses one is given.
    """
    share = shares(odds, worlds)
    low, high = worlds.amin(0), worlds.amax(0)
    for _ in range(60):  # of doubles, no interval can be halved more often
        guess = (low + high) / 2
        slope = (share * ((guess - worlds) / beta).clamp(-1, 1)).sum(0)
        low, high = torch.where(slope < 0, guess, low), torch.where(slope < 0, high, guess)
    return (low + high) / 2


# --- what both completions share --------------------------------------------------------------------


def spectrum(signals: Tensor) -> Tensor:
    """How strong each number of cycles is, wherever it begins: signals (..., L) -> (..., L // 2)."""
    return torch.fft.rfft(signals)[..., 1:].abs() / (signals.shape[-1] / 2)


def stripe_energy(images: Tensor, bins: int = 8) -> Tensor:
    """Contrast by the direction of the stripes: images (n, 1, H, W) -> mean squared slopes (n, bins).

    Bin i holds the stripes from (i - 0.5) to (i + 0.5) times 180 / bins degrees from horizontal.
    """
    across = images[:, 0, 1:-1, 2:] - images[:, 0, 1:-1, :-2]  # (n, H - 2, W - 2)
    down = images[:, 0, 2:, 1:-1] - images[:, 0, :-2, 1:-1]
    direction = torch.atan2(-across, down) / math.pi * bins  # a stripe runs at a right angle to its slope
    which = direction.round().long() % bins  # upside down is the same direction
    energy = (across.square() + down.square()) / across[0].numel()
    return torch.zeros(len(images), bins).scatter_add_(1, which.flatten(1), energy.flatten(1))
