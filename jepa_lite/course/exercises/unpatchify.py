"""Exercise of notebook 02: pixels back from patches."""

import torch

from ...method.patches import unpatchify
from .engine import exercise


def _patches(B, C, P, grid, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(B, grid[0] * grid[1], C * P * P, generator=generator), P, grid


def _folded(order, shape):
    """A wrong `unpatchify`: the axes of the patches read as `shape`, then brought into another `order`."""

    def wrong(patches, patch_size, grid):
        sizes = {"B": len(patches), "r": grid[0], "c": grid[1], "y": patch_size, "x": patch_size}
        sizes["C"] = patches.shape[-1] // patch_size**2
        x = patches.reshape([sizes[axis] for axis in shape]).permute([shape.index(axis) for axis in order])
        return x.reshape(sizes["B"], sizes["C"], grid[0] * patch_size, grid[1] * patch_size)

    return wrong


exercise(
    name="unpatchify",
    notebook="02",
    answer=unpatchify,
    # Neither grid nor image is square, and no two sizes are equal: nothing can be swapped unseen.
    cases=lambda: [
        _patches(2, 3, 4, (2, 5), 0),
        _patches(1, 3, 2, (4, 3), 1),
        _patches(3, 2, 3, (3, 2), 2),
    ],
    traps=lambda: {
        "An image may have one channel: C is the length of a patch divided by P * P.": _patches(
            2, 1, 3, (3, 2), 3
        ),
        "A batch may hold one image, and a grid one row.": _patches(1, 2, 3, (1, 4), 4),
        "An image may be one patch, and a patch one pixel: axes of size 1 are kept.": _patches(
            1, 3, 1, (1, 1), 5
        ),
    },
    returns="the images (B, C, H, W)",
    hint="patchify was reshape, permute, reshape. Walk it backwards: split N into rows and columns, C*P*P "
    "into C, P and P; bring each row of the grid beside the row within its patch; then merge.",
    source=(unpatchify,),
    mistakes=(
        (
            "Rows and columns of the grid are swapped: patch 1 lies to the right of patch 0, not below it.",
            _folded("BCrycx", "BcrCyx"),
        ),
        ("Each patch is transposed inside: its rows come before its columns.", _folded("BCrycx", "BrcCxy")),
        (
            "Rows and columns are swapped twice, of the grid and within each patch, so the image is mirrored "
            "along its diagonal.",
            _folded("BCcxry", "BrcCyx"),
            _folded("BCrycx", "BcrCxy"),
        ),
        (
            "Rows of the grid and rows within a patch are the wrong way round: a patch's rows lie together, "
            "so (rows, P) are merged in this order.",
            _folded("BCyrxc", "BrcCyx"),
            _folded("BCyrcx", "BrcCyx"),
        ),
        (
            "The patches are in place, but each row of the image is cut: bring a grid's row beside the row "
            "within its patch (rows, P), and a column beside the column (columns, P).",
            _folded("BCrcyx", "BrcCyx"),
            _folded("BCryxc", "BrcCyx"),
            _folded("BCyxrc", "BrcCyx"),
        ),
        (
            "The channels are in reverse order.",
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(1),
        ),
        (
            "The image is upside down or mirrored: patch 0 lies at the top left.",
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(2),
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(3),
            lambda patches, P, grid: unpatchify(patches, P, grid).flip(2, 3),
            lambda patches, P, grid: unpatchify(patches.flip(1), P, grid),
        ),
        (
            "The channels stand last, as matplotlib wants them: here they come first, (B, C, H, W).",
            lambda patches, P, grid: unpatchify(patches, P, grid).permute(0, 2, 3, 1),
        ),
        (
            "Height and width of the image are swapped: H is rows * P.",
            lambda patches, P, grid: unpatchify(patches, P, grid).mT,
            lambda patches, P, grid: _folded("BCrycx", "BrcCyx")(patches, P, grid[::-1]),
            lambda patches, P, grid: unpatchify(patches, P, grid).reshape(
                len(patches), -1, grid[1] * P, grid[0] * P
            ),
        ),
        (
            "The channel order is wrong: a patch is flattened channel first (C, P, P), not colour by colour "
            "within each pixel.",
            _folded("BCrycx", "BrcyxC"),
        ),
        (
            "No axis was moved: a bare reshape strings the pixels of a patch along one row of the image. "
            "Permute before the last reshape.",
            _folded("BrcCyx", "BrcCyx"),
        ),
    ),
)
