"""Step time and memory against batch size, image size and processes: writes results/scaling.json.

    python benchmarks/scaling.py

Each setting runs in processes of its own, so that its peak memory is its own, and in turn with the others, so
that whatever else the machine does hits all; medians over rounds; ten minutes. Memory is what is
resident at the peak, what tensors hold then (PyTorch's own profiler), and what `jepa-lite plan` counts.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.system.distributed import leave_processes
from jepa_lite.training import cost
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "scaling.json"
ROUNDS, STEPS, WARM_UP, PROFILED = 3, 10, 2, 3
# (batch, image side, processes): one dial at a time around the first; the encoder is `nano`, patches of 8.
SETTINGS = [
    (64, 64, 1),
    (16, 64, 1),
    (32, 64, 1),
    (128, 64, 1),
    (256, 64, 1),
    (64, 32, 1),
    (64, 96, 1),
    (64, 128, 1),
]
SETTINGS += [(64, 64, 2), (256, 64, 2)]


def config_of(batch, side):
    model = ModelConfig.sized("nano", image_size=side, patch_size=8, predictor_width=48, predictor_depth=3)
    return Config(model, MaskConfig(), TrainConfig(steps=10**6, log_every=10**6, batch_size=batch))


def main():
    rounds = {setting: [] for setting in SETTINGS}
    for _ in range(ROUNDS):
        for setting in SETTINGS:
            rounds[setting].append(measured(*setting))
            print(setting, rounds[setting][-1], flush=True)
    rows = [row(setting, found) for setting, found in rounds.items()]
    facts = {"command": "python benchmarks/scaling.py", "seed": 0, "rounds": ROUNDS, "threads_a_process": 1}
    write_json(RESULTS, facts | {"config": config_of(64, 64).to_dict(), "rows": rows} | machine())


def measured(batch, side, processes):
    """{"step_seconds", "resident", "held"} of one setting, in a process of its own, or two."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = [__file__, "--batch", batch, "--side", side, "--out", file.name]
        if processes > 1:
            words = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *words]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, *map(str, words)], check=True, env=environment, stderr=subprocess.DEVNULL
        )
        return json.loads(Path(file.name).read_text())


def work(batch, side, out):
    """Make some steps; rank 0 leaves the median step and the peaks of memory."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (512, 3, side, side), generator=generator, dtype=torch.uint8)
    before = forget_the_peak()
    run = Run(config_of(batch, side), images)
    times = [timed(run.train_step) for _ in range(STEPS)]
    resident = peak_memory() - before
    held = statistics.median(tensors_at_the_peak(run) for _ in range(PROFILED))
    if run.rank == 0:
        found = {"step_seconds": statistics.median(times[WARM_UP:]), "resident": resident, "held": held}
        Path(out).write_text(json.dumps(found))
    leave_processes()


def timed(step):
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def tensors_at_the_peak(run):
    """Bytes that tensors hold at the peak of a step: what was there before it, and the most that it adds."""
    with torch.profiler.profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profile:
        run.train_step()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    there = 3 * sum(p.nbytes for p in run.model.parameters() if p.requires_grad)  # weights and two moments
    there += sum(p.nbytes for p in run.model.target_encoder.parameters())
    return there + max(itertools.accumulate(changes))


def forget_the_peak():
    """Have Linux count the peak of resident memory anew; returns what is resident now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory():
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def row(setting, rounds):
    batch, side, processes = setting
    config = config_of(batch, side)
    draws = cost.draw_groups(config, batch // processes)
    counted = sum(cost.static_memory(config.model).values())
    counted += cost.activation_bytes(config, draws) + cost.batch_bytes(config, batch // processes)
    step = statistics.median(r["step_seconds"] for r in rounds)
    return {
        "batch": batch, "image": side, "patches": (side // 8) ** 2, "processes": processes,
        "step_seconds": step, "images_per_second": batch / step,
        **{f"memory_{what}": statistics.median(r[what] for r in rounds) for what in ("resident", "held")},
        "memory_counted": counted, "rounds": rounds,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int)
    parser.add_argument("--side", type=int)
    parser.add_argument("--out")
    given = parser.parse_args()
    work(given.batch, given.side, given.out) if given.out else main()
