"""What else could be in a hole: an image of `fields`, again and again, with other drawings in a hidden part.

The field says in which direction each tile is hatched. Colours, phases and widths of the hatching are drawn
for each tile alone, so that nothing outside a hole tells them (notebook 10).
"""

import torch
from torch import Tensor

from ..data import normalize
from ..data.fields import CHUNK, Fields, _paint
from ..method.ijepa import IJEPA
from ..method.patches import patchify, unpatchify


def one_field(fields: Fields, i: int, turn: float = 0.0) -> Fields:
    """The field of image number `i` alone, with all its directions turned by `turn` radians."""
    row = slice(i, i + 1)
    return Fields(fields.kind[row], fields.centre[row], fields.turn[row] + turn)


def repainted(image: Tensor, field: Fields, hidden: Tensor, patch_size: int, count: int, seed: int) -> Tensor:
    """`count` copies of an image, uint8 (3, H, W), whose patches `hidden` (T,) come from other drawings of a
    `field` (`Fields` of one image): uint8 (count, 3, H, W). The same seed gives the same drawings.

    Raises ValueError for a count beyond CHUNK, which is what is drawn at a time.
    """
    if not 1 <= count <= CHUNK:
        raise ValueError(f"count must be from 1 to {CHUNK}, not {count}")
    size = tuple(image.shape[1:])
    grid = size[0] // patch_size, size[1] // patch_size
    many = Fields(*(part.expand(count, *part.shape[1:]) for part in (field.kind, field.centre, field.turn)))
    drawn = patchify(_paint(many, size, torch.Generator().manual_seed(seed)).float(), patch_size)
    whole = patchify(image[None].float(), patch_size).repeat(count, 1, 1)  # (count, N, C*P*P)
    whole[:, hidden] = drawn[:, hidden]
    return unpatchify(whole, patch_size, grid).round().to(torch.uint8)


@torch.no_grad()
def targets_at(model: IJEPA, images: Tensor, others: Tensor, patch: int) -> Tensor:
    """The targets of one patch in `others`, uint8 (m, C, H, W), normalised by what `images` (n, C, H, W) have
    there: (m, D). `others` may be alike, as fillings of one hole are, and would be blown up by their own.

    Raises ValueError for a model whose targets are not normalised place by place.
    """
    if model.config.target_norm != "place":
        raise ValueError(f"targets_at normalises by place, and this model by {model.config.target_norm!r}")
    usual, asked = (model.target_encoder(normalize(part))[:, patch] for part in (images, others))
    return (asked - usual.mean(0)) / (usual.std(0, correction=0) + 1e-5)
