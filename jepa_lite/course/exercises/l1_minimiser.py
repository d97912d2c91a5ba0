"""Exercise of notebook 01: the best guess between several worlds, under the absolute error."""

import torch

from ..ambiguity import weighted_mean, weighted_median
from .engine import exercise
from .l2_minimiser import _cases, _traps


def _best_of_the_worlds(worlds, odds):
    """The one world that, as a whole, has the least expected absolute error."""
    errors = [(weighted_mean((worlds - guess).abs(), odds)).sum() for guess in worlds]
    return worlds[int(torch.stack(errors).argmin())]


def _by_odds(worlds, odds, step=0, total=None):
    """`weighted_median`, `step` sorted values further on, or with another `total` of the odds."""
    values, order = worlds.sort(0)
    half = (odds.sum() if total is None else total) / 2
    first = (odds[order].cumsum(0) < half).sum(0, keepdim=True) + step
    return values.gather(0, first.clamp(0, len(worlds) - 1))[0]


def _sorted_apart(worlds, odds, descending):
    reached = odds.sort(descending=descending).values.cumsum(0) / odds.sum()
    return worlds.sort(0).values[int((reached < 0.5).sum())]


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
