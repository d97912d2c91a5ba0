"""Exercise of notebook 00: what a step takes, typically."""

import statistics

from ..timing import median_seconds
from .engine import exercise


def _cases():
    # The first calls are slow and one later call is slower still; both an odd and an even number is left.
    return [
        ([1.9, 0.8, 0.31, 0.26, 0.27, 0.24, 0.97], 2),
        ([2.2, 0.53, 0.41, 0.67, 0.47], 1),
        ([0.7, 0.2, 0.9, 0.3, 1.6], 0),
        ([3.1, 1.2, 0.9, 0.35, 0.5, 0.38, 0.44, 0.31], 3),
        ([0.1, 0.2, 0.9, 0.53, 0.74], 2),  # here the first ones were the quickest
    ]


def _around_the_middle(times, place):
    """One of the sorted `times`: place 0 is the lower (or only) middle one, -1 and 1 stand beside it."""
    return sorted(times)[(len(times) - 1) // 2 + place]


exercise(
    name="typical_seconds",
    notebook="00",
    answer=median_seconds,
    cases=_cases,
    traps=lambda: {
        "When a single timing is left, it is the answer.": ([0.8, 0.3], 1),
        "With warm_up = 0 every timing counts.": ([0.6, 0.1, 0.4], 0),
    },
    returns="one number of seconds",
    hint="Leave out the first warm_up timings while the list is still in the order of time. Only then sort "
    "a copy: the middle one is the answer, and where two stand in the middle, halfway between them.",
    source=(median_seconds,),
    mistakes=(
        (
            "This is the mean: one call that was interrupted pulls it up as far as it likes. The middle one "
            "does not care how slow the slowest was.",
            lambda times, warm_up: statistics.mean(times[warm_up:]),
        ),
        (
            "The warm-up is still in it: the first warm_up timings paid for memory and caches, and are no "
            "sample of the others.",
            lambda times, warm_up: statistics.median(times),
        ),
        (
            "This is the quickest one: what your machine can do at its best moment, not what a run of "
            "hundreds of steps will see.",
            lambda times, warm_up: min(times[warm_up:]),
        ),
        (
            "It drops the last timings instead of the first: the warm-up is at the beginning.",
            lambda times, warm_up: statistics.median(times[: len(times) - warm_up]),
        ),
        (
            "It sorts before it drops, so the quickest ones go and the slow first ones stay.",
            lambda times, warm_up: statistics.median(sorted(times)[warm_up:]),
        ),
        (
            "Of an even number of timings it takes the upper of the two in the middle; the median lies "
            "halfway between them.",
            lambda times, warm_up: statistics.median_high(times[warm_up:]),
        ),
        (
            "Of an even number of timings it takes the lower of the two in the middle, as torch.median does; "
            "the median lies halfway between them.",
            lambda times, warm_up: statistics.median_low(times[warm_up:]),
        ),
        (
            "It takes the one in the middle of the time, not of the sizes: sort what is left first.",
            lambda times, warm_up: times[warm_up:][len(times[warm_up:]) // 2],
            lambda times, warm_up: times[warm_up:][(len(times[warm_up:]) - 1) // 2],
        ),
        (
            "It drops the slowest timings, wherever they are. The warm-up is the first ones, slow or not: "
            "whoever drops what he does not like to see measures his wishes.",
            lambda times, warm_up: statistics.median(sorted(times)[: len(times) - warm_up]),
        ),
        (
            "This is the slowest one, which may have been interrupted by anything.",
            lambda times, warm_up: max(times[warm_up:]),
        ),
        (
            "Off by one: it drops one timing more than warm_up.",
            lambda times, warm_up: statistics.median(times[warm_up + 1 :]),
        ),
        (
            "Off by one: it drops one timing less than warm_up.",
            lambda times, warm_up: statistics.median(times[max(warm_up - 1, 0) :]),
        ),
        (
            "This is the median of the last warm_up timings; wanted is that of all but the first warm_up.",
            lambda times, warm_up: statistics.median(times[-warm_up:]),
        ),
        (
            "This is their sum. How long does ONE call take?",
            lambda times, warm_up: sum(times[warm_up:]),
        ),
        (
            "It drops timings at both ends; only the first warm_up do not count.",
            lambda times, warm_up: statistics.median(times[warm_up : len(times) - warm_up] or [0.0]),
        ),
        (
            "It sorts and then misses the middle by one place: places count from 0, so of 5 it is place 2.",
            lambda times, warm_up: _around_the_middle(times[warm_up:], 1),
            lambda times, warm_up: _around_the_middle(times[warm_up:], -1),
        ),
    ),
)
