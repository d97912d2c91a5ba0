"""A training run on disk: progress bar, log.jsonl, checkpoints, resume. The loop itself is train.py."""

import json
import os
import platform
import sys
import time
from pathlib import Path

import sklearn
import torch
import torchvision
from tqdm import tqdm

from .checkpoint import load, load_state, save
from .data import load as load_data
from .train import Run, join_processes

# A resumed run may be given another end, another pace of saving and another device's speed-ups.
ENDS = ("steps", "epochs", "seconds", "save_every", "log_every", "groups", "amp", "compile")


def pretrain(config, data, *, root=None, out, resume=False, device="cpu", watch=None):
    """Train `config` on the data set named `data`, writing to the folder `out`. Returns the `Run`.

    Raises ValueError or FileNotFoundError before any long work: for a folder that already holds a
    run (unless `resume`), for data that is missing, for a device that is not there. `watch(record)` is
    called at every step.
    """
    out = Path(out)
    state = _previous(out, config, resume)
    rank, world = join_processes()
    if rank > 0:  # rank 0 fetches, unpacks and caches; the others then find it done
        torch.distributed.barrier()
    train = load_data(data, "train", image_size=config.model.image_size, root=root, progress=rank == 0)
    if rank == 0 and world > 1:
        torch.distributed.barrier()
    if train.skipped and rank == 0:
        print(
            f"{len(train.skipped)} files could not be read: {', '.join(train.skipped[:5])}", file=sys.stderr
        )
    run = Run(config, train.images, device)
    if state is not None:
        run.model.load_state_dict(load(out)[0].state_dict())
        run.load_state(state)
    if run.rank == 0:
        describe(out, run, data=data)
    for record in recorded(run, out):
        if watch:
            watch(record)
    return run


def _previous(out, config, resume):
    """The state to go on from, or None for a new run; refuses to write over an old one, or to bend one."""
    if not (out / "log.jsonl").exists():
        if resume:
            raise FileNotFoundError(f"{out} holds no run to resume; leave out --resume to start one")
        return None
    if not resume:
        raise ValueError(f"{out} already holds a run; add --resume to go on with it, or choose another --out")
    old, new = (c.to_dict() for c in (load(out)[1], config))
    changed = [
        f"{p}.{n} was {old[p][n]}" for p in old for n in old[p] if old[p][n] != new[p][n] and n not in ENDS
    ]
    if changed:
        raise ValueError(
            f"{out} cannot go on with other settings ({', '.join(changed)}); give the same again"
        )
    state = load_state(out)
    if state is None:
        raise ValueError(f"{out} holds no checkpoint to resume from; choose another --out")
    return state


def recorded(run, out, title="training"):
    """Yield the records of `run.steps()` while showing them and, unless `out` is None, keeping them:
    a line each in out/log.jsonl, and checkpoints. Whoever iterates may add to a record."""
    log = Log(out, run) if out else None
    bar, rank = _bar(run, title), None
    try:
        for record in run.steps():
            try:
                yield record
            finally:  # a step that was made is logged, even if whoever iterates stops here
                if log:
                    log.write(record)
            rank = record.get("rank", rank)
            _show(bar, run, record["loss"], rank)
    finally:  # also when stopped by hand or by an error: nothing that was learned is lost
        bar.close()
        if log:
            log.close()


class Log:
    """log.jsonl and the checkpoints of a run, written by rank 0 alone."""

    def __init__(self, out, run):
        self.out, self.run, self.saved = Path(out), run, time.monotonic()
        path = self.out / "log.jsonl"
        old = path.read_text().splitlines(True) if path.exists() else []
        self.file = open(path if run.rank == 0 else os.devnull, "w")  # noqa: SIM115 - closed by close()
        # Steps after the last checkpoint are done again, so their lines go.
        self.file.writelines(line for line in old if json.loads(line)["step"] <= run.step)

    def write(self, record):
        self.file.write(json.dumps(record) + "\n")
        if time.monotonic() - self.saved > self.run.config.train.save_every:
            self.save()

    def save(self):
        self.file.flush()
        if self.run.rank == 0 and self.run.step:
            save(self.out, self.run.model, self.run.config, self.run.state())
        self.saved = time.monotonic()

    def close(self):
        self.save()
        self.file.close()


def _bar(run, title):
    return tqdm(
        total=1000, desc=title, bar_format="{desc} {bar} {percentage:3.0f}% {postfix}", disable=run.rank > 0
    )


def _show(bar, run, loss, rank):
    done = max(run.progress, 1e-6)
    left = run.elapsed * (1 - done) / done
    bar.set_postfix_str(
        f"loss {loss:.3f}, rank {rank or 0:.0f}, {left // 60:.0f}:{left % 60:02.0f} left",
        refresh=False,
    )
    bar.update(round(1000 * done) - bar.n)


def describe(out, run, **facts):
    """Write `out/run.json`: what this run is, where and with what it was made."""
    about = facts | {"config": run.config.to_dict(), "images": len(run.images)} | machine(run.device)
    write_json(out / "run.json", about)


def trained_on(checkpoint):
    """The data set that the run in the folder `checkpoint` was trained on. ValueError when unknown."""
    about = Path(checkpoint) / "run.json"
    if not about.exists():
        raise ValueError(f"{checkpoint} does not say what it was trained on; name the data set with --data")
    return json.loads(about.read_text())["data"]


def write_json(path, facts):
    """Write facts as readable JSON, making the folder if need be."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=2) + "\n")


def machine(device="cpu"):
    """Versions and hardware, for beside a result."""
    device = torch.device(device)
    return {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "machine": {
            "system": platform.system(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        },
    }


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if cpuinfo.exists()
        else []
    )
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
