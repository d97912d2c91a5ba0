"""Look into folders: which sub-folders, image files and others each one holds. No image is opened here.

A folder that cannot be looked into ends nothing: it is remembered in `unread`, as a broken file is. Links to
folders are followed, but no folder is taken twice below one start, so that a loop of links ends.
"""

import collections
import os
from pathlib import Path

from ..system.file_names import shown
from .image_files import EXTENSIONS


class Scan:
    """Looks below `root`. Every folder is named by its path from there, with a "/" at the end; `root` is "".

    unread: {path: reason}, of what could not be looked into. others: how many files have which other ending.
    """

    def __init__(self, root: str | Path) -> None:
        self.root, self.unread, self.others, self._looked = Path(root), {}, collections.Counter(), {}

    def look(self, folder: str = "") -> tuple[list[str], list[str], list[tuple[str, int, int]]]:
        """(sub-folders, linked sub-folders, images as (path, bytes, mtime)) of one folder, each in order.

        What begins with a dot is left out, as is what macOS adds to its archives.
        """
        if folder not in self._looked:
            self._looked[folder] = folders, links, images = [], [], []
            for entry in self._entries(folder):
                try:
                    if entry.is_dir():
                        (links if entry.is_symlink() else folders).append(f"{folder}{entry.name}/")
                    elif entry.name.lower().endswith(EXTENSIONS):
                        images.append((folder + entry.name, *_size_and_time(entry)))
                    else:
                        self.others[os.path.splitext(entry.name)[1].lower() or "other"] += 1
                except OSError as error:  # a link to itself, a disk that is gone
                    self._unread(folder + entry.name, error)
        return self._looked[folder]

    def folders(self, folder: str = "") -> dict[str, str]:
        """{name: path} of the sub-folders of one folder, linked ones among them."""
        folders, links, _ = self.look(folder)
        return {path[len(folder) : -1]: path for path in sorted(folders + links)}

    def walk(self, folder: str = "") -> list[tuple[str, int, int]]:
        """Every image file in and below a folder, as (path, bytes, mtime), in the order of the names."""
        files, seen = [], set(map(self.identity, _above(folder)))
        folders, links = [folder], []
        while folders or links:  # links last: a folder that is there twice keeps its own name
            path = folders.pop() if folders else links.pop(0)
            if (identity := self.identity(path)) in seen:
                self._unread(path, "a link to a folder that is taken already")
                continue
            seen.add(identity)
            inside, linked, images = self.look(path)
            folders += inside
            links += linked
            files += images
        return sorted(files, key=lambda file: file[0].replace("/", "\0"))  # a folder's files stay together

    def identity(self, folder: str) -> str | tuple[int, int]:
        """The same for two paths to one folder."""
        try:
            found = os.stat(self.root / folder)
        except OSError:  # `look` will say so
            return folder
        return found.st_dev, found.st_ino

    def _entries(self, folder):
        try:
            with os.scandir(self.root / folder) as entries:
                visible = [e for e in entries if not e.name.startswith(".") and e.name != "__MACOSX"]
        except OSError as error:
            self._unread(folder, error)
            return []
        return sorted(visible, key=lambda entry: entry.name)

    def _unread(self, path, reason):
        self.unread[shown(path.rstrip("/") or ".")] = getattr(reason, "strerror", None) or shown(reason)


def _above(folder):
    """The folders that hold `folder`, the root "" first: of "a/b/c/", "" and "a/" and "a/b/"."""
    names = folder.split("/")[:-1]
    return ["".join(f"{name}/" for name in names[:depth]) for depth in range(len(names))]


def _size_and_time(entry):
    try:
        found = entry.stat(follow_symlinks=entry.is_file())  # a dead link stays in, and reading it names it
    except OSError:  # reading it says why
        return 0, 0
    return found.st_size, found.st_mtime_ns
