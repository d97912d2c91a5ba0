"""Figures of what an encoder makes of photographs: which patches are alike to it, beside an untrained one.

Pure functions from tensors to a Figure with `alt_text`, as in style.py: nothing here runs a model.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.image_forms import in_unit, many_images
from .encoder import pca_colours
from .style import HEAT, WIDTH, Picture, aspect, figure, frame, listed, percent, picture, show, styled

FAR = 3  # rows or columns from which on a patch no longer counts as a neighbour


def likeness(tokens: Tensor, patches: list[int]) -> Tensor:
    """Cosine of each image's token number `patches[i]` with all its others: tokens (n, N, D) -> (n, N).

    The mean token of all images is taken out first: what every patch has would make every patch alike."""
    centred = F.normalize(tokens - tokens.mean((0, 1)), dim=-1)
    return torch.einsum("ind,id->in", centred, centred[torch.arange(len(tokens)), patches])


def twin(like: Tensor, patch: int, grid: tuple[int, int]) -> int:
    """The patch most like `patch` by likeness (N,), of those that are at least FAR rows or columns away."""
    row, column = torch.arange(len(like)) // grid[1], torch.arange(len(like)) % grid[1]
    far = torch.maximum((row - row[patch]).abs(), (column - column[patch]).abs()) >= FAR
    return int(like.masked_fill(~far, -torch.inf).argmax())


@styled
def alike(
    images: object, tokens: Tensor, control: Tensor, grid: tuple[int, int], patches: list[int]
) -> Picture:
    """Which patches are alike? Four rows: images (n, C, H, W) in [0, 1], each with a framed patch; their
    tokens (n, N, D) as PCA colours; how like the framed patch every other is, with its `twin` framed; and the
    same for `control`, tokens (n, N, D) of an encoder with random weights. Each map has its own scale."""
    images = in_unit(many_images(images))
    n, N = len(images), grid[0] * grid[1]
    fig = figure(4 * min(WIDTH / n, 2.4) * aspect(images) + 0.1)
    axes, told = fig.subplots(4, n, squeeze=False), []
    colours, share = pca_colours(tokens)
    kinds = {"trained": likeness(tokens, patches), "untrained": likeness(control, patches)}
    for i, patch in enumerate(patches):
        show(axes[0, i], images[i])
        frame(axes[0, i], patch, grid, images.shape[-2] // grid[0])
        picture(axes[1, i], colours[i].reshape(*grid, 3))
        for ax, like in zip(axes[2:, i], kinds.values(), strict=True):
            low, high = torch.quantile(like[i].double(), torch.tensor([0.02, 0.99]).double()).tolist()
            picture(ax, like[i].reshape(grid), cmap=HEAT, vmin=low, vmax=high)
            frame(ax, twin(like[i], patch, grid), grid, 1, "twin")
    names = ("photograph", "features", "like the\nframed patch", "the same,\nuntrained")
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name)
    for name, like in kinds.items():
        counts = [int((one > 0.5).sum()) - 1 for one in like]
        told.append(f"{name}: {listed(counts)} of {N} patches have a cosine above 0.5 with the framed one")
    fig.alt_text = (
        f"{n} photographs, each with one framed patch. Below each its patches, coloured by three principal "
        f"components, which hold {percent(share)} of the variance; then how like the framed patch every "
        f"other is, with the most alike one far from it framed. {'; '.join(told)}."
    )
    return fig
