"""The data sets, all behind `load`: RGB images of one size, as a uint8 tensor in memory.

`shapes` and `photos` need no network; torchvision's sets are fetched at first use (fetch.py); `folder`
is any folder of images (splits.py, folder.py), and `stream` is for what does not fit in memory (stream.py).
Nothing random happens to an image here: see augment.py.
"""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from .config import plain
from .fetch import obtain
from .folder import read_tree
from .limits import brief, did_you_mean
from .memory import free_memory
from .names import shown
from .picture import fit, opened, read_image
from .pictures import bytes_of, many_images
from .processes import local_rank, local_world
from .progress import hidden
from .shapes import CLASSES, shapes
from .splits import find
from .stream import Files

DATASETS = ("shapes", "photos", "cifar10", "cifar100", "stl10", "fashion_mnist", "imagenette", "folder")
MADE = ("shapes", "photos")  # on the spot: their name says which images they are
SPLITS = ("train", "test")
COUNTS = {"train": 8000, "test": 2000}  # images of a set that is made on the spot
MEMORY_SHARE = 0.8  # of the free memory that a loaded set may take, in all processes together
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
PHOTOS = {  # name: (package, file), all in the wheels themselves
    "astronaut": ("skimage", "data/astronaut.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "palace": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}


@dataclass(frozen=True)
class Images:
    """A data set in memory: `images` uint8 (n, 3, H, W), `labels` int64 (n,) into `classes`.

    `skipped` names each file that could not be read, as "path: reason". `found`: one line about the folder
    that the images are from. Made by hand, it takes images in any form that pictures.py knows, and labels in
    a tensor, an array or a list.
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    name: str
    skipped: tuple[str, ...] = ()
    found: str = ""

    def __post_init__(self):
        object.__setattr__(self, "images", many_images(self.images))
        object.__setattr__(self, "labels", torch.as_tensor(self.labels))

    def __len__(self):
        return len(self.images)


def load(
    name, split="train", *, image_size, root=None, seed=0, limit=None, progress=True,
    labelled=False, listed=None,
):  # fmt: skip
    """Load one of DATASETS into memory as `Images`.

    `image_size` is pixels, an int or (H, W): images are resized to cover it and cut at the centre.
    `root` says where the data lies (else the environment's JEPA_LITE_DATA, else ~/.cache/jepa_lite).
    `seed` draws `shapes` and `photos`, a folder's held-out tenth, and the `limit` images kept.
    `progress` shows bars, and with "train" what was found in a folder; `labelled` refuses one without labels.
    `listed(root, files)` is called with a tree's files, [(path, bytes, mtime)], before any of them is read.
    Raises ValueError or FileNotFoundError, in one sentence, before any long work.
    """
    seed, limit = plain((seed, limit))
    size = _check(name, split, image_size, limit)
    if name == "shapes":
        return _shapes(split, size, seed, limit)
    if name == "photos":
        return _photos(split, size, seed, limit)
    if name in ("folder", "imagenette"):
        return _folder(name, split, size, root, seed, limit, progress, labelled, listed)
    return _torchvision(name, split, size, _root(root), seed, limit, progress)


def stream(
    name, split="train", *, image_size, root=None, seed=0, limit=None, progress=True,
    crop_scale=None, crop_seed=0, workers=2, listed=None,
):  # fmt: skip
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


def normalize(images):
    """uint8 (B, 3, H, W) -> float32, by ImageNet's mean and standard deviation per channel.

    Arrays and PIL images do as well, in any form that pictures.py knows.
    """
    images = many_images(images)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"normalize takes uint8 images (B, 3, H, W), not {images.dtype} {tuple(images.shape)}"
        )
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return images.float().mul_(1 / (255 * std)).sub_(mean / std)


def denormalize(images):
    """The inverse of `normalize`, for looking at: float (B, 3, H, W) -> float in [0, 1]."""
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return (images * std + mean).clamp(0, 1)


def check_finite(images, name):
    """Raise ValueError naming the first of float images (n, ...) that holds a NaN or an infinity."""
    bad = (~torch.isfinite(images)).flatten(1).any(1).nonzero()[:, 0].tolist()
    if bad:
        raise ValueError(
            f"image {bad[0]} of {name} holds a NaN or an infinity ({len(bad)} of {len(images)} images do); "
            f"mend or leave out those images"
        )


# --- what every set shares ----------------------------------------------------------------------


def _check(name, split, image_size, limit):
    """The image size as (H, W), once every argument has been found possible."""
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS)
        raise ValueError(f"there is no data set {brief(name)}; there are: {', '.join(DATASETS)}{hint}")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
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


def where(name, root):
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


# --- shapes and photos ----------------------------------------------------------------------------


def _shapes(split, size, seed, limit):
    count = limit or COUNTS[split]
    _check_memory("shapes", count, size)
    images, labels = shapes(count, size, seed=2 * seed + SPLITS.index(split))  # the splits never meet
    return Images(images, labels, CLASSES["texture"], "shapes")


def _photos(split, size, seed, limit):
    """Random crops, photograph after photograph in turn; train from the left 70%, test from the rest."""
    count = limit or COUNTS[split]
    _check_memory("photos", count, size)
    photos = [photo(name) for name in PHOTOS]
    u = torch.rand(count, 3, generator=torch.Generator().manual_seed(2 * seed + SPLITS.index(split))).numpy()
    images = np.empty((count, 3, *size), np.uint8)
    for i in range(count):
        whole = photos[i % len(photos)]
        images[i] = fit(whole.crop(_photo_box(whole.size, split, size, u[i])), size)
    labels = torch.arange(count) % len(photos)
    return Images(torch.from_numpy(images), labels, tuple(PHOTOS), "photos")


def _photo_box(photo_size, split, size, u):
    """(left, top, right, bottom) of a crop with the shape of `size`, 15-30% of the photo's short side."""
    W, H = photo_size
    left, right = (0, int(0.7 * W)) if split == "train" else (int(0.7 * W), W)
    side = min(W, H) * (0.15 + 0.15 * u[0]) / max(size)
    h, w = max(1, int(side * size[0])), max(1, int(side * size[1]))
    x, y = left + int(u[1] * (right - left - w + 1)), int(u[2] * (H - h + 1))
    return x, y, x + w, y + h


def photo(name):
    """One of PHOTOS as a PIL image in RGB. Raises FileNotFoundError where its package is not installed."""
    package, file = PHOTOS[name]
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec else None
    if not path or not path.exists():
        raise FileNotFoundError(
            f"photos needs {file} of the package {package}; run pip install "
            "scikit-image scikit-learn, or use shapes"
        )
    with opened(path) as image:
        return image.convert("RGB")


def find_image(image, size):
    """uint8 (3, H, W) of `size` = (H, W) from the name of a bundled photograph, a path, or an image itself.

    An image is a tensor, a numpy array or a PIL image, as in pictures.py, uint8 or from 0 to 1, in colour or
    grey. Raises ValueError or FileNotFoundError.
    """
    if not isinstance(image, str | os.PathLike):
        pixels = bytes_of(image)
        if len(pixels) not in (1, 3):
            raise ValueError(
                f"an image must be (3, H, W) or (1, H, W), channels first or last, not {tuple(pixels.shape)}"
            )
        return torch.tensor(fit(Image.fromarray(pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()), size))
    if image in PHOTOS:
        return torch.tensor(fit(photo(image), size))
    if not Path(image).expanduser().exists():
        raise FileNotFoundError(
            f"there is no picture at {image}, and no bundled photograph of that name; there are: "
            f"{', '.join(PHOTOS)}"
        )
    return read_image(image, size)


# --- sets that lie in files -----------------------------------------------------------------------


def _torchvision(name, split, size, root, seed, limit, progress):
    choice = {"split": split} if name == "stl10" else {"train": split == "train"}
    data = obtain(name, root, progress, **choice)
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
        data = obtain(name, _root(root), progress, size=pixels)
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
