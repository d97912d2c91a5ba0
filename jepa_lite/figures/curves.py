"""Figures of a run and its measure: loss, rank and probe against step; the table of controls as bars.

Pure functions, state -> Figure with `alt_text`: what is to be seen in it, with the numbers.
"""

import numpy as np
from matplotlib.patches import Patch

from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    MEASURES,
    NAMES,
    VERMILION,
    Picture,
    figure,
    styled,
)


def series(log: list[dict], key: str) -> np.ndarray:
    """Steps and values of the records that hold `key`, as float arrays; NaN and None show as gaps."""
    pairs = [(r["step"], r[key]) for r in log if key in r]
    return np.array(pairs, float).reshape(-1, 2).T


def _smooth(values, window):
    """Mean over the finite values of the `window` around each; NaN where the value itself is NaN."""
    seen, near = np.isfinite(values), np.ones(window)
    total = np.convolve(np.where(seen, values, 0.0), near, "same")
    return np.where(seen, total / np.maximum(np.convolve(seen, near, "same"), 1), np.nan)


def _ends(name, values, form):
    """'name goes from 1 to 2', over the finite values."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return f"{name} is {form.format(*finite)}" if len(finite) else f"{name} was not measured"
    return f"{name} goes from {form.format(finite[0])} to {form.format(finite[-1])}"


def _trace(ax, log, key, form, words, **look):
    """One quantity of the log on its panel; returns what there is to say of it."""
    steps, values = series(log, key)
    ax.plot(steps, values, gid=key, **look)
    return _ends(words, values, form)


@styled
def curves(log: list[dict], random: dict[str, float] | None = None) -> Picture:
    """Loss, effective rank and probe accuracy against step; never the loss alone.

    `log`: a list of dicts, the records of log.jsonl. `random`: {"knn": ..., "linear": ...} of random
    weights, the level to beat. Raises ValueError on an empty log.
    """
    if not log:
        raise ValueError("the log is empty, so there are no curves to draw; train for at least one step")
    fig = figure(5.4)
    axes = fig.subplots(3, 1, sharex=True)
    alone = {"marker": "o", "ms": 4} if len(log) < 3 else {}
    alt = [_trace(axes[0], log, "loss", "{:.3g}", "the loss", color=GREY, lw=0.8, **alone)]
    steps, loss = series(log, "loss")
    axes[0].plot(steps, _smooth(loss, max(len(loss) // 25, 1)), color=BLUE, lw=1.8, gid="smooth")
    look = {"color": GREEN, "lw": 1.8, "marker": "s", "ms": 3}
    alt.append(_trace(axes[1], log, "rank", "{:.1f}", "the effective rank", **look))
    alt += _draw_probes(axes[2], log, random or {})
    axes[2].set_xlabel("step")
    for ax, name in zip(axes, ("loss (a proxy)", "effective rank", "probe accuracy"), strict=True):
        ax.set_ylabel(name)
        ax.set_ylim(bottom=0)
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
        if not any(np.isfinite(line.get_ydata()).any() for line in ax.lines):
            ax.text(0.5, 0.5, "not measured in this run", ha="center", va="center", transform=ax.transAxes)
            ax.set_yticks([])
    fig.align_ylabels(axes)
    lost = int((~np.isfinite(loss)).sum())
    gaps = f" {lost} of {len(loss)} losses are not numbers and show as gaps." if lost else ""
    fig.alt_text = f"Steps {log[0]['step']} to {log[-1]['step']} in three panels: {'; '.join(alt)}.{gaps}"
    return fig


@styled
def untrained() -> Picture:
    """What stands for `curves` while there is nothing to draw."""
    fig = figure(1.2)
    ax = fig.subplots()
    ax.set_axis_off()
    ax.text(0.5, 0.5, "not trained yet", ha="center", va="center", fontsize=12, transform=ax.transAxes)
    fig.alt_text = "No curves: not trained yet. Press the button that trains, or call train()."
    return fig


def _draw_probes(ax, log, random):
    alt = []
    for key in (key for key in MEASURES if np.isfinite(series(log, key)[1]).any()):
        colour, marker = {"linear": BLUE, "knn": VERMILION}[key], MEASURES[key][2]
        look = {"color": colour, "lw": 1.8, "marker": marker, "ms": 4.5, "label": NAMES[key]}
        alt.append(_trace(ax, log, key, "{:.3f}", NAMES[key], **look))
        if key in random:
            ax.axhline(random[key], color=colour, ls=":", lw=1.6, label=f"random weights, {random[key]:.2f}")
            alt[-1] += f" (dotted: random weights, {random[key]:.3f})"
    if alt:
        ax.legend(loc="lower right", framealpha=0.9, edgecolor="none", ncols=2)
    return alt or ["no probe was taken during this run"]


@styled
def control_bars(rows: list[dict]) -> Picture:
    """Held-out accuracy as bars; rows of {"name", "linear", "knn"}, with "linear_std", "knn_std" if known."""
    fig = figure(0.62 * len(rows) + 1.0)
    ax, thick = fig.subplots(), 0.38
    for side, (key, (colour, hatch, _)) in zip((-0.5, 0.5), MEASURES.items(), strict=True):
        for place, row in enumerate(rows):
            y, x, spread = place + side * thick, row[key], row.get(f"{key}_std")
            ax.barh(y, x, thick, fc=colour, ec="#333333", hatch=hatch, lw=0.6, gid=f"{row['name']} {key}")
            if spread:
                ax.errorbar(x, y, xerr=spread, color=BLACK, capsize=3, lw=1.2)
            label = f"{x:.3f}" + (f" ± {spread:.3f}" if spread else "")
            ax.text(x + (spread or 0) + 0.012, y, label, va="center", fontsize=9)
    ax.set(xlim=(0, 1.15), xlabel="accuracy on held-out images", xticks=np.linspace(0, 1, 6))
    ax.set_yticks(range(len(rows)), [NAMES.get(row["name"], row["name"]) for row in rows])
    ax.invert_yaxis()
    handles = [Patch(fc=colour, ec="#333333", hatch=hatch) for colour, hatch, _ in MEASURES.values()]
    fig.legend(handles, [NAMES[key] for key in MEASURES], loc="outside upper center", ncols=2, frameon=False)
    told = [f"{NAMES.get(r['name'], r['name'])} {r['linear']:.3f} and {r['knn']:.3f}" for r in rows]
    fig.alt_text = f"Bars of held-out accuracy, linear probe and k-nearest neighbours: {'; '.join(told)}."
    return fig
