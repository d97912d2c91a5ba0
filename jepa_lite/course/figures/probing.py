"""What a probe says, drawn: the table of controls on photographs, accuracy against the number of labels, a
leaky split beside an honest one, and the images that are probed.

Pure functions, state -> Figure with `alt_text`. figures/curves.py has the bars of encoder beside encoder.
"""

import statistics

from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from ...data.image_forms import in_unit
from ...data.images import Images
from ...figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    MEASURES,
    NAMES,
    ORANGE,
    PURPLE,
    VERMILION,
    WIDTH,
    Picture,
    aspect,
    figure,
    show,
    styled,
)

LOOKS = {  # colour, dashes, mark
    "ijepa": (BLUE, "-", "o"),
    "pixel_baseline": (VERMILION, (0, (5, 2)), "s"),
    "random": (PURPLE, (0, (1, 1.5)), "^"),
    "pixels": (GREY, "-.", "v"),
}
PROBES = {  # of a table on photographs: colour, hatch
    "linear": MEASURES["linear"][:2],
    "linear_last4": (GREEN, "xxxx"),
    "knn": MEASURES["knn"][:2],
}


@styled
def label_curves(table: dict[str, dict], chosen: int | None = None, chance: float | None = None) -> Picture:
    """Accuracy against labelled images per class: table {name: {count: [accuracy of a draw, ...]}}.

    name: "ijepa", "pixel_baseline", "random" or "pixels". A band shows the spread of the draws.
    chosen: a count of the table, to be marked and told; chance: a level. Raises ValueError for another name
    or count.
    """
    fig = figure(3.6)
    ax, told = fig.subplots(), []
    for name, found in table.items():
        if name not in LOOKS:
            raise ValueError(f"there is no look for {name!r}; there are: {', '.join(LOOKS)}")
        if chosen is not None and chosen not in found:
            raise ValueError(f"{chosen} labels per class were not measured; choose of {list(found)}")
        colour, dashes, mark = LOOKS[name]
        middle = [sum(draws) / len(draws) for draws in found.values()]
        low, high = (list(map(end, found.values())) for end in (min, max))
        ax.plot(list(found), middle, color=colour, ls=dashes, marker=mark, ms=5, label=NAMES[name], gid=name)
        ax.fill_between(list(found), low, high, color=colour, alpha=0.15, lw=0, gid=f"{name} draws")
        at = {} if chosen is None else dict(zip(found, middle, strict=True))
        told.append(
            f"{NAMES[name]} " + (f"{at[chosen]:.3f}" if at else f"{middle[0]:.3f} to {middle[-1]:.3f}")
        )
        if at:
            ax.annotate(f"{at[chosen]:.2f}", (chosen, at[chosen]), (6, 4), textcoords="offset points")
    counts = list(next(iter(table.values())))
    ax.set_xscale("log")
    ax.set_xticks(counts, counts)
    ax.xaxis.set_minor_locator(NullLocator())
    if chance is not None:
        ax.axhline(chance, color=BLACK, ls=":", lw=1, label=f"chance, {chance:.3g}", gid="chance")
    if chosen is not None:
        ax.axvline(chosen, color=ORANGE, lw=6, alpha=0.3, gid="chosen")
    ax.set(ylim=(0, 1), xlabel="labelled images per class", ylabel="nearest-neighbour accuracy")
    ax.grid(axis="y", color="#DDDDDD", lw=0.6)
    fig.legend(loc="outside upper center", ncols=5, frameon=False)
    where = f"from {counts[0]} to {counts[-1]}" if chosen is None else f"at {chosen}"
    level = "" if chance is None else f" Chance is {chance:.3f}."
    fig.alt_text = f"Accuracy {where} labelled images per class: {'; '.join(told)}.{level}"
    return fig


@styled
def leak(rows: dict[str, tuple[float, float]]) -> Picture:
    """What a leaky split adds: rows {name: (honest, leaky)}, accuracies on a split that shares and one that
    does not share photographs' regions between train and test."""
    fig = figure(0.6 * len(rows) + 1.1)
    ax, told = fig.subplots(), []
    for y, (name, pair) in enumerate(rows.items()):
        name = NAMES.get(name, name)
        looks = (("honest split", pair[0], -0.2, BLUE, ""), ("leaky split", pair[1], 0.2, ORANGE, "////"))
        for label, value, side, colour, hatch in looks:
            ax.barh(
                y + side, value, 0.38, fc=colour, ec="#333333", hatch=hatch, lw=0.6,
                label=None if y else label, gid=f"{name} {label}",
            )  # fmt: skip
            ax.text(value + 0.012, y + side, f"{value:.3f}", va="center")
        told.append(f"{name}: honest {pair[0]:.3f}, leaky {pair[1]:.3f}")
    ax.set(xlim=(0, 1.12), xlabel="20-NN accuracy: which photograph is this crop from?")
    ax.set_yticks(range(len(rows)), [NAMES.get(name, name) for name in rows])
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=2, frameon=False)
    fig.alt_text = f"Bars of accuracy with an honest and with a leaky split. {'; '.join(told)}."
    return fig


def nearest_to_preset(runs: list[dict]) -> list[dict]:
    """Of runs of results("real_images") those that change the fewest settings of the preset; of several such
    the longest, and of equally long ones those with the most seeds."""
    how = [(-len(row["settings"]), row["steps"], row["settings"]) for row in runs]
    best = max(how, key=lambda one: (*one[:2], how.count(one)), default=None)
    return [row for row, one in zip(runs, how, strict=True) if one == best]


def photograph_rows(found: dict, data: str) -> list[dict]:
    """The table of controls on photographs: rows of results("real_images") for "imagenette" or "cifar10".

    {"name", "seeds", "linear", "knn", and where measured "linear_last4", "steps", "cpu_seconds"}: raw pixels,
    random weights (mean over their seeds), and of the pixel baseline and of I-JEPA the runs that are nearest
    to the preset, the processor time without those on a GPU. Only what was held out of all choices: split
    `report`.
    """
    of = {
        kind: [row for row in found[kind] if (row["data"], row["on"]) == (data, "report")]
        for kind in ("controls", "runs")
    }
    groups = {
        name: [row for row in of["controls"] if row["name"] == name]
        for name in ("raw pixels", "random weights")
    }
    for name, predicts in {"pixel baseline": "pixels", "I-JEPA": "latents"}.items():
        groups[name] = nearest_to_preset(
            [row for row in of["runs"] if row["config"]["model"]["predicts"] == predicts]
        )
    made = []
    for name, rows in groups.items():
        keys = [key for key in (*PROBES, "steps", "cpu_seconds") if rows and key in rows[0]]
        timed = [row for row in rows if row.get("machine", {}).get("device", "cpu") == "cpu"] or rows
        of_key = {key: timed if key == "cpu_seconds" else rows for key in keys}
        means = {key: statistics.mean(row[key] for row in of_key[key]) for key in keys}
        made += [{"name": name, "seeds": len(rows)} | means] if rows else []
    return made


@styled
def photograph_bars(tables: dict[str, list[dict]], chance: float) -> Picture:
    """Tables of controls side by side: tables {title: rows}, rows {"name", "linear", "knn", "linear_last4"?}.

    A measure that a row lacks has no bar; chance, from 0 to 1, is a dotted line. Rows may differ from table
    to table.
    """
    most = max(map(len, tables.values()))
    fig = figure(0.62 * most + 0.9)
    panels, told = fig.subplots(1, len(tables), squeeze=False)[0], []
    for ax, (title, rows) in zip(panels, tables.items(), strict=True):
        for place, row in enumerate(rows):
            for i, (key, (colour, hatch)) in enumerate(PROBES.items()):
                if key in row:
                    y, x = place + (i - 1) * 0.27, row[key]
                    gid = f"{title} {row['name']} {key}"
                    ax.barh(y, x, 0.27, fc=colour, ec="#333333", hatch=hatch, lw=0.6, gid=gid)
                    ax.text(x + 0.015, y, f"{100 * x:.0f}", va="center", fontsize=8.5)
            said = ", ".join(f"{NAMES[key]} {100 * row[key]:.0f}%" for key in PROBES if key in row)
            told.append(f"{title}, {row['name']}: {said}")
        level = ax.axvline(chance, color=BLACK, ls=":", lw=1, gid=f"{title} chance")
        ax.set_yticks(range(len(rows)), [row["name"] for row in rows])
        ax.set(title=title, xlim=(0, 1), ylim=(most - 0.5, -0.5), xlabel="held-out accuracy")
    handles = [Patch(fc=colour, ec="#333333", hatch=hatch) for colour, hatch in PROBES.values()]
    words = [*(NAMES[key] for key in PROBES), f"chance, {100 * chance:.0f}%"]
    fig.legend([*handles, level], words, loc="outside upper center", ncols=4, frameon=False)
    fig.alt_text = f"Bars of held-out accuracy. {'; '.join(told)}. Chance is {100 * chance:.0f}%."
    return fig


@styled
def examples(*sets: Images, each: int = 2) -> Picture:
    """Of each set a row: the first `each` images of every class, under the name of the class."""
    columns = max(8, *(each * len(one.classes) for one in sets))  # small ones: noise makes large files
    fig = figure(len(sets) * (WIDTH / columns * aspect(sets[0].images) + 0.3))
    axes = fig.subplots(len(sets), columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for line, one in zip(axes, sets, strict=True):
        for label, name in enumerate(one.classes):
            rows = (one.labels == label).nonzero()[:each, 0].tolist()
            for i, (ax, row) in enumerate(zip(line[label * each :], rows, strict=False)):
                show(ax, in_unit(one.images[row]), "" if i else name)
    kinds = "; ".join(f"{each} of each class of {one.name}: {', '.join(one.classes)}" for one in sets)
    fig.alt_text = f"Rows of images that are probed: {kinds}."
    return fig
