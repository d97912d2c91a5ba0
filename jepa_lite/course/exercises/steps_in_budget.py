"""Exercise of notebook 00: how many steps fit into an evening."""

import math

from ..timing import steps_in_budget
from .engine import exercise

exercise(
    name="steps_in_budget",
    notebook="00",
    answer=steps_in_budget,
    # The last budget is over before the first step begins.
    cases=lambda: [
        (10, 0.37, 25.0),
        (7, 1.3, 31.0),
        (5, 0.61, 17.0),
        (2.75, 0.43, 12.3),
        (3, 0.77, 0.0),
        (1, 0.5, 30.0),  # fits exactly
        (0.5, 0.23, 45.0),
    ],
    traps=lambda: {
        "When starting takes just as long as the budget, nothing is left.": (1, 0.7, 60.0),
        "When less than one step fits, there are 0.": (0.2, 7.0, 6.0),
    },
    returns="a whole number of steps",
    hint="Bring everything to seconds. Starting is paid once, before the first step; what is left is shared "
    "out in steps, and a step that is not finished does not count. Less than nothing is nothing.",
    source=(steps_in_budget,),
    mistakes=(
        (
            "The budget is in minutes and a step in seconds: one of them needs a factor of 60.",
            lambda minutes, step, start_up: max(0, math.floor((minutes - start_up) / step)),
            lambda minutes, step, start_up: max(0, math.floor((minutes - start_up / 60) / step)),
        ),
        (
            "start_up is in seconds already: it is taken for minutes here.",
            lambda minutes, step, start_up: max(0, math.floor(60 * (minutes - start_up) / step)),
        ),
        (
            "A minute has 60 seconds, and here it has 100 or 1000.",
            lambda minutes, step, start_up: max(0, math.floor((100 * minutes - start_up) / step)),
            lambda minutes, step, start_up: max(0, math.floor((1000 * minutes - start_up) / step)),
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
            lambda minutes, step, start_up: int((60 * minutes - start_up) / step),
            lambda minutes, step, start_up: round((60 * minutes - start_up) / step - 0.5),
        ),
        (
            "When starting takes longer than the budget there are 0 steps; the sign is only taken off here.",
            lambda minutes, step, start_up: abs(math.floor((60 * minutes - start_up) / step)),
            lambda minutes, step, start_up: int(abs(60 * minutes - start_up) / step),
        ),
        (
            "It promises one step at least: where none fits, there are 0.",
            lambda minutes, step, start_up: max(1, math.floor((60 * minutes - start_up) / step)),
        ),
        (
            "It rounds to the nearest: a step that is not finished does not count, however near its end.",
            lambda minutes, step, start_up: max(0, round((60 * minutes - start_up) / step)),
        ),
        (
            "It counts one step too many, perhaps the one that is not finished, or the place 0.",
            lambda minutes, step, start_up: max(0, math.floor((60 * minutes - start_up) / step)) + 1,
            lambda minutes, step, start_up: max(0, math.floor((60 * minutes - start_up) / step) + 1),
        ),
        (
            "A step that ends exactly when the time is over does count.",
            lambda minutes, step, start_up: max(0, math.ceil((60 * minutes - start_up) / step) - 1),
        ),
        (
            "It counts one step too few: the first one counts as well.",
            lambda minutes, step, start_up: max(0, math.floor((60 * minutes - start_up) / step) - 1),
        ),
        (
            "Only whole minutes count here: 2.75 minutes are 165 seconds, not 120.",
            lambda minutes, step, start_up: max(0, math.floor((60 * int(minutes) - start_up) / step)),
        ),
        (
            "Starting adds time here; it takes away from the budget.",
            lambda minutes, step, start_up: math.floor((60 * minutes + start_up) / step),
        ),
        (
            "Seconds of starting are taken off the STEPS: subtract first, then divide by step_seconds.",
            lambda minutes, step, start_up: max(0, math.floor(60 * minutes / step - start_up)),
            lambda minutes, step, start_up: max(0, 60 * minutes // step - start_up),
        ),
        (
            "It multiplies by step_seconds: how OFTEN a step fits into the time is a division.",
            lambda minutes, step, start_up: max(0, math.floor((60 * minutes - start_up) * step)),
            lambda minutes, step, start_up: (60 * minutes - start_up) * step,
        ),
        (
            "These are the seconds that are left for steps; how many steps are that?",
            lambda minutes, step, start_up: max(0, 60 * minutes - start_up),
        ),
    ),
)
