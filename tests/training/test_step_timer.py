"""Claims about the clock of a step (step_timer.py).

1. The time between two marks goes to the later one; marks of one name add up, in any order; nothing is lost.
2. On CUDA it is taken from the GPU's own events, in seconds, and the GPU is waited for once, at the end.
"""

import pytest
import torch

from jepa_lite.training import step_timer
from jepa_lite.training.step_timer import Clock


@pytest.fixture
def at(monkeypatch):
    """Says what time it is from now on."""
    now = [3.0]
    monkeypatch.setattr(step_timer.time, "perf_counter", lambda: now[0])

    def set_time(seconds):
        now[0] = seconds

    return set_time


def test_interleaved_marks_add_up_by_name(at):  # 1
    watch = Clock("cpu")
    marks = ((3.5, "data"), (5.0, "forward"), (9.0, "backward"), (9.25, "forward"), (17.5, "backward"))
    for time, name in marks:
        at(time)
        watch.mark(name)
    at(99.0)  # what comes after the last mark belongs to none
    expected = {"seconds_data": 0.5, "seconds_forward": 1.5 + 0.25, "seconds_backward": 4.0 + 8.25}
    assert watch.seconds() == expected == watch.seconds(), "and asking changes nothing"
    at(100.0)
    watch.mark("update")
    assert watch.seconds() == expected | {"seconds_update": 82.5}
    assert sum(watch.seconds().values()) == 100.0 - 3.0


def test_a_clock_without_marks_has_nothing_to_say(at):  # 1
    assert Clock("cpu").seconds() == {}


class Event:
    """Stands for torch.cuda.Event: a moment on a queue that can be read only after the GPU was waited for."""

    made, waited, queue = [], [], None

    def __init__(self, enable_timing=False):
        assert enable_timing, "an event without timing cannot be read"
        self.place = None

    def record(self, stream):
        assert stream == self.queue, f"timed on {stream}"
        Event.made.append(self)
        self.place = [10.0, 40.0, 1040.0, 1041.0, 3041.0][len(Event.made) - 1]  # milliseconds

    def elapsed_time(self, end):
        assert Event.waited, "read before the GPU was waited for"
        return end.place - self.place


@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda", 0)])
def test_on_a_gpu_the_gpus_own_events_count(monkeypatch, at, device):  # 2
    monkeypatch.setattr(Event, "made", [])
    monkeypatch.setattr(Event, "waited", [])
    monkeypatch.setattr(Event, "queue", f"queue of {device}")
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda gpu=None: f"queue of {gpu}")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda gpu=None: Event.waited.append(str(gpu)))
    watch = Clock(device)
    for name in ("data", "forward", "data", "update"):
        at(77.0)
        watch.mark(name)
    assert not Event.waited, "a mark must not make the host wait"
    found = watch.seconds()
    assert found == pytest.approx({"seconds_data": 0.031, "seconds_forward": 1.0, "seconds_update": 2.0})
    assert Event.waited == [str(device)] and len(Event.made) == 5
