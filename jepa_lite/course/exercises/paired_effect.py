"""Exercise of notebook 12: the effect of a change, seed by seed."""

import math

import torch
from scipy import stats

from ..effects import interval, paired_effect
from .engine import exercise
from .interval import _half


def _pair_cases():
    """Runs of few seeds: what a seed does to both is larger than what the change does."""
    generator, cases = torch.Generator().manual_seed(8), []
    for n, change in ((3, -4), (5, -2), (4, 5)):
        shared = 70 + 12 * torch.randn(n, generator=generator, dtype=torch.float64)
        noise = torch.randn(2, n, generator=generator, dtype=torch.float64)
        cases.append((shared + change + 2 * noise[0], shared + 3 * noise[1]))
    return cases


def _two_halves(join):
    """The difference of the means, with a half width joined from those of either side."""

    def wrong(changed, reference):
        (a, da), (b, db) = interval(changed), interval(reference)
        return a - b, join(da, db)

    return wrong


def _unpaired(changed, reference, degrees):
    """The two rows as unrelated runs; without degrees of freedom, by the normal distribution."""
    error = math.sqrt(sum(float(x.var()) / len(x) for x in (changed, reference)))
    t = stats.t.ppf(0.975, degrees) if degrees else stats.norm.ppf(0.975)
    return float((changed - reference).mean()), float(t) * error


def _welch(changed, reference):
    a, b = (float(x.var()) / len(x) for x in (changed, reference))
    return (a + b) ** 2 / ((a * a + b * b) / (len(changed) - 1))


def _of_differences(half):
    return lambda changed, reference: (float((changed - reference).mean()), half(changed - reference))


exercise(
    name="paired_effect",
    notebook="12",
    answer=paired_effect,
    cases=_pair_cases,
    traps=lambda: {
        "Two seeds are enough.": (
            torch.tensor([61.5, 66.25], dtype=torch.float64),
            torch.tensor([60.0, 62.25], dtype=torch.float64),
        ),
    },
    returns="the mean difference and the half width",
    parts=("the mean difference", "the half width"),
    hint="Both runs of a seed saw the same images and began with the same weights. So make one number of "
    "each pair first, and only then ask how those numbers spread over the seeds. You have written the rest.",
    source=(paired_effect, interval),
    mistakes=(
        (
            "The pairs are forgotten: this treats the two rows as unrelated runs, and what a seed does to "
            "both sides counts as noise. Subtract first.",
            lambda changed, reference: _unpaired(changed, reference, 2 * len(changed) - 2),
            lambda changed, reference: _unpaired(changed, reference, None),
            lambda changed, reference: _unpaired(changed, reference, _welch(changed, reference)),
        ),
        (
            "The differences are right, but n pairs give n - 1 degrees of freedom, not 2n - 2.",
            _of_differences(lambda d: _half(d, quantile=lambda n: stats.t.ppf(0.975, 2 * n - 2))),
        ),
        (
            "The half width is that of ONE of the two rows, as where each difference is taken to the other "
            "row's mean: take the interval of the differences of pairs.",
            lambda changed, reference: (interval(changed - reference)[0], interval(changed)[1]),
            lambda changed, reference: (interval(changed - reference)[0], interval(reference)[1]),
        ),
        (
            "This is the interval of one row; the effect is the difference of the two.",
            lambda changed, reference: interval(changed),
            lambda changed, reference: interval(reference),
        ),
        (
            "This is the interval of both rows together; the effect is the difference of the two.",
            lambda changed, reference: interval(torch.cat([changed, reference])),
            lambda changed, reference: interval((changed + reference) / 2),
            lambda changed, reference: interval(changed + reference),
        ),
        (
            "The differences have lost their signs: a change that hurts some and helps others has both.",
            lambda changed, reference: interval((changed - reference).abs()),
            lambda changed, reference: (
                abs(interval(changed - reference)[0]),
                interval(changed - reference)[1],
            ),
        ),
        (
            "The rows are compared with the wrong seeds: pair i is changed[i] and reference[i].",
            lambda changed, reference: interval(changed - reference.flip(0)),
            lambda changed, reference: interval(changed - reference.roll(1)),
            lambda changed, reference: interval(changed - reference.roll(-1)),
            lambda changed, reference: interval((changed[:, None] - reference).flatten()),
        ),
        (
            "The differences are right, their half width is not: the std has n - 1 below the line and goes "
            "by the root of n; Student's t (n - 1 degrees, 0.975) says how many of that.",
            _of_differences(lambda d: _half(d, spread=0)),
            _of_differences(lambda d: _half(d, root=False)),
            _of_differences(lambda d: _half(d, quantile=lambda n: stats.norm.ppf(0.975))),
            _of_differences(lambda d: _half(d, quantile=lambda n: 1.96)),
            _of_differences(lambda d: _half(d, quantile=lambda n: 2.0)),
            _of_differences(lambda d: _half(d, quantile=lambda n: 1.0)),
            _of_differences(lambda d: _half(d, quantile=lambda n: stats.t.ppf(0.95, n - 1))),
            _of_differences(lambda d: _half(d, quantile=lambda n: stats.t.ppf(0.975, n))),
            _of_differences(lambda d: 2 * _half(d)),
            _of_differences(lambda d: _half(d) / 2),
            _of_differences(lambda d: float(d.std())),
        ),
        (
            "Mean difference and half width are in the wrong order.",
            lambda changed, reference: interval(changed - reference)[::-1],
        ),
        (
            "These are the interval's two ends. Wanted are its middle and its half width.",
            lambda changed, reference: ((m := interval(changed - reference))[0] - m[1], m[0] + m[1]),
        ),
        (
            "The sign is reversed: a change that hurts must come out negative, so it is changed - reference.",
            lambda changed, reference: paired_effect(reference, changed),
        ),
        (
            "The two half widths are added as if both means were at their worst at once. Take the interval "
            "of the differences.",
            _two_halves(lambda a, b: a + b),
        ),
        (
            "One half width is taken from the other. Uncertainties never cancel like that; differences do, "
            "seed by seed.",
            _two_halves(lambda a, b: a - b),
        ),
        (
            "The root of the squared half widths is for two rows that have nothing to do with each other. "
            "These are pairs.",
            _two_halves(math.hypot),
        ),
        (
            "The rows were sorted before they were subtracted, so the pairs are no longer of one seed.",
            lambda a, b: paired_effect(torch.as_tensor(a).sort().values, torch.as_tensor(b).sort().values),
        ),
        (
            "This is the change in percent of the reference; wanted are points: a plain difference.",
            lambda changed, reference: interval(100 * (changed - reference) / reference),
            lambda changed, reference: interval((changed - reference) / reference),
            lambda changed, reference: interval(changed / reference),
        ),
    ),
)
