"""What a prediction means, drawn: a hole that several sources fill, what a linear map reads from tokens, and
the representations of what could be in the hole. Pure functions, each a Figure with alt text.
"""

import math

import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from ...evaluation.directions import degrees_between
from ...figures.style import (
    BLACK,
    BLUE,
    GREEN,
    HIDDEN,
    NOTHING,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    Picture,
    aspect,
    figure,
    hatched,
    show,
    styled,
)
from ...method.patches import patchify, unpatchify


def _filled(image: Tensor, hidden: Tensor, patches: Tensor, patch_size: int) -> Tensor:
    """A copy of an image (C, H, W) whose patches `hidden` (T,) are replaced by patches (T, C*P*P)."""
    grid = image.shape[1] // patch_size, image.shape[2] // patch_size
    whole = patchify(image[None], patch_size).clone()  # (1, N, C*P*P)
    whole[0, hidden] = patches.to(whole)
    return unpatchify(whole, patch_size, grid)[0]


def cut(image: Tensor, hidden: Tensor, patch_size: int, margin: int = 1) -> Tensor:
    """The part of an image (C, H, W) around the patches `hidden` (T,), with `margin` patches on each side."""
    columns = image.shape[2] // patch_size
    row, column = hidden // columns, hidden % columns
    top, left = (max(int(place.min()) - margin, 0) * patch_size for place in (row, column))
    bottom, right = ((int(place.max()) + 1 + margin) * patch_size for place in (row, column))
    return image[:, top:bottom, left:right]


@styled
def mosaic(images: Tensor, hidden: Tensor, fillings: dict[str, Tensor], patch_size: int) -> Picture:
    """Images (n, C, H, W) in [0, 1], one a row: the whole with a hole `hidden` (T,), the truth, fillings.

    fillings: {what fills the hole: patches (n, T, C*P*P)}. All but the first column show the hole's
    surroundings alone. The alt text holds each filling's mean absolute error in the hole.
    """
    n, names = len(images), ["image", "truth", *fillings]
    fig = figure(WIDTH / len(names) * aspect(images) * n + 0.35)
    axes = fig.subplots(n, len(names), squeeze=False)
    grid = images.shape[2] // patch_size, images.shape[3] // patch_size
    for i, (image, line) in enumerate(zip(images, axes, strict=True)):
        show(line[0], image)
        hatched(line[0], hidden.tolist(), grid, patch_size, "hidden", HIDDEN, 1, "#BBBBBB")
        show(line[1], cut(image, hidden, patch_size))
        for ax, patches in zip(line[2:], fillings.values(), strict=True):
            show(ax, cut(_filled(image, hidden, patches[i], patch_size), hidden, patch_size))
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name)
    truth = patchify(images, patch_size)[:, hidden]  # (n, T, C*P*P)
    fillings = {" ".join(name.split()): patches for name, patches in fillings.items()}
    errors = [f"{name} {(patches - truth).abs().mean():.2f}" for name, patches in fillings.items()]
    fig.alt_text = (
        f"{n} images, one a row, each with a hatched hole of {len(hidden)} patches, then the hole and what "
        f"is around it: the truth, and filled by {', by '.join(fillings)}. Mean error of a pixel in the "
        f"hole, from 0 to 1: {', '.join(errors)}."
    )
    return fig


STROKES = {  # of a direction: colour, width, dashes
    "true": (BLACK, 4.5, "-"),
    "right": (SKY, 2.2, "-"),
    "wrong": (VERMILION, 1.6, (0, (1.5, 1))),
}
READ = (
    (PURPLE, "...."),
    (SKY, ""),
    (ORANGE, "////"),
    (GREEN, "xxxx"),
    (NOTHING, "----"),
)  # looks of the sources, in order
ANSWERS = (
    (BLUE, "*"),
    (VERMILION, "D"),
    (BLACK, "X"),
    (GREEN, "P"),
    (PURPLE, "v"),
)  # and of what lies among the targets


@styled
def readable(shares: dict[str, dict[str, float]]) -> Picture:
    """What a linear map reads from tokens, as bars: shares {source: {quantity: share of its variance}}.

    A share below 0, worse than always answering the mean, has no bar, but its number. At most five sources.
    """
    quantities = list(next(iter(shares.values())))
    fig = figure(0.26 * len(quantities) * len(shares) + 1.0)
    ax, thick, told = fig.subplots(), 0.8 / len(shares), []
    for i, ((source, found), (colour, hatch)) in enumerate(zip(shares.items(), READ, strict=False)):
        for place, quantity in enumerate(quantities):
            y, value = place + (i - (len(shares) - 1) / 2) * thick, found[quantity]
            look = {"fc": colour, "ec": "#333333", "hatch": hatch, "lw": 0.6, "gid": f"{source} {quantity}"}
            ax.barh(y, max(value, 0.0), thick, label=None if place else source, **look)
            ax.text(max(value, 0.0) + 0.01, y, f"{value:.2f}", va="center", fontsize=8.5)
        told.append(f"{source}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()))
    ax.set(xlim=(0, 1.08), xlabel="share of the variance that a linear map explains in the hole")
    ax.set_yticks(range(len(quantities)), quantities)
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=3, frameon=False)
    fig.alt_text = f"Bars of what a linear map reads in the hole. {'; '.join(told)}."
    return fig


@styled
def possible_targets(clouds: dict[str, Tensor], answers: dict[str, Tensor]) -> Picture:
    """Two clouds of targets that one hidden patch could have, {name: (n, D)}, and answers {name: (D,)}.

    A plane of their space: along it, from the mean of the first cloud (0) to that of the second (1); across,
    the direction at right angles to it in which targets of one cloud differ most, in the same unit.
    """
    (one, other), looks = clouds.values(), ((SKY, "o"), (ORANGE, "^"))
    middle, axis = one.mean(0), other.mean(0) - one.mean(0)
    length = axis.norm()
    within = torch.cat([cloud - cloud.mean(0) for cloud in clouds.values()])
    within = within - torch.outer(within @ axis, axis) / length**2
    across = torch.linalg.svd(within, full_matrices=False).Vh[0]

    def plane(vectors):
        return ((vectors - middle) @ torch.stack([axis / length, across], 1) / length).T  # (2, n)

    fig, told = figure(3.4), []
    ax = fig.subplots()
    for (name, cloud), (colour, mark) in zip(clouds.items(), looks, strict=True):
        x, y = plane(cloud)
        ax.scatter(x, y, 26, c=colour, marker=mark, ec="#333333", lw=0.4, alpha=0.75, label=name, gid=name)
    for (name, vector), (colour, mark) in zip(answers.items(), ANSWERS, strict=False):
        x, y = plane(vector[None])
        ax.scatter(x, y, 130, c=colour, marker=mark, ec="white", lw=1.2, label=name, gid=name, zorder=3)
        told.append(f"{name} at {float(x):.2f}")
    ax.set(
        xlabel="from the mean of one (0) to the mean of the other (1)", ylabel="strongest difference within"
    )
    fig.legend(loc="outside right upper", frameon=False)
    fig.alt_text = (
        f"Targets of one hidden patch in a plane: {len(one)} of {next(iter(clouds))}, around 0, and "
        f"{len(other)} of {list(clouds)[1]}, around 1. Between them: {', '.join(told)}."
    )
    return fig


@styled
def strokes(images: Tensor, grid: tuple[int, int], hidden: Tensor, found: dict[str, Tensor]) -> Picture:
    """The hole of each image and what is around it, with strokes for the directions of the hidden tiles.

    images (n, C, H, W) in [0, 1]; hidden (T,), the same patches in all; found {"true", "right", "wrong"} to
    radians (n, T): true, and read from predictions with the right and with wrong addresses.
    """
    n, P = len(images), images.shape[2] // grid[0]
    row, column = hidden // grid[1], hidden % grid[1]
    top, left = (max(int(place.min()) - 1, 0) for place in (row, column))
    fig = figure(WIDTH / n * aspect(cut(images[0], hidden, P)) + 0.4)
    names = {"true": "true", "right": "predicted, right addresses", "wrong": "predicted, wrong addresses"}
    for i, ax in enumerate(fig.subplots(1, n, squeeze=False)[0]):
        show(ax, cut(images[i], hidden, P))
        for t, (y, x) in enumerate(zip((row - top).tolist(), (column - left).tolist(), strict=True)):
            box = Rectangle((x * P - 0.5, y * P - 0.5), P, P, fc="white", ec="none", gid="hidden")
            ax.add_patch(box)
            for name, (colour, width, dashes) in STROKES.items():
                angle = float(found[name][i, t])
                dy, dx = 0.42 * P * math.sin(angle), 0.42 * P * math.cos(angle)
                y0, x0 = P * (y + 0.5) - 0.5, P * (x + 0.5) - 0.5
                label = names[name] if i == t == 0 else None
                line = {"color": colour, "lw": width, "ls": dashes, "label": label, "gid": name}
                ax.plot([x0 - dx, x0 + dx], [y0 - dy, y0 + dy], **line)
    fig.legend(loc="outside upper center", ncols=3, frameon=False)
    off = {name: degrees_between(found[name], found["true"]).median().item() for name in ("right", "wrong")}
    fig.alt_text = (
        f"The holes of {n} images, with strokes for the directions of their hidden tiles. Read from "
        f"predictions with the right addresses they are {off['right']:.0f} degrees off in the median, with "
        f"wrong addresses {off['wrong']:.0f}."
    )
    return fig
