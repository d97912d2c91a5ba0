"""A trained encoder on larger images than it was trained on, for pictures of finer features.

At another size `Encoder` counts on: patches beyond the trained grid get addresses that it has never seen.
Here the trained addresses are stretched over the larger image, so that its middle is still the middle.
"""

import copy

import torch.nn.functional as F

from ..method.patches import grid_size
from ..method.vit import Encoder


def stretched(encoder: Encoder, image_size: tuple[int, int]) -> Encoder:
    """A copy of an encoder for images of `image_size` = (H, W) pixels, its positions (N, D) stretched to fit.

    Between trained positions they are interpolated (bicubic), as DINO and DINOv2 do. Raises ValueError where
    the patch does not divide the image."""
    grid = grid_size(image_size, encoder.patch_size)
    larger = copy.deepcopy(encoder)
    table = encoder.positions.T.unflatten(1, encoder.grid)[None]  # (1, D, rows, columns)
    if grid != encoder.grid:
        table = F.interpolate(table, grid, mode="bicubic", align_corners=False)
    larger.grid, larger.positions = grid, table[0].flatten(1).T.contiguous()
    return larger
