"""Figures of the first notebook: a photograph as an encoder sees it, the method as a drawing, one machine
beside another.

Pure functions from tensors and numbers to a Figure with `alt_text`, as in style.py. The drawing shows who
sees what and who learns how (paper, section 3, Figure 3), not how large anything is.
"""

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from ...figures.encoder import pca_colours
from ...figures.masks import draw_seen, mask_sets, outline
from ...figures.photographs import far, likeness, twin
from ...figures.style import (
    BLACK,
    BLUE,
    GREY,
    HEAT,
    NOTHING,
    ORANGE,
    SKY,
    TARGETS,
    Picture,
    figure,
    frame,
    hatched,
    percent,
    picture,
    show,
    styled,
)
from ...method.masks import Masks
from ..first_look import Prediction, Seen

BOX = {"boxstyle": "round,pad=0.01,rounding_size=0.03", "ec": "#333333", "lw": 1.2}
BY_GRADIENT, BY_AVERAGE = {"fc": (SKY, 0.35)}, {"fc": (GREY, 0.2), "ls": "--"}

# --- one photograph -----------------------------------------------------------------------------------


@styled
def first_look(seen: Seen, patch: int) -> Picture:
    """A photograph with a framed patch; the tokens of both encoders as PCA colours, each with its own PCA;
    and how like the framed patch every other is to them, with the `twin` framed, each on its own scale."""
    fig, told = figure(3.5), []
    spots = [["photo", "trained 0", "trained 1"], ["photo", "untrained 0", "untrained 1"]]
    axes = fig.subplot_mosaic(spots, width_ratios=(1, 1, 1))
    show(axes["photo"], seen.image, "a framed patch")
    frame(axes["photo"], patch, seen.grid, seen.patch_size)
    for name, tokens in (("trained", seen.trained), ("untrained", seen.untrained)):
        like = likeness(tokens[None], [patch])[0]  # (N,)
        picture(axes[f"{name} 0"], pca_colours(tokens[None])[0].reshape(*seen.grid, 3))
        low, high = torch.quantile(like.double(), torch.tensor([0.02, 0.99]).double()).tolist()
        picture(axes[f"{name} 1"], like.reshape(seen.grid), cmap=HEAT, vmin=low, vmax=high)
        found = twin(like, patch, seen.grid)
        frame(axes[f"{name} 1"], found, seen.grid, 1, "twin")
        axes[f"{name} 0"].set_ylabel(name if name == "trained" else "random weights")
        row, column = divmod(found, seen.grid[1])
        told.append(
            f"{name}: {int((like > 0.5).sum()) - 1} of {len(like) - 1} patches have a cosine above 0.5 with "
            f"it, and the most alike of those {far(seen.grid)} or more rows or columns away lies in "
            f"row {row}, column {column}"
        )
    axes["trained 0"].set_title("features, as colours")
    axes["trained 1"].set_title("similarity to the frame")
    row, column = divmod(patch, seen.grid[1])
    fig.alt_text = (
        f"A photograph with one framed patch, in row {row}, column {column} of {seen.grid[0]} by "
        f"{seen.grid[1]}. Beside it, for a trained encoder and for one with random weights, each patch "
        f"coloured by its features, and a map of how like the framed patch every other is. {'; '.join(told)}."
    )
    return fig


# --- the method -------------------------------------------------------------------------------------


@styled
def three_networks(made: Prediction) -> Picture:
    """Who sees what, and learns how, with a real prediction: vectors are coloured by a PCA of the targets."""
    image, masks = made.image, made.masks
    context, blocks, _ = mask_sets(masks, 0)
    fig = figure(3.5)
    ax = fig.subplots()
    ax.set(xlim=(0, 2.06), ylim=(0, 1))
    ax.axis("off")
    draw_seen(ax.inset_axes((0.02, 0.56, 0.17, 0.36)), image, masks, 0, "the context")
    _whole(ax.inset_axes((0.02, 0.05, 0.17, 0.36)), image, blocks, masks)
    _box(ax, (0.53, 0.62), "context\nencoder", "learns by gradient", BY_GRADIENT)
    _box(ax, (1.05, 0.62), "predictor", "learns by gradient", BY_GRADIENT)
    _box(ax, (0.53, 0.11), "target\nencoder", "a moving average,\nno gradient", BY_AVERAGE)
    truth, answers = _coloured(made.targets, made.predictions)
    _vectors(ax.inset_axes((0.77, 0.56, 0.17, 0.36)), blocks, answers, masks, "predictions")
    _vectors(ax.inset_axes((0.77, 0.05, 0.17, 0.36)), blocks, truth[blocks], masks, "targets")
    for x, y, to in ((0.41, 0.74, 0.51), (0.85, 0.74, 1.03), (1.37, 0.74, 1.56)):
        _arrow(ax, (x, y), (to, y))
    _arrow(ax, (0.41, 0.23), (0.51, 0.23))
    _arrow(ax, (0.85, 0.23), (1.56, 0.23))
    _arrow(ax, (0.69, 0.58), (0.69, 0.38), ls="--")
    ax.text(0.72, 0.48, "copied slowly", va="center", fontsize=8.5)
    _arrow(ax, (1.21, 0.46), (1.21, 0.58))
    one = len(blocks) == 1
    where = "where the block is" if one else "where the blocks are"
    ax.text(1.21, 0.42, where, ha="center", va="center", fontsize=8.5)
    _arrow(ax, (1.76, 0.55), (1.76, 0.47), style="<|-|>")
    ax.text(1.79, 0.51, "loss", va="center", fontsize=8.5)
    N, rank = len(made.targets), made.ranks.mean().item()
    hidden = "the place of 1 hidden block" if one else f"the places of {len(blocks)} hidden blocks"
    fig.alt_text = (
        f"The three networks of I-JEPA on one photograph. Above: the context encoder sees {len(context)} of "
        f"{N} patches; the predictor gets its output and {hidden}, and predicts a vector for each hidden "
        "patch, drawn as a colour. Both learn by gradient. Below: the "
        "target encoder, a slow copy of the context encoder without a gradient, sees the whole image; its "
        f"vectors inside the {'block' if one else 'blocks'} are the targets. The loss compares the two. "
        f"The true patch ranks {rank:.1f} of {N} on average, where guessing gives {(N + 1) / 2:g}."
    )
    return fig


def _coloured(targets: Tensor, predictions: Tensor) -> tuple[Tensor, Tensor]:
    """Targets (N, D) and predictions (M, T, D) as colours (N, 3) and (M, T, 3), by one PCA of the targets."""
    middle = targets.mean(0)
    axes = torch.linalg.svd(targets - middle, full_matrices=False).Vh[:3].T  # (D, 3)
    scores = (targets - middle) @ axes  # (N, 3)
    low, high = torch.quantile(scores, torch.tensor([0.01, 0.99]), dim=0)
    return tuple(((x - low) / (high - low)).clamp(0, 1) for x in (scores, (predictions - middle) @ axes))


def _whole(ax: Axes, image: Tensor, blocks, masks: Masks) -> None:
    """What the target encoder sees: all of the image, of which blocks (M, T) are targets."""
    P = image.shape[-2] // masks.grid[0]
    show(ax, image, "the whole image")
    for m, block in enumerate(blocks):
        look = TARGETS[m % len(TARGETS)]
        hatched(ax, block, masks.grid, P, f"target {m + 1}", look, 0.15)
        outline(ax, divmod(int(block.min()), masks.grid[1]), masks.target_size, P, m, look[0])


def _vectors(ax: Axes, blocks, colours, masks: Masks, name: str) -> None:
    """Vectors of blocks (M, T) as colours (M, T, 3) at their places, and nothing elsewhere."""
    drawn = torch.zeros(masks.grid[0] * masks.grid[1], 4)  # (N, RGBA); clear, so that the ground shows
    drawn[torch.as_tensor(blocks).flatten()] = F.pad(colours.flatten(0, 1), (0, 1), value=1.0)
    picture(ax, drawn.view(*masks.grid, 4), name).set_gid(name)
    ax.set_facecolor(NOTHING)  # a patch and no image, so that it is dark on a dark page
    for m, block in enumerate(blocks):
        corner = divmod(int(block.min()), masks.grid[1])
        outline(ax, corner, masks.target_size, 1, m, TARGETS[m % len(TARGETS)][0])


def _box(ax: Axes, corner: tuple[float, float], name: str, how: str, look: dict) -> None:
    x, y = corner
    ax.add_patch(FancyBboxPatch(corner, 0.31, 0.24, gid=name.replace("\n", " "), **BOX, **look))
    ax.text(x + 0.155, y + 0.12, name, ha="center", va="center", fontweight="bold")
    above = y > 0.5
    ax.text(x + 0.155, y + (0.28 if above else -0.03), how, ha="center", va="bottom" if above else "top",
            fontsize=8.5)  # fmt: skip


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], style: str = "-|>", ls: str = "-"
) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=11, color=BLACK, ls=ls, lw=1.2))


# --- one machine beside another ---------------------------------------------------------------------


@styled
def beside_reference(yours: float, reference: float, notebooks: dict[str, float]) -> Picture:
    """Your steps a second beside the `reference`'s, and what {notebook: its seconds there} would take here.

    A notebook's seconds are scaled by the ratio of the two: an estimate, for not all of it is training.
    """
    ratio = yours / reference
    here = {name: seconds / ratio for name, seconds in notebooks.items()}
    fig = figure(max(2.0, 0.27 * len(notebooks) + 0.9))
    left, right = fig.subplots(1, 2, width_ratios=(1, 1.5))
    for y, (name, value, colour, hatch) in enumerate(
        (("you", yours, ORANGE, "////"), ("reference", reference, BLUE, ""))
    ):
        bar(left, y, value, 0.6, (colour, hatch), name)
        beside(left, value, y, f"{value:.3g}")
    left.set_yticks([0, 1], ["you", "reference"])
    left.set(title=f"steps a second: {ratio:.2g} times as many", xlim=(0, 1.25 * max(yours, reference)))
    for y, (name, seconds) in enumerate(notebooks.items()):
        bar(right, y - 0.2, here[name], 0.38, (ORANGE, "////"), f"{name} here")
        bar(right, y + 0.2, seconds, 0.38, (BLUE, ""), f"{name} there")
        beside(right, max(here[name], seconds), y, f"{here[name]:.0f} s")
    right.set_yticks(
        range(len(notebooks)), [name[:2] + " " + name[3:].replace("_", " ") for name in notebooks]
    )
    right.set(title="seconds of a whole notebook, here estimated",
              xlim=(0, 1.25 * max([1.0, *here.values(), *notebooks.values()])))  # fmt: skip
    left.set_ylim(1.9, -0.9)
    right.invert_yaxis()
    slowest = max(here, key=here.get, default=None)
    told = f" All {len(here)} notebooks would take {sum(here.values()) / 60:.1f} minutes here" if here else ""
    told += f", the longest, {slowest[:2]}, {here[slowest]:.0f} seconds." if here else ""
    fig.alt_text = (
        f"Bars: {yours:.3g} training steps a second on your machine and {reference:.3g} on the reference: "
        f"{percent(ratio)} of its speed. Beside them bars of seconds for each notebook, here and there.{told}"
    )
    return fig


def bar(ax: Axes, y: float, value: float, height: float, look: tuple[str, str], gid: str) -> None:
    ax.barh(y, value, height, fc=look[0], hatch=look[1], ec="#333333", lw=0.6, gid=gid)


def beside(ax: Axes, value: float, y: float, words: str) -> None:
    ax.annotate(words, (value, y), (4, 0), textcoords="offset points", va="center")
