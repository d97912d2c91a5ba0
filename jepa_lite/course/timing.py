"""How long a step takes on a machine that does other things as well, and what that means for the course.

Noise only ever adds to a timing, and the first calls also pay for memory and for code that is loaded. So the
first ones are thrown away, and the one in the middle of the others counts. Where a single step's seconds go
is step_timer.py's, what a whole run will cost plan.py's.
"""

import re
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version

from ..data.shapes import shapes
from ..figures.style import Picture
from ..training.run import Run
from . import SEED, recipe, results
from .figures.start import beside_reference

IMAGES, WARM_UP = 256, 5
FLOORS = r"(?m)^([\w-]+)>=([\d.]+)(?:; extra == .widgets.)?$"  # among what a package says that it requires


def check_machine(rounds: int = 30) -> Picture:
    """Print in a sentence or two whether this Python has what the course needs and how quick it is; the
    figure shows it beside the reference. It times `rounds` training steps, which takes seconds."""
    reference = results("course")
    here = median_seconds(step_times(rounds), WARM_UP)
    print(packages_sentence(too_old()), speed_sentence(here, reference), sep="\n")
    return beside_reference(1 / here, 1 / reference["step_seconds"], reference["notebooks"])


# --- packages ---------------------------------------------------------------------------------------


def too_old(name: str = "jepa-lite") -> list[str]:
    """The packages that notebooks need and that are missing or too old, as "torch 2.6", least versions."""
    if not installed(name):
        return [name]
    floors = re.findall(FLOORS, "\n".join(requires(name) or []))
    return [f"{package} {floor}" for package, floor in floors if installed(package) < _numbers(floor)]


def installed(package: str) -> list[int]:
    """The numbers of a package's version, [] where it is not installed."""
    try:
        return _numbers(version(package))
    except PackageNotFoundError:
        return []


def _numbers(text):
    return [int(part) for part in re.findall(r"\d+", text)]


def packages_sentence(missing: list[str]) -> str:
    """What to do about `too_old` packages, or that there are none."""
    if not missing:
        return "All packages that the course needs are here."
    return (
        f"Missing or too old, with the least version that works: {', '.join(missing)}. In the repository's "
        f"folder, run `{sys.executable} -m pip install -e '.[course]'`, and start the notebook again."
    )


# --- speed ------------------------------------------------------------------------------------------


def step_times(rounds: int) -> list[float]:
    """Seconds of so many training steps, one after another, of the course's `recipe` on synthetic images."""
    run = Run(recipe(train__steps=rounds), shapes(IMAGES, 64, seed=SEED)[0])
    return take_turns({"step": run.train_step}, rounds)["step"]


def take_turns(actions: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Call each of {name: function} once a round: {name: [seconds, one a round]}. What is compared takes
    turns, because other programs slow a machine down for a while."""
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


def speed_sentence(step_seconds: float, reference: dict) -> str:
    """One step beside the reference's, and what the longest notebook of `results("course")` takes here."""
    ratio = step_seconds / reference["step_seconds"]
    said = "about as long as" if 0.9 < ratio < 1.1 else f"{ratio:.2g} times as long as"
    text = f"A training step takes {1000 * step_seconds:.0f} ms here, {said} on the reference machine"
    longest = max(reference["notebooks"], key=reference["notebooks"].get, default=None)
    if longest is None:
        return f"{text}."
    seconds = ratio * reference["notebooks"][longest]
    return f"{text}, so the longest notebook, {longest[:2]}, should take about {_rounded(seconds)} seconds."


def _rounded(seconds):
    """To 5 seconds: it is an estimate."""
    return max(5, 5 * round(seconds / 5))
