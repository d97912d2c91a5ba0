"""Exercise of notebook 01: the best guess between several worlds, under the squared error."""

import torch

from ..ambiguity import weighted_mean, weighted_median
from .engine import exercise


def _worlds(odds, shape, seed):
    """Worlds (n, *shape) and odds (n,), which do not sum to 1 and of which no part is half."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(odds), *shape, generator=generator) + 0.3, torch.tensor(odds)


def _cases():
    return [
        _worlds([3.0, 1.0, 0.5, 0.8], (3,), 0),
        _worlds([0.7, 2.2, 1.6], (2, 5), 1),
        _worlds([0.9, 0.8, 1.2, 0.7, 1.1], (4,), 1),
        _worlds([0.4, 1.3, 0.6], (3, 2, 2), 5),
    ]


def _traps():
    return {
        "A world may hold one value, and its axes are kept.": _worlds([0.8, 1.9, 0.5], (1, 1), 6),
        "Two worlds at odds of 3 to 1 are asked for.": _worlds([3.0, 1.0], (2, 3), 7),
    }


def _mean_of(weigh):
    """A wrong mean, with other weights: `weigh(odds)` (n,) in place of the shares."""
    return lambda worlds, odds: torch.tensordot(weigh(odds), worlds, 1)


exercise(
    name="l2_minimiser",
    notebook="01",
    answer=weighted_mean,
    cases=_cases,
    traps=_traps,
    returns="one guess of the shape of a world",
    hint="Write the expected squared error of a guess g and set its derivative to zero: g comes out as a sum "
    "of the worlds, each times its share of the odds. Odds of 3 to 1 are shares of 3/4 and 1/4.",
    source=(weighted_mean,),
    mistakes=(
        (
            "All worlds count alike here: one that is three times as likely must pull three times as hard.",
            lambda worlds, odds: worlds.mean(0),
        ),
        (
            "This is the most likely world: sharp, and punished by the full squared distance each time that "
            "it is not the true one.",
            lambda worlds, odds: worlds[int(odds.argmax())],
        ),
        (
            "This is a median, which is best under the absolute error; the squared error asks for a mean.",
            weighted_median,
        ),
        (
            "The odds are used as they come: they are 3 to 1 and the like, and have to be divided by their "
            "sum before they are shares.",
            _mean_of(lambda odds: odds),
        ),
        (
            "The weights do not sum to 1: odds become shares when they are divided by their SUM, not by "
            "their number, their largest or their length.",
            _mean_of(lambda odds: odds / len(odds)),
            _mean_of(lambda odds: odds / odds.max()),
            _mean_of(lambda odds: odds / odds.norm()),
        ),
        (
            "Softmax turns odds into shares of their EXPONENTIALS: odds of 3 to 1 are shares of 3/4 and 1/4.",
            _mean_of(lambda odds: odds.softmax(0)),
        ),
        (
            "The odds are squared: twice as likely counts four times.",
            _mean_of(lambda odds: odds.square() / odds.square().sum()),
        ),
        (
            "The odds are upside down: the LESS likely world pulls harder.",
            _mean_of(lambda odds: (1 / odds) / (1 / odds).sum()),
        ),
        (
            "This is the least likely world; and no single world is the best guess under the squared error.",
            lambda worlds, odds: worlds[int(odds.argmin())],
        ),
        (
            "It averages over the values as well: the guess has the shape of a world.",
            lambda worlds, odds: weighted_mean(worlds, odds).mean(),
        ),
        (
            "The worlds are weighed, but not added up: the sum over them is missing.",
            lambda worlds, odds: worlds * (odds / odds.sum()).view(-1, *[1] * (worlds.ndim - 1)),
        ),
        (
            "This is the middle between the lowest and the highest: where in between do the odds pull?",
            lambda worlds, odds: (worlds.amin(0) + worlds.amax(0)) / 2,
        ),
    ),
)
