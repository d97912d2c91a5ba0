"""What the words of a command line mean: settings, a device, places on the disk; and what is refused of them.

Everything here raises ValueError or OSError in one sentence, before any long work.
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from .config import Config
from .limits import brief
from .presets import preset as named
from .system.distributed import local_rank

DEVICES = ("cpu", "cuda", "mps")  # where training is possible


def merged(words: list[str]) -> list[str]:
    """The words without --debug, and with all that follows any `--set` in one place: of several, tyro would
    keep the last alone. An empty word, as a variable that is not set gives, is refused."""
    kept, changes, taking = [], [], False
    for before, word in zip(["", *words], words, strict=False):
        if not word or (word.startswith("--") and word.endswith("=")):
            raise ValueError(f"{word or before or 'a word'} is given nothing; name a value, or leave it out")
        if word.startswith("--set="):
            changes.append(word.removeprefix("--set="))
        elif word == "--set":
            taking = True
        elif taking and not word.startswith("-"):
            changes.append(word)
        elif word != "--debug":
            taking = False
            kept.append(word)
    return kept + (["--set", *changes] if changes else [])


def configure(
    name: str,
    minutes: float | None,
    steps: int | None,
    epochs: float | None,
    seed: int,
    changes: Iterable[str],
) -> Config:
    """The Config of a preset with the command line's changes. ValueError for what it does not know."""
    values = {"train.seed": seed}
    if any(end is not None for end in (minutes, steps, epochs)):
        seconds = None if minutes is None else 60 * minutes
        values |= {"train.seconds": seconds, "train.steps": steps, "train.epochs": epochs}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, such as train.lr=1e-3, not {brief(change)}")
        values[key] = _literal(value)
    return named(name).with_values(values)


def flags(
    preset: str, minutes: float | None, steps: int | None, epochs: float | None, changes: Sequence[str]
) -> str:
    """The same choices as words for a command line."""
    ends = {"minutes": minutes, "steps": steps, "epochs": epochs}
    words = [f"--preset {preset}", *(f"--{name} {end}" for name, end in ends.items() if end is not None)]
    return " ".join(words + ([f"--set {shlex.join(changes)}"] if changes else []))


def _literal(text):
    try:
        return json.loads(text.replace("(", "[").replace(")", "]"))
    except (ValueError, RecursionError):  # brackets thousands deep
        return {"True": True, "False": False, "None": None}.get(text, text)


def find_device(name: str) -> torch.device:
    """A torch.device to train on. ValueError for one that is not there, or that only PyTorch itself uses."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"  # mps, which no test covers, only by name
    if name == "cuda":
        name = f"cuda:{local_rank()}"  # under torchrun each process has a GPU of its own
    try:
        found = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"there is no device {brief(name)} on this machine; use --device cpu or auto"
        ) from error
    if found.type not in DEVICES:
        raise ValueError(
            f"nothing can be trained on the device {brief(name)}; use --device cpu, cuda, mps or auto"
        )
    return torch.device("cpu") if found.type == "cpu" else found  # of which there is one, whatever its number


def output(path: Path | None, suffixes: Sequence[str] = ()) -> Path | None:
    """The file to write at the end, seen to be possible at the start: `~` is the home folder, missing folders
    are made. suffixes: those that it may have, of which a name without one gets the first. None for None."""
    if path is None:
        return None
    path = path.expanduser()
    if not path.name:
        raise ValueError(f"{path} is no file to write; give --out a name")
    path = path if path.suffix or not suffixes else path.with_name(path.name + suffixes[0])
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} cannot be drawn; give a name that ends in {', '.join(suffixes)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.exists()
    open(path, "ab").close()  # a folder of that name, or one that may not be written to, shows here
    if not there:
        path.unlink()
    return path
