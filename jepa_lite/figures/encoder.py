"""Figures of what the encoder makes of an image: its tokens as colours, where its attention goes, what leaks.

Pure functions from tensors to a Figure with `alt_text`, as in style.py: nothing here runs a model. They are
pictures and not measures: how good the features are is for probes.py.
"""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from sklearn.decomposition import PCA
from torch import Tensor

from ..data.image_forms import in_unit, many_images, one_image
from .style import (
    DROPPED,
    HEAT,
    NOTHING,
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
    square,
    styled,
)


def pca_colours(tokens: Tensor) -> tuple[np.ndarray, float]:
    """Tokens (n, N, D) as colours (n, N, 3) in [0, 1]: their first three principal components.

    Fit on all the tokens at once, so that a colour means the same in every image. Returns (colours, share
    of the variance that the components hold). Tokens that do not vary come out grey, with share 0.
    """
    n, N, D = tokens.shape
    flat = np.asarray(tokens.detach().cpu().double()).reshape(n * N, D)
    colours = np.full((n * N, 3), 0.5)
    if np.ptp(flat, axis=0).max() < 1e-9:
        return colours.reshape(n, N, 3), 0.0
    pca = PCA(min(3, D, n * N), svd_solver="full").fit(flat)
    scores = pca.transform(flat)
    low, high = np.percentile(scores, (1, 99), axis=0)
    colours[:, : scores.shape[1]] = ((scores - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    return colours.reshape(n, N, 3), float(pca.explained_variance_ratio_.sum())


@styled
def pca_features(
    images: object, tokens: Tensor, grid: tuple[int, int], control: Tensor | None = None
) -> Picture:
    """Images (n, C, H, W) in [0, 1] above their tokens (n, N, D) as PCA colours.

    `control` (n, N, D): tokens of an encoder with random weights, a third row with a PCA of its own.
    """
    images = in_unit(many_images(images))
    kinds = {"trained": tokens} | ({} if control is None else {"random weights": control})
    n, told = len(images), []
    fig = figure((1 + len(kinds)) * min(WIDTH / n, 2.4) * aspect(images) + 0.2)
    axes = fig.subplots(1 + len(kinds), n, squeeze=False)
    for ax, image in zip(axes[0], images, strict=True):
        show(ax, image)
    axes[0, 0].set_ylabel("image")
    for line, (name, values) in zip(axes[1:], kinds.items(), strict=True):
        colours, share = pca_colours(values)
        for ax, coloured in zip(line, colours, strict=True):
            picture(ax, coloured.reshape(*grid, 3))
        line[0].set_ylabel(name.replace(" ", "\n"))  # a row may be lower than the name is long
        told.append(f"{name}: the components hold {percent(share)} of the variance")
        if n > 1:
            total = max(colours.var((0, 1)).sum(), 1e-12)
            image, place = (colours.mean(axis).var(0).sum() / total for axis in (1, 0))
            told[-1] += f"; the image explains {percent(image)} of the colours, the place {percent(place)}"
    count = f"{n} images" if n > 1 else "1 image"
    fig.alt_text = f"{count} above their patches, coloured by three principal components. {'. '.join(told)}."
    return fig


def effective_patches(weights: Tensor) -> Tensor:
    """Over how many patches attention (..., N) is spread: exp of its entropy, from 1 to N."""
    return torch.special.entr(weights.double()).sum(-1).exp()


def where_it_looks(maps: Tensor, patch: int) -> tuple[Tensor, float]:
    """Where one patch looks: (depth, heads, N), and the end of a colour scale in even shares 1/N."""
    looks = maps[:, :, patch].detach().cpu().float()
    return looks, max(2.0, float(np.percentile(looks.mean(1) * looks.shape[-1], 99.5)))


def draw_look(
    ax: Axes, weights: Tensor, grid: tuple[int, int], patch: int, top: float, title: str
) -> AxesImage:
    """One map of attention (N,), in units of the even share 1/N."""
    ax.set_axis_on()
    heat = picture(ax, weights.reshape(grid) * len(weights), title, cmap=HEAT, vmin=0, vmax=top)
    frame(ax, patch, grid, 1)
    return heat


@styled
def attention(
    image: object,
    maps: Tensor,
    grid: tuple[int, int],
    patch: int,
    layer: int = -1,
    names: list[int] | None = None,
) -> Picture:
    """Where the query `patch` of an image (C, H, W) looks: maps (depth, heads, N, N), by layer and head.

    layer: whose heads are shown, as an index into maps; names: what the layers are called, from 1 if None.
    """
    image, (looks, top) = in_unit(one_image(image)), where_it_looks(maps, patch)
    depth, heads, N = looks.shape
    names = names or list(range(1, depth + 1))
    columns = min(max(depth + 1, heads, 4), 7)
    lines = [-(-(depth + 1) // columns), -(-heads // columns)]  # of layers, of heads
    fig = figure(sum(lines) * (0.86 * WIDTH / columns * aspect(image) + 0.27))
    axes = fig.subplots(sum(lines), columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    show(axes[0, 0], image, "query")
    frame(axes[0, 0], patch, grid, image.shape[-2] // grid[0])
    told = []
    groups = {
        "layer": (axes.flat[1:], looks.mean(1), names),
        "head": (axes[lines[0] :].flat, looks[layer], range(1, heads + 1)),
    }
    for name, (places, group, numbers) in groups.items():
        counts = effective_patches(group).tolist()
        for ax, weights, number, count in zip(places, group, numbers, counts, strict=False):
            heat = draw_look(ax, weights, grid, patch, top, f"{name} {number}: {count:.0f}")
        told.append(listed(counts, "{:.0f}"))
    fig.colorbar(heat, ax=axes, label="times the even share", shrink=0.7, extend="max", aspect=30)
    fig.alt_text = (
        f"Heat maps of where patch {int(patch)} looks, each under the number of patches its attention is "
        f"spread over; even attention would reach all {N}. By layer, mean over heads: {told[0]}. Heads of "
        f"layer {names[layer]}: {told[1]}."
    )
    return fig


# --- an encoder that sees a part of the image -------------------------------------------------------


def _rest(idx: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """The patches of the grid that are not in `idx` (K,), ascending."""
    return np.setdiff1d(np.arange(grid[0] * grid[1]), np.asarray(idx))


def _on_grid(values: Tensor, idx: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """Values (K,) of the patches idx (K,) as a map (rows, columns), NaN elsewhere."""
    spread = np.full(grid[0] * grid[1], np.nan)
    spread[np.asarray(idx)] = np.asarray(values.detach().cpu().double())
    return spread.reshape(grid)


def _show_kept(ax: Axes, image: Tensor, idx: Tensor, grid: tuple[int, int], title: str) -> None:
    """An image of which only the patches idx (K,) are seen."""
    show(ax, image, title)
    for patch in _rest(idx, grid):
        square(ax, patch, grid, image.shape[-2] // grid[0], "unseen", fc=NOTHING, ec="white", lw=0.5)


@styled
def leaks(image: Tensor, idx: Tensor, grid: tuple[int, int], changes: dict[str, Tensor]) -> Picture:
    """The leak test: changes {name: (K,)} says by what share of itself the output of each kept patch changed.

    Beside the image (C, H, W), of which only the kept patches idx (K,) are shown, a map for each name, on one
    scale. Dotted grey: hidden patches, which have no output. What is not the same to the bit has changed.
    """
    fig = figure(WIDTH / (len(changes) + 1) * aspect(image) + 1.1)
    axes, told, K = fig.subplots(1, len(changes) + 1), [], len(idx)
    _show_kept(axes[0], image, idx, grid, f"{K} of {grid[0] * grid[1]} patches\nare kept")
    top = max(*(float(change.max()) for change in changes.values()), 1e-9)
    for ax, (name, change) in zip(axes[1:], changes.items(), strict=True):
        count = int((change > 0).sum())
        heat = picture(
            ax, _on_grid(change, idx, grid), f"{name}:\n{count} of {K} change", cmap=HEAT, vmin=0, vmax=top
        )
        hatched(ax, _rest(idx, grid), grid, 1, "hidden", DROPPED, 0.25, "#555555")
        told.append(f"{name}: {count} of {K} change, by {percent(float(change.mean()))} on average")
    fig.colorbar(
        heat,
        ax=axes,
        label="size of the change, as a share of the output",
        orientation="horizontal",
        shrink=0.5,
        aspect=40,
    )
    fig.alt_text = (
        f"An image with {K} of {grid[0] * grid[1]} patches kept, and maps of how much their outputs change "
        f"when every hidden pixel does. {'; '.join(told)}."
    )
    return fig
