"""Runs of the collapse lab, compared: loss, rank, std and position share against step, and the gap in words.

Pure functions, state -> Figure with `alt_text`. Loss is one panel of four: in collapse it looks best of all.
"""

import numpy as np
from matplotlib.patches import Rectangle

from ..system.progress import counted
from .curves import series, untrained
from .style import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION, Picture, figure, styled

CURVES = ("loss", "rank", "std", "position_share", "gap")
NAMES = {
    "loss": "loss (only a proxy)",
    "rank": "effective rank",
    "std": "std across images",
    "position_share": "position share",
    "gap": "alignment gap",
}
LOOKS = (  # colour, dashes and mark: the newest run first, then back in time
    (BLACK, "-", "o"),
    (VERMILION, (0, (5, 2)), "s"),
    (BLUE, (0, (1, 1.5)), "^"),
    (GREEN, "-.", "v"),
    (PURPLE, (0, (3, 3)), "x"),
    (ORANGE, (0, (8, 3)), "+"),
)


def last(log: list[dict], key: str) -> float | None:
    """The last value of `key` in a log that is a number, or None."""
    values = [r[key] for r in log if r.get(key) is not None and np.isfinite(r[key])]
    return values[-1] if values else None


def said(value: float | None, form: str = "{:.3g}") -> str:
    return "not measured" if value is None else form.format(value)


@styled
def runs(history: list[dict]) -> Picture:
    """Compare up to six runs: [{"number", "switches", "log"}], oldest first; more are left out, oldest first.

    Values that are None or no number show as gaps. Without a single record the figure says so.
    """
    history = [run for run in history if run["log"]][-len(LOOKS) :]
    if not history:
        return untrained()
    fig = figure(5.6 + 0.22 * len(history))
    axes = fig.subplots(2, 2, sharex=True)
    for ax, key in zip(axes.flat, CURVES, strict=False):
        for run, look in zip(reversed(history), LOOKS, strict=False):
            _line(ax, run, key, look)
        ax.set_title(NAMES[key], loc="left")
        ax.set_ylim(0, 1 if key == "position_share" else None)
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
        if not any(np.isfinite(line.get_ydata()).any() for line in ax.lines):
            ax.text(0.5, 0.5, "not measured", ha="center", va="center", transform=ax.transAxes)
    for ax in axes[1]:
        ax.set_xlabel("step")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    fig.alt_text = f"Four panels against step, runs compared: {len(history)}. {' '.join(map(_told, history))}"
    return fig


def _line(ax, run, key, look):
    colour, dashes, mark = look
    steps, values = series(run["log"], key)
    every = max(len(steps) // 6, 1)
    name = f"{run['number']}: {run['switches']}"
    ax.plot(
        steps, values, color=colour, ls=dashes, lw=1.5, marker=mark, ms=4.5, markevery=every,
        label=name, gid=f"{key} {run['number']}",
    )  # fmt: skip


def _told(run):
    log = run["log"]
    ends = [
        f"{words} from {said(next((r[key] for r in log if key in r), None))} to {said(last(log, key))}"
        for key, words in NAMES.items()
    ]
    return f"Run {run['number']}, {run['switches']}, {counted(log[-1]['step'], 'step')}: {', '.join(ends)}."


@styled
def sightings(table: dict[str, dict]) -> Picture:
    """Which measure sees which run go wrong: {run: {measure: (value, seen)}}, one row a run; seen is hatched.

    All rows must name the same measures, in the same order, else a ValueError says which does not.
    """
    head, told = list(next(iter(table.values()))), []
    fig = figure(0.42 * len(table) + 1.0)
    ax = fig.subplots()
    for y, (name, row) in enumerate(table.items()):
        if list(row) != head:
            raise ValueError(f"the row {name!r} has the measures {', '.join(row)}, not {', '.join(head)}")
        for x, (key, (value, seen)) in enumerate(row.items()):
            look = (
                {"fc": "#F6CF7F", "hatch": "////", "ec": ORANGE} if seen else {"fc": "#EDEDED", "ec": "white"}
            )
            ax.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, lw=0, gid=f"{name} {key}", **look))
            paper = {"boxstyle": "round,pad=0.15", "fc": "white", "lw": 0}
            ax.text(x, y, said(value, "{:.2g}"), ha="center", va="center", bbox=paper)
        values = ", ".join(f"{key} {said(value)}" for key, (value, _) in row.items())
        told.append(f"{name}: {values}; seen by {', '.join(k for k, (_, s) in row.items() if s) or 'none'}")
    ax.set(xlim=(-0.5, len(head) - 0.5), ylim=(len(table) - 0.5, -0.5))
    ax.set_xticks(range(len(head)), [key.replace(" ", "\n") for key in head])
    ax.set_yticks(range(len(table)), list(table))
    ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    fig.alt_text = (
        f"A table of runs and measures; where a measure sees the failure is hatched. {'. '.join(told)}."
    )
    return fig
