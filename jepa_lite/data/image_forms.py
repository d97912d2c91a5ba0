"""An image, or a batch of them, in whatever form it comes: a tensor, a numpy array, PIL images or a list.

Whoever takes images passes them through here first, so that all take the same forms and refuse the others in
the same words. Nothing is resized or normalised; `find_image` in photos.py also reads files and fits sizes.
"""

import warnings

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .image_files import fit

AnyImage = Tensor | np.ndarray | Image.Image  # the forms that `one_image` takes


def one_image(image: AnyImage) -> Tensor:
    """A tensor (C, H, W) of an image: (C, H, W), (H, W, C), (H, W) or a PIL image; uint8 or float.

    An alpha channel, which comes last, is left out. Raises ValueError for what is no image.
    """
    pixels = _tensor(image)
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    return _checked(pixels, 3, "an image must be (3, H, W) or (H, W, 3)")


def many_images(images) -> Tensor:
    """A tensor (n, C, H, W) of images: (n, C, H, W), (n, H, W, C), or a list of what `one_image` takes.

    Of a loaded data set it takes the images. Raises ValueError for what is no batch of images, and for a list
    of unlike ones.
    """
    images = getattr(images, "images", images)
    if isinstance(images, list | tuple):
        images = [one_image(image) for image in images]
        for i, image in enumerate(images):
            if image.shape != images[0].shape or image.dtype != images[0].dtype:
                raise ValueError(
                    f"image {i} is {_kind(image)} and image 0 is {_kind(images[0])}; make all of them alike"
                )
        images = torch.stack(images) if images else torch.empty(0)
    return _checked(_tensor(images), 4, "images must be (n, 3, H, W), (n, H, W, 3) or a list")


def bytes_of(image: AnyImage) -> Tensor:
    """`one_image` as uint8: floats are from 0 to 1. Raises ValueError for others."""
    pixels = one_image(image).detach().cpu()
    if pixels.dtype == torch.uint8:
        return pixels
    low, high = (float(end) for end in pixels.float().aminmax())
    if not (low >= -0.1 and high <= 1.1):  # a little beyond is what resizing may leave
        raise ValueError(
            f"the values of a float image go from 0 to 1, not from {low:.3g} to {high:.3g}; give uint8 from "
            "0 to 255, or undo `normalize` with `denormalize`"
        )
    return (pixels.float().clamp(0, 1) * 255).round().byte()


def in_unit(pixels: Tensor) -> Tensor:
    """Pixels as figures take them, floats from 0 to 1: those of uint8 are divided by 255."""
    return pixels / 255 if pixels.dtype == torch.uint8 else pixels


def _tensor(image):
    if isinstance(image, torch.Tensor):
        return image
    if isinstance(image, Image.Image):
        return torch.tensor(fit(image, (image.height, image.width)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an array that is read-only: none is written
            return torch.from_numpy(np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image)
    except (TypeError, ValueError) as error:
        kind = type(image).__name__ + (f" of {image.dtype}" if isinstance(image, np.ndarray) else "")
        raise ValueError(
            f"an image is a tensor, a numpy array of numbers or a PIL image, not {kind}; convert it first"
        ) from error


def _checked(pixels, ndim, form):
    """Channels first, and a type that holds pixels."""
    if pixels.ndim != ndim:
        raise ValueError(f"{form}, not {tuple(pixels.shape)}")
    if pixels.dtype != torch.uint8 and not pixels.is_floating_point():
        raise ValueError(
            f"the pixels of an image are uint8 from 0 to 255, or floats, not {_name(pixels.dtype)}; convert "
            "them first"
        )
    if pixels.shape[-3] > 4 and pixels.shape[-1] in (1, 3, 4):
        pixels = pixels[..., :3].movedim(-1, -3)
    return pixels


def _kind(image):
    return f"{' x '.join(map(str, image.shape))} of {_name(image.dtype)}"


def _name(dtype):
    return str(dtype).removeprefix("torch.")
