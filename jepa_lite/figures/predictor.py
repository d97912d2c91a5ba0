"""Figures of what the predictor says, found by looking for the patches whose targets are most like it.

A prediction is a vector and no picture, so it is shown by what it resembles; its rank says how well, beside
chance. Pure functions from tensors to a Figure with `alt_text`, as in style.py: nothing here runs a model.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.image_forms import in_unit, many_images, one_image
from ..method.masks import Masks
from .encoder import draw_look, effective_patches, pca_colours, where_it_looks
from .masks import draw_masks, draw_seen, mask_sets
from .style import (
    GREY,
    HEAT,
    HIDDEN,
    WIDTH,
    Picture,
    aspect,
    figure,
    frame,
    hatched,
    listed,
    percent,
    picture,
    show,
    styled,
)


class Query(NamedTuple):
    """A prediction to look up: for which image and patch, in which target (T,), and its vector (D,)."""

    image: int
    patch: int
    hidden: torch.Tensor
    vector: torch.Tensor


def _cosine(predictions, bank):
    if not (predictions.isfinite().all() and bank.isfinite().all()):  # a NaN would rank first
        raise ValueError(
            "predictions or targets hold NaN or infinity; use weights from before the run diverged"
        )
    return F.normalize(predictions.double(), dim=-1) @ F.normalize(bank.double(), dim=-1).T  # (q, m)


def nearest_patches(predictions: Tensor, bank: Tensor, k: int, allowed: Tensor | None = None) -> Tensor:
    """The k tokens of bank (m, D) nearest by cosine to each of predictions (q, D): (q, k), nearest first.

    Cosine orders layer-normalised targets as the L2 loss does. `allowed` (q, m): False hides a token.
    """
    similarity = _cosine(predictions, bank)
    if allowed is not None:
        similarity = similarity.masked_fill(~allowed, -torch.inf)
    return similarity.topk(k, dim=1).indices


def true_ranks(predictions: Tensor, bank: Tensor, true: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Rank (q,) of token `true` (q,) of bank (m, D) for predictions (q, D): 1 is best, (m + 1) / 2 is chance.

    Ties share their mean rank, so that a collapsed bank scores chance and not 1. `allowed` (q, m): False
    hides a token, but never the true one.
    """
    similarity = _cosine(predictions, bank)
    own = similarity.gather(1, true[:, None])
    rivals = torch.ones_like(similarity, dtype=torch.bool) if allowed is None else allowed.clone()
    rivals.scatter_(1, true[:, None], False)
    above, tied = similarity > own + 1e-6, (similarity - own).abs() <= 1e-6
    return 1 + (above & rivals).sum(1) + (tied & rivals).sum(1) / 2


def retrieval_ranks(queries: list[Query], bank: Tensor) -> tuple[Tensor, Tensor]:
    """Ranks of the true patches in bank (n, N, D): against all other images, and against their same place.

    Two tensors (q,). Chance is ((n - 1) * N + 2) / 2 and (n + 1) / 2. A predictor that knows only the place
    may do well in the first; in the second it is at chance.
    """
    n, N, _ = bank.shape
    vectors, image = torch.stack([q.vector for q in queries]), torch.tensor([[q.image] for q in queries])
    patch, token = torch.tensor([[q.patch] for q in queries]), torch.arange(n * N)
    pools = token // N != image, token % N == patch  # (q, n*N)
    true = (image * N + patch)[:, 0]
    return tuple(true_ranks(vectors, bank.flatten(0, 1), true, pool) for pool in pools)


def _surroundings(image, patch, grid, P):
    """The patch and its eight neighbours (C, 3P, 3P), grey beyond the border, by day and by night."""
    row, column = divmod(int(patch), grid[1])
    padded = F.pad(image, (P, P, P, P), value=int(GREY[1:3], 16) / 255)
    return padded[:, row * P : (row + 3) * P, column * P : (column + 3) * P]


@styled
def retrieval(
    images: object, grid: tuple[int, int], patch_size: int, queries: list[Query], bank: Tensor, k: int = 5
) -> Picture:
    """Which patches are like the prediction? images (n, C, H, W), queries, and bank (n, N, D) of targets.

    A row a query: the image with the hidden target, the true patch, the k nearest of the OTHER images.
    Raises ValueError when there are no other images.
    """
    images, (n, N, _) = in_unit(many_images(images)), bank.shape
    if n < 2:
        raise ValueError("retrieval looks among the other images, so it needs at least two; give it more")
    others = torch.arange(n * N) // N != torch.tensor([[q.image] for q in queries])
    vectors = torch.stack([q.vector for q in queries])
    found = nearest_patches(vectors, bank.flatten(0, 1), min(k, (n - 1) * N), others)  # (q, k)
    ranks, here = retrieval_ranks(queries, bank)
    size, k = (n - 1) * N + 1, found.shape[1]
    fig = figure(len(queries) * 0.93 * max(aspect(images), 1) + 0.3)
    axes = fig.subplots(len(queries), k + 3, squeeze=False, width_ratios=[*[1] * (k + 2), 1.4])
    for q, (query, line) in enumerate(zip(queries, axes, strict=True)):
        show(line[0], images[query.image])
        hatched(line[0], query.hidden, grid, patch_size, "hidden", HIDDEN, 1, "#BBBBBB")
        frame(line[0], query.patch, grid, patch_size)
        for ax, token in zip(line[1:-1], [query.image * N + query.patch, *found[q].tolist()], strict=True):
            show(ax, _surroundings(images[token // N], token % N, grid, patch_size))
            frame(ax, 4, (3, 3), patch_size, "found")
        words = f"rank {ranks[q]:g} of {size}\n(chance {(size + 1) / 2:g})\nsame place:\n"
        words += f"{here[q]:g} of {n} (chance {(n + 1) / 2:g})"
        line[-1].text(0, 0.5, words, va="center", fontsize=8.5, gid=f"ranks {q}")
        line[-1].set_axis_off()
    titles = ["image", "truth", "nearest", *(f"{i}." for i in range(2, k + 1))]
    for ax, title in zip(axes[0, :-1], titles, strict=True):
        ax.set_title(title)
    fig.alt_text = (
        f"{len(queries)} predictions, one a row: the image with its hidden target, the true patch, and "
        f"the {k} nearest patches of {n - 1} other images. The true patch ranks {listed(ranks.tolist())} of "
        f"{size} (chance {(size + 1) / 2:g}), and {listed(here.tolist())} of {n} at the same place (chance "
        f"{(n + 1) / 2:g})."
    )
    return fig


@styled
def explanation(
    image: object,
    masks: Masks,
    tokens: Tensor,
    maps: Tensor,
    patch: int,
    predictions: Tensor,
    targets: Tensor,
) -> Picture:
    """One image (C, H, W) explained: masks, features, attention of a query patch, and predictions.

    tokens (N, D); maps (depth, heads, N, N); predictions (M, T, D) and targets (N, D): of each target the
    middle patch's prediction is compared to the target vector of every patch of the image.
    """
    image = in_unit(one_image(image))
    grid, N, (context, blocks, _) = masks.grid, masks.grid[0] * masks.grid[1], mask_sets(masks, 0)
    fig = figure(3 * (WIDTH / 4 * aspect(image) + 0.28))
    axes = fig.subplots(3, 4)
    colours, share = pca_colours(tokens[None])
    show(axes[0, 0], image, "image")
    draw_masks(axes[0, 1], image, masks, 0, "masks")
    draw_seen(axes[0, 2], image, masks, 0, f"context: {len(context)} of {N}")
    picture(axes[0, 3], colours.reshape(*grid, 3), "features (PCA)")

    looks, top = where_it_looks(maps, patch)
    layers = sorted({0, len(looks) // 2, len(looks) - 1})
    spread = effective_patches(looks.mean(1))[layers].tolist()
    show(axes[1, 0], image, "attention of this patch")
    frame(axes[1, 0], patch, grid, image.shape[-2] // grid[0])
    for ax, layer, count in zip(axes[1, 1:], layers, spread, strict=False):
        draw_look(ax, looks[layer].mean(0), grid, patch, top, f"layer {layer + 1}: {count:.0f} of {N}")

    middle, predicted = torch.as_tensor(blocks[:, blocks.shape[1] // 2]), predictions[:, blocks.shape[1] // 2]
    ranks, similarity = true_ranks(predicted, targets, middle).tolist(), _cosine(predicted, targets)
    scale = {"cmap": HEAT, "vmin": similarity.min(), "vmax": similarity.max()}
    for m, ax in enumerate(axes[2, : len(blocks)]):
        picture(ax, similarity[m].reshape(grid), f"target {m + 1}: rank {ranks[m]:g} of {N}", **scale)
        frame(ax, middle[m], grid, 1, "truth")
    for ax in [*axes[1, 1 + len(layers) :], *axes[2, len(blocks) :]]:
        ax.set_axis_off()
    fig.alt_text = (
        f"One image. Hatched targets: {len(blocks)}; they leave {len(context)} of {N} patches as context. "
        f"Three components hold {percent(share)} of the features' variance. Attention of patch {int(patch)} "
        f"spreads over {listed(spread, '{:.0f}')} patches in layers {listed([i + 1 for i in layers])}. "
        f"Predictions, by cosine to every patch: the true, framed one ranks {listed(ranks)} of {N} "
        f"(chance {(N + 1) / 2:g})."
    )
    return fig
