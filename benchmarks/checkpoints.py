"""What checkpoints cost, for networks of several sizes: writes results/checkpoints.json (two minutes).

    python benchmarks/checkpoints.py

A save is model, moving average and AdamW's moments, with checksums, flushed to the disk. Its cost is set
against the default interval of `save_every`, or the longer one that run_log.py takes where a save costs over
2% of that. Beside it a plain write and flush of as many bytes, alternating: what the disk alone takes.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.config import Config, TrainConfig
from jepa_lite.method.optim import make_optimizer
from jepa_lite.presets import preset
from jepa_lite.training.checkpoints import save
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run_log import COST

RESULTS = Path(__file__).parent / "results" / "checkpoints.json"
ROUNDS = 5
NAMES = ("demo", "cifar10", "stl10", "vit-b16")


def main():
    rows = [row(name) for name in NAMES]
    interval = TrainConfig(steps=1).save_every
    facts = {
        "command": "python benchmarks/checkpoints.py",
        "seed": 0,
        "rounds": ROUNDS,
        "save_every": interval,
    }
    write_json(RESULTS, facts | {"rows": rows} | machine())
    for r in rows:
        print(r)


def row(name):
    """Seconds of a save of one preset's network, and their share of a run."""
    config: Config = preset(name)
    model = make_model(config.model)
    optimizer = make_optimizer(model, config.train, "cpu")
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, 1e-3)
    optimizer.step()  # so that it has moments to save
    state = {"step": 1, "optimizer": optimizer.state_dict()}
    saves, writes = [], []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            new = save(folder, model, config, state)
            saves.append(time.perf_counter() - began)
            size = sum(file.stat().st_size for file in new.iterdir())
            writes.append(plain_write(Path(folder) / "plain", size))
    seconds = statistics.median(saves)
    interval = max(config.train.save_every, seconds / COST)
    return {
        "preset": name, "bytes": size, "seconds": seconds, "plain_write_seconds": statistics.median(writes),
        "interval": interval, "share": seconds / (interval + seconds), "saves": saves,
    }  # fmt: skip


def plain_write(path, size):
    """Seconds to write so many bytes and have the disk hold them."""
    block = os.urandom(2**20)
    began = time.perf_counter()
    with open(path, "wb") as file:
        for _ in range(size // len(block) + 1):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return seconds


if __name__ == "__main__":
    main()
