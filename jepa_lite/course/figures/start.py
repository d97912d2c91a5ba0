"""Figures of the first notebook: the method as a drawing, timings as dots, one machine beside another.

Pure functions from numbers to a Figure with `alt_text`, as in style.py. The drawing shows who sees what and
who learns how (paper, section 3, Figure 3), not how large anything is.
"""

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from ...figures.masks import draw_masks, draw_seen, mask_sets
from ...figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, TARGETS, Picture, figure, percent, styled
from ...method.masks import Masks
from ..timing import median_seconds

BOX = {"boxstyle": "round,pad=0.01,rounding_size=0.03", "ec": "#333333", "lw": 1.2}
BY_GRADIENT, BY_AVERAGE = {"fc": (SKY, 0.35)}, {"fc": (GREY, 0.2), "ls": "--"}
LOOKS = ((ORANGE, "////"), (BLUE, "\\\\\\\\"), (GREEN, "||||"))

# --- the method -------------------------------------------------------------------------------------


@styled
def three_networks(image: Tensor, masks: Masks, row: int = 0) -> Picture:
    """Who sees what, and learns how: image (C, H, W) in [0, 1] and its row in a `masking.Masks`."""
    context, targets, _ = mask_sets(masks, row)
    fig = figure(3.5)
    ax = fig.subplots()
    ax.set(xlim=(0, 2.06), ylim=(0, 1))
    ax.axis("off")
    draw_seen(ax.inset_axes((0.02, 0.56, 0.17, 0.36)), image, masks, row, "the context")
    draw_masks(ax.inset_axes((0.02, 0.05, 0.17, 0.36)), image, masks, row, "the whole image")
    _box(ax, (0.53, 0.62), "context\nencoder", "learns by gradient", BY_GRADIENT)
    _box(ax, (1.05, 0.62), "predictor", "learns by gradient", BY_GRADIENT)
    _box(ax, (0.53, 0.11), "target\nencoder", "a moving average,\nno gradient", BY_AVERAGE)
    tokens(ax, 0.74, len(targets), "predictions")
    tokens(ax, 0.23, len(targets), "targets")
    for x, y, to in ((0.41, 0.74, 0.51), (0.85, 0.74, 1.03), (1.37, 0.74, 1.56)):
        _arrow(ax, (x, y), (to, y))
    _arrow(ax, (0.41, 0.23), (0.51, 0.23))
    _arrow(ax, (0.85, 0.23), (1.56, 0.23))
    _arrow(ax, (0.69, 0.58), (0.69, 0.38), ls="--")
    ax.text(0.72, 0.48, "copied slowly", va="center", fontsize=8.5)
    _arrow(ax, (1.21, 0.46), (1.21, 0.58))
    ax.text(1.21, 0.42, "addresses of a target", ha="center", va="center", fontsize=8.5)
    _arrow(ax, (1.76, 0.60), (1.76, 0.38), style="<|-|>")
    ax.text(1.79, 0.49, "loss: how far\nfrom each other", va="center", fontsize=8.5)
    fig.alt_text = (
        f"The three networks of I-JEPA. Above: the context encoder sees {len(context)} patches of an image; "
        "the predictor gets its output and the addresses of a target block, and answers with predictions. "
        "Both learn by gradient. Below: the target encoder, a slow copy of the context encoder without a "
        f"gradient, sees the whole image; its output inside {len(targets)} hatched blocks is the targets. "
        "The loss is how far predictions and targets are from each other."
    )
    return fig


def _box(ax: Axes, corner: tuple[float, float], name: str, how: str, look: dict) -> None:
    x, y = corner
    ax.add_patch(FancyBboxPatch(corner, 0.31, 0.24, gid=name.replace("\n", " "), **BOX, **look))
    ax.text(x + 0.155, y + 0.12, name, ha="center", va="center", fontweight="bold")
    above = y > 0.5
    ax.text(x + 0.155, y + (0.28 if above else -0.03), how, ha="center", va="bottom" if above else "top",
            fontsize=8.5)  # fmt: skip


def tokens(ax: Axes, y: float, count: int, name: str) -> None:
    """A row of squares, one a target block, in the looks that the blocks have on the image."""
    for m in range(count):
        colour, hatch = TARGETS[m % len(TARGETS)]
        corner = (1.58 + 0.1 * (m % 4), y - 0.05 - 0.12 * (m // 4))
        look = {"fc": (colour, 0.4), "ec": colour, "hatch": hatch, "gid": name}
        ax.add_patch(FancyBboxPatch(corner, 0.055, 0.1, boxstyle="round,pad=0.005", **look))
    ax.text(1.76, y + (0.13 if y > 0.5 else -0.1), name, ha="center", va="center", fontweight="bold")


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], style: str = "-|>", ls: str = "-"
) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=11, color=BLACK, ls=ls, lw=1.2))


# --- timings ----------------------------------------------------------------------------------------


@styled
def timings(times: dict[str, list[float]], warm_up: int) -> Picture:
    """Every single timing, {name: [seconds]}, in its round, and the median without the first `warm_up`."""
    fig = figure(2.7)
    ax, told = fig.subplots(), []
    for (name, seconds), (colour, _), marker in zip(times.items(), LOOKS, "os^", strict=False):
        rounds, middle = list(range(1, len(seconds) + 1)), median_seconds(seconds, warm_up)
        ax.plot(rounds[warm_up:], seconds[warm_up:], marker, color=colour, label=name, gid=f"{name} counted")
        ax.plot(rounds[:warm_up], seconds[:warm_up], marker, color=colour, mfc="none", gid=f"{name} warm-up")
        ax.axhline(middle, color=colour, lw=1, ls="--", gid=f"{name} median")
        counted = seconds[warm_up:]
        told.append(
            f"{name}: median {middle:.3g} s, single ones from {min(counted):.3g} to {max(counted):.3g} s"
        )
    ax.set(xlabel="round", ylabel="seconds", ylim=(0, None))
    ax.legend(frameon=False, ncols=len(times), loc="lower right")
    fig.alt_text = (
        f"Single timings as dots, round after round; the first {warm_up} are hollow and do not count; dashed "
        f"lines are medians. {'; '.join(told)}."
    )
    return fig


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
