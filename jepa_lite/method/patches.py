"""Images to patches and back, positions, and the one indexing function (paper, section 3).

A patch is a P x P square of the image. Patches are numbered row by row, so patch
`row * columns + column` is the one at (row, column) of the grid. Nothing here is learned.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def grid_size(image_size: tuple[int, int], patch_size: int) -> tuple[int, int]:
    """(rows, columns) of the patch grid of an image of `image_size` = (H, W) pixels.

    Raises ValueError, naming sizes that would fit, when the patch does not divide the image."""
    height, width = image_size
    if patch_size < 1 or height % patch_size or width % patch_size:
        fits = [p for p in range(1, min(height, width) + 1) if height % p == 0 and width % p == 0]
        raise ValueError(
            f"patch_size {patch_size} does not divide the image of {height} x {width} pixels; "
            f"patch sizes that do: {', '.join(map(str, fits))}"
        )
    return height // patch_size, width // patch_size


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut images (B, C, H, W) into patches (B, N, C*P*P); each patch is flattened C, then rows."""
    B, C, H, W = images.shape
    rows, columns = grid_size((H, W), patch_size)
    x = images.reshape(B, C, rows, patch_size, columns, patch_size)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(B, rows * columns, C * patch_size**2)  # (B, N, C*P*P)


def unpatchify(patches: Tensor, patch_size: int, grid: tuple[int, int]) -> Tensor:
    """The inverse of `patchify`: patches (B, N, C*P*P) on `grid` = (rows, columns) to (B, C, H, W)."""
    B, _, length = patches.shape
    rows, columns = grid
    C = length // patch_size**2
    x = patches.reshape(B, rows, columns, C, patch_size, patch_size)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C, rows * patch_size, columns * patch_size)


def take(tokens: Tensor, idx: Tensor) -> Tensor:
    """Pick tokens by index, per image: tokens (B, N, D), idx (B, ...) -> (B, ..., D)."""
    flat = idx.flatten(1)  # (B, K)
    picked = tokens.gather(1, flat.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))  # (B, K, D)
    return picked.unflatten(1, idx.shape[1:])


def sincos_positions(grid: tuple[int, int], width: int, device: torch.device | str | None = None) -> Tensor:
    """Fixed 2-D sin-cos positions of a (rows, columns) grid: (N, width), float32.

    The first half encodes the column, the second half the row, each as sines then cosines of
    frequencies 1 to 1/10000 (Vaswani et al. 2017, in two dimensions). The order is that of the
    published MAE and I-JEPA weights. Raises ValueError unless `width` divides by 4."""
    if width % 4:
        raise ValueError(f"sin-cos positions need a width that divides by 4, not {width}")
    rows, columns = grid
    frequency = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    row = torch.arange(rows).repeat_interleave(columns)[:, None] * frequency  # (N, width/4)
    column = torch.arange(columns).repeat(rows)[:, None] * frequency
    table = torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], dim=1)
    return table.float().to(device)  # (N, width)


def look_up(table: Tensor, idx: Tensor) -> Tensor:
    """Rows of a table (N, E) for indices (B, ...): (B, ..., E). Its gradient is cheap on a CPU."""
    return F.embedding(idx, table)
