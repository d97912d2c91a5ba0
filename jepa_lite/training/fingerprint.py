"""Which images a run is trained on, kept in its images.json: a resumed run must find the very same.

Of a tree of files that is the name, size and time of each; of other sets that are fetched, a hash of all
pixels. Sets made on the spot need no more than their name.
"""

import hashlib
from pathlib import Path

from torch import Tensor

from ..data import MADE
from .provenance import read_json, write_json

NAME = "images.json"


def read_fingerprint(out: str | Path) -> dict:
    """What the run in the folder `out` was trained on, {} where that was not kept. ValueError if damaged."""
    path = Path(out) / NAME
    try:
        found = read_json(path) if path.exists() else {}
        for _, size, time in found.get("files", []):
            size + time  # numbers, both
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged; delete it to go on with images that nobody compares") from error
    return found


class Fingerprint:
    """Of the images that a run finds now, to be compared with `before`, what it found first (or {})."""

    def __init__(self, data: str, before: dict) -> None:
        self.before, self.now, self.notes = before, {"data": data}, []

    def see_files(self, root: str | Path, files: list[tuple[str, int, int]]) -> None:
        """Compare `files`, [(path, bytes, mtime)] below `root`. Raises ValueError saying what changed."""
        self.now |= {"root": str(Path(root).absolute()), "files": [list(file) for file in files]}
        if "files" not in self.before:
            return
        was, root = self.before.get("root"), self.now["root"]
        changes = _changes(self.before["files"], self.now["files"])
        if changes:
            where = root if was == root else f"{root} (before: {was})"
            raise ValueError(
                f"the images in {where} are not those that the run began with: {changes}; bring the same "
                "files back (cp -a and rsync -a keep their times), or start a new run"
            )
        if was != root:
            self.notes.append(f"the same images are now read from {root}, before from {was}")

    def see_pixels(self, images: Tensor) -> None:
        """Compare the pixels of a fetched set, a uint8 tensor, unless it consists of files that were seen."""
        if self.now["data"] in MADE or "files" in self.now:
            return
        self.now["sha256"] = hashlib.sha256(images.contiguous().numpy()).hexdigest()
        if self.before.get("sha256", self.now["sha256"]) != self.now["sha256"]:
            raise ValueError(
                f"the pixels of {self.now['data']} are not those that the run began with; bring the same "
                "images back, or start a new run"
            )

    def keep(self, out: str | Path) -> None:
        """Write it to the run's folder, unless the very same is there."""
        if self.now != self.before:
            write_json(Path(out) / NAME, self.now, indent=None)


def _changes(before, now):
    """Which files were removed, added or changed, in words; empty if none was."""
    old, new = ({path: rest for path, *rest in side} for side in (before, now))
    kinds = {
        "removed": [path for path in old if path not in new],
        "added": [path for path in new if path not in old],
        "changed": [path for path in old if path in new and not _same(old[path], new[path])],
    }
    return ", ".join(
        f"{len(paths)} {kind} ({paths[0]!r}{' ...' if len(paths) > 1 else ''})"
        for kind, paths in kinds.items() if paths
    )  # fmt: skip


def _same(a, b):
    """Whether (bytes, mtime) are of the same file; archives may have cut the time to whole seconds."""
    (size, time), (other_size, other) = a, b
    cut = 0 in (time % 10**9, other % 10**9)
    return size == other_size and (time == other or (cut and time // 10**9 == other // 10**9))
