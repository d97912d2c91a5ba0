"""What more tokens cost, what fits into memory, a run's log to be read, and images one of a class.

Pure functions, state -> Figure with `alt_text`.
"""

import textwrap

import numpy as np

from ...data.images import Images
from ...figures.curves import series
from ...figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Picture,
    figure,
    listed,
    show,
    styled,
)

MEASURES = {
    "rank": "effective rank",
    "std": "std across images",
    "position_share": "position share",
    "gap": "alignment gap",
}

# The parts of a run's memory, from those that every batch pays to those that grow with it.
PARTS = {
    "weights": ("weights", BLUE, ""),
    "gradients": ("gradients", SKY, "////"),
    "moments": ("moments of the optimiser", GREEN, "\\\\\\\\"),
    "average": ("target encoder", PURPLE, "----"),
    "activations": ("saved for the backward pass", ORANGE, "xxxx"),
    "inputs": ("images and targets", GREY, "...."),
}


@styled
def one_of_each(images: Images, most: int = 8) -> Picture:
    """One image of each of the first `most` classes, in a row, with the name of the class."""
    labels = images.labels.unique()[:most].tolist()
    fig = figure(1.1)
    for ax in (axes := fig.subplots(1, most, squeeze=False)[0]):
        ax.axis("off")
    names = [images.classes[label] for label in labels]
    for ax, label, name in zip(axes, labels, names, strict=False):
        ax.axis("on")
        show(ax, images.images[int((images.labels == label).nonzero()[0])] / 255, name[:11])
    fig.alt_text = f"One image of each of {len(names)} classes: {', '.join(names)}."
    return fig


@styled
def memory_bars(runs: dict[str, dict[str, int]], limit: float) -> Picture:
    """Bytes of each of PARTS, stacked, a bar for each run {name: {part: bytes}}, and a limit in bytes."""
    fig = figure(0.42 * len(runs) + 1.35)
    ax, told = fig.subplots(), []
    for y, (name, parts) in enumerate(runs.items()):
        left = 0.0
        for part, (words, colour, hatch) in PARTS.items():
            look = {"fc": colour, "ec": "white", "hatch": hatch, "lw": 0.4, "gid": f"{name} {part}"}
            ax.barh(y, parts[part] / 1e9, 0.62, left=left, label=words if y == 0 else None, **look)
            left += parts[part] / 1e9
        ax.annotate(f"{left:.3g} GB", (left, y), (4, 0), textcoords="offset points", va="center")
        held = ", ".join(f"{PARTS[part][0]} {parts[part] / 1e9:.2g}" for part in PARTS)
        told.append(f"{name}: {left:.3g} GB ({held})")
    ax.axvline(limit / 1e9, color=BLACK, ls="--", lw=1.4, gid="limit")
    totals = [sum(parts.values()) / 1e9 for parts in runs.values()]
    ax.set(xlim=(0, 1.16 * max(*totals, limit / 1e9)), xlabel="GB (the dashed line is the limit)")
    ax.set_yticks(range(len(runs)), list(runs))
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=3, frameon=False)
    fig.alt_text = f"Stacked bars of memory beside a limit of {limit / 1e9:g} GB. {'. '.join(told)}."
    return fig


@styled
def cost_against_tokens(rows: list[dict], base: int) -> Picture:
    """What a training step costs against the patches of an image, in units of what it costs at patch `base`.

    rows: [{"patch", "tokens", "flops", "seconds"}], where seconds of None were not measured. Both axes are
    logarithmic, so that a straight line is a power. Raises ValueError if no row has the patch `base`.
    """
    rows = sorted(rows, key=lambda row: row["tokens"])
    unit = next((row for row in rows if row["patch"] == base), None)
    if unit is None:
        raise ValueError(f"there is no row of patch {base} to compare with")
    fig = figure(3.5)
    ax, tokens = fig.subplots(), np.array([row["tokens"] for row in rows], float)
    share = tokens / unit["tokens"]
    ax.plot(tokens, share, color=GREY, ls="--", lw=1.4, label="in proportion to tokens", gid="linear")
    ax.plot(tokens, share**2, color=GREY, ls=":", lw=1.6, label="to their square", gid="square")
    looks = {"flops": ("FLOPs, counted", BLUE, "o", "-"), "seconds": ("seconds, measured", ORANGE, "s", "-.")}
    told = []
    for key, (words, colour, mark, dashes) in looks.items():
        known = [row for row in rows if row[key] is not None]
        times = [row[key] / unit[key] for row in known]
        at = [row["tokens"] for row in known]
        ax.plot(at, times, color=colour, marker=mark, ls=dashes, lw=1.8, label=words, gid=key)
        told.append(f"{words}: {listed(times, '{:.2g}')} times at {listed(at)} tokens")
    ax.set(xscale="log", yscale="log", ylabel=f"a step, patch {base} = 1", xlabel="tokens of an image")
    ax.set_xticks(tokens, [f"{row['tokens']}\n(patch {row['patch']})" for row in rows])
    ax.minorticks_off()
    ax.margins(x=0.08)
    steps = [10.0**power for power in range(-3, 6)]
    ax.set_yticks([tick for tick in steps if ax.get_ylim()[0] <= tick <= ax.get_ylim()[1]])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.grid(color="#DDDDDD", lw=0.6)
    ax.legend(frameon=False)
    fig.alt_text = (
        f"Cost of a training step against tokens, both axes logarithmic, in units of patch {base}. "
        f"{'. '.join(told)}. For comparison, tokens to the first power would give "
        f"{listed(share.tolist(), '{:.2g}')}, and to the second {listed((share**2).tolist(), '{:.2g}')}."
    )
    return fig


@styled
def log_reading(run: dict, measure: str, name: str, tell: bool = False) -> Picture:
    """A run's loss above one of its MEASURES: is it healthy?

    run: {"name", "curve", "at_first", "alarms"}, a row of benchmarks/results/alarms.json: records every some
    steps, the measures before training, and {measure: step} of the alarms that rang. tell: title and alt text
    say what the run was, and lines mark its alarms; otherwise it is only called `name`.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, not {measure!r}")
    fig = figure(4.2)
    axes = fig.subplots(2, 1, sharex=True)
    log = run["curve"]
    looks = (("loss", "loss (a proxy)", BLUE, log), (measure, MEASURES[measure], GREEN, _with_start(run)))
    told = []
    for ax, (key, words, colour, records) in zip(axes, looks, strict=True):
        steps, values = series(records, key)
        ax.plot(steps, values, color=colour, lw=1.8, marker="o", ms=3, gid=key)
        ax.set(ylabel=words, ylim=(min(0.0, values.min() * 1.1), max(values.max() * 1.1, 1e-9)))
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
        lowest, where = values.min(), steps[values.argmin()]
        told.append(
            f"{words} from {values[0]:.3g} to {values[-1]:.3g}, lowest {lowest:.3g} at step {where:.0f}"
        )
    axes[1].set_xlabel("step")
    fig.align_ylabels(axes)
    truth = ""
    if tell:
        for alarm, step in run["alarms"].items():
            axes[1].axvline(step, color=VERMILION, ls="--", lw=1.4, gid=f"alarm {alarm}")
        rang = {alarm: f"{alarm} at step {step}" for alarm, step in run["alarms"].items()}
        noted = rang.pop("address_gain", None)  # not an alarm, as features can be good without it
        truth = f": {run['name'].replace('`', '')}; "
        truth += f"alarms: {listed(list(rang.values()), '{}') if rang else 'none'}"
        truth += f"; note: {noted}" if noted else ""
    title = textwrap.fill(f"{name}{truth}", 85)
    axes[0].set_title(title, loc="left", color=BLACK, fontsize=9)
    fig.alt_text = f"{name}{truth}. Steps {log[0]['step']} to {log[-1]['step']}: {'; '.join(told)}."
    return fig


def _with_start(run):
    """The records, with what the untrained network measured as step 0."""
    return [{"step": 0, **run["at_first"]}, *run["curve"]]
