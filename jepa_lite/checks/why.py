"""Exercises of notebook 01: the best guess between several worlds, and the loss that stays."""

import torch

from ..ambiguity import unavoidable_loss, weighted_mean, weighted_median
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
    ]


def _best_of_the_worlds(worlds, odds):
    """The one world that, as a whole, has the least expected absolute error."""
    errors = [(weighted_mean((worlds - guess).abs(), odds)).sum() for guess in worlds]
    return worlds[int(torch.stack(errors).argmin())]


def _loss_of(guess, worlds, odds):
    return weighted_mean((worlds - guess).square(), odds).mean()


# --- l2_minimiser ----------------------------------------------------------------------------------------

exercise(
    name="l2_minimiser",
    notebook="01",
    answer=weighted_mean,
    cases=_cases,
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
            lambda worlds, odds: torch.einsum("n,n...->...", odds, worlds),
        ),
    ),
)

# --- least_loss ------------------------------------------------------------------------------------------

exercise(
    name="least_loss",
    notebook="01",
    answer=unavoidable_loss,
    cases=_cases,
    returns="one number",
    hint="Take the best guess of exercise 1, square its distance to every world, and average: over the "
    "worlds by their shares of the odds, over the values plainly.",
    source=(unavoidable_loss, weighted_mean),
    mistakes=(
        (
            "This is the loss of the most likely world as a guess; the mean of the worlds does better.",
            lambda worlds, odds: _loss_of(worlds[int(odds.argmax())], worlds, odds),
        ),
        (
            "All worlds count alike here, in the guess and in its error: weigh both by the odds.",
            lambda worlds, odds: worlds.var(0, unbiased=False).mean(),
        ),
        (
            "The errors are weighed, but the guess is the plain mean of the worlds, which is not the best.",
            lambda worlds, odds: _loss_of(worlds.mean(0), worlds, odds),
        ),
        (
            "It sums over the values: the loss is a mean over them, or large worlds would look harder.",
            lambda worlds, odds: unavoidable_loss(worlds, odds) * worlds[0].numel(),
        ),
        (
            "This is the root of it: the loss is the mean of the squares itself.",
            lambda worlds, odds: unavoidable_loss(worlds, odds).sqrt(),
        ),
    ),
)

# --- l1_minimiser ----------------------------------------------------------------------------------------

exercise(
    name="l1_minimiser",
    notebook="01",
    answer=weighted_median,
    cases=_cases,
    returns="one guess of the shape of a world",
    hint="Value by value: sort the worlds' values and let the odds travel with them, then add up the odds "
    "from below. The first value at which you have half of all odds is as good as any can be.",
    source=(weighted_median,),
    mistakes=(
        (
            "This is a median that takes all worlds to be equally likely: half of the odds must lie on each "
            "side, not half of the worlds.",
            lambda worlds, odds: worlds.median(0).values,
        ),
        (
            "This is the mean, which is best under the squared error; the absolute error does not care how "
            "far away the far ones are.",
            weighted_mean,
        ),
        (
            "This is the most likely world: right only where it has more than half of all odds.",
            lambda worlds, odds: worlds[int(odds.argmax())],
        ),
        (
            "The values are sorted but the odds stay where they were: each must travel with its value.",
            lambda worlds, odds: worlds.sort(0).values[int((odds.cumsum(0) / odds.sum() < 0.5).sum())],
        ),
        (
            "This picks one whole world; each value may have its own median, for a smaller error in all.",
            _best_of_the_worlds,
        ),
    ),
)
