"""What test_distributed.py starts under torchrun: `python processes_child.py FUNCTION ARGUMENT...`."""

import datetime
import os
import signal
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.system.distributed import in_turn, join_processes, leave_processes, total
from jepa_lite.training.run import Run
from jepa_lite.training.step_timer import Clock


def make_run(norm="layer", batch=11):
    """A run on 44 images; a batch that two processes cannot share evenly."""
    model = ModelConfig(
        image_size=(32, 48), patch_size=8, width=32, depth=2, heads=2, target_norm=norm,
        patch_embedding="whitened" if norm == "whiten" else "linear",
        predictor_width=16, predictor_depth=1, predictor_heads=2,
    )  # fmt: skip
    train = TrainConfig(steps=6, batch_size=batch, groups=3, lr=2e-3, log_every=2, flip=True)
    return Run(Config(model, MaskConfig(), train), shapes(44, (32, 48), seed=3)[0])


def gradients(run):
    """The gradients of step 0, by name."""
    run._backward(*run.batch(0), Clock("cpu"))
    return {name: p.grad.clone() for name, p in run.model.named_parameters() if p.grad is not None}


def step(folder, norm):
    """Each rank leaves its gradients, what it saw, and its records of a whole run."""
    run = make_run(norm)
    images, groups = run.batch(0)
    targets = torch.cat([part.target_idx.flatten(1) for _, part in groups])
    found = {"gradients": gradients(run), "images": images, "targets": targets}
    run = make_run(norm)
    found["records"] = list(run.steps())
    found["weights"] = {name: p.detach() for name, p in run.model.state_dict().items()}
    torch.save(found, Path(folder) / f"{run.rank}.pt")


def agree(folder):
    """What is one rank's becomes all ranks': sums, a wish to stop, an error of rank 0."""
    rank, world = join_processes()
    run, steps = make_run(batch=12), 0
    for record in run.steps():
        steps = record["step"]
        if rank == 1 and steps == 2:
            run.stop()
    try:
        error = in_turn(lambda: rank_zero_refuses(rank))
    except ValueError as problem:
        error = str(problem)
    order = in_turn(lambda: len(list(Path(folder).glob("made-*"))))
    Path(folder, f"made-{rank}").touch()
    sums = total([1.0, 10.0 * rank])
    found = {"total": sums, "steps": steps, "error": error, "world": world, "order": order}
    torch.save(found, Path(folder) / f"{rank}.pt")


def be_patient(folder):
    """Each rank in turn takes twice as long over its images as a step may take."""
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=2))
    rank = dist.get_rank()
    turns = [in_turn(lambda slow=slow: time.sleep(4 * (rank == slow)) or rank) for slow in (0, 1)]
    torch.save({"turns": turns, "total": total([1.0])}, Path(folder) / f"{rank}.pt")


def rank_zero_refuses(rank):
    if rank == 0:
        raise ValueError("rank 0 has found something")
    return "rank 0 refused, and this went on"


def die_once(folder, root):
    """Rank 1 of a real training run kills itself at step 7 of its first life."""
    from jepa_lite import cli
    from jepa_lite.training import run_log
    from jepa_lite.training.pretrain import pretrain

    torch.set_num_threads(1)
    run_log.COST = 1e9

    def watch(record):
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first and record["step"] == 7 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)

    settings = Path(folder, "settings").read_text().split()
    config = cli.configure("demo", None, None, None, 0, settings)
    cli._run(lambda: pretrain(config, "folder", root=root, out=Path(folder) / "run", watch=watch))


def gloo_threads():
    """How many threads of gloo this process has; none where the system does not list them."""
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum("gloo" in name for name in names)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
    leave_processes()
    assert not gloo_threads(), "they would abort this process while Python ends"
