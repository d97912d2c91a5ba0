"""Figures of notebooks 08 and 14: training images, a run in four panels, the shortcut, hidden directions.

Pure functions from numbers to a Figure with `alt_text`, as in style.py.
"""

import math

from matplotlib.lines import Line2D
from torch import Tensor

from ...evaluation.directions import degrees_between
from ...figures.curves import series
from ...figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    Picture,
    figure,
    show,
    square,
    styled,
)

# What is drawn of a log: its key, the title, the colour, the marker, and the highest value of the axis.
PANELS = (
    ("loss", "loss (a proxy)", BLUE, "", None),
    ("rank", "effective rank", GREEN, "s", None),
    ("address_gain", "address gain", ORANGE, "^", None),
    ("knn", "20-NN accuracy", VERMILION, "o", 1.0),
)

STROKES = {  # how directions are drawn: those that the context shows, the hidden ones, and the predicted ones
    "seen": {"color": BLACK, "lw": 1.2},
    "true": {"color": "#B5B5B5", "lw": 5},
    "predicted": {"color": BLUE, "lw": 1.8},
}


@styled
def labelled_images(images: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Picture:
    """The first image of each class, of eight classes every second: uint8 (n, C, H, W), labels (n,)."""
    chosen = range(0, len(classes), 1 if len(classes) <= 4 else 2)
    fig = figure(0.95)
    for ax, label in zip(fig.subplots(1, len(chosen)), chosen, strict=True):
        show(ax, images[(labels == label).nonzero()[0, 0]] / 255, classes[label])
    fig.alt_text = f"Training images, one of each of these classes: {', '.join(classes[i] for i in chosen)}."
    return fig


@styled
def minute(log: list[dict], controls: dict[str, float], about: str = "random weights") -> Picture:
    """Loss, effective rank, address gain and 20-NN accuracy against step, in four panels.

    log: the records of a `Run`; controls: {"loss", "rank", "address_gain", "knn"} -> the level to compare
    with, drawn dotted; about: what the levels are. Raises ValueError on an empty log.
    """
    if not log:
        raise ValueError("the log is empty, so there are no curves to draw; train for at least one step")
    fig, told = figure(4.6), []
    for ax, (key, title, colour, marker, top) in zip(
        fig.subplots(2, 2, sharex=True).flat, PANELS, strict=True
    ):
        steps, values = series(log, key)
        if key == "loss":
            ax.plot(steps, values, color=GREY, lw=0.6, gid="every step")
            values = _recent_mean(values, max(len(values) // 40, 1))
        ax.plot(steps, values, color=colour, marker=marker, ms=3.5, lw=1.8, gid=key)
        words = title.replace(" (a proxy)", "")
        if len(values):
            told.append(f"{words} goes from {values[0]:.3g} to {values[-1]:.3g}")
        else:
            told.append(f"{words} was not measured")
            ax.text(0.5, 0.5, "not measured in this run", ha="center", va="center", transform=ax.transAxes)
        if key in controls:
            ax.axhline(controls[key], color=BLACK, ls=":", lw=1.4, gid=f"{key} control")
            told[-1] += f" (dotted: {controls[key]:.3g})"
        ax.set(title=title, ylim=(0, top))
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
    for ax in fig.axes[2:]:
        ax.set_xlabel("step")
    last = log[-1]["step"]
    fig.alt_text = f"Four panels against step, up to {last}: {'; '.join(told)}. Dotted lines: {about}."
    return fig


def share_of_fall(log: list[dict], level: float, more: float = 0.05, window: int = 20) -> float:
    """How much of its fall the loss has behind it, in %, when 20-NN is first `more` over `level`, or ever.

    The fall is from the first loss to the mean of the last `window` losses.
    """
    steps, losses = series(log, "loss")
    means = dict(zip(steps, _recent_mean(losses, window), strict=True))
    risen = [step for step, knn in series(log, "knn").T if knn >= level + more]
    now = means[risen[0]] if risen else means[steps[-1]]
    return float(100 * (losses[0] - now) / (losses[0] - means[steps[-1]]))


def _recent_mean(values, window):
    """The mean of each value and the `window` - 1 before it, as many as there are."""
    return [values[max(i + 1 - window, 0) : i + 1].mean() for i in range(len(values))]


@styled
def two_runs(logs: dict[str, list[dict]], controls: dict[str, dict[str, float]]) -> Picture:
    """Two runs, {name: log}: loss and 20-NN accuracy, with controls {name: {"knn": level}} dotted."""
    fig, told = figure(2.7), []
    left, right = fig.subplots(1, 2)
    looks = ((BLUE, "-", "o"), (VERMILION, "--", "^"))
    for (name, log), (colour, line, marker) in zip(logs.items(), looks, strict=False):
        steps, losses = series(log, "loss")
        losses = _recent_mean(losses, max(len(losses) // 25, 1))
        left.plot(steps, losses, color=colour, ls=line, lw=1.8, label=name, gid=f"{name} loss")
        steps, knn = series(log, "knn")
        right.plot(steps, knn, color=colour, ls=line, marker=marker, ms=4, lw=1.8, gid=f"{name} knn")
        level = controls[name]["knn"]
        right.axhline(level, color=colour, ls=":", lw=1.4, gid=f"{name} control")
        told.append(
            f"{name}: the loss goes from {losses[0]:.2f} to {losses[-1]:.2f}, the 20-NN accuracy from "
            f"{knn[0]:.2f} to {knn[-1]:.2f}, with random weights {level:.2f}"
        )
    left.set(title="loss, mean of recent steps", xlabel="step", ylim=(0, None))
    right.set(title="20-NN accuracy (dotted: random weights)", xlabel="step", ylim=(0, 1))
    left.legend(frameon=False)
    fig.alt_text = f"Two runs. {'. '.join(told)}."
    return fig


@styled
def hidden_strokes(
    grid: tuple[int, int], seen: list[Tensor], angle: Tensor, hidden: Tensor, predicted: Tensor
) -> Picture:
    """Directions as strokes, a panel an image: of patches seen, and of hidden ones, true and predicted.

    seen: the context patches of each of n images; angle (n, N), true, in radians; hidden (n, L), patches, and
    predicted (n, L), their directions in radians.
    """
    n = len(seen)
    fig = figure(2.15)
    true = angle.gather(1, hidden)  # (n, L)
    off = degrees_between(predicted, true).median().item()
    for i, ax in enumerate(fig.subplots(1, n, squeeze=False)[0]):
        ax.set(xlim=(-0.5, grid[1] - 0.5), ylim=(grid[0] - 0.5, -0.5), xticks=[], yticks=[], aspect="equal")
        ax.spines[:].set(visible=True, color="#BBBBBB")
        for patch in hidden[i].unique().tolist():
            square(ax, patch, grid, 1, "hidden", fc="#EEEEEE", ec="none")
        _strokes(ax, grid, seen[i], angle[i, seen[i]], "seen")
        _strokes(ax, grid, hidden[i], true[i], "true")
        _strokes(ax, grid, hidden[i], predicted[i], "predicted")
    words = ("seen", "hidden, true", "hidden, predicted")
    pairs = zip(words, STROKES.values(), strict=True)
    handles = [Line2D([], [], label=label, **look) for label, look in pairs]
    fig.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    fig.alt_text = (
        f"{n} images as strokes, one a tile. Thin strokes are the directions that the context shows. On grey "
        f"ground are the hidden tiles, each with a wide stroke for its true direction and a narrow one on it "
        f"for the prediction. In the median they are {off:.0f} degrees apart; guesses would be 45."
    )
    return fig


def _strokes(ax, grid, patches, angles, gid):
    for patch, angle in zip(patches.tolist(), angles.tolist(), strict=True):
        y, x = divmod(patch, grid[1])
        dy, dx = 0.38 * math.sin(angle), 0.38 * math.cos(angle)
        ax.plot([x - dx, x + dx], [y - dy, y + dy], gid=gid, solid_capstyle="round", **STROKES[gid])
