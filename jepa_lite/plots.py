"""Figures: pure functions from state to a matplotlib Figure, made without pyplot, so nothing leaks.

One palette and one hatch vocabulary serve them all: what colour says, hatching says too. Every figure
carries `alt_text`: what is to be seen in it, with the numbers, computed from the state it draws.
Nothing here runs a model (report.py does) or moves (widgets.py does).
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from sklearn.decomposition import PCA

# Okabe and Ito (2008), "Color Universal Design": told apart with any colour vision.
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE, BLACK, GREY = "#D55E00", "#CC79A7", "#000000", "#9A9A9A"
NOTHING = "#EDEDED"  # where there is no image, or where none may be seen
# The vocabulary: a context patch is plain, a dropped one dotted grey, and each target has its own look.
DROPPED, HIDDEN = (GREY, "..."), ("#777777", "////")
TARGETS = ((ORANGE, "////"), (BLUE, "\\\\\\\\"), (GREEN, "||||"), (PURPLE, "----"), (VERMILION, "xxxx"))
MEASURES = {"linear": (SKY, "", "^"), "knn": (ORANGE, "////", "o")}
NAMES = {
    "chance": "chance",
    "pixels": "raw pixels",
    "random": "random weights",
    "pixel_twin": "pixel twin",
    "ijepa": "I-JEPA",
    "linear": "linear probe",
    "knn": "k-nearest neighbours",
}
HEAT = "cividis"  # a colour map that every colour vision reads alike
WIDTH = 7.2  # inches: 690 pixels on a screen, the width of a page of text
SPINES = {f"axes.spines.{side}": False for side in ("top", "right")}
STYLE = {"font.size": 9.5, "axes.titlesize": 9.5, "hatch.linewidth": 0.9} | SPINES


def styled(draw):
    """Run a drawing function under STYLE alone, whatever the notebook around it has set."""

    @functools.wraps(draw)
    def drawn(*args, **named):
        with style.context(["default", STYLE]):
            return draw(*args, **named)

    return drawn


def _figure(height):
    return Figure(figsize=(WIDTH, height), layout="constrained")


def _picture(ax, array, title="", **scale):
    """An array (rows, columns) or (rows, columns, 3), without ticks; returns matplotlib's image."""
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    return ax.imshow(np.asarray(array), **scale)


def _show(ax, image, title=""):
    """An image (C, H, W) in [0, 1], grey when C is 1."""
    pixels = image.detach().cpu().float().clamp(0, 1).permute(1, 2, 0)  # (H, W, C)
    _picture(ax, pixels[..., 0] if len(image) == 1 else pixels, title, cmap="gray", vmin=0, vmax=1)


def _aspect(image):
    return image.shape[-2] / image.shape[-1]


def _square(ax, patch, grid, P, gid, **look):
    """Mark one patch of an image; `gid` names the mark, in the figure and to the tests."""
    row, column = divmod(int(patch), grid[1])
    ax.add_patch(Rectangle((column * P - 0.5, row * P - 0.5), P, P, gid=gid, **look))


def _frame(ax, patch, grid, P, gid="query"):
    """A frame around one patch that shows on dark and on bright images."""
    _square(ax, patch, grid, P, gid, fill=False, ec="white", lw=3.2)
    _square(ax, patch, grid, P, f"{gid} inner", fill=False, ec=BLACK, lw=1.2)


def _hatched(ax, patches, grid, P, gid, look, alpha, ink=None):
    """Patches under the colour and the hatch of a `look`, one mark a patch."""
    for patch in patches:
        _square(ax, patch, grid, P, gid, fc=(look[0], alpha), ec=ink or look[0], hatch=look[1], lw=0)


def _list(numbers, form="{:g}"):
    """'1, 2 and 3'."""
    words = [form.format(n) for n in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _percent(share):
    return f"{100 * share:.0f}%"


# --- masks ------------------------------------------------------------------------------------


def _mask_sets(masks, row):
    """Of one image: its context (K,), its targets (M, T) and its dropped patches, as index arrays."""
    context = masks.context_idx[row][masks.context_keep[row]].cpu().numpy()
    targets = masks.target_idx[row].cpu().numpy()
    dropped = np.setdiff1d(np.arange(masks.grid[0] * masks.grid[1]), np.union1d(context, targets))
    return context, targets, dropped


def _draw_masks(ax, image, masks, row, title):
    _, targets, dropped = _mask_sets(masks, row)
    grid, P, (h, w) = masks.grid, image.shape[-2] // masks.grid[0], masks.target_size
    _show(ax, image, title)
    for patch in range(grid[0] * grid[1]):
        _square(ax, patch, grid, P, "grid", fill=False, ec=(1, 1, 1, 0.5), lw=0.5)
    _hatched(ax, dropped, grid, P, "dropped", DROPPED, 0.75, "#555555")
    for m, target in enumerate(targets):
        look = TARGETS[m % len(TARGETS)]
        _hatched(ax, target, grid, P, f"target {m + 1}", look, 0.4)
        top, left = divmod(int(target.min()), grid[1])
        inset = 0.05 * P * m  # so that targets that share a border still show both outlines
        box = (left * P - 0.5 + inset, top * P - 0.5 + inset), w * P - 2 * inset, h * P - 2 * inset
        ax.add_patch(Rectangle(*box, gid=f"outline {m + 1}", fill=False, ec=look[0], lw=2))


def _draw_seen(ax, image, masks, row, title):
    grid, context = masks.grid, _mask_sets(masks, row)[0]
    _show(ax, image, title)
    for patch in np.setdiff1d(np.arange(grid[0] * grid[1]), context):
        _square(ax, patch, grid, image.shape[-2] // grid[0], "unseen", fc=NOTHING, ec="white", lw=0.5)


@styled
def masks(image, masks, row=0):
    """What is hidden, and from whom: image (C, H, W) in [0, 1] and its row in a `masking.Masks`."""
    context, targets, dropped = _mask_sets(masks, row)
    (rows, columns), (h, w), M = masks.grid, masks.target_size, len(targets)
    fig = _figure(WIDTH / 2 * _aspect(image) + 0.7)
    left, right = fig.subplots(1, 2)
    _draw_masks(left, image, masks, row, "targets hatched, context plain")
    _draw_seen(right, image, masks, row, f"the context encoder sees {len(context)} of {rows * columns}")
    looks = {f"target {m + 1}": TARGETS[m % len(TARGETS)] for m in range(M)}
    looks |= {"dropped": DROPPED} if len(dropped) else {}
    handles = [Patch(fc=(colour, 0.4), ec=colour, hatch=hatch) for colour, hatch in looks.values()]
    fig.legend(handles, list(looks), loc="outside lower center", ncols=min(len(looks), 6), frameon=False)
    fig.alt_text = (
        f"An image of {rows} by {columns} patches; hatched targets: {M}, each {h} by {w}, together "
        f"{len(np.unique(targets))} patches. {len(context)} plain patches are the context, {len(dropped)} "
        "grey ones are dropped. Beside it only the context is left: no target shows in it."
    )
    return fig


@styled
def coverage(context_rate, target_rate):
    """How often each place is context, and target: two arrays (rows, columns) in [0, 1], on one scale."""
    rates = {"context": np.asarray(context_rate, float), "target": np.asarray(target_rate, float)}
    rows, columns = rates["context"].shape
    top = max(*(rate.max() for rate in rates.values()), 1e-9)
    fig = _figure(WIDTH / 2.3 * min(rows / columns, 1.6) + 0.3)
    axes, told = fig.subplots(1, 2), []
    for ax, (name, rate) in zip(axes, rates.items(), strict=True):
        heat = _picture(ax, rate, f"is {name}", cmap=HEAT, vmin=0, vmax=top)
        for (r, c), value in np.ndenumerate(rate if max(rows, columns) <= 10 else np.empty((0, 0))):
            ink = "white" if value < 0.6 * top else "black"
            ax.text(c, r, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=8)
        told.append(f"{name} in {rate.min():.2f} to {rate.max():.2f} (never: {(rate == 0).sum()} places)")
    fig.colorbar(heat, ax=axes, label="share of draws", shrink=0.8)
    grid = f"{rows} by {columns} grid"
    fig.alt_text = f"Two heat maps of a {grid} on one scale: of all draws a place is {_list(told, '{}')}."
    return fig


# --- a run, and its measure ---------------------------------------------------------------------


def _series(log, key):
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
    steps, values = _series(log, key)
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
    fig = _figure(5.4)
    axes = fig.subplots(3, 1, sharex=True)
    alone = {"marker": "o", "ms": 4} if len(log) < 3 else {}
    alt = [_trace(axes[0], log, "loss", "{:.3g}", "the loss", color=GREY, lw=0.8, **alone)]
    steps, loss = _series(log, "loss")
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


def _draw_probes(ax, log, random):
    alt = []
    for key in (key for key in MEASURES if np.isfinite(_series(log, key)[1]).any()):
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
    fig = _figure(0.62 * len(rows) + 1.0)
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


# --- what the encoder makes of an image ---------------------------------------------------------


def pca_colours(tokens):
    """Tokens (n, N, D) as colours (n, N, 3) in [0, 1]: their first three principal components.

    Fit on all the tokens at once, so that a colour means the same in every image. Returns (colours, share
    of the variance that the components hold). Tokens that do not vary come out grey, with share 0.
    """
    n, N, D = tokens.shape
    flat = np.asarray(tokens.detach().cpu().double()).reshape(n * N, D)
    colours = np.full((n * N, 3), 0.5)
    if np.ptp(flat, axis=0).max() < 1e-9:
        return colours.reshape(n, N, 3), 0.0
    pca = PCA(min(3, D, n * N), svd_solver="full").fit(flat)
    scores = pca.transform(flat)
    low, high = np.percentile(scores, (1, 99), axis=0)
    colours[:, : scores.shape[1]] = ((scores - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    return colours.reshape(n, N, 3), float(pca.explained_variance_ratio_.sum())


@styled
def pca_features(images, tokens, grid, control=None):
    """Images (n, C, H, W) in [0, 1] above their tokens (n, N, D) as PCA colours.

    `control` (n, N, D): tokens of an encoder with random weights, a third row with a PCA of its own.
    """
    kinds = {"trained": tokens} | ({} if control is None else {"random weights": control})
    n, told = len(images), []
    fig = _figure((1 + len(kinds)) * min(WIDTH / n, 2.4) * _aspect(images) + 0.2)
    axes = fig.subplots(1 + len(kinds), n, squeeze=False)
    for ax, image in zip(axes[0], images, strict=True):
        _show(ax, image)
    axes[0, 0].set_ylabel("image")
    for line, (name, values) in zip(axes[1:], kinds.items(), strict=True):
        colours, share = pca_colours(values)
        for ax, picture in zip(line, colours, strict=True):
            _picture(ax, picture.reshape(*grid, 3))
        line[0].set_ylabel(name)
        told.append(f"{name}: the components hold {_percent(share)} of the variance")
        if n > 1:
            total = max(colours.var((0, 1)).sum(), 1e-12)
            image, place = (colours.mean(axis).var(0).sum() / total for axis in (1, 0))
            told[-1] += f"; the image explains {_percent(image)} of the colours, the place {_percent(place)}"
    count = f"{n} images" if n > 1 else "1 image"
    fig.alt_text = f"{count} above their patches, coloured by three principal components. {'. '.join(told)}."
    return fig


def effective_patches(weights):
    """Over how many patches attention (..., N) is spread: exp of its entropy, from 1 to N."""
    return torch.special.entr(weights.double()).sum(-1).exp()


def _looks(maps, patch):
    """Where one patch looks: (depth, heads, N), and the end of a colour scale in even shares 1/N."""
    looks = maps[:, :, patch].detach().cpu().float()
    return looks, max(2.0, float(np.percentile(looks.mean(1) * looks.shape[-1], 99.5)))


def _draw_look(ax, weights, grid, patch, top, title):
    """One map of attention (N,), in units of the even share 1/N."""
    ax.set_axis_on()
    heat = _picture(ax, weights.reshape(grid) * len(weights), title, cmap=HEAT, vmin=0, vmax=top)
    _frame(ax, patch, grid, 1)
    return heat


@styled
def attention(image, maps, grid, patch):
    """Where the query `patch` of an image (C, H, W) looks: maps (depth, heads, N, N), by layer and head."""
    looks, top = _looks(maps, patch)
    depth, heads, N = looks.shape
    columns = min(max(depth + 1, heads, 4), 7)
    lines = [-(-(depth + 1) // columns), -(-heads // columns)]  # of layers, of heads
    fig = _figure(sum(lines) * (0.86 * WIDTH / columns * _aspect(image) + 0.27))
    axes = fig.subplots(sum(lines), columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    _show(axes[0, 0], image, "query")
    _frame(axes[0, 0], patch, grid, image.shape[-2] // grid[0])
    told = []
    groups = {"layer": (axes.flat[1:], looks.mean(1)), "head": (axes[lines[0] :].flat, looks[-1])}
    for name, (places, group) in groups.items():
        counts = effective_patches(group).tolist()
        for i, (ax, weights) in enumerate(zip(places, group, strict=False)):
            heat = _draw_look(ax, weights, grid, patch, top, f"{name} {i + 1}: {counts[i]:.0f}")
        told.append(_list(counts, "{:.0f}"))
    fig.colorbar(heat, ax=axes, label="times the even share", shrink=0.7, extend="max", aspect=30)
    fig.alt_text = (
        f"Heat maps of where patch {int(patch)} looks, each under the number of patches its attention is "
        f"spread over; even attention would reach all {N}. By layer, mean over heads: {told[0]}. Heads of "
        f"the last layer: {told[1]}."
    )
    return fig


# --- what the predictor says --------------------------------------------------------------------


class Query(NamedTuple):
    """A prediction to look up: for which image and patch, in which hidden block (T,), and its vector (D,)."""

    image: int
    patch: int
    hidden: torch.Tensor
    vector: torch.Tensor


def _cosine(predictions, bank):
    if not (predictions.isfinite().all() and bank.isfinite().all()):  # a NaN would rank first
        raise ValueError(
            "predictions or targets hold NaN or infinity; use weights from before the run diverged"
        )
    return F.normalize(predictions.double(), dim=-1) @ F.normalize(bank.double(), dim=-1).T  # (q, m)


def nearest_patches(predictions, bank, k, allowed=None):
    """The k tokens of bank (m, D) nearest by cosine to each of predictions (q, D): (q, k), nearest first.

    Cosine orders layer-normalised targets as the L2 loss does. `allowed` (q, m): False hides a token.
    """
    similarity = _cosine(predictions, bank)
    if allowed is not None:
        similarity = similarity.masked_fill(~allowed, -torch.inf)
    return similarity.topk(k, dim=1).indices


def true_ranks(predictions, bank, true, allowed=None):
    """Rank (q,) of token `true` (q,) of bank (m, D) for predictions (q, D): 1 is best, (m + 1) / 2 is chance.

    Ties share their mean rank, so that a collapsed bank scores chance and not 1. `allowed` (q, m): False
    hides a token, but never the true one.
    """
    similarity = _cosine(predictions, bank)
    own = similarity.gather(1, true[:, None])
    rivals = torch.ones_like(similarity, dtype=torch.bool) if allowed is None else allowed.clone()
    rivals.scatter_(1, true[:, None], False)
    above, tied = similarity > own + 1e-6, (similarity - own).abs() <= 1e-6
    return 1 + (above & rivals).sum(1) + (tied & rivals).sum(1) / 2


def retrieval_ranks(queries, bank):
    """Ranks of the true patches in bank (n, N, D): against all other images, and against their same place.

    Two tensors (q,). Chance is ((n - 1) * N + 2) / 2 and (n + 1) / 2. A predictor that knows only the place
    may do well in the first; in the second it is at chance.
    """
    n, N, _ = bank.shape
    vectors, image = torch.stack([q.vector for q in queries]), torch.tensor([[q.image] for q in queries])
    patch, token = torch.tensor([[q.patch] for q in queries]), torch.arange(n * N)
    pools = token // N != image, token % N == patch  # (q, n*N)
    true = (image * N + patch)[:, 0]
    return tuple(true_ranks(vectors, bank.flatten(0, 1), true, pool) for pool in pools)


def _surroundings(image, patch, grid, P):
    """The patch and its eight neighbours (C, 3P, 3P), light grey beyond the border."""
    row, column = divmod(int(patch), grid[1])
    padded = F.pad(image, (P, P, P, P), value=int(NOTHING[1:3], 16) / 255)
    return padded[:, row * P : (row + 3) * P, column * P : (column + 3) * P]


@styled
def retrieval(images, grid, patch_size, queries, bank, k=5):
    """Which patches are like the prediction? images (n, C, H, W), queries, and bank (n, N, D) of targets.

    A row a query: the image with the hidden block, the true patch, the k nearest of the OTHER images.
    Raises ValueError when there are no other images.
    """
    n, N, _ = bank.shape
    if n < 2:
        raise ValueError("retrieval looks among the other images, so it needs at least two; give it more")
    others = torch.arange(n * N) // N != torch.tensor([[q.image] for q in queries])
    vectors = torch.stack([q.vector for q in queries])
    found = nearest_patches(vectors, bank.flatten(0, 1), min(k, (n - 1) * N), others)  # (q, k)
    ranks, here = retrieval_ranks(queries, bank)
    size, k = (n - 1) * N + 1, found.shape[1]
    fig = _figure(len(queries) * 0.93 * max(_aspect(images), 1) + 0.3)
    axes = fig.subplots(len(queries), k + 3, squeeze=False, width_ratios=[*[1] * (k + 2), 1.4])
    for q, (query, line) in enumerate(zip(queries, axes, strict=True)):
        _show(line[0], images[query.image])
        _hatched(line[0], query.hidden, grid, patch_size, "hidden", HIDDEN, 1, "#BBBBBB")
        _frame(line[0], query.patch, grid, patch_size)
        for ax, token in zip(line[1:-1], [query.image * N + query.patch, *found[q].tolist()], strict=True):
            _show(ax, _surroundings(images[token // N], token % N, grid, patch_size))
            _frame(ax, 4, (3, 3), patch_size, "found")
        words = f"rank {ranks[q]:g} of {size}\n(chance {(size + 1) / 2:g})\nsame place:\n"
        words += f"{here[q]:g} of {n} (chance {(n + 1) / 2:g})"
        line[-1].text(0, 0.5, words, va="center", fontsize=8.5, gid=f"ranks {q}")
        line[-1].set_axis_off()
    titles = ["image", "truth", "nearest", *(f"{i}." for i in range(2, k + 1))]
    for ax, title in zip(axes[0, :-1], titles, strict=True):
        ax.set_title(title)
    fig.alt_text = (
        f"{len(queries)} predictions, one a row: the image with its hidden block, the true patch, and "
        f"the {k} nearest patches of {n - 1} other images. The true patch ranks {_list(ranks.tolist())} of "
        f"{size} (chance {(size + 1) / 2:g}), and {_list(here.tolist())} of {n} at the same place (chance "
        f"{(n + 1) / 2:g})."
    )
    return fig


@styled
def explanation(image, masks, tokens, maps, patch, predictions, targets):
    """One image (C, H, W) explained: masks, features, attention of a query patch, and predictions.

    tokens (N, D); maps (depth, heads, N, N); predictions (M, T, D) and targets (N, D): of each block the
    middle patch's prediction is compared to the target vector of every patch of the image.
    """
    grid, N, (context, blocks, _) = masks.grid, masks.grid[0] * masks.grid[1], _mask_sets(masks, 0)
    fig = _figure(3 * (WIDTH / 4 * _aspect(image) + 0.28))
    axes = fig.subplots(3, 4)
    colours, share = pca_colours(tokens[None])
    _show(axes[0, 0], image, "image")
    _draw_masks(axes[0, 1], image, masks, 0, "masks")
    _draw_seen(axes[0, 2], image, masks, 0, f"context: {len(context)} of {N}")
    _picture(axes[0, 3], colours.reshape(*grid, 3), "features (PCA)")

    looks, top = _looks(maps, patch)
    layers = sorted({0, len(looks) // 2, len(looks) - 1})
    spread = effective_patches(looks.mean(1))[layers].tolist()
    _show(axes[1, 0], image, "attention of this patch")
    _frame(axes[1, 0], patch, grid, image.shape[-2] // grid[0])
    for ax, layer, count in zip(axes[1, 1:], layers, spread, strict=False):
        _draw_look(ax, looks[layer].mean(0), grid, patch, top, f"layer {layer + 1}: {count:.0f} of {N}")

    middle, predicted = torch.as_tensor(blocks[:, blocks.shape[1] // 2]), predictions[:, blocks.shape[1] // 2]
    ranks, similarity = true_ranks(predicted, targets, middle).tolist(), _cosine(predicted, targets)
    scale = {"cmap": HEAT, "vmin": similarity.min(), "vmax": similarity.max()}
    for m, ax in enumerate(axes[2, : len(blocks)]):
        _picture(ax, similarity[m].reshape(grid), f"target {m + 1}: rank {ranks[m]:g} of {N}", **scale)
        _frame(ax, middle[m], grid, 1, "truth")
    for ax in [*axes[1, 1 + len(layers) :], *axes[2, len(blocks) :]]:
        ax.set_axis_off()
    fig.alt_text = (
        f"One image. {len(blocks)} hatched targets leave {len(context)} of {N} patches as context. "
        f"Three components hold {_percent(share)} of the features' variance. Attention of patch {int(patch)} "
        f"spreads over {_list(spread, '{:.0f}')} patches in layers {_list([i + 1 for i in layers])}. "
        f"Predictions, by cosine to every patch: the true, framed one ranks {_list(ranks)} of {N} "
        f"(chance {(N + 1) / 2:g})."
    )
    return fig
