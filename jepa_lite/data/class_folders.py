"""The image files of a folder, read into one uint8 tensor, and kept for next time.

Which files these are, splits.py finds; image_files.py reads each. What cannot be read is named and left
out. The result is kept in ~/.cache/jepa_lite/folders, or in the environment's JEPA_LITE_CACHE: delete
that freely.
"""

import contextlib
import hashlib
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from ..system.caches import cache_folder
from ..system.file_names import shown
from ..system.progress import hidden
from .image_files import read

RESIZING = 1  # of what `read` makes of a file: raise it with any change, so that nothing older is taken


def read_tree(
    name: str, root: Path, split: str, files: list[tuple[str, int, int]], size: tuple[int, int],
    progress: bool = True,
) -> tuple[Tensor, Tensor, tuple[str, ...]]:  # fmt: skip
    """Read `files` (from `splits.find`), or what was kept of them.

    Returns (images uint8 (n, 3, H, W), rows int64 (n,), skipped): `rows` says which of the files the
    images are, `skipped` names the others as "path: reason". Raises ValueError if none can be read.
    """
    cache = _cache_path(root, split, files, size)
    return _cached(cache) or _keep(
        cache, *_read_all(name, root, [path for path, *_ in files], size, progress)
    )


def _read_all(name, root, paths, size, progress):
    images, failures = np.empty((len(paths), 3, *size), np.uint8), {}

    def one(i):
        try:
            images[i] = read(root / paths[i], size)
        except Exception as error:  # a decoder may raise anything on a broken file
            failures[i] = shown(f"{paths[i]}: {error}")

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        list(tqdm(pool.map(one, range(len(paths))), name, len(paths), unit="image", disable=hidden(progress)))
    if len(failures) == len(paths):
        raise ValueError(
            f"none of the {len(paths)} images in {shown(root)} could be read; the first: {failures[0]}"
        )
    rows = [i for i in range(len(paths)) if i not in failures]
    for to, row in enumerate(rows):  # in place: images[rows] would take as much memory again
        if to < row:
            images[to] = images[row]
    skipped = tuple(failures[i] for i in sorted(failures))
    return torch.from_numpy(images[: len(rows)]), torch.tensor(rows), skipped


# --- keeping --------------------------------------------------------------------------------------


def _cache_path(root, split, files, size):
    """Where the images are kept: the name changes with the name, size or time of any file, and with how it
    is read."""
    facts = [str(root.resolve()), files, RESIZING, PIL.__version__]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    file = f"{split}-{size[0]}x{size[1]}-{key}.safetensors"
    return cache_folder("folders", "JEPA_LITE_CACHE", wanted=file) / file


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
        told = f"could not keep the images at {path} ({error}); they will be read again"
        warnings.warn(shown(told), stacklevel=2)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return images, rows, skipped
