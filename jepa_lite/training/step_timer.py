"""Where a step's seconds go: data, forward, backward, update.

On a CPU the clock on the wall. On a CUDA device the host runs ahead of the GPU, so time is taken by events
on the GPU's own queue and read once, at the end of the step.
"""

import collections
import itertools
import time

import torch


class Clock:
    """`mark(name)` counts the time since the mark before to `name`; `seconds()` gives the sums."""

    def __init__(self, device: str | torch.device) -> None:
        self._device = torch.device(device)
        self._on_gpu = self._device.type == "cuda"
        self._marks = [(None, self._now())]

    def mark(self, name: str) -> None:
        self._marks.append((name, self._now()))

    def seconds(self) -> dict[str, float]:
        """{"seconds_<name>": seconds}, waiting for the GPU where there is one."""
        if self._on_gpu:
            torch.cuda.synchronize(self._device)
        spent = collections.defaultdict(float)
        for (_, start), (name, end) in itertools.pairwise(self._marks):
            spent[f"seconds_{name}"] += self._between(start, end)
        return dict(spent)

    def _now(self):
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))  # this GPU's queue, not the current GPU's
        return event

    def _between(self, start, end):
        return start.elapsed_time(end) / 1000 if self._on_gpu else end - start  # events say milliseconds
