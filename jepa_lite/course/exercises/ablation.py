"""Exercises of notebook 11: the size of a block from two random numbers, an interval, and a paired effect."""

import math

import numpy as np
import torch
from scipy import stats

from ...method.masks import between, block_size, draw_size
from ..effects import interval, paired_effect
from .engine import exercise

# --- mend_the_sampler ---------------------------------------------------------------------------------


def sampled(grid, scale, aspect, u):
    """`draw_size` with its two random numbers handed in: u (2,) -> (rows, columns)."""
    return block_size(grid, between(scale, float(u[0])), between(aspect, float(u[1])))


def _size_cases():
    """Fine grids, where each slip shows, and narrow ones, where a block is as tall as the grid, or taller."""
    settings = [
        ((14, 14), (0.15, 0.2), (0.75, 1.5)),
        ((26, 15), (0.1, 0.3), (0.5, 2.2)),
        ((5, 9), (0.3, 0.45), (0.8, 1.3)),
        ((4, 13), (0.3, 0.5), (1.1, 1.9)),
        ((12, 4), (0.3, 0.5), (0.3, 0.6)),
    ]
    u = torch.rand(len(settings), 6, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return [(*setting, u[i, j]) for i, setting in enumerate(settings) for j in range(6)]


def _sized(size=block_size, first=0, second=1, pick=between):
    """A wrong `mend_the_sampler`: other numbers for scale and aspect ratio, or another size from them."""
    return lambda grid, scale, aspect, u: size(
        grid, pick(scale, float(u[first])), pick(aspect, float(u[second]))
    )


def _near(x):
    return int(x + 0.5)


def _bent(whole=_near, root=math.sqrt, tall=True, wide=True, early=False):
    """`block_size` with another rounding or power of the aspect ratio, or bent only when too tall or wide."""

    def size(grid, scale, aspect):
        area = scale * grid[0] * grid[1]
        height = math.sqrt(area) * root(aspect)
        height = max(height, area / grid[1]) if wide else height
        height = min(height, grid[0]) if tall else height
        height = max(_near(height), 1) if early else height
        return whole(height), whole(area / height)

    return size


def _by_sides(change):
    """Another size altogether: `change(rows, columns, scale, aspect)` -> (height, width), then rounded."""
    return lambda grid, scale, aspect: tuple(max(_near(s), 1) for s in change(*grid, scale, aspect))


def _cut_to(less):
    """The shape is kept, and what is over the grid's side less `less` is cut off."""

    def size(grid, scale, aspect):
        area = scale * grid[0] * grid[1]
        sides = math.sqrt(area * aspect), math.sqrt(area / aspect)
        return tuple(max(min(int(s + 0.5), n - less), 1) for s, n in zip(sides, grid, strict=True))

    return size


exercise(
    name="mend_the_sampler",
    notebook="11",
    answer=sampled,
    cases=_size_cases,
    traps=lambda: {
        "A block that is too wide for the grid keeps its area and becomes taller.": (
            *((8, 4), (0.4, 0.5), (0.3, 0.4), torch.tensor([1.0, 0.0])),
        ),
        "A block may be as large as the grid.": ((3, 5), (1.0, 1.0), (0.4, 2.0), torch.tensor([0.3, 0.6])),
    },
    returns="the block's (rows, columns)",
    parts=("the rows", "the columns"),
    hint="area = scale * N and height / width = aspect, so height = sqrt(area * aspect), and the width is "
    "area / height. u[0] says where in its interval the scale lies, u[1] the aspect ratio. Limit the height "
    "(to at most the rows, to at least area / columns) BEFORE the width is taken from it; round last.",
    source=(draw_size, block_size, between),
    mistakes=(
        (
            "One random number sets scale AND aspect ratio: that is the released code's quirk. Small blocks "
            "are then always wide and large ones always tall. The aspect ratio has u[1].",
            _sized(second=0),
        ),
        (
            "The two numbers have changed places: u[0] is for the scale, u[1] for the aspect ratio.",
            _sized(first=1, second=0),
        ),
        (
            "Height and width are swapped: an aspect ratio over 1 is a block that is TALLER than wide.",
            _sized(lambda grid, scale, aspect: block_size(grid[::-1], scale, aspect)[::-1]),
        ),
        (
            "The aspect ratio enters without its square root: height / width then comes out as its square.",
            _sized(_bent(root=float)),
        ),
        (
            "The sides are rounded down: a block then covers less of the image than its scale asks for, "
            "always. Round to the nearest.",
            _sized(_bent(int)),
        ),
        (
            "The sides are rounded up: a block then covers more than its scale asks for, always. "
            "Round to the nearest.",
            _sized(_bent(math.ceil)),
        ),
        (
            "The height is rounded before the width is taken from it, so the width makes up for the "
            "rounding. Round both last.",
            _sized(_bent(early=True)),
        ),
        (
            "The shape is bent only where a block is too TALL. One that is too wide (wider than the grid's "
            "columns) keeps its area as well, and becomes taller: height at least area / columns.",
            _sized(_bent(wide=False)),
            _sized(
                lambda g, s, a: tuple(min(x, n) for x, n in zip(_bent(wide=False)(g, s, a), g, strict=True))
            ),
        ),
        (
            "The shape is bent only where a block is too WIDE. One that is too tall (taller than the grid's "
            "rows) keeps its area as well, and becomes wider.",
            _sized(_bent(tall=False)),
            _sized(
                lambda g, s, a: tuple(min(x, n) for x, n in zip(_bent(tall=False)(g, s, a), g, strict=True))
            ),
        ),
        (
            "Nothing is bent: a block that is taller or wider than the grid comes out as it is.",
            _sized(_bent(tall=False, wide=False)),
        ),
        (
            "u runs backwards: 0 is the LOW end of an interval.",
            _sized(pick=lambda ends, u: ends[1] + u * (ends[0] - ends[1])),
        ),
        (
            "The scale is taken as a share of the grid's SIDES; it is one of its area.",
            _sized(_by_sides(lambda r, c, s, a: (s * r * math.sqrt(a), s * c / math.sqrt(a)))),
            _sized(_by_sides(lambda r, c, s, a: (s * r, s * c))),
            _sized(_by_sides(lambda r, c, s, a: (math.sqrt(s) * r, math.sqrt(s) * c))),
            _sized(_by_sides(lambda r, c, s, a: (math.sqrt(s * a) * r, math.sqrt(s / a) * c))),
        ),
        (
            "The area is that of a square grid: it is scale * rows * columns.",
            _sized(lambda g, s, a: block_size(g, s * g[0] / g[1], a)),
            _sized(lambda g, s, a: block_size(g, s * g[1] / g[0], a)),
        ),
        (
            "The aspect ratio is left out: this block is as square as it can be.",
            _sized(lambda g, s, a: block_size(g, s, 1.0)),
        ),
        (
            "This is the middle of an interval, or one of its ends, whatever u is.",
            *(_sized(pick=lambda ends, u, at=at: between(ends, at)) for at in (0.0, 0.5, 1.0)),
        ),
        (
            "Blocks are kept smaller than the grid, as in the released code: no block can then be as tall "
            "as the image.",
            _sized(_cut_to(1)),
        ),
        (
            "Where the shape does not fit, a side is cut off and the area shrinks. Keep the area and bend "
            "the shape: a shorter block is a wider one.",
            _sized(_cut_to(0)),
        ),
        (
            "The low end plus u times the HIGH end overshoots: u runs over what lies between the two.",
            _sized(pick=lambda ends, u: ends[0] + u * ends[1]),
            _sized(_bent(), pick=lambda ends, u: u * ends[1]),
        ),
    ),
)


# --- interval ------------------------------------------------------------------------------------------

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
    notebook="11",
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


# --- paired_effect ----------------------------------------------------------------------------------------


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
    notebook="11",
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
