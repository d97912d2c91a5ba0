"""Do the collapse alarms ring when they should, and only then? Writes results/alarms.json (12 minutes).

    python benchmarks/alarms.py

Runs of the preset `stripes`, seed 0, that are known to learn or to collapse, and others: on images of pure
noise, of which nothing can be predicted, and on images so faint that tokens are little but their places. The
shares in collapse_alarms.py were chosen on the first five of them, floor and ceiling on the faint ones.
"""

import warnings
from pathlib import Path

import torch

from jepa_lite.data.shapes import shapes
from jepa_lite.presets import preset
from jepa_lite.training.collapse_alarms import CEILING, FLOOR, HIGH, LOW, CollapseWarning
from jepa_lite.training.pretrain import recorded
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "alarms.json"
IMAGES, EVERY = 8000, 20
FAINT = 0.05  # contrast of the faint images
RUNS = {  # name: (changes to the preset, whether it collapses)
    "the demo": ({"train.steps": 600}, False),
    "the paper's momentum": ({"train.momentum": (0.996, 1.0)}, False),
    "targets normed per token (layer)": ({"model.target_norm": "layer"}, True),
    "no norm of the targets": ({"model.target_norm": "none"}, True),
    "no moving average, layer norm": (
        {"model.target_norm": "layer", "train.momentum": (0.0001, 0.0001)},
        True,
    ),
    "four times the learning rate": ({"train.lr": 0.012}, None),
    "images of noise": ({}, None),
    "faint images": ({}, None),
    "faint images, layer norm": ({"model.target_norm": "layer"}, True),
}


def main():
    pixels = shapes(IMAGES, 64, seed=0)[0]
    noise = torch.randint(0, 256, pixels.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    faint = (128 + FAINT * (pixels.float() - 128)).round().to(torch.uint8)
    of = {"images of noise": noise, "faint images": faint, "faint images, layer norm": faint}
    rows = [row(name, *how, of.get(name, pixels)) for name, how in RUNS.items()]
    limits = {"low": LOW, "floor": FLOOR, "high": HIGH, "ceiling": CEILING}
    facts = {"command": "python benchmarks/alarms.py", "seed": 0, "limits": limits, "faint": FAINT}
    write_json(RESULTS, facts | {"config": base().to_dict(), "rows": rows} | machine())


def base():
    """What every run starts from."""
    return preset("stripes").with_values({"train.steps": 250, "train.seconds": None, "train.seed": 0})


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
