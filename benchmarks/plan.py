"""The estimate of `jepa-lite plan` beside a real run: writes results/plan.json.

    python benchmarks/plan.py

For several settings, five times over: plan, then train for some steps, right after one another and in short
pieces, so that whatever else the machine does hits both. Compared are seconds of the run, measures included.
"""

import dataclasses
import statistics
import time
from pathlib import Path
from unittest import mock

import torch

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.presets import preset
from jepa_lite.training import plan as planning
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "plan.json"
ROUNDS, IMAGES = 5, 2000
THIN_OF, THIN = "ViT-tiny, 64 px", "ViT-tiny, from a slice"
FIELDS = ("steps", "seconds", "step_seconds", "flops")


def configs():
    """{what it is: config}, each cut to a length that can be waited for."""
    cut = {"train.steps": 30, "train.seconds": None, "train.epochs": None}
    tiny = ModelConfig.sized(
        "tiny", image_size=64, patch_size=8, predictor_width=96, predictor_depth=4, predictor_heads=3
    )
    return {
        "demo": preset("demo").with_values(cut),
        "laptop": preset("laptop").with_values(cut),
        "demo, batch 32": preset("demo").with_values(cut | {"train.batch_size": 32, "train.steps": 60}),
        "ViT-tiny, 64 px": Config(tiny, MaskConfig(), TrainConfig(steps=10, batch_size=64)),
    }


def main():
    made = {size: shapes(IMAGES, size, seed=0)[0] for size in (32, 64)}
    rounds = {name: [] for name in configs()} | {THIN: []}
    for i in range(ROUNDS):
        for name, config in configs().items():
            images, thin = made[config.model.image_size[0]], name == THIN_OF
            if thin:  # the same run, estimated from a slice as if the whole did not fit in memory
                with mock.patch.object(planning, "MEMORY_SHARE", 0.0):
                    slice_ = planning.plan(config, len(images))
            found, real = planning.plan(config, len(images)), trained(config, images)
            rounds[name].append(compared(found, real))
            if thin:
                rounds[THIN].append(compared(slice_, real))
            print(f"{i + 1} of {ROUNDS}, {name}: {rounds[name][-1]['ratio']:.2f}", flush=True)
    rows = [row(name, configs().get(name, configs()[THIN_OF]), rounds[name]) for name in rounds]
    facts = {"command": "python benchmarks/plan.py", "seed": 0, "images": IMAGES, "rows": rows}
    write_json(RESULTS, facts | machine())
    print(*(f"{r['name']}: {r['ratio']:.2f} of {[round(x, 2) for x in r['ratios']]}" for r in rows), sep="\n")


def trained(config, images):
    """Seconds of the real run."""
    started = time.perf_counter()
    steps = len(list(Run(config, images).steps()))
    assert steps == config.train.steps
    return time.perf_counter() - started


def compared(found, real):
    estimate = {field: getattr(found, field) for field in FIELDS}
    timing = {"batch": found.timing.batch, "thin": found.timing.thin}
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
