"""A data set in memory, and the scale on which networks see it. Nothing random happens here: see
augment.py."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .image_forms import many_images

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


@dataclass(frozen=True, eq=False)
class Images:
    """A data set in memory: `images` uint8 (n, 3, H, W), `labels` int64 (n,) into `classes`.

    `skipped` names each file that could not be read, as "path: reason". `found`: one line about the
    folder that the images are from. Made by hand, it takes images in any form that image_forms.py knows,
    and labels in a tensor, an array or a list.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    skipped: tuple[str, ...] = ()
    found: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", many_images(self.images))
        object.__setattr__(self, "labels", torch.as_tensor(self.labels))

    def __len__(self) -> int:
        return len(self.images)


AnyImages = Tensor | np.ndarray | list | tuple | Images  # the forms that `many_images` takes


def normalize(images: AnyImages) -> Tensor:
    """uint8 (B, 3, H, W) -> float32, by ImageNet's mean and standard deviation per channel.

    Arrays and PIL images do as well, in any form that image_forms.py knows.
    """
    images = many_images(images)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"normalize takes uint8 images (B, 3, H, W), not {images.dtype} {tuple(images.shape)}"
        )
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return images.float().mul_(1 / (255 * std)).sub_(mean / std)


def denormalize(images: Tensor) -> Tensor:
    """The inverse of `normalize`, for looking at: float (B, 3, H, W) -> float in [0, 1]."""
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return (images * std + mean).clamp(0, 1)


def check_finite(images: Tensor, name: str) -> None:
    """Raise ValueError naming the first of float images (n, ...) that holds a NaN or an infinity."""
    bad = (~torch.isfinite(images)).flatten(1).any(1).nonzero()[:, 0].tolist()
    if bad:
        raise ValueError(
            f"image {bad[0]} of {name} holds a NaN or an infinity ({len(bad)} of {len(images)} images do); "
            f"mend or leave out those images"
        )
