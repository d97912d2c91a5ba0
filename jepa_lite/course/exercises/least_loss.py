"""Exercise of notebook 01: the loss that stays with the best guess."""

import torch

from ..ambiguity import unavoidable_loss, weighted_mean, weighted_median
from .engine import exercise
from .l2_minimiser import _cases, _mean_of, _traps


def _loss_of(guess, worlds, odds):
    return weighted_mean((worlds - guess).square(), odds).mean()


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
