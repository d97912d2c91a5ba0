"""What a training step costs on one GPU: writes results/gpu.json, or the file that is named.

    python benchmarks/gpu.py [FILE]

Every preset for a GPU, on random images that lie on the GPU, so nothing is read from a disk. The ViTs of
ImageNet take batches of 128, as one of sixteen GPUs would. `cifar10` also runs in six groups, so also in
single precision and with TF32, with the attention that a run switches off, and with a compiled loss. Each row
is the median of ten steps or more after a warm-up, and is written before the next one begins. A row that
fails holds its error.
"""

import gc
import statistics
import sys
import time
from pathlib import Path

import torch

from jepa_lite.presets import preset
from jepa_lite.training import cost
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "gpu.json"
DEVICE, SEED = "cuda", 0
WARM_UP, STEPS, MOST, SECONDS = 3, 10, 50, 2.0  # steps, at least STEPS and SECONDS of them, MOST at most
PARTS = ("data", "forward", "backward", "update")
BATCH = {name: 128 for name in ("vit-b16", "vit-l16", "vit-h14")}
# (preset, what differs from it, changes, whether float32 products may round to TF32)
CUDNN = "attention by cuDNN"  # which a run switches off, because it plans anew for every size
ROWS = [
    ("cifar10", "six groups", {"train.groups": 6}, False),
    ("cifar10", "", {}, False),
    ("cifar10", "single precision, six groups", {"train.amp": False, "train.groups": 6}, False),
    ("cifar10", "TF32, six groups", {"train.amp": False, "train.groups": 6}, True),
    ("cifar10", CUDNN, {}, False),
    ("stl10", "", {}, False),
    ("stl10", CUDNN, {}, False),
    ("imagenette", "", {}, False),
    ("imagenet100", "", {}, False),
    ("vit-b16", "", {}, False),
    ("vit-l16", "", {}, False),
    ("vit-h14", "", {}, False),
    ("cifar10", "compiled", {"train.compile": True}, False),
]


def main(out):
    facts = {
        "what": "random uint8 images on the GPU; seconds are medians of whole steps, by the clock",
        "command": "python benchmarks/gpu.py",
        "seed": SEED,
        "warm_up": WARM_UP,
        "steps_at_least": STEPS,
    }
    facts |= machine(DEVICE)
    facts["machine"]["gpu_memory"] = torch.cuda.get_device_properties(DEVICE).total_memory
    facts["versions"]["cuda"] = torch.version.cuda
    rows, began = [], time.perf_counter()
    for name, change, changes, tf32 in ROWS:
        row = {"preset": name, "change": change}
        try:
            row |= measured(name, changes, tf32, change == CUDNN)
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"[:500]
        rows.append(row)
        print(f"{time.perf_counter() - began:.0f} s:", row, flush=True)
        write_json(out, facts | {"rows": rows})


def measured(name, changes, tf32, cudnn):
    """The numbers of one row. Where memory runs out the batch is halved, and the row says what it was."""
    wanted = preset(name).train.batch_size
    batch = BATCH.get(name, wanted)
    while True:
        row = {"batch": batch, "preset_batch": wanted, "fits": batch == wanted or name in BATCH}
        gc.collect()  # what the row before has held
        torch.cuda.empty_cache()
        try:
            return row | timed(config_of(name, batch, changes), tf32, cudnn)
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
        batch = 2 ** ((batch - 1).bit_length() - 1)  # the next smaller power of two


def config_of(name, batch, changes):
    values = {"train.steps": 10**6, "train.epochs": None, "train.batch_size": batch, "train.seed": SEED}
    return preset(name).with_values(values | {"train.stream": False, "train.workers": 0} | changes)


def timed(config, tf32, cudnn):
    """Time, memory and the parts of a step, beside what `jepa-lite plan` counts."""
    model, batch = config.model, config.train.batch_size
    generator = torch.Generator().manual_seed(SEED)
    size = (2 * batch, model.channels, *model.image_size)
    images = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    began = time.perf_counter()
    run = Run(config, images, DEVICE)
    torch.backends.cuda.enable_cudnn_sdp(cudnn)
    made = time.perf_counter()
    for _ in range(WARM_UP):
        run.train_step()  # which waits for the GPU at its end
    warm = time.perf_counter()
    torch.cuda.reset_peak_memory_stats(DEVICE)
    seconds, records = [], []
    while len(seconds) < STEPS or (sum(seconds) < SECONDS and len(seconds) < MOST):
        started = time.perf_counter()
        records.append(run.train_step())
        seconds.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated(DEVICE)
    torch.set_float32_matmul_precision("highest")
    step = statistics.median(seconds)
    parts = {part: statistics.median(record[f"seconds_{part}"] for record in records) for part in PARTS}
    draws = cost.draw_groups(config, batch)
    flops = cost.mean_flops(config, draws)
    counted = sum(cost.static_memory(model, config.train.optimizer).values())
    counted += cost.activation_bytes(config, draws) + cost.batch_bytes(config, batch)
    return {
        "amp": config.train.amp, "groups": config.train.groups, "compile": config.train.compile, "tf32": tf32,
        "cudnn_attention": cudnn,
        "step_seconds": step, "slowest": max(seconds), "steps": len(seconds),
        "images_per_second": batch / step,
        **{f"share_{part}": spent / sum(parts.values()) for part, spent in parts.items()},
        "flops": flops, "flops_per_second": flops / step,
        "padding": statistics.mean(record["padding"] for record in records), "loss": records[-1]["loss"],
        "memory_peak": peak, "memory_images": images.nbytes, "memory_counted": counted,
        "seconds_to_make": made - began, "seconds_warm_up": warm - made,
    }  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
