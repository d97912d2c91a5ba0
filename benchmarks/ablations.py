"""Which ingredient mattered? Writes results/ablations.json (three seeds, about forty minutes on one core).

    python benchmarks/ablations.py

Each row is the course's run (jepa_lite/course/__init__.py) with the one change that it names, on the same
made images for the same seed, measured beside raw pixels and random weights. The test images are for
nothing else. What stands in the file already is not run again: delete the file to start anew.
"""

import json
import time
import warnings
from pathlib import Path

import torch

from jepa_lite import sample_masks
from jepa_lite.course import recipe
from jepa_lite.data import load
from jepa_lite.evaluation.probes import features, knn, linear, pixels, random_encoder
from jepa_lite.training.collapse_alarms import CollapseWarning
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "ablations.json"
SEEDS = (30, 31, 32)
IMAGES, LABELLED, HELD_OUT = 3000, 1000, 1000
LAST = 20  # steps whose losses are averaged
CHANGES = {  # name: (group, the change)
    "as in the course": ("reference", {}),
    "random patches": ("masking", {"masks__rule": "random"}),
    "one block": ("masking", {"masks__rule": "block"}),
    "rasterized": ("masking", {"masks__rule": "rasterized"}),
    "released collator": ("masking", {"masks__rule": "official"}),
    "1 target": ("targets", {"masks__num_targets": 1}),
    "2 targets": ("targets", {"masks__num_targets": 2}),
    "target scale 0.075 to 0.2": ("target scale", {"masks__target_scale": (0.075, 0.2)}),
    "target scale 0.2 to 0.3": ("target scale", {"masks__target_scale": (0.2, 0.3)}),
    "context scale 0.85 to 1": ("context scale", {"masks__context_scale": (0.85, 1.0)}),
    "pixels as targets": ("what is predicted", {"model__predicts": "pixels"}),
    "sin-cos predictor positions": ("positions", {"model__predictor_positions": "sincos"}),
    "predictor of depth 1": ("predictor", {"model__predictor_depth": 1}),
    "predictor of depth 4": ("predictor", {"model__predictor_depth": 4}),
    "momentum 0.9": ("EMA", {"train__momentum": (0.9, 0.9)}),
    "momentum 0.999": ("EMA", {"train__momentum": (0.999, 0.999)}),
}


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", CollapseWarning)
    rows = json.loads(RESULTS.read_text("utf-8"))["rows"] if RESULTS.exists() else []
    facts = {"command": "python benchmarks/ablations.py", "seeds": list(SEEDS), "config": recipe().to_dict()}
    facts |= {"images": IMAGES, "labelled": LABELLED, "held_out": HELD_OUT}
    for seed in SEEDS:  # seed by seed, so that what is there early is a whole table
        for name, (group, changes) in CHANGES.items():
            row = next((row for row in rows if row["name"] == name), None)
            if row is None:
                rows.append(row := {"name": name, "group": group, "changes": changes, "runs": []})
            if seed in [run["seed"] for run in row["runs"]]:
                continue
            row["runs"].append(measured(recipe(train__seed=seed, **changes), seed))
            print(seed, name, row["runs"][-1], flush=True)
            write_json(RESULTS, facts | {"rows": rows, "controls": controls(rows)} | machine())


def measured(config, seed):
    train, test = (
        load("shapes", split, image_size=64, seed=seed, limit=limit, progress=False)
        for split, limit in (("train", IMAGES), ("test", HELD_OUT))
    )
    began = time.process_time()
    run = Run(config, train.images)
    log = list(run.steps())
    x, y, z = train.images[:LABELLED], train.labels[:LABELLED], test.images
    views = {
        "ijepa": lambda images: features(run.model.target_encoder, images),
        "random": lambda images: features(random_encoder(config.model, seed), images),
        "pixels": pixels,
    }
    found = {"seed": seed, "cpu_seconds": round(time.process_time() - began)}
    found["loss"] = sum(record["loss"] for record in log[-LAST:]) / LAST
    found |= run.measures()
    found["context_share"] = context_share(config)
    for name, view in views.items():
        pair = view(x), view(z)
        accuracy = [probe(pair[0], y, pair[1], test.labels) for probe in (linear, knn)]
        found[name] = dict(zip(("linear", "knn"), accuracy, strict=True))
    return found


def context_share(config):
    """The mean share of an image that the context encoder sees."""
    masks = sample_masks(config.model.grid, 2048, config.masks, torch.Generator().manual_seed(0))
    return masks.context_keep.sum(1).float().mean().item() / (config.model.grid[0] * config.model.grid[1])


def controls(rows):
    """Raw pixels and random weights of each seed, as the reference row measured them."""
    runs = rows[0]["runs"]
    return {name: [run[name] for run in runs] for name in ("random", "pixels")}


if __name__ == "__main__":
    main()
