"""One self-contained `report.html` of a run, and one picture of what a model makes of an image.

Here a model is run to get the state that the figures show (style.py and its like draw it), and beside each
figure stands what to see in it and what would have shown the claim to be false. The page is html.py's.
"""

import json
import math
import os
from collections.abc import Iterable
from html import escape
from pathlib import Path

import torch

from ..config import MaskConfig
from ..data import denormalize, find_image, normalize
from ..data.image_forms import many_images
from ..method.ijepa import IJEPA
from ..method.masks import sample_masks
from ..method.vit import Encoder
from ..system.progress import counted
from ..training.checkpoints import load_model
from ..training.provenance import machine
from . import curves, html, predictor
from . import masks as mask_figures
from .encoder import attention, pca_features
from .style import MEASURES, NAMES, Picture

SHOWN, BANK, QUERIES = 6, 64, 4  # images with features; images searched for neighbours; rows of retrieval
COMPANY = 15  # shifted copies beside a single image
TABLE = ("linear", "linear_last4", "knn")  # columns of the table of controls, where rows have them
FILES = {
    "model.safetensors": "weights",
    "config.json": "every setting",
    "state.json": "for a resumed run",
    "state.safetensors": "for a resumed run: the optimizer's tensors",
    "run.json": "what was run, where and with what",
    "log.jsonl": "a JSON record a step: loss and rates, and every few steps rank, std, position share, gap, "
    "address gain, own-image rank and a probe",
    "results.json": "the table of controls and how it was made",
}


def write_report(
    folder: str | Path,
    model: IJEPA,
    images: object,
    *,
    results: dict,
    log: list[dict],
    generator: torch.Generator,
    control: Encoder | None = None,
    more: Iterable[str] = (),
) -> Path:
    """Write `report.html` into the folder of a run, whole or not at all; returns its path.

    model: the trained `IJEPA` or `PixelBaseline`; images: uint8 (n, 3, H, W), held out, at least two;
    results, log: what results.json and log.jsonl hold (`results["curve_random"]`, {"knn": ...}, is the level
    of random weights in the log's own probe, where that is not the table's; `results["note"]` is said at the
    top); control: an `Encoder` with random weights, shown beside the trained one; more: sections of HTML that
    follow the pictures. Raises FileNotFoundError without a checkpoint, ValueError for one image.
    """
    folder, images = Path(folder).expanduser(), many_images(images)
    if len(images) < 2:
        raise ValueError(f"a report compares images, so it needs at least two, not {len(images)}")
    config = load_model(folder)[1]
    controls = {row["name"]: row for row in results["controls"]}
    drawn = images[torch.randperm(len(images), generator=generator)[:BANK]]
    state = _state(model, drawn, config.masks, generator, control)
    level = results.get("curve_random") or controls.get("random")
    sections = [
        html.section(
            "The table of controls",
            curves.control_bars(results["controls"]),
            *_controls_claim(controls),
            _controls_table(controls),
        ),
        html.section("Loss, rank and probe", curves.curves(log, level), *_curves_claim(log, state["grid"])),
        *_pictures(state),
        *more,
        _files(folder),
        _how(results, config),
    ]
    part = folder / "report.html.part"
    part.write_text(html.page(_headline(model, results), "".join(sections)), encoding="utf-8")
    os.replace(part, folder / "report.html")
    return folder / "report.html"


def explain(
    model: IJEPA, image: object, generator: torch.Generator, masks: MaskConfig | None = None
) -> Picture:
    """A figure of one image: masks, features, attention of its middle patch, predictions.

    image: whatever `data.find_image` takes; it is fitted to the model's size. `masks` is the `MaskConfig` to
    draw from, the paper's by default.
    """
    # Targets may be normalised per place over the batch, which one image alone cannot give: it gets the
    # company of itself, rolled around, so that a place is compared to what else the image could show there.
    P, (rows, columns) = model.config.patch_size, model.config.grid
    image = find_image(image, model.config.image_size)
    shifts = torch.stack([torch.randint(n, (COMPANY,), generator=generator) * P for n in (rows, columns)], 1)
    rolled = [image, *(image.roll(shift, (1, 2)) for shift in shifts.tolist())]
    s = _state(model, torch.stack(rolled), masks or MaskConfig(), generator)
    seen = s["images"][0], s["masks"], s["tokens"][0], s["maps"], s["middle"]
    return predictor.explanation(*seen, s["predictions"][0], s["targets"][0])


# --- what the model makes of the images -----------------------------------------------------------


@torch.no_grad()
def _state(model, images, mask_config, generator, control=None):
    """All that the pictures show, on the CPU."""
    device = next(model.parameters()).device
    x, grid = normalize(images.to(device)), model.config.grid
    masks = sample_masks(grid, len(x), mask_config, generator)
    tensors = {
        "images": denormalize(x),  # (n, 3, H, W)
        "tokens": model.target_encoder(x[:SHOWN]),  # (SHOWN, N, D)
        "maps": model.target_encoder.attention_maps(x[:1])[0],  # (depth, heads, N, N)
        "targets": model.targets(x),  # (n, N, D)
        "predictions": model.predict(x, masks.to(device)),  # (n, M, T, D)
    }
    if control is not None:
        tensors["control"] = control.to(device)(x[:SHOWN])
    state = {name: tensor.float().cpu() for name, tensor in tensors.items()}
    return state | {"masks": masks, "grid": grid, "middle": grid[0] // 2 * grid[1] + grid[1] // 2}


def _queries(state):
    """The prediction for the middle patch of every target of every image."""
    target_idx = state["masks"].target_idx  # (n, M, T)
    n, M, T = target_idx.shape
    return [
        predictor.Query(
            i, int(target_idx[i, m, T // 2]), target_idx[i, m], state["predictions"][i, m, T // 2]
        )
        for i in range(n)
        for m in range(M)
    ]


# --- the claims: what to see, and what would have shown them false ----------------------------------


_MASKS = {  # scattered or not
    False: "Targets too large to fill in from their borders, and a context that holds no patch of them.",
    True: "Scattered targets, each among patches of the context, from which much of it can be guessed.",
}


def _controls_claim(controls):
    rivals = [controls[name] for name in ("chance", "pixels", "random") if name in controls]
    if "ijepa" not in controls or not rivals:
        return "Accuracy on images that were held out.", "Nothing is claimed: a row to compare is missing."
    lead = {key: controls["ijepa"][key] - max(row[key] for row in rivals) for key in MEASURES}
    told = " and ".join(f"{value:+.3f} ({NAMES[key]})" for key, value in lead.items())
    failed = " and ".join(NAMES[key] for key, value in lead.items() if value <= 0)
    wrong = "A difference of zero or less: training would have added nothing that these probes can read."
    return (
        f"I-JEPA against the best of chance, raw pixels and random weights: {told}.",
        wrong + (f" That is so here, by {failed}: the claim FAILS." if failed else ""),
    )


def _known(value):
    return value is not None and math.isfinite(value)


def _curves_claim(log, grid):
    names = {
        "rank": "effective rank", "position_share": "position share", "gap": "alignment gap",
        "address_gain": "address gain", "own_image_rank": "own-image rank",
    }  # fmt: skip
    last = {key: r[key] for r in log for key in names if _known(r.get(key))}
    told, patches = {key: f"{names[key]} {value:.3g}" for key, value in last.items()}, math.prod(grid)
    if "own_image_rank" in told:
        told["own_image_rank"] += f" of {patches} (chance {(patches + 1) / 2:g})"
    claim = "The loss is a proxy; the evidence is a rank well above 1 and a probe above its dotted line."
    claim += f" At the end: {', '.join(told.values())}." if told else ""
    if "address_gain" in told:
        claim += (
            " An address gain of 1 means that shuffled target addresses cost no loss, so what is predicted "
            "does not depend on the patch that is asked for."
        )
    return claim, (
        "A rank near 1 (collapse); a position share near 1 or a gap near 0 (tokens that only know a place); "
        "an address gain near 1 (predictions that only know the image)."
    )


def _retrieval_claim(queries, targets):
    n, N, _ = targets.shape
    everywhere, here = (ranks.median().item() for ranks in predictor.retrieval_ranks(queries, targets))
    size = (n - 1) * N + 1
    return (
        f"Over {len(queries)} predictions on {n} images the true patch has the median rank {everywhere:g} of "
        f"{size} (chance {(size + 1) / 2:g}), and {here:g} of {n} among the patches of its place (chance "
        f"{(n + 1) / 2:g}).",
        "Ranks at chance; if only the second is, the predictor knows the place and nothing of the image.",
    )


def _pictures(state):
    """The sections that show images."""
    images, grid, queries = state["images"], state["grid"], _queries(state)
    few, N, M = images[:SHOWN], grid[0] * grid[1], state["masks"].target_idx.shape[1]
    shown = queries[:: M + 1][:QUERIES]  # of each image another block
    features = pca_features(few, state["tokens"], grid, state.get("control"))
    retrieval = predictor.retrieval(images, grid, images.shape[-2] // grid[0], shown, state["targets"])
    return [
        html.section(
            "Masks",
            mask_figures.masks(images[0], state["masks"]),
            _MASKS[state["masks"].target_size is None],
            "Any part of a target on the right: the answer could then be copied.",
        ),
        html.section(
            "Features",
            features,
            "Patches of like content share a colour, in one image and across images.",
            "The same colours at the same places in every image, or no more order than random weights give.",
        ),
        html.section(
            "Attention",
            attention(images[0], state["maps"], grid, state["middle"]),
            "Layers and heads that prefer some patches; above each, over how many it spreads. This is a "
            "picture, not a measure.",
            f"A count of {N} above every map: attention would be even, and blind.",
        ),
        html.section("What it predicts", retrieval, *_retrieval_claim(queries, state["targets"])),
    ]


# --- the page ---------------------------------------------------------------------------------------


def _controls_table(controls):
    columns = [key for key in TABLE if any(key in row for row in controls.values())]

    def cell(row, key):
        spread = f" ± {row[f'{key}_std']:.3f}" if row.get(f"{key}_std") else ""
        return f"{row[key]:.3f}{spread}" if key in row else ""

    rows = [(NAMES.get(name, name), *(cell(row, key) for key in columns)) for name, row in controls.items()]
    head = ("features", *(NAMES[key] for key in columns))
    return html.table("Accuracy on held-out images, from 0 to 1", head, rows, "numbers", NAMES["ijepa"])


def _files(folder):
    rows = [
        (path.relative_to(folder).as_posix(), FILES.get(path.name, ""), f"{path.stat().st_size:,}")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("report.html", "."))
    ]
    table = html.table(
        f"In the folder {folder.name}, beside this page", ("file", "what it holds", "bytes"), rows
    )
    return f"<section><h2>Where the files are</h2>{table}</section>\n"


def _flat(values, prefix=""):
    """Nested dicts as (dotted name, value) pairs."""
    for name, value in values.items():
        yield from _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]


def _how(results, config):
    facts = machine() | {name: value for name, value in results.items() if name not in ("controls", "config")}
    table = html.table("How these numbers were made, and on what", ("what", "value"), _flat(facts))
    settings = escape(json.dumps(config.to_dict(), indent=2))
    return (
        "<section><h2>How it was measured</h2><p>The probes read frozen features of the target encoder. The "
        "images shown were drawn at random from held-out ones, and not picked.</p>"
        f"{table}<details><summary>Every setting</summary><pre>{settings}</pre></details></section>\n"
    )


def _headline(model, results):
    config, (height, width) = model.config, model.config.image_size
    kind = "A pixel baseline" if config.predicts == "pixels" else "An I-JEPA"
    return (
        f"{kind} with an encoder {config.width} wide and {config.depth} deep, on {height} x {width} pixels "
        f"in patches of {config.patch_size}, trained without labels on {results.get('data', 'images')} for "
        f"{counted(results['steps'], 'step')} in {counted(round(results['seconds']), 'second')}, "
        f"seed {results['seed']}." + (f" {results['note']}" if "note" in results else "")
    )
