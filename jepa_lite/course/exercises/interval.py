"""Exercise of notebook 12: a mean over seeds and its interval."""

import math

import numpy as np
import torch
from scipy import stats

from ..effects import interval
from .engine import exercise

SEEDS = ((81.3, 74.9, 90.2), (-3.1, 4.4, 0.7, 9.6, 2.5), (61.5, 66.25, 59.0, 71.75, 60.5, 68.0))


def _half(values, spread=1, quantile=None, root=True):
    """The half width, with another std (`spread` is its correction), quantile(n) or no square root."""
    values, n = np.asarray(values, dtype=float), len(values)
    t = quantile(n) if quantile else stats.t.ppf(0.975, n - 1)
    return float(t * values.std(ddof=spread) / (math.sqrt(n) if root else 1))


def _with_half(half):
    return lambda values: (float(np.mean(np.asarray(values))), half(values))


exercise(
    name="interval",
    notebook="12",
    answer=interval,
    cases=lambda: [(torch.tensor(values, dtype=torch.float64),) for values in SEEDS],
    traps=lambda: {
        "Two seeds are enough, for one degree of freedom.": (
            torch.tensor([61.5, 66.25], dtype=torch.float64),
        ),
    },
    returns="the mean and the half width",
    parts=("the mean", "the half width"),
    hint="The mean of n values has a standard error of s / sqrt(n), s being the std with n - 1 below the "
    "line. How many standard errors to go out, stats.t.ppf(0.975, degrees) says: 2.5% lie above, 2.5% below.",
    source=(interval,),
    mistakes=(
        (
            "The std is the population's, divided by n. The mean was estimated from the same values, so "
            "n - 1 of them are free: with few seeds it matters.",
            _with_half(lambda v: _half(v, spread=0)),
        ),
        (
            "n - 1 is counted twice, in the std and below the root: the std has n - 1, the root n.",
            _with_half(lambda v: _half(v) * math.sqrt(len(v) / (len(v) - 1))),
        ),
        (
            "It divides by n; the error of a mean falls with the ROOT of n.",
            _with_half(lambda v: _half(v) / math.sqrt(len(v))),
        ),
        (
            "The variance stands where the std should: take its root.",
            _with_half(lambda v: _half(v) * float(v.std())),
            _with_half(lambda v: _half(v, root=False) * float(v.std()) / len(v)),
        ),
        (
            "The half width comes out negative: ppf(0.025) is the quantile on the other side.",
            _with_half(lambda v: -_half(v)),
        ),
        (
            "This is the std of the runs, or near it: how far one may be from the mean, and not how well the "
            "mean is known. Divide by the root of n, and go t of that to each side.",
            _with_half(lambda v: float(v.std())),
            _with_half(lambda v: float(v.std(correction=0))),
            _with_half(lambda v: 1.96 * float(v.std())),
        ),
        (
            "2 standard errors are for many seeds; Student's t says how many for few.",
            _with_half(lambda v: _half(v, quantile=lambda n: 2.0)),
        ),
        (
            "This is half the range of the values; it is to be t standard errors.",
            _with_half(lambda v: float(v.max() - v.min()) / 2),
            _with_half(lambda v: float(v.max() - v.min())),
        ),
        (
            "Student's t has one degree of freedom less than there are values, and here it is two less.",
            lambda v: (float(v.mean()), _half(v, quantile=lambda n: stats.t.ppf(0.975, n - 2))),
        ),
        (
            "The median stands where the mean should.",
            lambda v: (float(v.quantile(0.5)), _half(v)),
            lambda v: (float(v.median()), _half(v)),
        ),
        (
            "The interval is of another confidence: for 95% the quantile is 0.975.",
            *(
                _with_half(lambda v, q=q: _half(v, quantile=lambda n: stats.t.ppf(q, n - 1)))
                for q in (0.9, 0.99, 0.995, 0.9875)
            ),
        ),
        (
            "cdf or pdf stands where ppf should: asked is the value below which a share lies.",
            _with_half(lambda v: _half(v, quantile=lambda n: stats.t.cdf(0.975, n - 1))),
            _with_half(lambda v: _half(v, quantile=lambda n: stats.t.pdf(0.975, n - 1))),
            _with_half(lambda v: _half(v, quantile=lambda n: stats.t.cdf(1.96, n - 1))),
        ),
        (
            "1.96 is for very many seeds. The spread of few is itself uncertain, and Student's t pays for "
            "it: 4.30 for three seeds.",
            _with_half(lambda v: _half(v, quantile=lambda n: stats.norm.ppf(0.975))),
            _with_half(lambda v: _half(v, quantile=lambda n: 1.96)),
            _with_half(lambda v: _half(v, spread=0, quantile=lambda n: 1.96)),
            _with_half(lambda v: _half(v, root=False, quantile=lambda n: 1.96 / n)),
        ),
        (
            "The square root of n is missing: this is where a further RUN may fall, roughly, not how well "
            "the mean is known.",
            _with_half(lambda v: _half(v, root=False)),
        ),
        (
            "This is one standard error: for a 95% interval go t of them to each side.",
            _with_half(lambda v: _half(v, quantile=lambda n: 1.0)),
        ),
        (
            "The quantile is 0.95, which leaves 5% above AND 5% below: a 90% interval. Take 0.975.",
            _with_half(lambda v: _half(v, quantile=lambda n: stats.t.ppf(0.95, n - 1))),
        ),
        (
            "Student's t has n - 1 degrees of freedom here, not n: one went into the mean.",
            _with_half(lambda v: _half(v, quantile=lambda n: stats.t.ppf(0.975, n))),
        ),
        (
            "This is the whole width of the interval: half of it is what is written after ±.",
            _with_half(lambda v: 2 * _half(v)),
        ),
        (
            "These are the interval's two ends. Wanted are its middle and its half width.",
            lambda values: (float(values.mean()) - _half(values), float(values.mean()) + _half(values)),
        ),
        (
            "Mean and half width are in the wrong order.",
            lambda values: (_half(values), float(values.mean())),
        ),
    ),
)
