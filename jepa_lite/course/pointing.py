"""Where to point in six of the photographs, and what a trained and an untrained encoder make of them there.

The patches and the regions were chosen by hand. The encoders see 256 pixels, four times what they were
trained on, at stretched positions; the untrained one has the same shape and the same whitened input.
figures/photographs.py draws what is returned here.
"""

import torch
from torch import Tensor

from ..additions.stretched_positions import stretched
from ..additions.whitened_patches import WhitenedLinear
from ..data import denormalize, find_image, normalize
from ..evaluation.probes import random_encoder
from ..method.ijepa import IJEPA
from ..method.vit import Encoder

SIZE = (256, 256)
BLOCK = -2  # whose tokens are shown: the last but one, chosen by eye
POINTED = {  # photograph: the row and the column of the patch to look at
    "cat": (11, 9), "flower": (14, 16), "astronaut": (20, 10), "palace": (14, 10), "coffee": (12, 15),
    "motorcycle": (14, 17),
}  # fmt: skip
# photograph: row and column of the patch that looks, and what for: ellipses of patches, each a middle (row,
# column) and half its height and width
LOOKED_FOR = {
    "cat": ((25, 20), [(12.4, 10, 3, 3.6), (14.6, 26, 3, 2.6)]),  # from the nose: the eyes
    "flower": ((29, 20), [(16.2, 15.5, 10, 10.3)]),  # from one bloom: the other
    "astronaut": ((26, 24), [(8, 13.5, 6, 5)]),  # from the helmet: the head
    "palace": ((4, 26), [(19, 9, 10, 9)]),  # from the sky: the palace
    "coffee": ((24, 6), [(8.5, 15.3, 8, 9.5)]),  # from the saucer: the cup
    "motorcycle": ((20, 28), [(20.5, 5, 6, 5)]),  # from one wheel: the other
}


def untrained(model: IJEPA, seed: int = 0) -> Encoder:
    """An encoder with random weights, drawn from `seed`, and the whitened input of the trained one."""
    encoder = random_encoder(model.config, seed)
    if isinstance(encoder.embed, WhitenedLinear):
        encoder.embed.mean, encoder.embed.whitening = model.encoder.embed.mean, model.encoder.embed.whitening
    return encoder


@torch.no_grad()
def seen(model: IJEPA, seed: int = 0) -> tuple:
    """What `alike` draws: images (n, C, H, W), tokens (n, N, D), those of the untrained encoder, the grid,
    the patches to look at."""
    images = normalize(torch.stack([find_image(name, SIZE) for name in POINTED]))
    encoder, control = (stretched(one, SIZE) for one in (model.target_encoder, untrained(model, seed)))
    rows, columns = encoder.grid
    patches = [row * columns + column for row, column in POINTED.values()]
    tokens, random = (one.stages(images)[BLOCK] for one in (encoder, control))
    return denormalize(images), tokens, random, (rows, columns), patches


@torch.no_grad()
def looks(model: IJEPA, seed: int = 0) -> tuple:
    """What `looks_at` draws: images (n, C, H, W), attention of the patches (n, depth, heads, N), that of the
    untrained encoder, the grid, the patches, the regions (n, N)."""
    images = normalize(torch.stack([find_image(name, SIZE) for name in LOOKED_FOR]))
    encoder, control = (stretched(one, SIZE) for one in (model.target_encoder, untrained(model, seed)))
    patches = [row * encoder.grid[1] + column for (row, column), _ in LOOKED_FOR.values()]
    regions = torch.stack([within(ellipses, encoder.grid) for _, ellipses in LOOKED_FOR.values()])
    asked = list(zip(images, patches, strict=True))
    attention = [
        torch.stack([one.attention_maps(image[None])[0, :, :, patch] for image, patch in asked])
        for one in (encoder, control)
    ]
    return denormalize(images), *attention, encoder.grid, patches, regions


def within(ellipses: list[tuple], grid: tuple[int, int]) -> Tensor:
    """The patches of the grid whose middle lies in one of the ellipses: (N,), True inside."""
    row, column = (torch.arange(side) + 0.5 for side in grid)
    inside = torch.zeros(grid, dtype=torch.bool)
    for y, x, height, width in ellipses:
        inside |= ((row[:, None] - y) / height) ** 2 + ((column - x) / width) ** 2 <= 1
    return inside.flatten()
