"""A training run in a process of its own, for tests that kill it. Forked from a server that has torch loaded,
so that a process costs a fraction of a second and many can be killed."""

import multiprocessing
import os
import shutil
import sys
from pathlib import Path

METHODS = multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
if "forkserver" in METHODS:
    CONTEXT.set_forkserver_preload(["jepa_lite.cli", "jepa_lite.training.pretrain"])


def start(out, root, settings, *, at_step=None, accident=None):
    """Begin or go on with the run in `out`; `accident` happens at step `at_step`. Its stderr: out.err."""
    resume = any(Path(out).glob("checkpoint-*"))
    process = CONTEXT.Process(target=_train, args=(out, root, settings, resume, at_step, accident))
    process.start()
    return process


def _train(out, root, settings, resume, at_step, accident):
    with open(f"{out}.err", "a") as err:
        os.dup2(err.fileno(), 2)
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - for as long as the process lives

    import torch

    from jepa_lite import cli
    from jepa_lite.training import run_log
    from jepa_lite.training.pretrain import pretrain

    torch.set_num_threads(1)
    run_log.COST = 1e9  # a checkpoint as often as save_every says, whatever it costs

    def watch(record):
        if record["step"] == at_step:
            ACCIDENTS[accident](Path(out), Path(root))

    config = cli.configure("demo", None, None, None, 0, settings)
    cli._run(lambda: pretrain(config, "folder", root=root, out=out, resume=resume, watch=watch))


def fill_the_disk(out, root):
    """From now on this process may write no file longer than the log is, and 20 bytes: a torn line."""
    import resource  # which Windows has not

    size = (out / "log.jsonl").stat().st_size + 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def kill_a_worker(out, root):
    """Kill a process that reads images."""
    multiprocessing.active_children()[0].kill()


def lose_the_images(out, root):
    """The folder of images goes away, as when a network drive does."""
    shutil.move(root, f"{root}.away")


ACCIDENTS = {f.__name__: f for f in (fill_the_disk, kill_a_worker, lose_the_images)}
