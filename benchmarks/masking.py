"""How much faster is `sample_masks` than plain loops over the images? Writes results/masking.json.

    python benchmarks/masking.py

Three samplers of rule "paper", side by side in one process, alternating: the library's, the plain loop
of tests/mask_reference.py (torch, as collators are usually written), and the leanest loop we know, on
Python lists. Seconds are processor time of one thread, so that a busy machine does not change them.
"""

import dataclasses
import json
import math
import platform
import random
import statistics
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from mask_reference import paper_masks  # noqa: E402

from jepa_lite.config import MaskConfig  # noqa: E402
from jepa_lite.method.masks import sample_masks  # noqa: E402

SEED, BATCH, ROUNDS, CALLS = 0, 256, 21, 40
GRIDS = ((8, 8), (14, 14))


def list_masks(grid, config, rng):
    """The plain loop of one image without torch: context and targets as lists of indices."""
    target_size = list_size(grid, config.target_scale, config.target_aspect, rng)
    context_size = list_size(grid, config.context_scale, (1.0, 1.0), rng)
    while True:
        targets = [list_block(grid, target_size, rng) for _ in range(config.num_targets)]
        context = sorted(set(list_block(grid, context_size, rng)).difference(*targets))
        if len(context) >= config.min_keep:
            return context, targets


def list_size(grid, scale, aspect, rng):
    area, ratio = grid[0] * grid[1] * rng.uniform(*scale), rng.uniform(*aspect)
    height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    return min(max(height, 1), grid[0]), min(max(width, 1), grid[1])


def list_block(grid, size, rng):
    top, left = rng.randrange(grid[0] - size[0] + 1), rng.randrange(grid[1] - size[1] + 1)
    return [r * grid[1] + c for r in range(top, top + size[0]) for c in range(left, left + size[1])]


def measure(grid, config):
    """Medians over ROUNDS of the seconds that each sampler takes for one batch, and the ratios."""
    generator, rng = torch.Generator().manual_seed(SEED), random.Random(SEED)
    samplers = {
        "sample_masks": (lambda: sample_masks(grid, BATCH, config, generator), CALLS),
        "plain_loop": (lambda: [paper_masks(grid, config, generator) for _ in range(BATCH)], 1),
        "list_loop": (lambda: [list_masks(grid, config, rng) for _ in range(BATCH)], 1),
    }
    seconds = {name: [] for name in samplers}
    for _ in range(ROUNDS + 1):
        for name, (sample, calls) in samplers.items():
            start = time.process_time()
            for _ in range(calls):
                sample()
            seconds[name].append((time.process_time() - start) / calls)
    median = {name: statistics.median(times[1:]) for name, times in seconds.items()}  # the first warms up
    quartiles = {name: statistics.quantiles(times[1:], n=4)[::2] for name, times in seconds.items()}
    return {
        "grid": grid,
        "seconds_per_batch": {
            name: {"median": median[name], "quartiles": quartiles[name]} for name in median
        },
        "images_per_second": {name: round(BATCH / value) for name, value in median.items()},
        "times_faster_than": {n: round(median[n] / median["sample_masks"], 1) for n in median if "loop" in n},
    }


def processor():
    """The processor's name: Linux keeps it in a file, other systems answer `platform`."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0], len(names) or torch.get_num_threads()


def main():
    name, cores = processor()
    torch.set_num_threads(1)
    config = MaskConfig()
    result = {
        "what": "mask sampling, rule paper: seconds of processor time for one batch, medians",
        "command": "python benchmarks/masking.py",
        "seed": SEED,
        "batch": BATCH,
        "rounds": ROUNDS,
        "config": dataclasses.asdict(config),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": {"processor": name, "cores": cores, "threads": 1, "system": platform.system()},
        "results": [measure(grid, config) for grid in GRIDS],
    }
    path = HERE / "results" / "masking.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    for row in result["results"]:
        print(row["grid"], row["images_per_second"], "times faster than", row["times_faster_than"])


if __name__ == "__main__":
    main()
