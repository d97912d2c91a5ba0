"""Exercises of notebook 11: the size of a block from two random numbers, an interval, and a paired effect."""

import math

import numpy as np
import torch
from scipy import stats

from ..ablations import interval, paired_effect
from ..blocks import between, block_size, draw_size
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
    ]
    u = torch.rand(len(settings), 6, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return [(*setting, u[i, j]) for i, setting in enumerate(settings) for j in range(6)]


def _sized(size=block_size, first=0, second=1, pick=between):
    """A wrong `mend_the_sampler`: other numbers for scale and aspect ratio, or another size from them."""
    return lambda grid, scale, aspect, u: size(
        grid, pick(scale, float(u[first])), pick(aspect, float(u[second]))
    )


def _bent(grid, scale, aspect, last=0.5, root=math.sqrt):
    """`block_size` with another rounding, or another power of the aspect ratio."""
    area = scale * grid[0] * grid[1]
    height = min(max(math.sqrt(area) * root(aspect), area / grid[1]), grid[0])
    return max(int(height + last), 1), max(int(area / height + last), 1)


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
    returns="the block's (rows, columns)",
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
            _sized(lambda grid, scale, aspect: _bent(grid, scale, aspect, root=float)),
        ),
        (
            "The sides are rounded down: a block then covers less of the image than its scale asks for, "
            "always. Round to the nearest.",
            _sized(lambda grid, scale, aspect: _bent(grid, scale, aspect, last=0.0)),
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
        ),
    ),
)


# --- interval ------------------------------------------------------------------------------------------

SEEDS = ((81.3, 74.9, 90.2), (-3.1, 4.4, 0.7, 9.6, 2.5), (61.5, 66.25))


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
    returns="the mean and the half width",
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
            "1.96 is for very many seeds. The spread of few is itself uncertain, and Student's t pays for "
            "it: 4.30 for three seeds.",
            _with_half(lambda v: _half(v, quantile=lambda n: stats.norm.ppf(0.975))),
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
    ),
)


# --- paired_effect ----------------------------------------------------------------------------------------


def _pair_cases():
    """Runs of 3, 5 and 4 seeds: what a seed does to both is larger than what the change does."""
    generator, cases = torch.Generator().manual_seed(8), []
    for n in (3, 5, 4):
        shared = 70 + 12 * torch.randn(n, generator=generator, dtype=torch.float64)
        noise = torch.randn(2, n, generator=generator, dtype=torch.float64)
        cases.append((shared - 4 + 2 * noise[0], shared + 3 * noise[1]))
    return cases


def _two_halves(join):
    """The difference of the means, with a half width joined from those of either side."""

    def wrong(changed, reference):
        (a, da), (b, db) = interval(changed), interval(reference)
        return a - b, join(da, db)

    return wrong


def _unpaired(changed, reference):
    n = len(changed)
    error = math.sqrt(sum(float(torch.as_tensor(x).var()) / n for x in (changed, reference)))
    return float((changed - reference).mean()), float(stats.t.ppf(0.975, 2 * n - 2)) * error


exercise(
    name="paired_effect",
    notebook="11",
    answer=paired_effect,
    cases=_pair_cases,
    returns="the mean difference and the half width",
    hint="Both runs of a seed saw the same images and began with the same weights. So make one number of "
    "each pair first, and only then ask how those numbers spread over the seeds. You have written the rest.",
    source=(paired_effect, interval),
    mistakes=(
        (
            "The pairs are forgotten: this treats the two rows as unrelated runs, and what a seed does to "
            "both sides counts as noise. Subtract first.",
            _unpaired,
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
        ),
    ),
)
