"""Train while you watch: one step a turn of the notebook's event loop, to be started, paused and stopped.

Between two steps the loop hands out what else waits, so that a click, or another cell, has its turn. No
thread trains: a step and a cell never run at once. But a kernel may deliver a click on a thread of its own
(a subshell of ipykernel 7), so `Home` brings it to where the training is. Pausing is not asking the run's
generator for more: a paused run is bit for bit one that never paused.
"""

import asyncio
import contextlib
import contextvars
import threading
import warnings
from collections.abc import Callable

from ..training.collapse_alarms import CollapseWarning
from ..training.run import Run

ENDED = ("done", "stopped", "failed")
AWAY = "no event loop runs here, as it does in a notebook; call train(), which returns when it has trained"


class Home:
    """The thread that this was made on, with its event loop: where all of a widget's work is done."""

    def __init__(self) -> None:
        self._thread, self._loop = threading.get_ident(), None
        self._context = contextvars.copy_context()  # of the cell: what a step prints belongs to it
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def run(self, function: Callable, *args: object) -> None:
        """Call `function(*args)` at home: now if this is home, else as soon as it has a turn."""
        if threading.get_ident() == self._thread:
            function(*args)
        elif self._loop:
            self._loop.call_soon_threadsafe(function, *args, context=self._context)

    def task(self, coroutine: Callable) -> asyncio.Task:
        """Let a coroutine function take turns with everything else. Raises RuntimeError without a loop."""
        if self._loop is None:
            raise RuntimeError(AWAY)
        return self._loop.create_task(coroutine(), context=self._context)


class Player:
    """Plays a `Run` at a `Home`. `hear(record)` after every step, `tell()` when `state` has changed.

    state: "ready", "training" (in turns), "cell" (inside `train`), "paused", or for good "done", "stopped" or
    "failed", and then `error` is what was raised. The run itself can be used on, whatever the state.
    """

    def __init__(self, run: Run, home: Home, hear: Callable[[dict], None], tell: Callable[[], None]) -> None:
        self.run, self.home, self.hear, self.tell = run, home, hear, tell
        self.state, self.error = "ready", None
        self._steps, self._task = None, None  # the run's generator, kept while paused; the task that asks it

    def start(self) -> None:
        """Train in turns, or go on. Nothing once the run has ended; RuntimeError without an event loop."""
        if self.state in ("training", "cell", *ENDED):
            return
        if self._task is None or self._task.done():  # else it has not yet seen that it was to pause
            self._task = self.home.task(self._play)
        self._become("training")

    def pause(self) -> None:
        if self.state == "training":
            self._become("paused")

    def stop(self) -> None:
        """End it for good."""
        if self.state not in ENDED:
            self._become("stopped")

    def train(self, steps: int | None = None) -> None:
        """Train here and now, for `steps` or to the end of the run; returns at once when it has ended.

        An error of a step is raised, and again at every later call. An interrupt leaves the run paused.
        """
        if self.error:
            raise self.error
        if self.state in ENDED:
            return
        self._become("cell")
        while self.state == "cell" and steps != 0:
            self._step()
            steps = None if steps is None else steps - 1
        if self.state == "cell":
            self._become("paused")

    async def _play(self):
        while self.state == "training":
            with contextlib.suppress(Exception):  # it is in `error`, and was told
                self._step()
            await asyncio.sleep(0)

    def _step(self):
        """One step of the run, and what it means for `state`. An error ends the play, and is raised."""
        try:
            record = self._next()
            if record is not None:
                self.hear(record)
        except Exception as error:
            self.error = error
            self._become("failed")
            raise
        except BaseException:  # an interrupt: the generator is over, the run is not
            self._steps = None
            self._become("paused")
            raise
        if record is None or self.run.done:
            self._become("stopped" if self.run.stopped and not self.run.done else "done")

    def _next(self):
        """The next record, or None at the end. Alarms of collapse are in the record, so none is printed."""
        with warnings.catch_warnings(record=True) as caught:
            self._steps = self._steps or self.run.steps()
            record = next(self._steps, None)
        for warning in caught:
            if not issubclass(warning.category, CollapseWarning):
                warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
        return record

    def _become(self, state):
        self.state = state
        if state in ENDED and self._steps:
            self._steps.close()
            self._steps = None
        self.tell()
