"""Claims tested here, of timing and of the check of a machine:

1. Every step is timed, and its seconds are its own; of several actions each has its turn in every round.
2. The median ignores the warm-up and one outlier, changes nothing, and refuses an empty rest.
3. Packages that are missing or too old are named with their least version, and only these; the sentence then
   holds the command that helps.
4. The sentence on speed has the step, the ratio in words and the longest notebook's seconds, if it is known.
5. One call says both and draws this machine beside the reference; what it prints when all is well holds no
   path.
"""

import os
import re

import pytest

from jepa_lite.course import results, timing
from jepa_lite.course.timing import (
    check_machine,
    installed,
    median_seconds,
    packages_sentence,
    speed_sentence,
    step_times,
    take_turns,
    too_old,
)


class Steps:
    """A run whose steps take what they are told, by a clock that nothing else moves."""

    def __init__(self, seconds):
        self.seconds, self.now = iter(seconds), 100.0

    def train_step(self):
        self.now += next(self.seconds)


@pytest.fixture
def spend(monkeypatch):
    """spend([seconds, ...]): the next steps take so long."""

    def passes(seconds):
        run = Steps(seconds)
        monkeypatch.setattr(timing, "Run", lambda config, images: run)
        monkeypatch.setattr(timing.time, "perf_counter", lambda: run.now)

    return passes


def test_every_step_is_timed(spend):
    spend([1.0, 0.25, 2.0])
    assert step_times(3) == [1.0, 0.25, 2.0]


def test_turns_are_taken(monkeypatch):
    now, left = [100.0], iter([1.0, 0.25, 2.0, 0.5])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    actions = {name: lambda: now.__setitem__(0, now[0] + next(left)) for name in ("slow", "quick")}
    seconds = take_turns(actions, 2)
    assert seconds == {"slow": [1.0, 2.0], "quick": [0.25, 0.5]} and list(seconds) == list(actions)


def test_the_median_is_of_what_is_left():
    times = [9.0, 0.7, 0.2, 50.0, 0.3, 0.4]
    assert median_seconds(times, 1) == 0.4 and median_seconds(times, 2) == pytest.approx(0.35)
    assert median_seconds(times) == pytest.approx(0.55)
    assert times == [9.0, 0.7, 0.2, 50.0, 0.3, 0.4]
    for few in ([], [1.0], [1.0, 2.0]):
        with pytest.raises(ValueError, match=f"{len(few)} timings, of which the first 2 do not count"):
            median_seconds(few, 2)


def test_packages_that_are_too_old_are_named(monkeypatch):
    floors = [
        "torch>=2.6",
        "numpy>=1.26",
        "anywidget>=0.9.13; extra == 'widgets'",
        "ruff>=99; extra == 'test'",
    ]
    here = {"jepa-lite": "0.1", "torch": "2.10.1+cpu", "numpy": "1.3", "anywidget": "0.9.13"}
    monkeypatch.setattr(timing, "requires", lambda name: floors)

    def version(name):
        if name not in here:
            raise timing.PackageNotFoundError(name)
        return here[name]

    monkeypatch.setattr(timing, "version", version)
    assert installed("torch")[:2] == [2, 10] and installed("nothing") == []
    assert too_old() == ["numpy 1.26"], "2.10 is newer than 2.6; what only tests need does not count"
    del here["anywidget"]
    said = packages_sentence(too_old())
    assert "works: numpy 1.26, anywidget 0.9.13." in said and "pip install -e '.[course]'" in said
    del here["jepa-lite"]
    assert too_old() == ["jepa-lite"]


def test_this_python_has_what_the_course_needs():
    assert too_old() == []
    floors = timing.re.findall(timing.FLOORS, "\n".join(timing.requires("jepa-lite")))
    assert {"torch", "matplotlib", "ipywidgets", "anywidget"} <= {package for package, _ in floors}


@pytest.mark.parametrize(
    ("step", "words", "seconds"),
    [(0.052, "52 ms here, about as long as on", 85), (0.15, "150 ms here, 3 times as long as on", 240),
     (0.01, "10 ms here, 0.2 times as long as on", 15), (0.001, "1 ms here, 0.02 times as long as on", 5)],
)  # fmt: skip
def test_the_speed_is_said(step, words, seconds):
    reference = {"step_seconds": 0.05, "notebooks": {"00_start": 12.0, "08_whole": 80.0, "09_next": 79.0}}
    said = speed_sentence(step, reference)
    assert words in said and said.endswith(f"the longest notebook, 08, should take about {seconds} seconds.")
    alone = speed_sentence(step, reference | {"notebooks": {}})
    assert alone.endswith("the reference machine.") and words in alone


def test_one_call_says_and_shows_it(spend, capsys):
    reference = results("course")
    spend([7.0, 6.0, 5.0, 4.0, 3.0] + [2 * reference["step_seconds"]] * 4 + [9.0])
    fig = check_machine(10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "All packages that the course needs are here." and "2 times as long" in lines[1]
    assert len(lines) == 2 and not re.search(r"[/\\]", "".join(lines)) and os.getcwd() not in "".join(lines)
    assert "50% of its speed" in fig.alt_text
