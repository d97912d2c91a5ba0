"""The demo over three seeds: writes results/demo.json (about three minutes a seed on two idle cores).

    python benchmarks/demo.py

Each seed makes its own images, weights, crops and masks, and its own controls. "spread" is the sample
standard deviation over seeds. I-JEPA stands above a control when their means differ by more than both
spreads together. Whether the addresses are used is measured on held-out images.
"""

import statistics
import tempfile
from pathlib import Path

import torch

from jepa_lite.data import drawn_fields, load, normalize
from jepa_lite.data.fields import directions_of
from jepa_lite.demo import run_demo
from jepa_lite.evaluation import directions, measures
from jepa_lite.method.masks import sample_masks
from jepa_lite.training.checkpoints import load_model
from jepa_lite.training.provenance import machine, write_json

RESULTS = Path(__file__).parent / "results" / "demo.json"
SEEDS = (0, 1, 2)
HELD_OUT, READ = 512, 128  # images on which addresses are shuffled, and those whose directions are measured


def main():
    with tempfile.TemporaryDirectory() as folder:
        runs = [measured(Path(folder) / str(seed), seed) for seed in SEEDS]
    rows = [summary(name, runs) for name in (row["name"] for row in runs[0]["controls"])]
    kept = [
        {key: run[key] for key in ("seed", "steps", "seconds", "baseline_seconds", "addresses", "controls")}
        for run in runs
    ]
    facts = {
        "command": "python benchmarks/demo.py",
        "config": runs[0]["config"],
        "controls": rows,
        "runs": kept,
    }
    write_json(RESULTS, facts | machine())
    for row in rows:
        print(row)


def measured(folder, seed):
    """The results of one demo, and under "addresses" what its I-JEPA makes of them."""
    results = run_demo(folder, seed=seed, report=False)
    return results | {"addresses": addresses(*load_model(folder), seed)}


@torch.no_grad()
def addresses(model, config, seed):
    """What depends on the address, on held-out images."""
    images = load("fields", "test", image_size=config.model.image_size, seed=seed, limit=HELD_OUT).images
    masks = sample_masks(config.model.grid, HELD_OUT, config.masks, torch.Generator().manual_seed(seed))
    x = normalize(images)
    predictions, targets = model.predict(x, masks), model.targets(x)
    angle = directions_of(drawn_fields("test", HELD_OUT, seed), config.model.grid)
    _, found = directions.hidden_directions(model, images, angle, masks, READ)
    return {
        "gain": measures.address_gain(model, x, masks),
        "own_image_rank": measures.own_image_rank(predictions, targets, masks.target_idx),
        "patches": config.model.grid[0] * config.model.grid[1],
        "degrees_off": {name: directions.median_error(found, name) for name in ("right", "wrong")},
    }  # fmt: skip


def summary(name, runs):
    """Mean and spread over seeds of one row of the table of controls."""
    row = {"name": name}
    for probe in ("linear", "linear_last4", "knn"):
        values = [r[probe] for run in runs for r in run["controls"] if r["name"] == name and probe in r]
        if values:
            row |= {probe: statistics.mean(values), f"{probe}_std": statistics.stdev(values)}
    return row


if __name__ == "__main__":
    main()
