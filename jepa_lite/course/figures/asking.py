"""What the predictor is asked, and what it answers: its input as a sequence, the rows that learn, directions.

Pure functions, state -> Figure with `alt_text`. The synthetic images are those of data/fields.py; directions
are read from predictions by evaluation/directions.py; figures/directions.py has the report's figure of them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data.images import Images
from ...evaluation.directions import degrees_between
from ...figures.directions import stroke
from ...figures.masks import draw_masks, draw_seen, mask_sets, outline
from ...figures.style import (
    BLACK,
    BLUE,
    HEAT,
    NOTHING,
    ORANGE,
    PURPLE,
    TARGETS,
    VERMILION,
    WIDTH,
    Picture,
    aspect,
    figure,
    frame,
    hatched,
    listed,
    picture,
    show,
    square,
    styled,
)
from ...method.masks import Masks
from ...method.patches import patchify, unpatchify

ACROSS = 8  # tokens in a line of a sequence
LOOKS = {"truth": BLACK, "right address": BLUE, "wrong address": ORANGE, "no address": PURPLE}


@styled
def mosaics(made: Images, lines: int = 2) -> Picture:
    """The first synthetic images of every kind, a column each: `lines` of them."""
    kinds = made.classes
    fig = figure(lines * WIDTH / len(kinds) * aspect(made.images) * 0.75 + 0.3)
    axes = fig.subplots(lines, len(kinds), squeeze=False)
    for column, kind in enumerate(kinds):
        rows = (made.labels == column).nonzero()[:lines, 0].tolist()
        for ax, row in zip(axes[:, column], rows, strict=True):
            show(ax, made.images[row] / 255, kind if ax is axes[0, column] else "")
    fig.alt_text = (
        f"Images of {len(kinds)} kinds, {lines} of each: {listed(kinds, '{}')}. Each is a mosaic of hatched "
        "tiles of many colours; the direction of the hatching turns from tile to tile as the kind says."
    )
    return fig


@styled
def one_sequence(image: Tensor, masks: Masks, row: int = 0) -> Picture:
    """The masks of an image (C, H, W) in [0, 1], and beside them the predictor's input for its first target.

    A token of the context is drawn as its patch and a mask token as a hatched square; each bears the number
    of its place."""
    grid, P, (context, targets, _) = masks.grid, image.shape[-2] // masks.grid[0], mask_sets(masks, row)
    K, T = len(context), len(targets[0])
    places = torch.cat([torch.as_tensor(context), torch.as_tensor(targets[0])])  # (K+T,)
    shown = patchify(image[None], P)[0, places]  # (K+T, C*P*P)
    shown[K:] = 0.75  # a mask token has no picture
    lines = -(-len(places) // ACROSS)
    shown = F.pad(shown, (0, 0, 0, lines * ACROSS - len(places)), value=1.0)
    fig = figure(2.9)
    whole, strip = fig.subplots(1, 2, width_ratios=[1, 1.6])
    draw_masks(whole, image, masks, row, f"context, and {len(targets)} targets")
    title = f"the input for target 1: K = {K}, T = {T}"
    show(strip, unpatchify(shown[None], P, (lines, ACROSS))[0], title)
    hatched(strip, range(K, K + T), (lines, ACROSS), P, "mask token", TARGETS[0], 0.4)
    for at, place in enumerate(places.tolist()):
        y, x = (P * (n + 0.5) - 0.5 for n in divmod(at, ACROSS))
        strip.text(
            x, y, place, fontsize=8, weight="bold", ha="center", va="center", gid="place",
            bbox={"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.8},
        )  # fmt: skip
        frame(strip, at, (lines, ACROSS), P, "token")
    fig.alt_text = (
        f"An image of {grid[0]} by {grid[1]} patches, {len(targets)} hatched targets in it, and the sequence "
        f"for the first one: {K} context patches, then {T} equal, hatched mask tokens. Each bears the number "
        f"of its place: {', '.join(map(str, places.tolist()))}."
    )
    return fig


@styled
def rows_with_gradient(image: Tensor, masks: Masks, row: int, per_row: Tensor) -> Picture:
    """The masks of an image (C, H, W), and the norm of the gradient of every row of the table (N,)."""
    (rows, columns), none = masks.grid, per_row == 0
    fig = figure(2.9)
    left, right = fig.subplots(1, 2)
    draw_masks(left, image, masks, row, "context, targets, and what is neither")
    norms = per_row.where(~none, torch.nan).log10()  # no colour where there is none
    heat = picture(right, norms.view(rows, columns), "gradient of each row of the table", cmap=HEAT)
    for patch in none.nonzero()[:, 0].tolist():
        right.text(patch % columns, patch // columns, "0", ha="center", va="center", gid="none")
    fig.colorbar(heat, ax=right, label="norm, as a power of 10", shrink=0.8)
    fig.alt_text = (
        f"The masks of an image beside a map of {rows} by {columns}: {int((~none).sum())} rows of the table "
        f"get a gradient, those of context and targets; the other {int(none.sum())}, marked 0, get none."
    )
    return fig


@styled
def answers(images: Tensor, kinds: list[str], masks: Masks, found: dict[str, Tensor]) -> Picture:
    """Directions of hidden patches, a line an image: what is seen of it, and a panel for each of `found`.

    images (n, C, H, W) in [0, 1] of `kinds` (n); found {a name of LOOKS: radians (n, M, T)}, of which
    "truth" is one. Above each panel but the truth's: its median error, in degrees."""
    n, P = len(images), images.shape[-2] // masks.grid[0]
    fig = figure(n * (WIDTH / (1 + len(found)) * aspect(images) * 0.95 + 0.2))
    axes, told = fig.subplots(n, 1 + len(found), squeeze=False), []
    for i, line in enumerate(axes):
        draw_seen(line[0], images[i], masks, i, "the context" if i == 0 else "")
        line[0].set_ylabel(kinds[i])
        for ax, (name, angle) in zip(line[1:], found.items(), strict=True):
            show(ax, torch.ones_like(images[i]))
            square(ax, 0, (1, 1), images.shape[-1], "frame", fc=NOTHING, ec="none")
            for m, target in enumerate(masks.target_idx[i]):
                corner = divmod(int(target.min()), masks.grid[1])
                outline(ax, corner, masks.target_size, P, m, "#AAAAAA")
                for patch, one in zip(target.tolist(), angle[i, m].tolist(), strict=True):
                    stroke(ax, patch, masks.grid, P, one, LOOKS[name], name)
            off = degrees_between(angle[i], found["truth"][i]).median().item()
            words = "" if name == "truth" else f"{off:.0f}° off"
            ax.set_title(f"{name}\n{words}" if i == 0 else words)
    for name, angle in found.items():
        if name != "truth":
            off = [degrees_between(*one).median().item() for one in zip(angle, found["truth"], strict=True)]
            told.append(f"{name}: {listed(off, '{:.0f}')}")
    fig.alt_text = (
        f"{n} images, a line each ({listed(kinds, '{}')}): the patches that are seen, and strokes for the "
        f"directions of the hidden ones, true and predicted. Median error in degrees, {'; '.join(told)}."
    )
    return fig


@styled
def one_answer(image: Tensor, masks: Masks, angles: Tensor, predicted: Tensor, address: int) -> Picture:
    """What is read from the answer for one address, on the image (C, H, W) of which the context is seen.

    masks: of one image; angles (N,), the true directions, and predicted (N,), those of the answers for every
    address, in radians. Left the image, with the answer; right the error of every address."""
    grid, P = masks.grid, image.shape[-2] // masks.grid[0]
    off = degrees_between(predicted, angles)  # (N,)
    fig = figure(2.9)
    left, right = fig.subplots(1, 2)
    draw_seen(left, image, masks, 0, f"address {address}: {off[address]:.0f} degrees off")
    square(left, address, grid, P, "asked", fc="white", ec=BLACK, lw=1)
    stroke(left, address, grid, P, float(angles[address]), BLACK, "true", width=3.4)
    stroke(left, address, grid, P, float(predicted[address]), VERMILION, "predicted", dashes=(0, (1.5, 1)))
    heat = picture(right, off.view(grid), "error of every address", cmap=HEAT, vmin=0, vmax=90)
    for patch in mask_sets(masks, 0)[0]:
        right.text(patch % grid[1], patch // grid[1], "·", color="white", ha="center", va="center",
                   gid="context")  # fmt: skip
    frame(right, address, grid, 1)
    fig.colorbar(heat, ax=right, label="degrees", shrink=0.8)
    fig.alt_text = (
        f"An image of which {len(mask_sets(masks, 0)[0])} patches are seen. The answer for address {address} "
        f"is {off[address]:.0f} degrees off the true direction there; over all addresses the median error is "
        f"{off.median():.0f} degrees."
    )
    return fig
