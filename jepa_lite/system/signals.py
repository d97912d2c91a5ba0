"""Being stopped: Ctrl-C and SIGTERM take effect between two steps, never inside one half of an update.

`uninterrupted` makes a few lines all or nothing for signals; `StopSignals` turns the first signal into
a wish that the training loop fulfils after the step at hand. Nothing can be done about `kill -9`: that
is what the checkpoints are for.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

# SIGCHLD: when a loading worker dies, PyTorch raises an error from its handler, wherever the program is.
DEFERRED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGCHLD") if hasattr(signal, name)]


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that arrive inside take effect at its end. Outside the main thread none arrives anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came, before = [], {}
    try:
        for number in DEFERRED:
            if (handler := signal.getsignal(number)) is not None:  # None: not set from Python, not ours
                before[number] = handler
                signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        _restore(before)
        for number in came:
            signal.raise_signal(number)


def _restore(handlers):
    """Set every handler, also when a signal that is let through meanwhile raises."""
    try:
        while handlers:
            number = next(iter(handlers))
            signal.signal(number, handlers[number])
            del handlers[number]
    finally:
        if handlers:
            _restore(handlers)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Processes that are started inside never hear a terminal's Ctrl-C: whoever started them ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it lets signals through again when it starts, so it has to be first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # what is started inherits it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM that takes effect at once. `signal`: which."""

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(self.signal.name)


class Stopped(Exception):
    """A run that a signal ended early, saved. `signal`: its number."""

    def __init__(self, number: int, message: str) -> None:
        self.signal = number
        super().__init__(message)


class StopSignals:
    """While inside, the first Ctrl-C or SIGTERM is a wish to stop, and a second Ctrl-C interrupts at once.

    `run`: whose `stop()` is called; as long as it is None, any signal raises `Interrupted`. `signal`: the
    signal that came, or None.
    """

    def __init__(self) -> None:
        self.run, self.signal, self._interrupted = None, None, False

    def __enter__(self):
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not None:  # as above
                    self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, kind, error, _):
        _restore(self._before)
        if self._interrupted and isinstance(error, Exception):
            # An interrupt that was raised below compiled code can come out as an error of that code.
            raise Interrupted(self.signal) from error

    def _came(self, number, frame):
        again = self.signal == signal.SIGINT == number
        self.signal = signal.Signals(number)
        if self.run is None or again:
            self._interrupted = True
            raise Interrupted(self.signal)
        self.run.stop()
        if self.run.rank == 0:
            hint = "; once more to stop at once" if number == signal.SIGINT else ""
            # Not print: a handler may come in the middle of another print.
            os.write(2, f"\n{self.signal.name}: finishing this step, then saving{hint}\n".encode())

    def stopped(self, run) -> Stopped:
        """The `Stopped` to raise when `run` has ended early, saved."""
        number = self.signal or signal.SIGTERM  # by another process's signal, if not by one of ours
        said = f"stopped by {number.name} after step {run.step}, and saved"
        return Stopped(number, f"{said}; the same command with --resume goes on")
