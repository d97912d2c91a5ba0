"""Exercises of notebook 00: what a step takes, and how many fit into an evening."""

import math
import statistics

from ..stopwatch import median_seconds, steps_in_budget
from .engine import exercise

# --- typical_seconds -----------------------------------------------------------------------------------


def _cases():
    # The first calls are slow and one later call is slower still; both an odd and an even number is left.
    return [
        ([1.9, 0.8, 0.31, 0.26, 0.27, 0.24, 0.97], 2),
        ([2.2, 0.53, 0.41, 0.67, 0.47], 1),
        ([0.7, 0.2, 0.9, 0.3, 1.6], 0),
        ([3.1, 1.2, 0.9, 0.35, 0.5, 0.38, 0.44, 0.31], 3),
    ]


exercise(
    name="typical_seconds",
    notebook="00",
    answer=median_seconds,
    cases=_cases,
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
    ),
)


# --- steps_in_budget -----------------------------------------------------------------------------------

exercise(
    name="steps_in_budget",
    notebook="00",
    answer=steps_in_budget,
    # The last budget is over before the first step begins.
    cases=lambda: [(10, 0.37, 25.0), (7, 1.3, 31.0), (5, 0.61, 17.0), (0.5, 0.23, 45.0)],
    returns="a whole number of steps",
    hint="Bring everything to seconds. Starting is paid once, before the first step; what is left is shared "
    "out in steps, and a step that is not finished does not count. Less than nothing is nothing.",
    source=(steps_in_budget,),
    mistakes=(
        (
            "The budget is in minutes and a step in seconds: one of them needs a factor of 60.",
            lambda minutes, step, start_up: max(0, math.floor((minutes - start_up) / step)),
        ),
        (
            "It rounds up: the last step would end after the time is over.",
            lambda minutes, step, start_up: max(0, math.ceil((60 * minutes - start_up) / step)),
        ),
        (
            "Starting is free here: the first start_up seconds make no step.",
            lambda minutes, step, start_up: math.floor(60 * minutes / step),
        ),
        (
            "Starting is paid again at every step: it is paid once.",
            lambda minutes, step, start_up: math.floor(60 * minutes / (step + start_up)),
        ),
        (
            "A step and a bit: it does not give whole steps.",
            lambda minutes, step, start_up: max(0.0, (60 * minutes - start_up) / step),
        ),
        (
            "When starting takes longer than the budget it promises a negative number of steps: there are 0.",
            lambda minutes, step, start_up: math.floor((60 * minutes - start_up) / step),
        ),
    ),
)
