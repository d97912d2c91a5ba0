"""Exercise of notebook 10: the best answer under the smooth-L1 loss, between mean and median."""

import torch
import torch.nn.functional as F

from ..ambiguity import smooth_l1_guess, weighted_mean, weighted_median
from .engine import exercise


def _targets(odds, shape, beta, seed, spread=1.5):
    """Targets (n, *shape), their odds, of which no part is half, and where the loss becomes straight."""
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(len(odds), *shape, generator=generator), torch.tensor(odds), beta


def _cases():
    return [
        _targets([3.0, 1.0, 0.5, 0.8], (6,), 1.0, 0),
        _targets([0.7, 2.2, 1.6], (2, 5), 0.7, 1),
        _targets([0.9, 0.8, 1.2, 0.7, 1.1], (8,), 1.6, 2),
    ]


def _expected(guess, targets, odds, beta):
    loss = F.smooth_l1_loss(guess.expand_as(targets), targets, beta=beta, reduction="none")
    return weighted_mean(loss, odds)


def _of_targets(targets, odds, beta):
    """Of the targets themselves, value by value, the one that is best."""
    losses = torch.stack([_expected(one, targets, odds, beta) for one in targets])
    return targets.gather(0, losses.argmin(0)[None])[0]


def _whole_target(targets, odds, beta):
    losses = torch.stack([_expected(one, targets, odds, beta).mean() for one in targets])
    return targets[int(losses.argmin())]


def _one_step(targets, odds, beta, rate=1.0):
    """The mean, moved once against the slope of the loss there."""
    mean = weighted_mean(targets, odds)
    return mean - rate * weighted_mean(((mean - targets) / beta).clamp(-1, 1), odds)


exercise(
    name="best_smooth_l1",
    notebook="10",
    answer=smooth_l1_guess,
    cases=_cases,
    traps=lambda: {
        "Where all targets are near each other, the loss is a parabola and the best answer the mean.": (
            _targets([3.0, 1.0, 0.7], (4,), 1.0, 3, spread=0.1)
        ),
        "Where they are far apart, the best answer stays close to the median.": (
            _targets([3.0, 1.2, 1.1], (4,), 0.01, 4, spread=9.0)
        ),
        "There may be one target alone: then it is the answer.": _targets([2.0], (3,), 1.0, 5),
        "A target may be one number, without an axis.": _targets([1.0, 0.7, 0.5], (), 1.0, 6),
        "Targets may be large numbers, far from zero.": (
            torch.tensor([[300.0], [301.0], [304.0]]),
            torch.tensor([1.0, 0.8, 0.6]),
            1.0,
        ),
    },
    returns="one answer of the shape of a target",
    hint="Each value is a problem of its own. The slope of the expected loss at an answer g is the sum over "
    "the targets of share * clamp((g - t) / beta, -1, 1). It can only rise with g. Begin with the smallest "
    "and the largest target, and halve the interval 50 times: keep the half in which the sign changes.",
    source=(smooth_l1_guess,),
    mistakes=(
        (
            "This is the mean, the best answer under the squared error. Smooth-L1 pulls no harder than 1 on "
            "what is farther away than beta.",
            lambda targets, odds, beta: weighted_mean(targets, odds),
        ),
        (
            "This is the median, the best answer under the absolute error. Near zero smooth-L1 is a "
            "parabola, which pulls the answer off it.",
            lambda targets, odds, beta: weighted_median(targets, odds),
        ),
        (
            "Half way from the median to the mean is no rule: where between them the answer lies depends on "
            "beta.",
            lambda targets, odds, beta: (weighted_mean(targets, odds) + weighted_median(targets, odds)) / 2,
        ),
        (
            "All targets count alike here: weigh each by its share of the odds.",
            lambda targets, odds, beta: smooth_l1_guess(targets, torch.ones(len(odds)), beta),
        ),
        (
            "beta is left out: this is the answer for beta = 1, the default of F.smooth_l1_loss.",
            lambda targets, odds, beta: smooth_l1_guess(targets, odds, 1.0),
        ),
        (
            "beta is upside down: the loss becomes straight where |g - t| exceeds beta.",
            lambda targets, odds, beta: smooth_l1_guess(targets, odds, 1 / beta),
        ),
        (
            "The parabola reaches half as far, or twice as far, as it should: it ends at |g - t| = beta.",
            lambda targets, odds, beta: smooth_l1_guess(targets, odds, beta / 2),
            lambda targets, odds, beta: smooth_l1_guess(targets, odds, 2 * beta),
        ),
        (
            "It answers with the best of the targets, value by value. The best answer may be none of them.",
            _of_targets,
        ),
        (
            "It answers with one whole target, the best of them. The best answer may be none of them.",
            _whole_target,
        ),
        (
            "This is the most likely target, whatever the others are.",
            lambda targets, odds, beta: targets[int(odds.argmax())],
        ),
        (
            "It takes one number for all values: each value has its own best answer.",
            lambda targets, odds, beta: smooth_l1_guess(
                targets.flatten(), odds.repeat_interleave(targets[0].numel()), beta
            ).expand(targets.shape[1:]),
            lambda targets, odds, beta: smooth_l1_guess(targets, odds, beta).mean(),
        ),
        (
            "The odds are upside down: the LESS likely target pulls harder.",
            lambda targets, odds, beta: smooth_l1_guess(targets, 1 / odds, beta),
        ),
        (
            "Softmax turns odds into shares of their EXPONENTIALS: odds of 3 to 1 are shares of 3/4 and 1/4.",
            lambda targets, odds, beta: smooth_l1_guess(targets, odds.softmax(0), beta),
        ),
        (
            "This is the middle between the smallest and the largest target: halve the interval further, and "
            "let the slope say which half to keep.",
            lambda targets, odds, beta: (targets.amin(0) + targets.amax(0)) / 2,
        ),
        (
            "It goes one step from the mean down the slope: go on until the slope is zero.",
            _one_step,
            lambda targets, odds, beta: _one_step(targets, odds, beta, 0.1),
            lambda targets, odds, beta: _one_step(targets, odds, beta, beta),
        ),
        (
            "This is the least loss itself; asked is the answer that has it.",
            lambda targets, odds, beta: _expected(smooth_l1_guess(targets, odds, beta), targets, odds, beta),
            lambda targets, odds, beta: _expected(
                smooth_l1_guess(targets, odds, beta), targets, odds, beta
            ).mean(),
        ),
        (
            "It climbs: the half is kept in which the slope has no zero, so the answer runs to an end.",
            lambda targets, odds, beta: targets.amin(0),
            lambda targets, odds, beta: targets.amax(0),
        ),
    ),
)
