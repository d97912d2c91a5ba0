"""Do the alarms ring when they should, and only then? Writes results/alarms.json (ten minutes on one core).

    python benchmarks/alarms.py

Runs of the preset `demo`, seed 0, as it is and with one change each, on its own images and on others: on
`shapes`, where nothing depends on the address, on pure noise, of which nothing can be predicted, and on
images so faint that tokens are little but their places. Each is probed beside random weights. The shares in
collapse_alarms.py were chosen on runs on `shapes` with AdamW; none of these was used to choose them.
"""

import warnings
from pathlib import Path

import torch

from jepa_lite.data.fields import fields
from jepa_lite.data.shapes import shapes
from jepa_lite.evaluation.probes import features, knn, random_encoder
from jepa_lite.presets import preset
from jepa_lite.training.collapse_alarms import CEILING, FLOOR, GAIN, GAP, HIGH, LOW, CollapseWarning
from jepa_lite.training.pretrain import recorded
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "alarms.json"
IMAGES, HELD_OUT, LABELLED, STEPS, EVERY = 3000, 1000, 1000, 600, 20
FAINT = 0.05  # contrast of the faint images
WATCHED = (*LOW, *HIGH, "address_gain")
LAYER = {"model.target_norm": "layer"}
RUNS = {  # name: (changes to the preset, images)
    "the demo": ({"train.steps": 1500}, "fields"),
    "the paper's momentum": ({"train.momentum": (0.996, 1.0)}, "fields"),
    "random first weights": ({"model.init": "xavier", "model.init_mlp_gain": 1.0}, "fields"),
    "AdamW at 3e-3": ({"train.optimizer": "adamw", "train.lr": 3e-3}, "fields"),
    "eight times the learning rate": ({"train.lr": 0.048}, "fields"),
    "targets normed per token (layer)": (LAYER, "fields"),
    "layer norm, AdamW, no moving average": (
        LAYER | {"train.optimizer": "adamw", "train.lr": 3e-3, "train.momentum": (0.0001, 0.0001)},
        "fields",
    ),
    "images of `shapes`": ({}, "shapes"),
    "images of noise": ({}, "noise"),
    "faint images": ({}, "faint"),
    "faint images, layer norm": (LAYER, "faint"),
}


def main():
    torch.set_num_threads(1)
    sets = images()
    rows = [row(name, changes, *sets[of]) for name, (changes, of) in RUNS.items()]
    limits = {"low": LOW, "floor": FLOOR, "high": HIGH, "ceiling": CEILING, "gap": GAP, "gain": GAIN}
    facts = {"command": "python benchmarks/alarms.py", "seed": 0, "limits": limits, "faint": FAINT}
    facts |= {"images": IMAGES, "labelled": LABELLED, "held_out": HELD_OUT, "every": EVERY}
    write_json(RESULTS, facts | {"config": base().to_dict(), "rows": rows} | machine())


def base():
    """What every run starts from."""
    changes = {"train.steps": STEPS, "train.seconds": None, "train.seed": 0, "train.log_every": EVERY}
    return preset("demo").with_values(changes)


def images():
    """{name: (training images and labels, held-out ones)}; noise has no labels."""
    size = base().model.image_size
    made = {name: (*make(IMAGES, size, seed=0), *make(HELD_OUT, size, seed=1)) for name, make in (
        ("fields", fields), ("shapes", shapes))}  # fmt: skip
    x, y, z, labels = made["fields"]
    noise = torch.randint(0, 256, x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    faint = [(128 + FAINT * (part.float() - 128)).round().to(torch.uint8) for part in (x, z)]
    return made | {"noise": (noise, None, None, None), "faint": (faint[0], y, faint[1], labels)}


def row(name, changes, x, y, z, labels):
    run, curve, alarms = Run(base().with_values(changes), x), [], {}
    at_first = run.measures()
    warnings.simplefilter("ignore", CollapseWarning)
    for record in recorded(run, None, title=name):
        for sentence in (*record.get("alarms", ()), *record.get("notes", ())):
            alarms.setdefault(next(m for m in WATCHED if f" {m} is" in sentence), record["step"])
        if record["step"] % EVERY == 0:
            curve.append({k: record[k] for k in ("step", "loss", "gap", *WATCHED)})
    lowest = {m: min(point[m] for point in curve) for m in LOW}
    result = {"name": name, "changes": changes, "alarms": alarms, "lowest": lowest}
    if labels is not None:
        for kind, encoder in (
            ("ijepa", run.model.target_encoder),
            ("random", random_encoder(run.config.model, 0)),
        ):
            train, test = (features(encoder, part) for part in (x[:LABELLED], z))
            result |= {f"knn_{kind}": knn(train, y[:LABELLED], test, labels)}
    print(result, curve[-1], flush=True)
    return result | {"at_first": at_first, "curve": curve}


if __name__ == "__main__":
    main()
