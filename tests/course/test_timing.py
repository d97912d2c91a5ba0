"""Claims tested here, of timing:

1. Turns are taken: each action once a round, in order, and its seconds are its own.
2. The median ignores the warm-up and one outlier, changes nothing, and refuses an empty rest.
3. The steps of a budget fit into it, and one more does not; a budget that starting eats up has none.
4. A machine that slows down misleads a comparison in blocks, and hardly one by turns.
"""

import itertools

import pytest

from jepa_lite.course import timing
from jepa_lite.course.timing import median_seconds, steps_in_budget, take_turns


@pytest.fixture
def spend(monkeypatch):
    """spend(seconds): so much time passes, by a clock that nothing else moves."""
    now = [100.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    return passes


def test_turns_are_taken_and_each_is_timed(spend):
    left = iter([1.0, 0.25, 2.0, 0.5, 3.0, 0.75])
    actions = {name: lambda: spend(next(left)) for name in ("slow", "quick")}
    seconds = take_turns(actions, 3)
    assert seconds == {"slow": [1.0, 2.0, 3.0], "quick": [0.25, 0.5, 0.75]} and list(seconds) == list(actions)


def test_the_median_is_of_what_is_left():
    times = [9.0, 0.7, 0.2, 50.0, 0.3, 0.4]
    assert median_seconds(times, 1) == 0.4 and median_seconds(times, 2) == pytest.approx(0.35)
    assert median_seconds(times) == pytest.approx(0.55)
    assert times == [9.0, 0.7, 0.2, 50.0, 0.3, 0.4]
    for few in ([], [1.0], [1.0, 2.0]):
        with pytest.raises(ValueError, match=f"{len(few)} timings, of which the first 2 do not count"):
            median_seconds(few, 2)


@pytest.mark.parametrize("minutes", [0.4, 1, 7.5])
@pytest.mark.parametrize("step", [0.17, 1.3, 80.0])
@pytest.mark.parametrize("start_up", [0.0, 13.0, 90.0])
def test_the_steps_fit_and_one_more_does_not(minutes, step, start_up):
    steps = steps_in_budget(minutes, step, start_up)
    assert isinstance(steps, int) and steps >= 0
    if steps:
        assert start_up + steps * step <= 60 * minutes
    assert start_up + (steps + 1) * step > 60 * minutes


def test_turns_see_through_a_machine_that_slows_down(spend):
    def ratio(*measurements):
        slower = itertools.count()
        actions = {name: lambda: spend(1 + 0.02 * next(slower)) for name in "ab"}
        found = {}
        for names in measurements:
            found |= take_turns({name: actions[name] for name in names}, 6)
        return median_seconds(found["b"]) / median_seconds(found["a"])

    blocks, turns = ratio("a", "b"), ratio("ab")
    assert blocks > 1.1 and 1 < turns < 1.02, (blocks, turns)
