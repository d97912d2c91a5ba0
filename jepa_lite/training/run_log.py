"""What a run leaves on the disk while it trains: log.jsonl, checkpoints, and TensorBoard's events.

Rank 0 alone writes. The log's lines are on the disk before a checkpoint that follows them, so a resumed run
cuts the log at its checkpoint's step and goes on: the file is that of a run which never stopped, but for
its clocks. TensorBoard's files are written on request alone, and no trouble with them ends a run.
"""

import contextlib
import json
import os
import shutil
import textwrap
import time
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError

from .checkpoints import save
from .provenance import free_name
from .run import Run

COST = 0.02  # the share of the run's time that checkpoints may take


class Log:
    """The files of a run. Opening it cuts what `run` will do again, and saves a run that begins."""

    def __init__(self, out: str | Path, run: Run) -> None:
        self.out, self.run = Path(out).expanduser(), run
        self.checkpoint, self.saved_step, self.saved_at, self.cost = None, run.step, time.monotonic(), 0.0
        self.logged = run.step
        with self._writing():
            if run.step == 0:  # so that there is always one to go back to, and a full disk shows at once
                self._save()
            path = self.out / "log.jsonl"
            _cut(path, run.step)
            self.file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self.board = _Board(self.out, run) if run.config.train.tensorboard else None

    def write(self, record: dict) -> None:
        """Add a step's record, and a checkpoint when one is due."""
        with self._writing():
            line = json.dumps(record).encode() + b"\n"
            while line:  # a full disk takes a part of it, and refuses the rest
                line = line[self.file.write(line) :]
        self.logged = record["step"]
        if self.board and "rank" in record:
            self.board.add(record)
        pause = max(self.run.config.train.save_every, self.cost / COST)
        if time.monotonic() - self.saved_at > pause:
            self.save()

    def save(self) -> None:
        """Make a checkpoint of the run as it stands."""
        with self._writing():
            self._save()

    def _save(self):
        began = time.monotonic()
        if self.run.step:
            os.fsync(self.file.fileno())
            if self.board:
                self.board.flush()
        self.checkpoint = save(self.out, self.run.model, self.run.config, self.run.state())
        self.saved_step, self.saved_at = self.run.step, time.monotonic()
        self.cost = self.saved_at - began

    def close(self) -> None:
        """Save the steps since the last checkpoint, unless what would be saved is broken, and close."""
        try:
            if self.run.step > self.saved_step and self.is_sound():
                self.save()
        finally:
            self.file.close()
            if self.board:
                self.board.close()

    def is_sound(self) -> bool:
        """Whether the run's weights are of one step, numbers, and no step ahead of the log.

        A last save must not spoil the run: an interrupt amid the measures leaves a step without a record.
        """
        logged = self.logged == self.run.step
        return logged and self.run.whole and all(torch.isfinite(p).all() for p in self.run.model.parameters())

    def last(self) -> str:
        """A phrase for messages: where the last checkpoint is."""
        return f"the last good checkpoint is that of step {self.saved_step}, {self.checkpoint or self.out}"

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except (OSError, SafetensorError) as error:
            begun = self.checkpoint or self.run.step
            way_out = f" and go on with --resume: {self.last()}" if begun else ", or choose another --out"
            raise OSError(f"{self.out} cannot be written ({error}); make room{way_out}") from error


def read_log(out: str | Path) -> list[dict]:
    """The records of a run's log.jsonl, a list of dicts. ValueError for a damaged line, which it names."""
    path, records = Path(out).expanduser() / "log.jsonl", []
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not _step_of(line):
                raise ValueError(f"line {number} of {path} is damaged; to go on with --resume leaves it out")
            records.append(json.loads(line))
    return records


def _cut(path, step):
    """Leave the records of steps up to `step`: later ones are done again, and a crash may have torn the last.

    Where some are missing, as the log was damaged, shortened or deleted, a warning says so. A damaged log is
    kept as it was, under another name.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    kept, last, damaged = [], 0, False
    for line in lines:
        number = _step_of(line)
        if last == step or (number or 0) > step:
            break
        if number and number > last:
            kept.append(line)
            last = number
        else:
            damaged = True
    missing = step - len(kept)
    if missing or damaged:
        words = f"{path} lacks {missing} of {step} steps, as it was damaged, shortened or deleted"
        if not missing:
            words = f"{path} holds lines that are no steps, which are left out"
        if damaged:
            words += f"; as it was it is kept in {shutil.copyfile(path, free_name(path))}"
        warnings.warn(f"{words}; the run itself is whole and goes on", stacklevel=4)
    if lines:
        part = path.with_name(path.name + ".part")
        part.write_bytes(b"".join(kept))
        os.replace(part, path)


def _step_of(line):
    """The step of a line of the log; None for a line that is damaged or torn."""
    try:
        step = json.loads(line)["step"] if line.endswith(b"\n") else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return step if type(step) is int and step > 0 else None


class _Board:
    """A writer into out/tensorboard. Whatever goes wrong there, even in an import, is one warning."""

    def __init__(self, out, run):
        self.writer = None
        with self._survived("; pip install tensorboard setuptools, or leave train.tensorboard out"):
            from torch.utils.tensorboard import SummaryWriter

            # What is done again replaces what was.
            self.writer = SummaryWriter(out / "tensorboard", purge_step=run.step + 1)

    def add(self, record):
        """The numbers of a step's record."""
        with self._survived():
            for name, value in record.items():
                if self.writer and isinstance(value, int | float) and name != "step":
                    self.writer.add_scalar(name, value, record["step"])

    def flush(self):
        with self._survived():
            if self.writer:
                self.writer.flush()

    def close(self):
        with self._survived():
            if self.writer:
                self.writer.close()

    @contextlib.contextmanager
    def _survived(self, way_out=""):
        try:
            yield
        except Exception as error:  # a broken installation may raise anything
            self.writer = None
            reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
            warnings.warn(f"nothing is written for TensorBoard any more ({reason}){way_out}", stacklevel=4)
