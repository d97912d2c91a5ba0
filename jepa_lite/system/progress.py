"""What a person sees of a run while it goes: a bar on a terminal, a few lines where there is none.

Also how counts and times are said, in any of the library's messages.
"""

import math
import sys

from tqdm import tqdm

LINES = 10  # of a run's progress, where no bar can be redrawn


def counted(number: int, noun: str) -> str:
    """ "1 step", "2 processes", "1,000 steps"."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def _clock(seconds: float) -> str:
    """ "0:09", "1:00", "2:03:04": whole seconds as minutes or hours; "?" for what nobody knows."""
    if not math.isfinite(seconds):
        return "?"
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _standing(loss: float, rank: float | None, done: float, elapsed: float) -> str:
    """ "loss 0.123, rank 7, 1:05 left". rank: None before it is measured; done: from 0 to 1."""
    ranked = [] if rank is None else [f"rank {rank:.0f}"]
    left = elapsed * (1 - done) / done if done else math.inf
    return ", ".join([f"loss {loss:.3f}", *ranked, f"{_clock(left)} left"])


def _redraws() -> bool:
    """Whether a bar can be drawn over itself: on a terminal and in a notebook, not in a file or a pipe."""
    return bool(sys.stderr) and (sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel"))


def hidden(progress: bool) -> bool:
    """What `tqdm` takes as `disable`, where `progress` says whether any is wanted."""
    return not (progress and _redraws())


class Progress:
    """The bar of a `Run`, or its lines; nothing where `shown` is False."""

    def __init__(self, run, title: str, shown: bool = True) -> None:
        self.run, self.title, self.rank, self.tenths = run, title, None, -1
        self.lines = shown and bool(sys.stderr) and not _redraws()
        self.bar = tqdm(
            total=1000,
            desc=title,
            bar_format="{desc} {bar} {percentage:3.0f}%{postfix}",
            disable=not shown or not _redraws(),
        )

    def show(self, record: dict) -> None:
        """Say where the run stands after the step of `record`."""
        self.rank = record.get("rank", self.rank)
        done = self.run.progress
        words = _standing(record["loss"], self.rank, done, self.run.elapsed)
        self.bar.set_postfix_str(words, refresh=False)
        self.bar.update(round(1000 * done) - self.bar.n)
        if self.lines and int(done * LINES) > self.tenths:
            self.tenths = int(done * LINES)
            print(f"{self.title} {done:.0%}, {words}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()
