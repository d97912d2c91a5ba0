"""How long something takes, on a machine that does other things as well.

One timing is weather: noise only ever adds to it, and the first calls pay for memory and caches. So: throw
the first ones away, take the middle of the others, and let two things that are compared take turns. Where
a single step's seconds go is step_timer.py's, what a whole run will cost plan.py's.
"""

import math
import statistics
import time
from collections.abc import Callable


def take_turns(actions: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Call each of {name: function} once a round: {name: [seconds, one a round]}."""
    seconds = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def median_seconds(times: list[float], warm_up: int = 0) -> float:
    """The middle one of `times` without the first `warm_up`; of an even number, the mean of the middle two.

    Raises ValueError when nothing is left.
    """
    if len(times) <= warm_up:
        raise ValueError(f"{len(times)} timings, of which the first {warm_up} do not count, leave none")
    return statistics.median(times[warm_up:])


def steps_in_budget(minutes: float, step_seconds: float, start_up: float = 0.0) -> int:
    """Whole training steps in so many minutes, of which `start_up` seconds pass before the first."""
    return max(0, math.floor((60 * minutes - start_up) / step_seconds))
