"""Figures of masks: what is context and what is target in an image, and how often each place is either.

Pure functions, state -> Figure with `alt_text`; style.py is what all figures are drawn with.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from ..data.image_forms import in_unit, one_image
from ..method.masks import Masks
from .style import (
    BRIGHT,
    DROPPED,
    HEAT,
    NOTHING,
    TARGETS,
    WIDTH,
    Picture,
    aspect,
    figure,
    hatched,
    listed,
    picture,
    show,
    square,
    styled,
)


def mask_sets(masks: Masks, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one image: its context (K,), its targets (M, T) and its dropped patches, as index arrays."""
    context = masks.context_idx[row][masks.context_keep[row]].cpu().numpy()
    targets = masks.target_idx[row].cpu().numpy()
    dropped = np.setdiff1d(np.arange(masks.grid[0] * masks.grid[1]), np.union1d(context, targets))
    return context, targets, dropped


def draw_masks(ax: Axes, image: Tensor, masks: Masks, row: int, title: str) -> None:
    _, targets, dropped = mask_sets(masks, row)
    grid, P = masks.grid, image.shape[-2] // masks.grid[0]
    show(ax, image, title)
    for patch in range(grid[0] * grid[1]):
        square(ax, patch, grid, P, "grid", fill=False, ec=(1, 1, 1, 0.5), lw=0.5)
    hatched(ax, dropped, grid, P, "dropped", DROPPED, 0.75, "#555555")
    for m, target in enumerate(targets):
        look = TARGETS[m % len(TARGETS)]
        hatched(ax, target, grid, P, f"target {m + 1}", look, 0.4)
        if masks.target_size:  # scattered patches have no outline
            outline(ax, divmod(int(target.min()), grid[1]), masks.target_size, P, m, look[0])


def outline(ax: Axes, corner: tuple[int, int], size: tuple[int, int], P: int, m: int, colour: str) -> None:
    """The frame of target block `m`: corner and size as (rows, columns), in patches of P pixels."""
    inset = 0.05 * P * m  # so that targets that share a border still show both outlines
    (top, left), (h, w) = corner, size
    box = (left * P - 0.5 + inset, top * P - 0.5 + inset), w * P - 2 * inset, h * P - 2 * inset
    ax.add_patch(Rectangle(*box, gid=f"outline {m + 1}", fill=False, ec=colour, lw=2))


def draw_seen(ax: Axes, image: Tensor, masks: Masks, row: int, title: str) -> None:
    grid, context = masks.grid, mask_sets(masks, row)[0]
    show(ax, image, title)
    for patch in np.setdiff1d(np.arange(grid[0] * grid[1]), context):
        square(ax, patch, grid, image.shape[-2] // grid[0], "unseen", fc=NOTHING, ec="white", lw=0.5)


@styled
def masks(image: object, masks: Masks, row: int = 0) -> Picture:
    """What is hidden, and from whom: image (C, H, W) in [0, 1] and its row in a `masking.Masks`."""
    image, (context, targets, dropped) = in_unit(one_image(image)), mask_sets(masks, row)
    (rows, columns), M = masks.grid, len(targets)
    fig = figure(WIDTH / 2 * aspect(image) + 0.7)
    left, right = fig.subplots(1, 2)
    draw_masks(left, image, masks, row, "targets hatched, context plain")
    draw_seen(right, image, masks, row, f"the context encoder sees {len(context)} of {rows * columns}")
    looks = {f"target {m + 1}": TARGETS[m % len(TARGETS)] for m in range(M)}
    looks |= {"dropped": DROPPED} if len(dropped) else {}
    handles = [Patch(fc=(colour, 0.4), ec=colour, hatch=hatch) for colour, hatch in looks.values()]
    fig.legend(handles, list(looks), loc="outside lower center", ncols=min(len(looks), 6), frameon=False)
    size = "each {} by {}".format(*masks.target_size) if masks.target_size else "scattered over the image"
    fig.alt_text = (
        f"An image of {rows} by {columns} patches; hatched targets: {M}, {size}, together "
        f"{len(np.unique(targets))} patches. {len(context)} plain patches are the context, {len(dropped)} "
        "grey ones are dropped. Beside it only the context is left: no target shows in it."
    )
    return fig


def _draw_rate(ax: Axes, rate: np.ndarray, title: str, top: float) -> AxesImage:
    """One heat map of shares (rows, columns) on the scale from 0 to `top`, with percents where they fit."""
    heat = picture(ax, rate, title, cmap=HEAT, vmin=0, vmax=top)
    for (r, c), value in np.ndenumerate(rate if max(rate.shape) <= 10 else np.empty((0, 0))):
        ink = "white" if value < BRIGHT * top else "black"
        ax.text(c, r, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=8)
    return heat


def _rate_told(name: str, rate: np.ndarray) -> str:
    return f"{name} in {rate.min():.2f} to {rate.max():.2f} (never: {(rate == 0).sum()} places)"


@styled
def coverage(context_rate: ArrayLike, target_rate: ArrayLike) -> Picture:
    """How often each place is context, and target: two arrays (rows, columns) in [0, 1], on one scale."""
    rates = {"context": np.asarray(context_rate, float), "target": np.asarray(target_rate, float)}
    rows, columns = rates["context"].shape
    top = max(*(rate.max() for rate in rates.values()), 1e-9)
    fig = figure(WIDTH / 2.3 * min(rows / columns, 1.6) + 0.3)
    axes, told = fig.subplots(1, 2), []
    for ax, (name, rate) in zip(axes, rates.items(), strict=True):
        heat = _draw_rate(ax, rate, f"is {name}", top)
        told.append(_rate_told(name, rate))
    fig.colorbar(heat, ax=axes, label="share of draws", shrink=0.8)
    grid = f"{rows} by {columns} grid"
    fig.alt_text = f"Two heat maps of a {grid} on one scale: of all draws a place is {listed(told, '{}')}."
    return fig


@styled
def coverage_of_rules(rates: dict[str, tuple[ArrayLike, ArrayLike]]) -> Picture:
    """`coverage` of several rules, one above the other on one scale: {rule: (context_rate, target_rate)}."""
    pairs = {rule: [np.asarray(rate, float) for rate in pair] for rule, pair in rates.items()}
    (rows, columns), told = next(iter(pairs.values()))[0].shape, []
    top = max(*(rate.max() for pair in pairs.values() for rate in pair), 1e-9)
    fig = figure(len(pairs) * (WIDTH / 2.9 * min(rows / columns, 1.6) + 0.3))
    axes = fig.subplots(len(pairs), 2, squeeze=False)
    for line, (rule, pair) in zip(axes, pairs.items(), strict=True):
        for ax, name, rate in zip(line, ("context", "target"), pair, strict=True):
            heat = _draw_rate(ax, rate, f"rule {rule}: is {name}", top)
        kinds = zip(("context", "target"), pair, strict=True)
        told.append(f"rule {rule}, {listed([_rate_told(*kind) for kind in kinds], '{}')}")
    fig.colorbar(heat, ax=axes, label="share of draws", shrink=0.6, aspect=30)
    fig.alt_text = (
        f"Heat maps of a grid of {rows} by {columns}, context on the left, target on the right, on one "
        f"scale: how often a place is either. {'; '.join(told)}."
    )
    return fig
