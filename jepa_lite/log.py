"""What a run leaves on the disk while it trains: log.jsonl, checkpoints, and TensorBoard's events.

Rank 0 alone writes. The log's lines are on the disk before a checkpoint that follows them, so a resumed run
cuts the log at its checkpoint's step and goes on: the file is that of a run which never stopped, but for
its clocks. TensorBoard is used where it is installed, and needs nothing else.
"""

import contextlib
import json
import os
import time
from pathlib import Path

import torch
from safetensors import SafetensorError

from .checkpoint import save

COST = 0.02  # the share of the run's time that checkpoints may take


class Log:
    """The files of a run. Opening it cuts what `run` will do again, and saves a run that begins."""

    def __init__(self, out, run):
        self.out, self.run = Path(out).expanduser(), run
        self.checkpoint, self.saved_step, self.saved_at, self.cost = None, run.step, time.monotonic(), 0.0
        self.logged = run.step
        with self._writing():
            if run.step == 0:  # so that there is always one to go back to, and a full disk shows at once
                self.save()
            path = self.out / "log.jsonl"
            _cut(path, run.step)
            self.file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self.board = _tensorboard(self.out, run.step)

    def write(self, record):
        """Add a step's record, and a checkpoint when one is due."""
        with self._writing():
            line = json.dumps(record).encode() + b"\n"
            while line:  # a full disk takes a part of it, and refuses the rest
                line = line[self.file.write(line) :]
        self.logged = record["step"]
        if self.board and "rank" in record:
            for name, value in record.items():
                if isinstance(value, int | float) and name != "step":
                    self.board.add_scalar(name, value, record["step"])
        pause = max(self.run.config.train.save_every, self.cost / COST)
        if time.monotonic() - self.saved_at > pause:
            self.save()

    def save(self):
        """Make a checkpoint of the run as it stands."""
        began = time.monotonic()
        with self._writing():
            if self.run.step:
                os.fsync(self.file.fileno())
                if self.board:
                    self.board.flush()
            self.checkpoint = save(self.out, self.run.model, self.run.config, self.run.state())
        self.saved_step, self.saved_at = self.run.step, time.monotonic()
        self.cost = self.saved_at - began

    def close(self):
        """Save the steps since the last checkpoint, unless what would be saved is broken, and close."""
        try:
            if self.run.step > self.saved_step and self.is_sound():
                self.save()
        finally:
            self.file.close()
            if self.board:
                self.board.close()

    def is_sound(self):
        """Whether the run's weights are of one step, numbers, and no step ahead of the log.

        A last save must not spoil the run: an interrupt amid the measures leaves a step without a record.
        """
        logged = self.logged == self.run.step
        return logged and self.run.whole and all(torch.isfinite(p).all() for p in self.run.model.parameters())

    def last(self):
        """A phrase for messages: where the last checkpoint is."""
        return f"the last good checkpoint is that of step {self.saved_step}, {self.checkpoint or self.out}"

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except (OSError, SafetensorError) as error:
            raise OSError(
                f"{self.out} cannot be written ({error}); make room and go on with --resume: {self.last()}"
            ) from error


def read_log(out):
    """The records of a run's log.jsonl, a list of dicts."""
    return [json.loads(line) for line in (Path(out).expanduser() / "log.jsonl").read_text().splitlines()]


def _cut(path, step):
    """Leave the log's whole lines up to `step`: later steps are done again; a crash may have torn a line."""
    if not path.exists():
        return
    end = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                    break
            except ValueError:  # a crash may leave zeros, or a hole, in what was not yet flushed
                break
            end += len(line)
    os.truncate(path, end)


def _tensorboard(out, step):
    """A writer into out/tensorboard, or None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(out / "tensorboard", purge_step=step + 1)  # what is done again replaces what was
