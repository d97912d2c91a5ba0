"""The estimate of `jepa-lite plan` beside a real run: writes results/plan.json.

    python benchmarks/plan.py

For several settings, three times over: plan, then train, right after one another, so that whatever else
the machine does hits both. What is compared is seconds of the whole run, measures included.
"""

import dataclasses
import json
import statistics
import time
from pathlib import Path

import torch

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.plan import plan
from jepa_lite.presets import preset
from jepa_lite.pretrain import machine, write_json
from jepa_lite.shapes import shapes
from jepa_lite.train import Run

RESULTS = Path(__file__).parent / "results" / "plan.json"
ROUNDS, IMAGES, SECONDS = 3, 2000, 10.0
FIELDS = ("steps", "seconds", "step_seconds", "flops")


def configs():
    """{what it is: (config, seconds to measure)}; the last gets so little time that it is cut thin."""
    tiny = ModelConfig.sized(
        "tiny", image_size=64, patch_size=8, predictor_width=96, predictor_depth=4, predictor_heads=3
    )
    cut = {"train.steps": 150, "train.seconds": None, "train.epochs": None}
    return {
        "demo": (preset("demo").with_values(cut), SECONDS),
        "laptop": (preset("laptop").with_values(cut), SECONDS),
        "demo, batch 32": (preset("demo").with_values(cut | {"train.batch_size": 32}), SECONDS),
        "ViT-tiny, 64 px": (Config(tiny, MaskConfig(), TrainConfig(steps=12, batch_size=64)), SECONDS),
        "ViT-tiny, thin slice": (Config(tiny, MaskConfig(), TrainConfig(steps=12, batch_size=64)), 0.1),
    }


def main():
    made = {size: shapes(IMAGES, size, seed=0)[0] for size in (32, 64)}
    rounds = {name: [] for name in configs()}
    for i in range(ROUNDS):
        for name, (config, seconds) in configs().items():
            rounds[name].append(compare(config, made[config.model.image_size[0]], seconds))
            print(f"{name}, {i + 1} of {ROUNDS}: {json.dumps(rounds[name][-1])}", flush=True)
    rows = [row(name, config, rounds[name]) for name, (config, _) in configs().items()]
    facts = {"command": "python benchmarks/plan.py", "seed": 0, "images": IMAGES, "rows": rows}
    write_json(RESULTS, facts | machine())


def compare(config, images, seconds):
    """The estimate and the real run, one after the other."""
    found = plan(config, len(images), seconds=seconds)
    started = time.perf_counter()
    steps = len(list(Run(config, images).steps()))
    real = time.perf_counter() - started
    assert steps == found.steps
    timing = {"batch": found.timing.batch, "thin": found.timing.thin}
    estimate = {field: getattr(found, field) for field in FIELDS}
    return {"real_seconds": real, "ratio": found.seconds / real} | estimate | timing


def row(name, config, rounds):
    ratios = [r["ratio"] for r in rounds]
    return {
        "name": name,
        "steps": rounds[0]["steps"],
        "ratio": statistics.median(ratios),
        "estimated_seconds": statistics.median(r["seconds"] for r in rounds),
        "real_seconds": statistics.median(r["real_seconds"] for r in rounds),
        "ratios": ratios,
        "rounds": rounds,
        "config": dataclasses.asdict(config),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)  # on a shared machine two threads wait for one another
    main()
