"""Is a checkpoint whole? By the size and checksum of each of its files, or else by opening them.

What a disk, or a copy that was cut short, did to a file shows here before anything is read of it.
"""

import json
import zlib
from pathlib import Path

from safetensors import SafetensorError, safe_open

from .provenance import read_json

WEIGHTS, CONFIG, STATE, STATE_TENSORS = "model.safetensors", "config.json", "state.json", "state.safetensors"
CHECKSUMS = "checksums.json"  # {file: [bytes, crc32]}


def find_damage(checkpoint: str | Path, names: tuple[str, ...] | None = None) -> str | None:
    """What is wrong with a checkpoint's files (those of `names`), by size and checksum; None if nothing.

    Without checksums, as where a checkpoint was copied by hand, it is whole if its files can be opened.
    """
    file = Path(checkpoint) / CHECKSUMS
    try:
        sums = json.loads(file.read_text("utf-8")) if file.exists() else {}
        if sums == {} and not names:
            return _find_unreadable(file.parent)
        for name, (size, crc) in sums.items():
            if names and name not in names:
                continue
            if not (file.parent / name).is_file():
                return f"{name} is missing"
            now = checksum(file.parent / name)
            if now[0] != size:
                return f"{name} has {now[0]:,} bytes of {size:,}"
            if now[1] != crc:
                return f"{name} has changed on the disk"
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        return f"{file.name} or a file that it names cannot be read ({error})"
    return None


def _find_unreadable(checkpoint):
    """What is wrong with a checkpoint that has no checksums: a file that is missing, or cannot be opened."""
    if not checkpoint.is_dir():
        return "it is no folder"
    names = [WEIGHTS, CONFIG]
    if any((checkpoint / name).exists() for name in (STATE, STATE_TENSORS)):
        names += [STATE, STATE_TENSORS]
    for name in names:
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
        try:
            read_json(checkpoint / name) if name.endswith(".json") else safe_open(checkpoint / name, "pt")
        except (OSError, ValueError, SafetensorError) as error:
            return f"{name} cannot be read ({error.__cause__ or error})"
    return None


def checksum(path: Path) -> list[int]:
    """[bytes, crc32] of a file."""
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(2**22):
            crc = zlib.crc32(chunk, crc)
    return [path.stat().st_size, crc]
