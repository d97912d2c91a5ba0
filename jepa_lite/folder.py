"""A tree of class folders: which images it holds, read into one uint8 tensor, and kept for next time.

Whatever Pillow can read becomes RGB at one size; what it cannot read is named and left out. The
result is cached in `.jepa_lite` inside the folder (or in the environment's JEPA_LITE_CACHE, or, where
the folder is read-only, below ~/.cache/jepa_lite); delete that freely.
"""

import contextlib
import hashlib
import json
import math
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm import tqdm

from .augment import RATIO, draw_boxes
from .progress import hidden

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
HELD_OUT = 0.1  # share of each class that is the test split, where the tree has none


def list_images(root, split="train", seed=0):
    """One split of a tree of class folders: ([(path, bytes, mtime)], labels int64 (n,), classes).

    The tree is root/<class>/..., or root/train/<class>/... with root/test or root/val beside it.
    Where no test images are given, a tenth of each class is held out, drawn by `seed`.
    Raises FileNotFoundError or ValueError when the tree is not such a one.
    """
    tree = _tree(root)
    classes = sorted({name for part in tree.values() for name, files in part.items() if files})
    if not classes:
        raise ValueError(f"the class folders of {root} hold no image files ({' '.join(EXTENSIONS)})")
    tree = tree if "test" in tree else _hold_out(tree["train"], seed)
    chosen = [(file, label) for label, name in enumerate(classes) for file in tree[split].get(name, ())]
    if not chosen:
        raise ValueError(
            f"{root} has no {split} images: where {split}/<class>/ is missing or empty, a class needs two "
            f"images for one to be held out; add images or that folder"
        )
    files, labels = zip(*chosen, strict=True)
    return list(files), torch.tensor(labels), tuple(classes)


def read_tree(name, root, split, files, size, progress=True):
    """Read `files` (from `list_images`), or what was kept of them.

    Returns (images uint8 (n, 3, H, W), rows int64 (n,), skipped): `rows` says which of the files the
    images are, `skipped` names the others as "path: reason". Raises ValueError if none can be read.
    """
    cache = _cache_path(root, split, files, size)
    return _cached(cache) or _keep(
        cache, *_read_all(name, root, [path for path, *_ in files], size, progress)
    )


def fit(image, size):
    """A PIL image of any mode -> uint8 array (3, H, W): resized to cover `size`, then cut at the centre."""
    image = _rgb(image)
    if image.size != (size[1], size[0]):
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BILINEAR)  # it antialiases
    return np.asarray(image).transpose(2, 0, 1)


def fit_crop(image, size, scale, generator):
    """As `fit`, but a random box of a share of the area drawn from `scale`: augment.py's, on the file itself.

    A box cut from all the pixels that the file has is sharper than one cut from an image already shrunk.
    """
    image = _rgb(image)
    corner, sides = draw_boxes(1, (image.height, image.width), scale, RATIO, generator)
    (top, left), (height, width) = corner[0].tolist(), sides[0].tolist()
    box = (left, top, left + width, top + height)
    # Cut first: `resize(..., box)` would let pixels from beyond the box bleed into its border.
    resized = image.crop(box).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized).transpose(2, 0, 1)


def read_image(path, image_size):
    """One picture file as uint8 (3, H, W). Raises FileNotFoundError or ValueError, naming the file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no picture at {path}")
    try:
        return torch.tensor(read(Path(path), image_size))
    except Exception as error:  # a decoder may raise anything on a broken file
        raise ValueError(f"{path} cannot be read as a picture: {error}") from error


# --- finding --------------------------------------------------------------------------------------


def _tree(root):
    """{split: {class: [(path, bytes, mtime)]}}; without a train/ the whole tree is "train"."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder {root}; give one that holds a folder of images per class"
        )
    if not _folders(root):
        found = "images but no class folders" if _walk(root, "") else "neither images nor folders"
        raise ValueError(
            f"{root} holds {found}; put each class in a folder of its own: {root / '<class>'}/*.jpg"
        )
    parts = {"train": root}
    if _folders(root / "train"):
        tests = [root / name for name in ("test", "val") if _folders(root / name)]
        parts = {"train": root / "train"} | ({"test": tests[0]} if tests else {})
    return {
        split: {f.name: _walk(f, f.relative_to(root).as_posix() + "/") for f in _folders(part)}
        for split, part in parts.items()
    }


def _folders(path):
    inside = path.iterdir() if path.is_dir() else ()
    return sorted(p for p in inside if p.is_dir() and not p.name.startswith("."))


def _walk(folder, prefix):
    """Every image file below `folder`, in order, as (path that starts with `prefix`, bytes, mtime)."""
    files = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = prefix + entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            files += _walk(entry.path, path + "/")
        elif entry.name.lower().endswith(EXTENSIONS):
            stat = entry.stat(follow_symlinks=entry.is_file())  # a dead link stays in, to be named later
            files.append((path, stat.st_size, stat.st_mtime_ns))
    return files


def _hold_out(train, seed):
    """Take a share of each class as test: at least one image, where the class has two."""
    generator, parts = torch.Generator().manual_seed(seed), {"train": {}, "test": {}}
    for name, files in sorted(train.items()):
        count = max(1, round(HELD_OUT * len(files))) if len(files) > 1 else 0
        held = set(torch.randperm(len(files), generator=generator)[:count].tolist())
        parts["test"][name] = [f for i, f in enumerate(files) if i in held]
        parts["train"][name] = [f for i, f in enumerate(files) if i not in held]
    return parts


# --- reading --------------------------------------------------------------------------------------


def read(path, size, crop_scale=None, generator=None):
    """One file -> uint8 (3, H, W), by `fit`, or by `fit_crop` where `crop_scale` is given.

    Raises on a file that is empty, broken, or a decompression bomb.
    """
    # A large JPEG is decoded at a smaller scale, which still has a pixel for each one of the smallest crop.
    margin = 2 if crop_scale is None else (crop_scale[0] * RATIO[0]) ** -0.5
    try:
        with Image.open(path) as image:
            side = math.ceil(margin * max(size))  # both ways: a crop may be upright or not, a file turned
            image.draft(None, (side, side))
            ImageOps.exif_transpose(image, in_place=True)
            return fit(image, size) if crop_scale is None else fit_crop(image, size, crop_scale, generator)
    except UnidentifiedImageError:
        raise ValueError("not an image" if path.stat().st_size else "the file is empty") from None


def _rgb(image):
    """A PIL image of any mode in RGB."""
    if image.mode.startswith("I"):  # 16 bits of grey; Pillow alone would cut them at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floats of no known range")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def _read_all(name, root, paths, size, progress):
    images, failures = np.empty((len(paths), 3, *size), np.uint8), {}

    def one(i):
        try:
            images[i] = read(root / paths[i], size)
        except Exception as error:  # a decoder may raise anything on a broken file
            failures[i] = f"{paths[i]}: {error}"

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        list(tqdm(pool.map(one, range(len(paths))), name, len(paths), unit="image", disable=hidden(progress)))
    if len(failures) == len(paths):
        raise ValueError(f"none of the {len(paths)} images in {root} could be read; the first: {failures[0]}")
    rows, images = torch.tensor([i for i in range(len(paths)) if i not in failures]), torch.from_numpy(images)
    return images[rows] if failures else images, rows, tuple(failures[i] for i in sorted(failures))


# --- keeping --------------------------------------------------------------------------------------


def _cache_path(root, split, files, size):
    """Where the images are kept: the name changes with the name, size or time of any file."""
    key = hashlib.sha256(json.dumps([str(root.resolve()), files]).encode()).hexdigest()[:16]
    folder = os.environ.get("JEPA_LITE_CACHE")
    if not folder:
        folder = root / ".jepa_lite" if os.access(root, os.W_OK) else "~/.cache/jepa_lite/folders"
    return Path(folder).expanduser() / f"{split}-{size[0]}x{size[1]}-{key}.safetensors"


def _cached(path):
    try:
        with safe_open(path, "pt") as file:
            skipped = tuple(json.loads(file.metadata()["skipped"]))
            return file.get_tensor("images"), file.get_tensor("rows"), skipped
    except (OSError, SafetensorError):  # not there, or broken: read the images again
        return None


def _keep(path, images, rows, skipped):
    """Write by an atomic rename; where nothing can be written, only the time is lost."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"images": images, "rows": rows}, part, {"skipped": json.dumps(skipped)})
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        warnings.warn(f"could not keep the images at {path} ({error}); they will be read again", stacklevel=2)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return images, rows, skipped
