"""Figures of a run: masks and their coverage, curves, the ladder. Pure functions, state -> Figure.

Every figure carries `alt_text`: what is to be seen in it, with the numbers, computed from the state it
draws. encoder_plots.py and predictor_plots.py show what the networks make of images, canvas.py is what all
are drawn with. Nothing here runs a model (report.py does).
"""

import numpy as np
from matplotlib.patches import Patch, Rectangle

from .canvas import (
    BLACK,
    BLUE,
    BRIGHT,
    DROPPED,
    GREEN,
    GREY,
    HEAT,
    MEASURES,
    NAMES,
    NOTHING,
    TARGETS,
    VERMILION,
    WIDTH,
    aspect,
    figure,
    hatched,
    listed,
    picture,
    show,
    square,
    styled,
)
from .pictures import in_unit, one_image

# --- masks ------------------------------------------------------------------------------------


def mask_sets(masks, row):
    """Of one image: its context (K,), its targets (M, T) and its dropped patches, as index arrays."""
    context = masks.context_idx[row][masks.context_keep[row]].cpu().numpy()
    targets = masks.target_idx[row].cpu().numpy()
    dropped = np.setdiff1d(np.arange(masks.grid[0] * masks.grid[1]), np.union1d(context, targets))
    return context, targets, dropped


def draw_masks(ax, image, masks, row, title):
    _, targets, dropped = mask_sets(masks, row)
    grid, P = masks.grid, image.shape[-2] // masks.grid[0]
    show(ax, image, title)
    for patch in range(grid[0] * grid[1]):
        square(ax, patch, grid, P, "grid", fill=False, ec=(1, 1, 1, 0.5), lw=0.5)
    hatched(ax, dropped, grid, P, "dropped", DROPPED, 0.75, "#555555")
    for m, target in enumerate(targets):
        look = TARGETS[m % len(TARGETS)]
        hatched(ax, target, grid, P, f"target {m + 1}", look, 0.4)
        if masks.target_size:  # scattered patches have no outline
            outline(ax, divmod(int(target.min()), grid[1]), masks.target_size, P, m, look[0])


def outline(ax, corner, size, P, m, colour):
    """The frame of target block `m`: corner and size as (rows, columns), in patches of P pixels."""
    inset = 0.05 * P * m  # so that targets that share a border still show both outlines
    (top, left), (h, w) = corner, size
    box = (left * P - 0.5 + inset, top * P - 0.5 + inset), w * P - 2 * inset, h * P - 2 * inset
    ax.add_patch(Rectangle(*box, gid=f"outline {m + 1}", fill=False, ec=colour, lw=2))


def draw_seen(ax, image, masks, row, title):
    grid, context = masks.grid, mask_sets(masks, row)[0]
    show(ax, image, title)
    for patch in np.setdiff1d(np.arange(grid[0] * grid[1]), context):
        square(ax, patch, grid, image.shape[-2] // grid[0], "unseen", fc=NOTHING, ec="white", lw=0.5)


@styled
def masks(image, masks, row=0):
    """What is hidden, and from whom: image (C, H, W) in [0, 1] and its row in a `masking.Masks`."""
    image, (context, targets, dropped) = in_unit(one_image(image)), mask_sets(masks, row)
    (rows, columns), M = masks.grid, len(targets)
    fig = figure(WIDTH / 2 * aspect(image) + 0.7)
    left, right = fig.subplots(1, 2)
    draw_masks(left, image, masks, row, "targets hatched, context plain")
    draw_seen(right, image, masks, row, f"the context encoder sees {len(context)} of {rows * columns}")
    looks = {f"target {m + 1}": TARGETS[m % len(TARGETS)] for m in range(M)}
    looks |= {"dropped": DROPPED} if len(dropped) else {}
    handles = [Patch(fc=(colour, 0.4), ec=colour, hatch=hatch) for colour, hatch in looks.values()]
    fig.legend(handles, list(looks), loc="outside lower center", ncols=min(len(looks), 6), frameon=False)
    size = "each {} by {}".format(*masks.target_size) if masks.target_size else "scattered over the image"
    fig.alt_text = (
        f"An image of {rows} by {columns} patches; hatched targets: {M}, {size}, together "
        f"{len(np.unique(targets))} patches. {len(context)} plain patches are the context, {len(dropped)} "
        "grey ones are dropped. Beside it only the context is left: no target shows in it."
    )
    return fig


def draw_rate(ax, rate, title, top):
    """One heat map of shares (rows, columns) on the scale from 0 to `top`, with percents where they fit."""
    heat = picture(ax, rate, title, cmap=HEAT, vmin=0, vmax=top)
    for (r, c), value in np.ndenumerate(rate if max(rate.shape) <= 10 else np.empty((0, 0))):
        ink = "white" if value < BRIGHT * top else "black"
        ax.text(c, r, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=8)
    return heat


def rate_told(name, rate):
    return f"{name} in {rate.min():.2f} to {rate.max():.2f} (never: {(rate == 0).sum()} places)"


@styled
def coverage(context_rate, target_rate):
    """How often each place is context, and target: two arrays (rows, columns) in [0, 1], on one scale."""
    rates = {"context": np.asarray(context_rate, float), "target": np.asarray(target_rate, float)}
    rows, columns = rates["context"].shape
    top = max(*(rate.max() for rate in rates.values()), 1e-9)
    fig = figure(WIDTH / 2.3 * min(rows / columns, 1.6) + 0.3)
    axes, told = fig.subplots(1, 2), []
    for ax, (name, rate) in zip(axes, rates.items(), strict=True):
        heat = draw_rate(ax, rate, f"is {name}", top)
        told.append(rate_told(name, rate))
    fig.colorbar(heat, ax=axes, label="share of draws", shrink=0.8)
    grid = f"{rows} by {columns} grid"
    fig.alt_text = f"Two heat maps of a {grid} on one scale: of all draws a place is {listed(told, '{}')}."
    return fig


@styled
def coverage_of_rules(rates):
    """`coverage` of several rules, one above the other on one scale: {rule: (context_rate, target_rate)}."""
    pairs = {rule: [np.asarray(rate, float) for rate in pair] for rule, pair in rates.items()}
    (rows, columns), told = next(iter(pairs.values()))[0].shape, []
    top = max(*(rate.max() for pair in pairs.values() for rate in pair), 1e-9)
    fig = figure(len(pairs) * (WIDTH / 2.9 * min(rows / columns, 1.6) + 0.3))
    axes = fig.subplots(len(pairs), 2, squeeze=False)
    for line, (rule, pair) in zip(axes, pairs.items(), strict=True):
        for ax, name, rate in zip(line, ("context", "target"), pair, strict=True):
            heat = draw_rate(ax, rate, f"rule {rule}: is {name}", top)
        kinds = zip(("context", "target"), pair, strict=True)
        told.append(f"rule {rule}, {listed([rate_told(*kind) for kind in kinds], '{}')}")
    fig.colorbar(heat, ax=axes, label="share of draws", shrink=0.6, aspect=30)
    fig.alt_text = (
        f"Heat maps of a grid of {rows} by {columns}, context on the left, target on the right, on one "
        f"scale: how often a place is either. {'; '.join(told)}."
    )
    return fig


# --- a run, and its measure ---------------------------------------------------------------------


def series(log, key):
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
def curves(log, random=None):
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
def untrained():
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
def ladder(rows):
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
