"""Figures of what an encoder makes of photographs, beside an untrained one: which patches are alike to it, at
what its heads look, which crops are near.

Pure functions from tensors to a Figure with `alt_text`, as in style.py: nothing here runs a model.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.image_forms import in_unit, many_images
from ..data.images import Images
from .encoder import pca_colours
from .style import (
    BLACK,
    HEAT,
    VERMILION,
    WIDTH,
    Picture,
    aspect,
    figure,
    frame,
    listed,
    percent,
    picture,
    show,
    styled,
)


def likeness(tokens: Tensor, patches: list[int]) -> Tensor:
    """Cosine of each image's token number `patches[i]` with all its others: tokens (n, N, D) -> (n, N).

    The mean token of all images is taken out first: what every patch has would make every patch alike."""
    centred = F.normalize(tokens - tokens.mean((0, 1)), dim=-1)
    return torch.einsum("ind,id->in", centred, centred[torch.arange(len(tokens)), patches])


def far(grid: tuple[int, int]) -> int:
    """How many rows or columns away a patch is no longer close by: a quarter of the longer side.

    Nearer ones often show the same thing; for example, an eye of the cat is 7 of 32 columns wide."""
    return -(-max(grid) // 4)


def twin(like: Tensor, patch: int, grid: tuple[int, int]) -> int:
    """The patch most like `patch` by likeness (N,), of those that are at least `far` rows or columns away."""
    row, column = torch.arange(len(like)) // grid[1], torch.arange(len(like)) % grid[1]
    away = torch.maximum((row - row[patch]).abs(), (column - column[patch]).abs())
    return int(like.masked_fill(away < far(grid), -torch.inf).argmax())


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


class Look(NamedTuple):
    """A head's attention to a region: its block and number from 0, and the share of attention there."""

    block: int
    head: int
    share: float


def best_head(looks: Tensor, region: Tensor) -> Look:
    """Of the attention of one patch, looks (depth, heads, N), the head with most of it in region (N,)."""
    shares = looks[..., region].sum(-1)  # (depth, heads)
    block, head = divmod(int(shares.argmax()), shares.shape[1])
    return Look(block, head, float(shares[block, head]))


@styled
def looks_at(
    images: object,
    looks: Tensor,
    control: Tensor,
    grid: tuple[int, int],
    patches: list[int],
    regions: Tensor,
) -> Picture:
    """Does a head look at a thing? Three rows: images (n, C, H, W) in [0, 1], with a framed patch each and an
    outlined region (regions (n, N), True inside); the attention of the framed patch, looks (n, depth, heads,
    N), in its `best_head`; and the same for `control`, of an encoder with random weights, in the head that is
    best there. Above each map: the share of attention in the region. Each map has its own scale."""
    images = in_unit(many_images(images))
    n, P, shares = len(images), images.shape[-2] // grid[0], regions.float().mean(1).tolist()
    fig = figure(3 * min(WIDTH / n, 2.4) * aspect(images) + 0.7)
    axes, told = fig.subplots(3, n, squeeze=False), []
    for i, patch in enumerate(patches):
        show(axes[0, i], images[i], f"{percent(shares[i])} of the area")
        frame(axes[0, i], patch, grid, P)
        _surround(axes[0, i], regions[i], grid, P)
    for line, (name, values) in zip(axes[1:], {"trained": looks, "untrained": control}.items(), strict=True):
        found = [best_head(one, region) for one, region in zip(values, regions, strict=True)]
        for i, (ax, best) in enumerate(zip(line, found, strict=True)):
            weights = values[i, best.block, best.head]
            top = float(torch.quantile(weights.double(), 0.995))
            picture(ax, weights.reshape(grid), f"{percent(best.share)} there", cmap=HEAT, vmin=0, vmax=top)
            frame(ax, patches[i], grid, 1)
            _surround(ax, regions[i], grid, 1)
        told.append(f"{name}: {listed([percent(best.share) for best in found], '{}')}")
    heads = looks.shape[1] * looks.shape[2]
    for ax, name in zip(
        axes[:, 0], ("photograph", "attention,\ntrained", "attention,\nuntrained"), strict=True
    ):
        ax.set_ylabel(name)
    fig.alt_text = (
        f"{n} photographs, each with one framed patch and an outlined region, of "
        f"{listed([percent(share) for share in shares], '{}')} of the area. Below, where the framed patch "
        f"looks in the head, of {heads}, that looks most at the region. Share of attention in it, "
        f"{'; '.join(told)}."
    )
    return fig


def _surround(ax, region, grid, P):
    """A line around a region (N,) of an image in patches of P pixels."""
    inside = np.pad(np.kron(np.asarray(region.reshape(grid), float), np.ones((P, P))), 1)
    x, y = np.arange(-1, grid[1] * P + 1), np.arange(-1, grid[0] * P + 1)
    for colour, width in (("white", 2.2), (BLACK, 0.8)):
        ax.contour(x, y, inside, levels=[0.5], colors=colour, linewidths=width)


def nearest(queries: Tensor, bank: Tensor, k: int) -> Tensor:
    """The k features of bank (m, F) nearest to each of queries (q, F): (q, k), nearest first.

    By cosine, after standardising both by the bank, as the nearest-neighbour probe does."""
    mean, spread = bank.mean(0), bank.std(0).clamp(min=1e-6)
    near, far = (F.normalize((one - mean) / spread, dim=1) for one in (queries, bank))
    return (near @ far.T).topk(k, dim=1).indices


@styled
def neighbours(
    queries: Images, bank: Images, found: dict[str, Tensor], rows: list[int], k: int = 4
) -> Picture:
    """Which crops are near? A row for each of the queries `rows`, with its k nearest of the bank.

    found {name: (q, more than k)}: indices into the bank for ALL queries, nearest first. A neighbour with
    another label is crossed out. Above each block its name, and the share of all that is found, for all
    queries, which has the label of its query."""
    shares = {
        name: float((bank.labels[one] == queries.labels[:, None]).float().mean())
        for name, one in found.items()
    }
    widths = [1.0] + [w for _ in found for w in (0.3, *[1.0] * k)]
    fig = figure(len(rows) * (WIDTH / sum(widths) + 0.02) + 0.25)
    axes, told = fig.subplots(len(rows), len(widths), squeeze=False, width_ratios=widths), []
    fig.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for ax in axes.flat:
        ax.set_axis_off()
    for line, row in zip(axes, rows, strict=True):
        show(line[0], in_unit(queries.images[row]))
    axes[0, 0].set_title("crop")
    for block, (name, one) in enumerate(found.items()):
        first = 2 + block * (k + 1)
        middle, edge = first + (k - 1) // 2, 0.5 if k % 2 else 1.0  # where the block's middle is
        axes[0, middle].set_title(f"{name}: {percent(shares[name])} right", x=edge)
        wrong = bank.labels[one[rows, :k]] != queries.labels[rows][:, None]  # (rows, k)
        for line, row, crossed in zip(axes, rows, wrong.tolist(), strict=True):
            for ax, index, cross in zip(line[first : first + k], one[row, :k].tolist(), crossed, strict=True):
                show(ax, in_unit(bank.images[index]), ax.get_title())
                if cross:
                    _cross_out(ax, bank.images.shape[-2:])
        told.append(f"{name}: {percent(shares[name])}, here {int((~wrong).sum())} of {wrong.numel()}")
    fig.alt_text = (
        f"{len(rows)} crops of photographs, and the {k} crops of {len(bank.labels):,} that are nearest to "
        f"each. From the right photograph are, of the {next(iter(found.values())).shape[1]} nearest to each "
        f"of {len(queries.labels)} crops: {'; '.join(told)}."
    )
    return fig


def _cross_out(ax, size):
    H, W = size
    for colour, width in (("white", 3.0), (VERMILION, 1.6)):
        for y in ([0, H - 1], [H - 1, 0]):
            ax.plot([0, W - 1], y, color=colour, lw=width, gid="wrong", scalex=False, scaley=False)
