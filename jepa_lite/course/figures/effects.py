"""Ablations, drawn: effects with intervals beside the paper's, one change up close, and the sizes of blocks.

Pure functions, state -> Figure with `alt_text`. What an effect is, effects.py says.
"""

import math

import numpy as np

from ...figures.curves import series
from ...figures.style import (
    BLACK,
    BLUE,
    BRIGHT,
    GREEN,
    GREY,
    HEAT,
    ORANGE,
    PURPLE,
    VERMILION,
    Picture,
    figure,
    listed,
    picture,
    styled,
)
from ..effects import PAPER, effects, verdict

PROBES = {"linear": "linear probe", "knn": "20 neighbours"}
MARKS = ("o", "s", "^", "v", "D", "P")  # of the seeds
KINDS = {
    "loss": ("loss (a proxy)", ORANGE),
    "rank": ("effective rank", GREEN),
    "address_gain": ("address gain", PURPLE),
}
LOOKS = ((BLUE, "o"), (GREEN, "s"))  # of the tables


@styled
def effects_beside_paper(tables: dict[str, dict], probe: str = "linear") -> Picture:
    """Every change's effect on accuracy with its 95% interval over seeds, and the paper's effect beside it.

    tables: {images: table} as in `effects.tables`, with any number of seeds; of one there is no interval.
    """
    found = {images: {row["name"]: row for row in effects(table, probe)} for images, table in tables.items()}
    names = _in_groups(found)
    fig = figure((0.25 + 0.09 * len(found)) * len(names) + 1.3)
    ax, ends, said = fig.subplots(), [0.0], []
    places = np.linspace(-0.26, 0.26, len(found) + 1)  # of each table, and last of the paper
    for y, name in enumerate(names):
        words = []
        for place, (colour, mark), (images, rows) in zip(places, LOOKS, found.items(), strict=False):
            row = rows.get(name)
            if row and row["seeds"]:
                ends += _here(ax, y + place, row, images, colour, mark)
                words.append(_told(row | {"paper": None}).replace(f"{name}: ", f"{images} "))
        paper = next((rows[name]["paper"] for rows in found.values() if name in rows), None)
        if paper is not None:
            look = {"fmt": "D", "mfc": "white", "mec": VERMILION, "ecolor": VERMILION, "ms": 6, "mew": 1.6}
            ax.errorbar(paper, y + places[-1], **look, label="the paper's", gid=f"{name} paper")
            ends.append(paper)
            words.append(f"the paper {paper:+.1f}")
        said.append(f"{name}: {'; '.join(words)}.")
    ax.axvline(0, color=BLACK, lw=1)
    for y in range(1, len(names)):
        if (
            len(
                {next(rows[n]["group"] for rows in found.values() if n in rows) for n in names[y - 1 : y + 1]}
            )
            > 1
        ):
            ax.axhline(y - 0.5, color="#DDDDDD", lw=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlim=(max(min(ends), -100) - 4, min(max(ends), 100) + 4), ylim=(len(names) - 0.4, -0.6))
    ax.set_xlabel(f"points of accuracy against the reference, {PROBES[probe]}")
    ax.grid(axis="x", color="#DDDDDD", lw=0.6)
    shown = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    fig.legend(shown.values(), shown.keys(), loc="outside upper center", ncols=2, frameon=False)
    fig.alt_text = f"Effects in points of accuracy, {PROBES[probe]}. {' '.join(said)}"
    return fig


def _in_groups(found: dict[str, dict]) -> list[str]:
    """The names of all rows: in the order of the first table, what only others have beside its group."""
    names = list(next(iter(found.values())))
    groups = {name: row["group"] for rows in found.values() for name, row in rows.items()}
    for rows in found.values():
        for name in rows:
            if name not in names:
                like = [place for place, other in enumerate(names) if groups[other] == groups[name]]
                names.insert(like[-1] + 1 if like else len(names), name)
    return names


def _here(ax, y, row, images, colour, mark):
    """Draw one of our effects; returns the ends of what was drawn."""
    half = None if math.isnan(row["half"]) else row["half"]
    ax.errorbar(
        row["mean"], y, xerr=half, fmt=mark, color=colour, ms=5.5, capsize=3, lw=1.5,
        label=f"{images}, mean and 95% interval", gid=f"{row['name']} {images}",
    )  # fmt: skip
    ax.plot(
        row["differences"], np.full(len(row["seeds"]), y), "|", color=BLACK, ms=8,
        label="each seed", gid=f"{row['name']} {images} seeds",
    )  # fmt: skip
    return [row["mean"] - (half or 0.0), row["mean"] + (half or 0.0), *row["differences"]]


def _told(row: dict) -> str:
    """An effect in words: name, mean, interval and the paper's."""
    here = "not run here"
    if row["seeds"]:
        several = f" ± {row['half']:.1f}, {len(row['seeds'])} seeds"
        here = f"{row['mean']:+.1f}{', one seed' if math.isnan(row['half']) else several}"
    paper = "" if row["paper"] is None else f"; the paper {row['paper']:+.1f}"
    return f"{row['name']}: {here}{paper}"


@styled
def one_ablation(table: dict, name: str, probe: str = "linear") -> Picture:
    """One change up close: accuracy beside the controls, then loss, rank and address gain; a line a seed.

    table: one of `effects.tables`; name: a row that is not the reference. Raises ValueError else. The address
    gain has a panel where the table holds it.
    """
    pairs = _pairs(table, name)
    kinds = [kind for kind in KINDS if all(kind in run for pair in pairs for run in pair)]
    fig = figure(3.5)
    axes = fig.subplots(1, 1 + len(kinds), width_ratios=(2.6, *[1] * len(kinds)))
    for number, (before, after) in enumerate(pairs):
        look = {"lw": 1.4, "ms": 6, "marker": MARKS[number % len(MARKS)]}
        seed, levels = before["seed"], [100 * before[control][probe] for control in ("pixels", "random")]
        axes[0].plot([0, 1], levels, color=GREY, ls="", gid=f"controls {seed}", **look)
        both = [100 * run["ijepa"][probe] for run in (before, after)]
        axes[0].plot([2, 3], both, color=BLUE, gid=f"accuracy {seed}", label=f"seed {seed}", **look)
        for ax, kind in zip(axes[1:], kinds, strict=True):
            both = [before[kind], after[kind]]
            ax.plot([0, 1], both, color=KINDS[kind][1], gid=f"{kind} {seed}", **look)
    axes[0].set_xticks(range(4), ["raw\npixels", "random\nweights", "as in\ncourse", "changed"])
    axes[0].set(ylim=(0, 104), xlim=(-0.4, 3.4), title=f"accuracy, %, {PROBES[probe]}")
    for ax, kind in zip(axes[1:], kinds, strict=True):
        ax.set_xticks([0, 1], ["before", "after"])
        ax.set(title=KINDS[kind][0], xlim=(-0.7, 1.7), ylim=(0, 1.15 * ax.dataLim.y1))
    for ax in axes:
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes[0].legend(frameon=False, loc="lower right")
    change, paper = _in_words(next(row for row in effects(table, probe) if row["name"] == name))
    fig.suptitle(f"{change}\n{paper}", x=0.01, ha="left", fontsize=9.5)
    fig.alt_text = f"{change}; {paper}. {_levels(pairs, probe, kinds)}"
    return fig


def _pairs(table, name):
    """[(the reference's run, the changed run), ...] of the seeds that both have."""
    rows = {row["name"]: row for row in table["rows"][1:]}
    if name not in rows:
        raise ValueError(f"there is no ablation {name!r}; there are: {', '.join(rows)}")
    reference = {run["seed"]: run for run in table["rows"][0]["runs"]}
    pairs = [(reference[run["seed"]], run) for run in rows[name]["runs"] if run["seed"] in reference]
    if not pairs:
        raise ValueError(f"no seed of {name!r} was run for the reference, too")
    return pairs


def _in_words(row):
    """The effect here and in the paper, as two lines."""
    said = "" if verdict(row) == "one seed" else f" ({verdict(row)})"
    paper = "not in the paper"
    if row["paper"] is not None:
        what, *_, where = PAPER[row["name"]]
        paper = f"in the paper ({what}; {where}) {row['paper']:+.1f}"
    return f"{_told(row | {'paper': None})}{said}", paper


def _levels(pairs, probe, kinds):
    """Mean accuracy of each encoder, and what became of the measures `kinds`."""
    names = {"pixels": "raw pixels", "random": "random weights", "ijepa": "as in the course"}
    means = [f"{w} {_mean(before[k][probe] for before, _ in pairs):.1%}" for k, w in names.items()]
    means.append(f"changed {_mean(after['ijepa'][probe] for _, after in pairs):.1%}")
    ends = [
        f"{key.replace('_', ' ')} from {_mean(before[key] for before, _ in pairs):.3g} to "
        f"{_mean(after[key] for _, after in pairs):.3g}"
        for key in kinds
    ]
    return f"Mean accuracy, {PROBES[probe]}: {listed(means, '{}')}; {listed(ends, '{}')}."


def _mean(values):
    return float(np.mean(list(values)))


@styled
def live_beside_reference(
    reference: list[dict], changed: list[dict], levels: dict[str, float], name: str
) -> Picture:
    """A run's log beside the reference's, up to the last step of the shorter: 20-NN, loss and rank.

    reference, changed: records of `Run.steps()`. levels: {control: 20-NN accuracy}, drawn as lines.
    """
    end = min(log[-1]["step"] for log in (reference, changed))
    logs = {"as in the course": reference, name: changed}
    logs = {words: [record for record in log if record["step"] <= end] for words, log in logs.items()}
    looks = ((BLACK, "-", "o"), (VERMILION, (0, (5, 2)), "s"))
    fig, said = figure(3.3), []
    axes = fig.subplots(1, 3)
    for (words, log), (colour, dashes, mark) in zip(logs.items(), looks, strict=True):
        ends = []
        for ax, key in zip(axes, ("knn", "loss", "rank"), strict=True):
            steps, values = series(log, key)
            few = {"marker": mark, "ms": 4, "markevery": max(len(steps) // 6, 1)}
            ax.plot(steps, values, color=colour, ls=dashes, lw=1.5, label=words, gid=f"{words} {key}", **few)
            ends.append(f"{key} {values[-1]:.3g}")
        said.append(f"{words}: {', '.join(ends)}")
    for (control, level), dashes in zip(levels.items(), ((0, (1, 1.5)), "-."), strict=False):
        axes[0].axhline(level, color=GREY, ls=dashes, lw=1.4, label=control, gid=control)
    for ax, title in zip(axes, ("20-NN accuracy", "loss (a proxy)", "effective rank"), strict=True):
        ax.set(title=title, xlabel="step", ylim=(0, None))
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes[0].set_ylim(0, 1)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    controls = ", ".join(f"{control} {level:.3g}" for control, level in levels.items())
    fig.alt_text = f"Two runs against step, at step {end}: {'; '.join(said)}. 20-NN of {controls}."
    return fig


@styled
def block_sizes(shares: dict[str, dict[tuple[int, int], float]], grid: tuple[int, int]) -> Picture:
    """Which sizes of blocks are drawn, and how often: a map of rows against columns for each rule.

    shares: {rule: {(rows, columns): share of the draws}}; grid: (rows, columns) of patches.
    """
    sizes = [size for found in shares.values() for size in found]
    (low, left), (high, right) = (tuple(end(side) for side in zip(*sizes, strict=True)) for end in (min, max))
    top = max(max(found.values()) for found in shares.values())
    fig = figure(3.2)
    axes, said = fig.subplots(1, len(shares), squeeze=False)[0], []
    for ax, (rule, found) in zip(axes, shares.items(), strict=True):
        array = np.zeros((high + 2, right + 2))
        for (h, w), share in found.items():
            array[h, w] = share
            ink = BLACK if share > BRIGHT * top else "white"
            ax.text(w, h, f"{100 * share:.0f}", ha="center", va="center", fontsize=8, color=ink)
        shown = picture(ax, array, f"{rule}: {len(found)} sizes", cmap=HEAT, vmin=0, vmax=top, origin="lower")
        ax.set(xlim=(left - 1.5, right + 1.5), ylim=(low - 1.5, high + 1.5))
        ax.set(xlabel="columns of a target", ylabel="rows of a target")
        ax.set(xticks=range(left - 1, right + 2), yticks=range(low - 1, high + 2))
        words = ", ".join(f"{h} x {w} {100 * s:.0f}%" for (h, w), s in sorted(found.items()))
        said.append(f"{rule}, {len(found)} sizes: {words}")
    fig.colorbar(shown, ax=list(axes), label="share of the draws", format=lambda x, _: f"{100 * x:.0f}%")
    fig.alt_text = f"Sizes (rows x columns) of targets on a {grid[0]} x {grid[1]} grid. {'. '.join(said)}."
    return fig
