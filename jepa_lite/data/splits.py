"""What a folder of images holds: which splits, which classes, and one line that says so.

Understood are <class>/..., train/<class>/... with a test/ or val/ beside it (by any of NAMES, in any case),
<class>/... with such a test/ among the classes, all of these one level deeper, and images without classes.
What can be read in two ways is refused. Nothing here opens an image: see image_files.py.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..system.file_names import shown
from .image_files import EXTENSIONS
from .scan import Scan

NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}
HELD_OUT = 0.1  # share of each class that is the test split, where the folder has none
UNLABELLED = "unlabelled"  # the one class of images that lie in no class folders
MOST_NAMED = 5  # of one kind, in a sentence; the others are counted


@dataclass(frozen=True)
class Found:
    """The images of a folder.

    parts: {"train" or "test": {class: [(path, bytes, mtime)]}}. origins: where each part is from, in words.
    ignored: what was left out, in words. unread: {path: reason}, of what could not be looked into.
    """

    root: Path
    parts: dict[str, dict[str, list]]
    origins: dict[str, str]
    labelled: bool
    ignored: tuple[str, ...]
    unread: dict[str, str]

    def images(self, split: str) -> tuple[list[tuple[str, int, int]], Tensor, tuple[str, ...]]:
        """([(path, bytes, mtime)], labels int64 (n,), classes) of a split. ValueError if it holds none."""
        part, classes = self.parts[split], self._classes()
        chosen = [(file, label) for label, name in enumerate(classes) for file in part.get(name, ())]
        if not chosen:
            raise ValueError(
                f"{shown(self.root)} has no {split} images: where {split}/<class>/ is missing or empty, a "
                "class needs two images for one to be held out; add images or that folder"
            )
        files, labels = zip(*chosen, strict=True)
        return list(files), torch.tensor(labels), tuple(shown(name) for name in classes)

    def __str__(self) -> str:
        """One line: how many classes and images, which split is from where, what was left out."""
        classes = self._classes()
        named = _some(classes)
        kinds = f"{_count(len(classes), 'class')} ({named})" if self.labelled else "no labels"
        line = [f"{shown(self.root)} holds {kinds}"]
        for split, part in self.parts.items():
            line.append(f"{split}: {_count(sum(map(len, part.values())), 'image')}{self.origins[split]}")
        if untrained := [name for name in classes if name not in self.parts["train"]]:
            line.append(f"no training images of {_some(untrained)}")
        if self.ignored:
            line.append(f"ignored: {', '.join(self.ignored)}")
        return "; ".join(line + _told(self.unread))

    def _classes(self):
        return sorted({name for part in self.parts.values() for name in part})


def find(root: str | Path, seed: int = 0) -> Found:
    """What the folder `root` holds, as `Found`; where it has no test images, `seed` draws those held out.

    Raises FileNotFoundError or ValueError, in one sentence, where it holds no images or can be read in two
    ways.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder {shown(root)}; give one that holds a folder of images per class"
        )
    scan = Scan(root)
    top = _top(scan)
    base, classes, tests, passed_over = _choose(scan, top)
    train, labelled = _train(scan, base, classes, alone=not (tests and base == top))
    if not train:
        raise ValueError(_nothing(scan, classes))
    test, path, unused = _test(scan, tests, train, labelled)
    origins = {"train": _from(base), "test": _from(path)}
    parts = {"train": train, "test": test} if test else _hold_out(train, seed)
    if not test:
        origins["test"] = f", a tenth {'of each class' if labelled else 'of them'}, held out"
    ignored = passed_over + unused + _ignored(scan, top, base, classes, train, labelled)
    return Found(root, parts, origins, labelled, tuple(ignored), scan.unread)


# --- which folder is what -------------------------------------------------------------------------


def _top(scan):
    """Where the splits or classes begin: below a folder that is alone in its own, without an image beside."""
    top, seen = "", set()
    while (here := scan.identity(top)) not in seen:
        seen.add(here)
        folders = scan.folders(top)
        name, below = next(iter(folders.items()), ("", ""))
        alone = len(folders) == 1 and not scan.look(top)[2] and not _split_of(name)
        if not alone or scan.look(below)[2] or not scan.folders(below):
            break
        top = below
    return top


def _choose(scan, top):
    """What is what in the folder `top`: (the folder of the training images, its class folders {name: path},
    the folders {name: path} that may be test images, likeliest first, words about the others)."""
    folders = scan.folders(top)
    full = [name for name, path in folders.items() if scan.folders(path) or scan.look(path)[2]]
    for name, path in folders.items():
        if _split_of(name) == "train" and (reason := scan.unread.get(shown(path[:-1]))):
            raise ValueError(f"{_at(scan, path)} could not be looked into ({reason}); make it readable")
    of = {kind: [name for name in full if _split_of(name) == kind] for kind in NAMES}
    train, tests = of["train"], {name: folders[name] for name in of["test"] + of["val"]}
    others = {name: path for name, path in folders.items() if name not in train and name not in tests}
    if len(train) > 1:
        raise ValueError(
            f"{_at(scan, top)} holds {_some(train)}, and only one of them can be the training images; merge "
            "or rename them"
        )
    if train and (scan.folders(folders[train[0]]) or not others.keys() & set(full)):
        base = folders[train[0]]
        return base, scan.folders(base), tests, [_some(f"{name}/" for name in others)] if others else []
    classes = {name: folders[name] for name in sorted([*train, *others])}  # "train" is a class, beside "bus"
    _refuse_two_readings(scan, _at(scan, top), classes, tests)
    return top, classes, tests, []


def _refuse_two_readings(scan, where, classes, tests):
    """ValueError for test images without others, or which may be a class, and for data sets as classes."""
    if tests and not classes:
        raise ValueError(
            f"{where} holds {_some(tests)} but no train; put the training images into {where}/train, or give "
            f"{where}/{shown(next(iter(tests)))} as the root"
        )
    if tests and not any(classes.keys() & scan.folders(path).keys() for path in tests.values()):
        raise ValueError(
            f"{_some(tests)} in {where} may be a test set or a class like {_some(classes)}; rename it, or "
            f"put the classes into {where}/train"
        )
    inside = {name: {_split_of(below) for below in scan.folders(path)} for name, path in classes.items()}
    if sets := [name for name, kinds in inside.items() if "train" in kinds and kinds & {"test", "val"}]:
        raise ValueError(
            f"{_some(sets)} in {where} hold training and test images of their own; give one of them as the "
            f"root, or put the splits above the classes, as in {where}/train/<class>"
        )
    named = {_but_for_split(name): name for name in classes}
    for (kind, rest), name in named.items():
        tests = [named[other, rest] for other in ("test", "val") if (other, rest) in named]
        if kind == "train" and tests and scan.folders(classes[name]):
            raise ValueError(
                f"{_some([name, *tests])} in {where} look like splits, not like classes; put the class "
                f"folders that they hold into {where}/train and {where}/test"
            )


def _split_of(name):
    """Which of NAMES a folder's name stands for, or None."""
    return next((kind for kind, names in NAMES.items() if name.lower() in names), None)


def _but_for_split(name):
    """Which of NAMES is a word of a folder's name, and the other words: "seg_train" is "train" of ["seg"]."""
    words = re.split(r"[\W_]+", name.lower())
    kinds = list(map(_split_of, words))
    rest = tuple(word for word, kind in zip(words, kinds, strict=True) if not kind)
    return next(filter(None, kinds), None), rest


# --- what is in it --------------------------------------------------------------------------------


def _train(scan, base, classes, alone):
    """({class: files}, whether these are labels). `alone`: all below `base` may be taken, if need be."""
    found = _walked(scan, classes)
    if found and not (alone and len(found) == 1 and scan.look(base)[2]):
        return found, True
    files = scan.walk(base) if alone else []  # images in one folder, with or without a folder beside them
    return ({UNLABELLED: files} if files else {}), False


def _test(scan, tests, train, labelled):
    """({class: files} of the first of `tests` with classes of `train`, its path, words about the others)."""
    taken, path, unused = {}, "", []
    for name, folder in tests.items():
        if taken:
            unused.append(f"{shown(name)}/")
            continue
        files = scan.walk(folder)
        found = _walked(scan, scan.folders(folder)) if labelled else {UNLABELLED: files} if files else {}
        if found.keys() & train.keys():
            taken, path = found, folder
        else:
            unused.append(f"{shown(name)}/ ({_count(len(files), 'image')} in none of the classes)")
    return taken, path, unused


def _walked(scan, folders):
    """{name: files} of those of the folders {name: path} that hold an image."""
    found = {name: scan.walk(path) for name, path in folders.items()}
    return {name: files for name, files in found.items() if files}


def _hold_out(train, seed):
    """Take a share of each class as test: at least one image, where the class has two."""
    generator, parts = torch.Generator().manual_seed(seed), {"train": {}, "test": {}}
    for name, files in sorted(train.items()):
        count = max(1, round(HELD_OUT * len(files))) if len(files) > 1 else 0
        held = set(torch.randperm(len(files), generator=generator)[:count].tolist())
        parts["test"][name] = [f for i, f in enumerate(files) if i in held]
        parts["train"][name] = [f for i, f in enumerate(files) if i not in held]
    return parts


# --- words ----------------------------------------------------------------------------------------


def _nothing(scan, classes):
    """The sentence for a folder in which no image was found."""
    where = shown(scan.root)
    if not classes and not scan.unread:
        return (
            f"{where} holds neither images nor folders; put each class in a folder of its own: "
            f"{where}/<class>/*.jpg"
        )
    return "; ".join(
        [f"the class folders of {where} hold no image files ({' '.join(EXTENSIONS)})", *_told(scan.unread)]
    )


def _ignored(scan, top, base, classes, train, labelled):
    """Words about what lies among the training images, or beside the splits, and was not taken."""
    empty = [f"{name}/" for name in classes if labelled and name not in train]
    loose = len(scan.look(base)[2]) if labelled else 0
    words = [f"{_some(empty)} without images"] if empty else []
    words += [f"{_count(loose, 'image')} beside the class folders"] if loose else []
    beside = len(scan.look(top)[2]) if base != top else 0
    words += [f"{_count(beside, 'image')} beside {shown(base)}"] if beside else []
    others = [_count(count, f"{kind} file") for kind, count in scan.others.most_common()]
    return words + ([_some(others)] if others else [])


def _told(unread):
    reasons = [f"{path} ({reason})" for path, reason in unread.items()]
    return [f"could not be looked into: {_some(reasons)}"] if unread else []


def _some(names):
    names = list(map(shown, names))
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return ", ".join(names[:MOST_NAMED] + more)


def _count(number, word):
    return f"{number:,} {word}" + ("" if number == 1 else "es" if word.endswith("s") else "s")


def _from(folder):
    return f" from {shown(folder)}" if folder else ""


def _at(scan, folder):
    return shown(scan.root / folder)
