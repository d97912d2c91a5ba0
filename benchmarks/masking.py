"""How much faster is `sample_masks` than plain loops over the images? Writes results/masking.json.

    python benchmarks/masking.py

Side by side in one process, alternating: for rule "paper" the library's sampler, the plain loop of
tests/mask_reference.py (torch, following the text), and the leanest loop we know, on Python lists; for rule
"official" the library's sampler and a loop in torch, as collators are usually written. Seconds are processor
time of one thread. Other work on the machine makes them longer, but hits all alike: trust the ratios.
"""

import dataclasses
import math
import random
import statistics
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from mask_reference import official_masks, official_size, paper_masks  # noqa: E402

from jepa_lite.config import MaskConfig  # noqa: E402
from jepa_lite.method.masks import sample_masks  # noqa: E402
from jepa_lite.training.provenance import machine, write_json  # noqa: E402

SEED, ROUNDS, CALLS = 0, 21, 40
GRIDS, BATCHES = ((8, 8), (14, 14)), (64, 128, 256)
LOOPS = {"plain_loop": "sample_masks", "list_loop": "sample_masks", "collator_loop": "official"}


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


def collate_masks(grid, batch, config, generator, tries=20):
    """A batch by rule "official", block by block in torch: contexts (B, K), targets (B, M, T)."""
    target_size = official_size(grid, config.target_scale, config.target_aspect, generator)
    context_size = official_size(grid, config.context_scale, (1.0, 1.0), generator)
    contexts, targets = [], []
    for _ in range(batch):
        blocks = [torch_block(grid, target_size, generator) for _ in range(config.num_targets)]
        targets.append(torch.stack([block.flatten().nonzero()[:, 0] for block in blocks]))
        outside, failed = [1 - block for block in blocks], 0
        while True:
            context = torch_block(grid, context_size, generator)
            for allowed in outside:
                context *= allowed
            context = context.flatten().nonzero()[:, 0]
            if len(context) > config.min_keep:
                break
            failed += 1
            if failed % tries == 0:
                outside.pop()
        contexts.append(context)
    smallest = min(map(len, contexts))
    return torch.stack([context[:smallest] for context in contexts]), torch.stack(targets)


def torch_block(grid, size, generator):
    """A block as ones in zeros (rows, columns)."""
    top = torch.randint(grid[0] - size[0], (), generator=generator).item()
    left = torch.randint(grid[1] - size[1], (), generator=generator).item()
    block = torch.zeros(grid, dtype=torch.int32)
    block[top : top + size[0], left : left + size[1]] = 1
    return block


def check_collator(grid, config):
    """`collate_masks` draws what the tests' reference of rule "official" draws."""
    contexts, targets = collate_masks(grid, 64, config, torch.Generator().manual_seed(SEED))
    reference = official_masks(grid, 64, config, torch.Generator().manual_seed(SEED))
    assert contexts.tolist() == [cut for _, cut, _ in reference]
    assert targets.tolist() == [blocks for _, _, blocks in reference]


def measure(grid, batch, config):
    """Medians over ROUNDS of the seconds that each sampler takes for one batch, and the ratios."""
    generator, rng = torch.Generator().manual_seed(SEED), random.Random(SEED)
    official = dataclasses.replace(config, rule="official")
    check_collator(grid, official)
    samplers = {
        "sample_masks": (lambda: sample_masks(grid, batch, config, generator), CALLS),
        "official": (lambda: sample_masks(grid, batch, official, generator), CALLS),
        "plain_loop": (lambda: [paper_masks(grid, config, generator) for _ in range(batch)], 1),
        "list_loop": (lambda: [list_masks(grid, config, rng) for _ in range(batch)], 1),
        "collator_loop": (lambda: collate_masks(grid, batch, official, generator), 1),
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
        "batch": batch,
        "seconds_per_batch": {
            name: {"median": median[name], "quartiles": quartiles[name]} for name in median
        },
        "images_per_second": {name: round(batch / value) for name, value in median.items()},
        "times_faster_than": {loop: round(median[loop] / median[ours], 1) for loop, ours in LOOPS.items()},
    }


def main():
    torch.set_num_threads(1)
    config = MaskConfig()
    result = {
        "what": "mask sampling: seconds of processor time for one batch, medians",
        "command": "python benchmarks/masking.py",
        "seed": SEED,
        "rounds": ROUNDS,
        "config": dataclasses.asdict(config),
        "results": [measure(grid, batch, config) for grid in GRIDS for batch in BATCHES],
    } | machine()
    write_json(HERE / "results" / "masking.json", result)
    for row in result["results"]:
        print(row["grid"], row["batch"], row["images_per_second"], "times", row["times_faster_than"])


if __name__ == "__main__":
    main()
