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


def _best_of_the_worlds(worlds, odds):
    """The one world that, as a whole, has the least expected absolute error."""
    errors = [(weighted_mean((worlds - guess).abs(), odds)).sum() for guess in worlds]
    return worlds[int(torch.stack(errors).argmin())]


def _loss_of(guess, worlds, odds):
    return weighted_mean((worlds - guess).square(), odds).mean()


def _by_odds(worlds, odds, step=0, total=None):
    """`weighted_median`, `step` sorted values further on, or with another `total` of the odds."""
    values, order = worlds.sort(0)
    half = (odds.sum() if total is None else total) / 2
    first = (odds[order].cumsum(0) < half).sum(0, keepdim=True) + step
    return values.gather(0, first.clamp(0, len(worlds) - 1))[0]


def _sorted_apart(worlds, odds, descending):
    reached = odds.sort(descending=descending).values.cumsum(0) / odds.sum()
    return worlds.sort(0).values[int((reached < 0.5).sum())]


# --- l2_minimiser ----------------------------------------------------------------------------------------

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

# --- least_loss ------------------------------------------------------------------------------------------

exercise(
    name="least_loss",
    notebook="01",
    answer=unavoidable_loss,
    cases=_cases,
    traps=_traps,
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
        (
            "These are absolute errors: wanted is the expected SQUARED error.",
            lambda worlds, odds: weighted_mean((worlds - weighted_mean(worlds, odds)).abs(), odds).mean(),
            lambda worlds, odds: weighted_mean((worlds - weighted_median(worlds, odds)).abs(), odds).mean(),
        ),
        (
            "The guess weighs the worlds, and its errors are averaged plainly: the errors happen with the "
            "same odds, so weigh them as well.",
            lambda worlds, odds: (worlds - weighted_mean(worlds, odds)).square().mean(),
        ),
        (
            "The errors are weighed by the odds as they come, which do not sum to 1: divide by their sum.",
            lambda worlds, odds: unavoidable_loss(worlds, odds) * odds.sum(),
            lambda worlds, odds: torch.tensordot(
                odds, (worlds - _mean_of(lambda o: o)(worlds, odds)) ** 2, 1
            ).mean(),
        ),
        (
            "This sums over the worlds and does not divide by how often each is true: weigh by the shares.",
            lambda worlds, odds: (worlds - weighted_mean(worlds, odds)).square().sum(0).mean(),
        ),
        (
            "This is the loss of a median as a guess; under the squared error the mean does better.",
            lambda worlds, odds: _loss_of(weighted_median(worlds, odds), worlds, odds),
        ),
        (
            "The variance is divided by n - 1: what is asked is the error on these very worlds.",
            lambda worlds, odds: worlds.var(0).mean(),
            lambda worlds, odds: unavoidable_loss(worlds, odds) * len(odds) / (len(odds) - 1),
        ),
        (
            "The squared error is halved: a habit of derivations, and not asked for here.",
            lambda worlds, odds: unavoidable_loss(worlds, odds) / 2,
        ),
        (
            "The errors cancel: square each world's distance BEFORE they are averaged.",
            lambda worlds, odds: weighted_mean(worlds - worlds.mean(0), odds).square().mean(),
            lambda worlds, odds: weighted_mean(worlds - weighted_mean(worlds, odds), odds).square().mean(),
        ),
        (
            "This is the mean of the squares alone: the square of the mean has to be taken off, or the "
            "distance to the best guess is not measured at all.",
            lambda worlds, odds: weighted_mean(worlds.square(), odds).mean(),
        ),
        (
            "It takes one number as the guess for all values: the best guess has the shape of a world.",
            lambda worlds, odds: _loss_of(weighted_mean(worlds, odds).mean(), worlds, odds),
        ),
        (
            "This is the error of each value: take the mean over the values as well.",
            lambda worlds, odds: weighted_mean((worlds - weighted_mean(worlds, odds)).square(), odds),
        ),
    ),
)

# --- l1_minimiser ----------------------------------------------------------------------------------------

exercise(
    name="l1_minimiser",
    notebook="01",
    answer=weighted_median,
    cases=_cases,
    traps=_traps,
    returns="one guess of the shape of a world",
    hint="Value by value: sort the worlds' values and let the odds travel with them, then add up the odds "
    "from below. The first value at which you have half of all odds is as good as any can be.",
    source=(weighted_median,),
    mistakes=(
        (
            "This is a median that takes all worlds to be equally likely: half of the odds must lie on each "
            "side, not half of the worlds.",
            lambda worlds, odds: worlds.median(0).values,
            lambda worlds, odds: worlds.quantile(0.5, 0),
            lambda worlds, odds: worlds.sort(0).values[len(worlds) // 2],
        ),
        (
            "Off by one: it takes the value after the one at which half of the odds is reached.",
            lambda worlds, odds: _by_odds(worlds, odds, 1),
        ),
        (
            "Off by one: it takes the last value BEFORE half of the odds is reached.",
            lambda worlds, odds: _by_odds(worlds, odds, -1),
        ),
        (
            "The odds are added up as they come and compared to 0.5: half of all odds is half of their SUM.",
            lambda worlds, odds: _by_odds(worlds, odds, total=1.0),
        ),
        (
            "The odds multiply the VALUES here. A median leaves the values alone and counts how much of the "
            "odds lies on either side.",
            lambda worlds, odds: (
                (worlds * (odds / odds.sum()).view(-1, *[1] * (worlds.ndim - 1))).median(0).values
            ),
            lambda worlds, odds: (worlds * odds.view(-1, *[1] * (worlds.ndim - 1))).median(0).values,
        ),
        (
            "This is an extreme: the lowest or highest value. Half of the odds should lie on each side.",
            lambda worlds, odds: worlds.amax(0),
            lambda worlds, odds: worlds.amin(0),
        ),
        (
            "The odds are sorted on their own: each must travel with the value of its world.",
            lambda worlds, odds: _sorted_apart(worlds, odds, descending=False),
            lambda worlds, odds: _sorted_apart(worlds, odds, descending=True),
        ),
        (
            "This lies halfway between two values; no value between has a smaller error than the one at "
            "which half of the odds is reached.",
            lambda worlds, odds: (_by_odds(worlds, odds, 0) + _by_odds(worlds, odds, -1)) / 2,
            lambda worlds, odds: (_by_odds(worlds, odds, 0) + _by_odds(worlds, odds, 1)) / 2,
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
