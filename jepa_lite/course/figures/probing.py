"""What a probe says, drawn: accuracy against the number of labels, and a leaky split beside an honest one.

Pure functions, state -> Figure with `alt_text`. figures/curves.py has the bars of encoder beside encoder.
"""

from matplotlib.ticker import NullLocator

from ...figures.style import BLACK, BLUE, GREY, NAMES, ORANGE, PURPLE, VERMILION, Picture, figure, styled

LOOKS = {  # colour, dashes, mark
    "ijepa": (BLUE, "-", "o"),
    "pixel_baseline": (VERMILION, (0, (5, 2)), "s"),
    "random": (PURPLE, (0, (1, 1.5)), "^"),
    "pixels": (GREY, "-.", "v"),
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
        ax.axhline(chance, color=BLACK, ls=":", lw=1, label=f"chance, {chance:.2f}", gid="chance")
    if chosen is not None:
        ax.axvline(chosen, color=ORANGE, lw=6, alpha=0.3, gid="chosen")
    ax.set(ylim=(0, 1), xlabel="labelled images per class", ylabel="20-NN accuracy")
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
        looks = (("honest split", pair[0], -0.2, BLUE, ""), ("leaky split", pair[1], 0.2, ORANGE, "////"))
        for label, value, side, colour, hatch in looks:
            ax.barh(
                y + side, value, 0.38, fc=colour, ec="#333333", hatch=hatch, lw=0.6,
                label=None if y else label, gid=f"{name} {label}",
            )  # fmt: skip
            ax.text(value + 0.012, y + side, f"{value:.3f}", va="center")
        told.append(f"{name}: honest {pair[0]:.3f}, leaky {pair[1]:.3f}")
    ax.set(xlim=(0, 1.12), xlabel="20-NN accuracy: which photograph is this crop from?")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=2, frameon=False)
    fig.alt_text = f"Bars of accuracy with an honest and with a leaky split. {'; '.join(told)}."
    return fig
