"""The data sets, all behind `load`: RGB images of one size, as a uint8 tensor in memory.

Made on the spot, without a network: fields, shapes and photos (with images, what a loaded set is). Fetched at
first use: torchvision_sets, by download and archives. Your own folder: scan looks into it, splits decides
what is training and test, class_folders reads it once and keeps it, readers reads it while training, and
trees writes such folders. image_files opens a file, image_forms takes an image in any form, and augment
is all that is random.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from ..field_checks import plain
from ..limits import brief, did_you_mean, one_of
from ..system.distributed import local_rank, local_world
from ..system.file_names import shown
from ..system.memory import free_memory
from ..system.progress import hidden
from .class_folders import read_tree
from .fields import KINDS, Fields, draw_fields, fields
from .image_files import fit
from .images import Images, check_finite, denormalize, normalize
from .photos import PHOTOS, find_image, photo, photo_crops
from .readers import Files
from .shapes import CLASSES, shapes
from .splits import find

__all__ = [
    "DATASETS",
    "PHOTOS",
    "Images",
    "check_finite",
    "denormalize",
    "drawn_fields",
    "find_image",
    "load",
    "normalize",
    "photo",
    "stream",
    "where",
]
DATASETS = (
    "fields",
    "shapes",
    "photos",
    "cifar10",
    "cifar100",
    "stl10",
    "fashion_mnist",
    "imagenette",
    "folder",
)
MADE = ("fields", "shapes", "photos")  # on the spot: their name says which images they are
SPLITS = ("train", "test")
COUNTS = {"train": 8000, "test": 2000}  # images of a set that is made on the spot
MEMORY_SHARE = 0.8  # of the free memory that a loaded set may take, in all processes together


def load(
    name: str, split: str = "train", *, image_size: int | tuple[int, int], root: str | Path | None = None,
    seed: int = 0, limit: int | None = None, progress: bool = True, labelled: bool = False,
    listed: Callable[[Path, list], None] | None = None,
) -> Images:  # fmt: skip
    """Load one of DATASETS into memory as `Images`.

    `image_size` is pixels, an int or (H, W): images are resized to cover it and cut at the centre.
    `root` says where the data lies (else the environment's JEPA_LITE_DATA, else ~/.cache/jepa_lite).
    `seed` draws `fields`, `shapes` and `photos`, a folder's held-out tenth, and the `limit` images kept.
    `progress` shows bars, and with "train" what was found in a folder; `labelled` refuses one without labels.
    `listed(root, files)` is called with a tree's files, [(path, bytes, mtime)], before any of them is read.
    Raises ValueError or FileNotFoundError, in one sentence, before any long work.
    """
    seed, limit = plain((seed, limit))
    size = _check(name, split, image_size, limit)
    if name in _DRAWN:
        return _drawn(name, split, size, seed, limit)
    if name == "photos":
        return _photos(split, size, seed, limit)
    if name in ("folder", "imagenette"):
        return _folder(name, split, size, root, seed, limit, progress, labelled, listed)
    return _torchvision(name, split, size, _root(root), seed, limit, progress)


def stream(
    name: str, split: str = "train", *, image_size: int | tuple[int, int], root: str | Path | None = None,
    seed: int = 0, limit: int | None = None, progress: bool = True,
    crop_scale: tuple[float, float] | None = None, crop_seed: int = 0, workers: int = 2,
    listed: Callable[[Path, list], None] | None = None,
) -> Files:  # fmt: skip
    """A set that need not fit in memory, `folder` or `imagenette`, as `Files` for a training run to read.

    The first six arguments as for `load`. crop_scale: cut a random box of such a share of each file, drawn
    by `crop_seed`, the step and the image. workers: processes that read ahead. listed: as for `load`, which
    also says what is raised.
    """
    seed, limit = plain((seed, limit))
    size = _check(name, split, image_size, limit)
    if name not in ("folder", "imagenette"):
        raise ValueError(f"{name} is loaded whole: leave out train.stream, or use load({name!r}, ...)")
    found, files, _, _ = _files(name, split, size, root, seed, limit, progress, listed=listed)
    source = Files(found.root, [path for path, *_ in files], size, crop_scale, crop_seed, workers)
    source.skipped |= found.unread
    return source


# --- what every set shares ----------------------------------------------------------------------


def _check(name, split, image_size, limit):
    """The image size as (H, W), once every argument has been found possible."""
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS)
        raise ValueError(f"there is no data set {brief(name)}; there are: {', '.join(DATASETS)}{hint}")
    one_of(split, SPLITS, "split")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 image or unset, not {limit}")
    image_size = plain(image_size)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or not all(isinstance(s, int) and s > 0 for s in size):
        raise ValueError(f"image_size must be pixels above 0, one number or (H, W), not {image_size!r}")
    return size


def _check_memory(name, count, size, way_out="take fewer with limit, or a smaller image_size"):
    if local_rank():
        return  # the first of a machine's processes has asked for all of them, before any took its part
    processes = local_world()
    need, have = processes * count * 3 * size[0] * size[1], free_memory()
    if need > MEMORY_SHARE * have:
        each = f" in each of {processes} processes" if processes > 1 else ""
        raise ValueError(
            f"{name} would take {need / 1e9:.3g} GB ({count:,} images of {size[0]} x {size[1]}{each}) of the "
            f"{have / 1e9:.3g} GB of memory that are free; {way_out}"
        )


def where(name: str, root: str | Path | None) -> str | None:
    """The place to keep beside a run, to find its images again: absolute, or None for the usual one."""
    root = root or (os.environ.get("JEPA_LITE_DATA") if name == "folder" else None)
    return str(Path(root).expanduser().absolute()) if root else None


def _root(root):
    """Where the user says that data lies, or None: then it is kept among our caches."""
    named = root or os.environ.get("JEPA_LITE_DATA")
    return Path(named).expanduser() if named else None


def _subset(count, limit, seed):
    """Indices of `limit` of `count` images, drawn by seed; a smaller limit is a part of a larger one."""
    if limit is None or limit >= count:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:limit].sort().values


# --- fields, shapes and photos --------------------------------------------------------------------


_DRAWN = {"fields": (fields, KINDS), "shapes": (shapes, CLASSES["texture"])}


def _seed_of(split, seed):
    return 2 * seed + SPLITS.index(split)  # the splits never meet


def drawn_fields(split: str, count: int, seed: int = 0) -> Fields:
    """The fields behind the first `count` images of load("fields", split, seed=seed)."""
    return draw_fields(count, _seed_of(split, seed))


def _drawn(name, split, size, seed, limit):
    draw, classes = _DRAWN[name]
    count = limit or COUNTS[split]
    _check_memory(name, count, size)
    images, labels = draw(count, size, seed=_seed_of(split, seed))
    return Images(images, labels, classes, name)


def _photos(split, size, seed, limit):
    count = limit or COUNTS[split]
    _check_memory("photos", count, size)
    return photo_crops(count, size, split, 2 * seed + SPLITS.index(split))


# --- sets that lie in files -----------------------------------------------------------------------


def _obtain(name: str, root: Path | None, progress: bool, **choice: str | bool) -> object:
    """A data set of torchvision (torchvision_sets.py), imported when one is asked for, because it is slow."""
    from .torchvision_sets import obtain as fetch

    return fetch(name, root, progress, **choice)


def _torchvision(name, split, size, root, seed, limit, progress):
    choice = {"split": split} if name == "stl10" else {"train": split == "train"}
    data = _obtain(name, root, progress, **choice)
    pixels, labels = np.asarray(data.data), data.labels if name == "stl10" else data.targets
    rows = _subset(len(pixels), limit, seed)
    _check_memory(name, len(rows), size)
    images = np.empty((len(rows), 3, *size), np.uint8)
    for i, row in enumerate(tqdm(rows.tolist(), name, unit="image", disable=hidden(progress))):
        pixel = pixels[row].transpose(1, 2, 0) if name == "stl10" else pixels[row]
        images[i] = fit(Image.fromarray(pixel), size)
    return Images(torch.from_numpy(images), torch.as_tensor(labels)[rows].long(), tuple(data.classes), name)


def _files(name, split, size, root, seed, limit, progress, labelled=False, listed=None):
    """What a folder holds, as `Found`, and of one split the files, their labels (n,), the classes' names."""
    names = None
    if name == "imagenette":
        pixels = "160px" if max(size) <= 160 else "320px"
        data = _obtain(name, _root(root), progress, size=pixels)
        root, names = data._size_root, tuple(words[0] for words in data.classes)
    elif not (root or os.environ.get("JEPA_LITE_DATA")):
        raise ValueError("folder needs to know where: give root (--root) or set JEPA_LITE_DATA")
    found = find(_root(root), seed)
    if progress and name == "folder" and split == "train":  # once for both splits
        print(found, file=sys.stderr)
    files, labels, classes = found.images(split)
    if labelled and len(classes) < 2:
        raise ValueError(
            f"{shown(found.root)} has no labels to tell apart, because all its images are of one class or in "
            "no class folder; put each class in a folder of its own"
        )
    rows = _subset(len(files), limit, seed)
    files = [files[i] for i in rows.tolist()]
    if listed:
        listed(found.root, files)
    return found, files, labels[rows], names or classes


def _folder(name, split, size, root, seed, limit, progress, labelled, listed):
    found, files, labels, classes = _files(name, split, size, root, seed, limit, progress, labelled, listed)
    _check_memory(name, len(files), size, "use --set train.stream=true, a limit, or a smaller image_size")
    images, rows, skipped = read_tree(name, found.root, split, files, size, progress)
    skipped += tuple(f"{path}: {reason}" for path, reason in found.unread.items())
    return Images(images, labels[rows], classes, name, skipped, str(found))
