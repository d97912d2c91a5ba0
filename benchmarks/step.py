"""What a training step costs, and where its time goes: writes results/step.json.

    python benchmarks/step.py

For the encoders a laptop runs: share of padding, share of time spent on data, augmentation and masks,
and arithmetic per second as a share of what one large matrix product reaches in the same process.
Steps and matrix products alternate, so that whatever else the machine does hits both; medians.
"""

import statistics
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "step.json"
ROUNDS, WARM_UP = 12, 3
PREDICTOR = {"pico": (32, 2, 4), "nano": (48, 3, 4), "micro": (64, 3, 4), "tiny": (96, 4, 3)}


def main():
    images = shapes(512, 64, seed=0)[0]
    rows = [measure(name, context, images) for name in PREDICTOR for context in ("paper", "demo")]
    write_json(
        RESULTS,
        {"command": "python benchmarks/step.py", "seed": 0, "rounds": ROUNDS, "rows": rows} | machine(),
    )
    for row in rows:
        print(", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{v}" for k, v in row.items()))


def measure(encoder, context, images):
    """A row of the table for one encoder, under the paper's masks or the demo's smaller context."""
    width, depth, heads = PREDICTOR[encoder]
    model = ModelConfig.sized(
        encoder,
        image_size=64,
        patch_size=8,
        predictor_width=width,
        predictor_depth=depth,
        predictor_heads=heads,
    )
    masks = MaskConfig() if context == "paper" else MaskConfig(context_scale=(0.4, 0.6))
    train = TrainConfig(steps=10**6, log_every=10**6, batch_size=128 if encoder != "tiny" else 64)
    run = Run(Config(model, masks, train), images)
    matrix = torch.randn(2048, 2048)
    records, products, arithmetic = [], [], []
    for i in range(ROUNDS + WARM_UP):
        started = time.perf_counter()
        matrix @ matrix
        product = time.perf_counter() - started
        record = run.train_step()
        if i >= WARM_UP:
            products.append(2 * 2048**3 / product)
            records.append(record)
    for _ in range(4):  # block sizes change from step to step, so the arithmetic does too
        with FlopCounterMode(display=False) as counter:
            run.train_step()
        arithmetic.append(counter.get_total_flops())
    parts = ("data", "forward", "backward", "update")
    seconds = [sum(r[f"seconds_{part}"] for part in parts) for r in records]
    step = statistics.median(seconds)
    speed, peak = statistics.mean(arithmetic) / step, statistics.median(products)
    return {
        "encoder": encoder,
        "width": model.width,
        "context": context,
        "batch": train.batch_size,
        "step_seconds": step,
        "images_per_second": train.batch_size / step,
        "padding_share": statistics.mean(r["padding"] for r in records),
        "data_share": statistics.median(r["seconds_data"] / s for r, s in zip(records, seconds, strict=True)),
        "update_share": statistics.median(
            r["seconds_update"] / s for r, s in zip(records, seconds, strict=True)
        ),
        "gflops": speed / 1e9,
        "matmul_gflops": peak / 1e9,
        "share_of_matmul": speed / peak,
    }


if __name__ == "__main__":
    main()
