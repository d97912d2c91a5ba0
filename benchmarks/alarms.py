"""Do the collapse alarms ring when they should, and only then? Writes results/alarms.json (12 minutes).

    python benchmarks/alarms.py

Runs of the demo's preset, seed 0, that are known to learn or to collapse, and one on images of pure noise, of
which nothing but the place can be predicted. The limits in alarms.py were chosen on the first five of them.
"""

import warnings
from pathlib import Path

import torch

from jepa_lite.alarms import HIGH, LOW, CollapseWarning
from jepa_lite.config import preset
from jepa_lite.facts import machine, write_json
from jepa_lite.pretrain import recorded
from jepa_lite.shapes import shapes
from jepa_lite.train import Run

RESULTS = Path(__file__).parent / "results" / "alarms.json"
IMAGES, EVERY = 8000, 20
RUNS = {  # name: (changes to the demo's preset, whether it collapses)
    "the demo": ({"train.steps": 600}, False),
    "the paper's momentum": ({"train.momentum": (0.996, 1.0)}, False),
    "targets normed per token (layer)": ({"model.target_norm": "layer"}, True),
    "no norm of the targets": ({"model.target_norm": "none"}, True),
    "no moving average, layer norm": (
        {"model.target_norm": "layer", "train.momentum": (0.0001, 0.0001)},
        True,
    ),
    "four times the learning rate": ({"train.lr": 0.012}, None),
    "images of noise, layer norm": ({"model.target_norm": "layer"}, None),
    "images of noise": ({}, None),
}


def main():
    pixels = shapes(IMAGES, 64, seed=0)[0]
    noise = torch.randint(0, 256, pixels.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    rows = [
        row(name, changes, collapses, noise if "noise" in name else pixels)
        for name, (changes, collapses) in RUNS.items()
    ]
    facts = {"command": "python benchmarks/alarms.py", "seed": 0, "limits": {"low": LOW, "high": HIGH}}
    write_json(RESULTS, facts | {"config": base().to_dict(), "rows": rows} | machine())


def base():
    """What every run starts from."""
    return preset("demo").with_values({"train.steps": 250, "train.seconds": None, "train.seed": 0})


def row(name, changes, collapses, images):
    run, curve, alarms = Run(base().with_values(changes), images), [], {}
    at_first = run.measures()
    warnings.simplefilter("ignore", CollapseWarning)
    for record in recorded(run, None, title=name):
        for sentence in record.get("alarms", ()):
            alarms.setdefault(next(m for m in (*LOW, *HIGH) if f": {m} is" in sentence), record["step"])
        if record["step"] % EVERY == 0:
            curve.append({k: record[k] for k in ("step", "loss", "rank", "std", "position_share", "gap")})
    lowest = {m: min(point[m] for point in curve) for m in LOW}
    result = {"name": name, "changes": changes, "collapses": collapses, "alarms": alarms, "lowest": lowest}
    result |= {"at_first": at_first, "curve": curve}
    print(name, alarms, lowest, flush=True)
    return result


if __name__ == "__main__":
    main()
