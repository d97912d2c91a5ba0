"""Figures of notebook 13: three architectures as boxes, losses beside each other, embeddings and energies.

Pure functions from numbers to a Figure with `alt_text`, as in style.py. The architectures are those of LeCun,
"A Path Towards Autonomous Machine Intelligence" (2022), section 4; the losses are in neighbours.py.
"""

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from ...figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    HEAT,
    ORANGE,
    SKY,
    VERMILION,
    Picture,
    figure,
    picture,
    styled,
)

# {name: (what stands over x's encoder, whether it takes z, whether y is encoded, the energy)}
ARCHITECTURES = {
    "joint embedding": (None, False, True, "how far the encoded y is from the encoded x"),
    "generative": ("decoder", True, False, "how far y is from what is decoded from the encoded x and z"),
    "joint-embedding predictive": (
        "predictor", True, True, "how far the encoded y is from what is predicted from the encoded x and z"
    ),
}  # fmt: skip
LEFT, RIGHT = 0.26, 0.78  # where x and y stand in a panel

# --- architectures ----------------------------------------------------------------------------------


@styled
def three_architectures() -> Picture:
    """Who encodes what, and where the distance d is taken, in the three architectures."""
    fig = figure(2.9)
    told = []
    for ax, (name, (over, latent, encoded, energy)) in zip(
        fig.subplots(1, 3), ARCHITECTURES.items(), strict=True
    ):
        ax.set(xlim=(0, 1), ylim=(0, 1), title=name)
        ax.axis("off")
        _node(ax, LEFT, 0.06, "x")
        _node(ax, RIGHT, 0.06, "y")
        _box(ax, LEFT, 0.33, "encoder", SKY)
        _arrow(ax, (LEFT, 0.13), (LEFT, 0.27))
        top = 0.39
        if over:
            _box(ax, LEFT, 0.61, over, ORANGE if over == "predictor" else GREEN)
            _arrow(ax, (LEFT, 0.39), (LEFT, 0.55))
            top = 0.67
        if latent:
            _node(ax, 0.56, 0.61, "z")
            _arrow(ax, (0.5, 0.61), (0.46, 0.61))
        if encoded:
            _box(ax, RIGHT, 0.33, "encoder", SKY)
            _arrow(ax, (RIGHT, 0.13), (RIGHT, 0.27))
        _box(ax, 0.52, 0.9, "d", GREY, 0.16)
        _arrow(ax, (LEFT, top), (0.43, 0.86))
        _arrow(ax, (RIGHT, 0.39 if encoded else 0.13), (0.61, 0.86))
        parts = f"x goes through an encoder{f' and a {over} that also takes z' if over else ''}"
        told.append(f"{name}: {parts}; y {'through an encoder' if encoded else 'as it is'}; d is {energy}")
    fig.alt_text = (
        f"Three architectures as boxes, from the inputs x and y up to a distance d. {'. '.join(told)}."
    )
    return fig


def _box(ax: Axes, x: float, y: float, name: str, colour: str, width: float = 0.38) -> None:
    corner = x - width / 2, y - 0.055
    look = {"boxstyle": "round,pad=0.005,rounding_size=0.03", "fc": (colour, 0.35), "ec": "#333333"}
    ax.add_patch(FancyBboxPatch(corner, width, 0.11, gid=name, **look))
    ax.text(x, y, name, ha="center", va="center")


def _node(ax: Axes, x: float, y: float, name: str) -> None:
    ax.add_patch(Circle((x, y), 0.055, fc="white", ec="#333333", gid=name))
    ax.text(x, y, name, ha="center", va="center", style="italic")


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=BLACK, lw=1.1,
                                 shrinkA=0, shrinkB=0))  # fmt: skip


# --- losses beside each other -----------------------------------------------------------------------

MEASURES = {"gap": "energy gap", "rank": "effective rank", "readout": "R² of the content"}


@styled
def two_views_of_a_sample(v: Tensor, w: Tensor, content: Tensor, count: int = 4) -> Picture:
    """The first samples of the toy, as strips: content (n, 4) and both views v, w (n, 32)."""
    fig, told = figure(0.62 * count + 0.5), []
    axes = fig.subplots(count, 2, squeeze=False, width_ratios=(1, 5))
    for row, (left, right) in enumerate(axes):
        scale = {"cmap": HEAT, "vmin": -2, "vmax": 2, "aspect": "auto"}
        picture(left, content[row, None], "content" if row == 0 else "", **scale)
        picture(right, torch.stack([v[row], w[row]]), "two views" if row == 0 else "", **scale)
        left.set_yticks([0], [f"sample {row + 1}"])
        right.set_yticks([0, 1], ["view 1", "view 2"])
        right.axhline(0.5, color="white", lw=2)
        numbers = ", ".join(f"{value:.1f}" for value in content[row].tolist())
        alike = torch.corrcoef(torch.stack([v[row], w[row]]))[0, 1]
        told.append(f"sample {row + 1}: content {numbers}; its views correlate by {alike:.2f}")
    fig.alt_text = f"Strips of numbers, content and two views of each sample. {'. '.join(told)}."
    return fig


@styled
def losses_compared(
    table: dict[str, list[dict]], flat: float, lines: dict[str, float], control: str
) -> Picture:
    """A row for each loss, {name: a dict of MEASURES for each seed}, bars of means and a dot for each seed.

    A row whose mean gap is below `flat` is hatched, but for the `control`, which is grey. lines: {measure: a
    level for comparison, such as that of raw inputs}. A bar below zero is cut there; its number says so.
    """
    fig, told = figure(0.3 * len(table) + 0.9), []
    axes = fig.subplots(1, 3, sharey=True)
    for y, (name, runs) in enumerate(table.items()):
        collapsed = name != control and np.mean([run["gap"] for run in runs]) < flat
        colour = GREY if name == control else VERMILION if collapsed else BLUE
        look = {"fc": colour, "hatch": "////" if collapsed else "", "ec": "#333333"}
        said = []
        for ax, key in zip(axes, MEASURES, strict=True):
            values = [run[key] for run in runs]
            mean, spread = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 0.0
            ax.barh(y, max(mean, 0), 0.66, lw=0.6, gid=f"{name} {key}", **look)
            ax.plot(
                np.clip(values, 0, None), [y] * len(values), "o", color=BLACK, ms=2.5, gid=f"{name} seeds"
            )
            words = f"{mean:.1f} ± {spread:.1f}" if key == "rank" else f"{mean:.2f} ± {spread:.2f}"
            end = max(mean, *values, lines.get(key, 0))
            ax.annotate(words, (end, y), (4, 0), textcoords="offset points", va="center",
                        fontsize=7.5)  # fmt: skip
            said.append(f"{MEASURES[key]} {words}")
        told.append(f"{name}{' (hatched)' if collapsed else ''}: {', '.join(said)}")
    for ax, (key, words) in zip(axes, MEASURES.items(), strict=True):
        ax.set(
            title=words, xlim=(0, 1.45 * max(0.1, max(run[key] for runs in table.values() for run in runs)))
        )
        if key in lines:
            ax.axvline(lines[key], color=GREY, ls="--", lw=1.2, gid=f"line {key}")
    axes[0].set_yticks(range(len(table)), list(table))
    axes[0].invert_yaxis()
    compared = ", ".join(f"{MEASURES[key]} {value:.2f}" for key, value in lines.items())
    fig.alt_text = (
        "Bars of three measures, a row for each loss, mean and spread over seeds, a dot for each seed; "
        f"hatched where the mean energy gap of a loss is below {flat:g}. Dashed line: {compared}. "
        f"{'; '.join(told)}."
    )
    return fig


# --- one loss up close ------------------------------------------------------------------------------


@styled
def embeddings_and_energies(
    z: Tensor, content: Tensor, own: Tensor, other: Tensor, name: str = ""
) -> Picture:
    """Embeddings z (n, D) by their two strongest components, and the energies (n,) of own and other pairs.

    A dot's brightness is its content (n,). Embeddings are brought to length 1, and components are not
    rescaled, so a collapse shows as a point.
    """
    unit = F.normalize(z.double(), dim=1)
    centred = unit - unit.mean(0)
    two = (centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:2].T).numpy()  # (n, 2)
    fig = figure(2.9)
    left, right = fig.subplots(1, 2)
    left.scatter(*two.T, c=content, cmap=HEAT, s=7, gid="embeddings")
    left.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", title=f"{name}: embeddings")
    left.set(xlabel="first component", ylabel="second component")
    bins = np.linspace(0, 2, 41)
    for energy, words, look in (
        (own, "two views of one sample", {"fc": (BLUE, 0.6), "ec": BLUE}),
        (other, "views of two samples", {"fc": "none", "ec": VERMILION, "hatch": "////"}),
    ):
        weights = np.full(len(energy), 1 / len(energy))
        right.hist(energy.clamp(0, 2).numpy(), bins, weights=weights, histtype="stepfilled", label=words,
                   gid=words, **look)  # fmt: skip
    right.set(title="energies", xlabel="1 - cosine", ylabel="share of pairs", ylim=(0, 1.02), xlim=(0, 2))
    right.legend(frameon=False)
    spread = two.std(0)
    fig.alt_text = (
        f"{name}. Left: {len(z)} embeddings of length 1 along their two strongest components, whose "
        f"spreads are {spread[0]:.2f} and {spread[1]:.2f}. Right: histograms of energies. "
        f"The mean is {own.mean():.2f} for two views of one sample and {other.mean():.2f} for views of two."
    )
    return fig
