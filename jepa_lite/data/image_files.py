"""One image file -> RGB pixels of one size. All files that hold images are opened here, whoever made them.

Regular files only, because a pipe or a device would be waited for. Raster formats only, because Pillow reads
others through other programs (EPS by Ghostscript). And no more than MOST_PIXELS are decoded of a file.
"""

import contextlib
import math
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError, features
from torch import Tensor

from ..system.file_names import shown
from .augment import RATIO, draw_boxes

# The formats that are read, each with the codec that Pillow may have been built without.
CODECS = {
    "AVIF": "avif", "BMP": None, "GIF": None, "JPEG": "jpg", "JPEG2000": "jpg_2000", "PNG": "zlib",
    "PPM": None, "TIFF": None, "WEBP": "webp",
}  # fmt: skip
Image.init()
FORMATS = tuple(f for f, codec in CODECS.items() if f in Image.OPEN and (not codec or features.check(codec)))
EXTENSIONS = tuple(sorted(end for end, f in Image.registered_extensions().items() if f in FORMATS))
# Where Pillow begins to warn: a quarter of a gigabyte as RGB. Decoding takes a few times as much, for as many
# files at once as there are threads. A JPEG counts by the scale that it is decoded at, so that of a camera is
# read; at twice as many in the file Pillow refuses it.
MOST_PIXELS = 2**30 // 4 // 3
# What Pillow warns of is refused here, or decoded smaller. (A filter for each call would not be thread-safe.)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_image(path: str | Path, image_size: tuple[int, int]) -> Tensor:
    """One picture file as uint8 (3, H, W). Raises FileNotFoundError or ValueError, naming the file."""
    try:
        return torch.tensor(read(Path(path).expanduser(), image_size))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no picture at {shown(path)}") from None
    except Exception as error:  # a decoder may raise anything on a broken file
        raise ValueError(f"{shown(path)} cannot be read as a picture: {error}") from error


def read(
    path: str | Path, size: tuple[int, int], crop_scale: tuple[float, float] | None = None,
    generator: torch.Generator | None = None,
) -> np.ndarray:  # fmt: skip
    """One file -> uint8 (3, H, W), by `fit`, or by `_fit_crop` where `crop_scale` is given.

    Raises on a file that is empty, broken, of too many pixels, or no file at all.
    """
    # A large JPEG is decoded at a smaller scale, which still has a pixel for each one of the smallest crop.
    margin = 2 if crop_scale is None else (crop_scale[0] * RATIO[0]) ** -0.5
    with opened(path) as image:
        side = math.ceil(margin * max(size))  # both ways: a crop may be upright or not, a file turned
        _decodable(image, (side, side))
        ImageOps.exif_transpose(image, in_place=True)
        return fit(image, size) if crop_scale is None else _fit_crop(image, size, crop_scale, generator)


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """An image file as a PIL image, of which only the head has been read; closed at the end of the block."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("not a regular file, but a folder, pipe, socket or device")
    with open(path, "rb", opener=_without_waiting) as file:
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError("not an image" if os.stat(path).st_size else "the file is empty") from None
        with image:
            yield image


def _decodable(image: Image.Image, least: tuple[int, int] | None = None) -> None:
    """Let an opened JPEG be decoded at a smaller scale, of at least `least` (W, H), and check MOST_PIXELS."""
    width, height = image.size
    if least:
        image.draft(None, least)
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(
            f"{width:,} x {height:,} pixels, and no more than {MOST_PIXELS:,} are decoded; save it smaller"
        )


def fit(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """A PIL image of any mode -> uint8 array (3, H, W): resized to cover `size`, then cut at the centre."""
    image = _rgb(image)
    if image.size != (size[1], size[0]):
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BILINEAR)  # it antialiases
    return np.asarray(image).transpose(2, 0, 1)


def _fit_crop(
    image: Image.Image, size: tuple[int, int], scale: tuple[float, float], generator: torch.Generator | None
) -> np.ndarray:
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


def _rgb(image):
    """A PIL image of any mode in RGB."""
    if image.mode.startswith("I"):  # 16 bits of grey; Pillow alone would cut them at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floats of no known range")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def _without_waiting(path, flags):
    """For `open`: a pipe that has taken the file's place since it was looked at reads as empty."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
