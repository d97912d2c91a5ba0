"""The photographs that scikit-image and scikit-learn ship in their wheels, whole and as a data set of crops.

The label of a crop is which photograph it is from; training and test regions do not overlap.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..limits import did_you_mean
from .image_files import fit, opened, read_image
from .image_forms import AnyImage, bytes_of
from .images import Images

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


def photo_crops(count: int, size: tuple[int, int], split: str, seed: int) -> Images:
    """`Images` of random crops, photograph after photograph in turn.

    size: (H, W). split "train" takes the left 70% of each photograph, "test" the rest. Draws by `seed`.
    """
    photos = [photo(name) for name in PHOTOS]
    u = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)).numpy()
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


def photo(name: str) -> Image.Image:
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


def find_image(image: str | os.PathLike | AnyImage, size: tuple[int, int]) -> Tensor:
    """uint8 (3, H, W) of `size` = (H, W) from the name of a bundled photograph, a path, or an image itself.

    An image is a tensor, a numpy array or a PIL image, as in image_forms.py, uint8 or from 0 to 1, in
    colour or grey. Raises ValueError or FileNotFoundError.
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
            f"{', '.join(PHOTOS)}{did_you_mean(image, PHOTOS)}"
        )
    return read_image(image, size)
