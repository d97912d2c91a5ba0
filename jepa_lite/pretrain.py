"""A training run on disk: data, progress bar, log, checkpoints, resume. The loop itself is train.py."""

import contextlib
import sys
from pathlib import Path

import torch

from .checkpoint import load, load_state, newest, set_aside
from .data import load as load_data
from .data import stream
from .diagnostics import Diverged
from .facts import describe, read_facts, write_json
from .interrupt import StopSignals, uninterrupted
from .log import Log
from .probe import features, knn
from .processes import gathered, in_turn, join_processes, launch, restarted
from .progress import Progress, counted
from .stream import worker_died
from .train import Run

# A resumed run may be given another end, another pace of saving and another device's speed-ups.
ENDS = ("steps", "epochs", "seconds", "save_every", "log_every", "groups", "amp", "compile", "workers")
CURVE_IMAGES = 2000  # the most images that a scheduled probe uses


def pretrain(config, data, *, root=None, out, resume=False, device="cpu", watch=None):
    """Train `config` on the data set named `data`, writing to the folder `out`. Returns the `Run`.

    Raises ValueError or FileNotFoundError before any long work: for a folder that already holds a
    run (unless `resume`), for data that is missing, for a device that is not there; `Stopped` when Ctrl-C or
    SIGTERM has ended the run early, with all saved. `watch(record)` is called at every step.
    """
    out = Path(out)
    with StopSignals() as signals:
        rank, world = join_processes()
        checkpoint, notes = in_turn(lambda: _start_from(out, config, data, resume))
        images, labelled, skipped = in_turn(lambda: _images(config, data, root, progress=rank == 0))
        model = load(checkpoint)[0] if checkpoint else None
        run = Run(config, images, device, model, curve(labelled, device) if labelled else None)
        if checkpoint:
            state = load_state(checkpoint)
            run.load_state(state)
            notes += _other_processes(state["world"], world)
        if rank == 0:
            describe(out, run, data=data, launch=launch())
            for note in notes:
                print(note, file=sys.stderr)
        signals.run = run
        try:
            with contextlib.closing(recorded(run, out)) as records:
                for record in records:
                    if watch:
                        watch(record)
        except RuntimeError as error:  # PyTorch raises it wherever the program is when a worker dies
            if "DataLoader worker" not in str(error):
                raise
            raise worker_died(error) from error
    _say_skipped(out, run, skipped)
    if run.stopped and not run.done:
        raise signals.stopped(run)
    return run


def _start_from(out, config, data, resume):
    """(checkpoint to go on from or None, notes for the user); refuses to write over a run, or to bend one."""
    exists = (out / "log.jsonl").exists() or any(out.glob("checkpoint-*"))
    if not exists:
        if resume and not restarted():
            raise FileNotFoundError(f"{out} holds no run to resume; leave out --resume to start one")
        return None, []
    # A restarted process goes on with the run of its own launch alone, not with one that was here before.
    if not (resume or (restarted() and read_facts(out).get("launch") == launch())):
        raise ValueError(f"{out} already holds a run; add --resume to go on with it, or choose another --out")
    checkpoint = newest(out)
    old, new = load(checkpoint)[1].to_dict(), config.to_dict()
    changed = [(f"{p}.{n}", old[p][n], new[p][n]) for p in old for n in old[p] if old[p][n] != new[p][n]]
    bent = [f"{name} was {was}" for name, was, _ in changed if name.partition(".")[2] not in ENDS]
    if read_facts(out).get("data", data) != data:
        bent.append(f"data was {read_facts(out)['data']}")
    if bent:
        raise ValueError(f"{out} cannot go on with other settings ({', '.join(bent)}); give the same again")
    set_aside(out, after=checkpoint)
    notes = [f"{name} was {was} and is now {now}" for name, was, now in changed]
    return checkpoint, [f"going on from {checkpoint}", *notes]


def _other_processes(before, now):
    if before == now:
        return []
    return [
        f"the run was on {counted(before, 'process')} and is now on {now}: the same images, crops and masks "
        "in every step, but sums are rounded otherwise, so the weights differ in their last digits"
    ]


def _images(config, data, root, progress):
    """(images to train on, labelled `Images` for the curve or None, names of files that cannot be read)."""
    train, size = config.train, config.model.image_size
    common = {"image_size": size, "root": root, "progress": progress}
    if train.stream:
        workers = {"crop_scale": train.crop_scale, "crop_seed": train.seed, "workers": train.workers}
        labelled = load_data(data, "train", limit=CURVE_IMAGES, **common) if train.probes else None
        return stream(data, "train", **common, **workers), labelled, ()
    images = load_data(data, "train", **common)
    return images.images, images if train.probes else None, images.skipped


def curve(labelled, device="cpu"):
    """A probe for `Run`: 20-NN accuracy from half of some training images to the other half.

    It uses no test image, so it may be looked at while settings are chosen; training has seen these images,
    without their labels. `jepa-lite probe` is the measure.
    """
    rows = torch.randperm(len(labelled), generator=torch.Generator().manual_seed(0))[:CURVE_IMAGES]
    images, labels, half = labelled.images[rows], labelled.labels[rows], len(rows) // 2

    def probe(encoder):
        x = features(encoder, images, device=device)
        return {"knn": knn(x[:half], labels[:half], x[half:], labels[half:], k=min(20, half))}

    return probe


def _say_skipped(out, run, skipped):
    """Count and name the files that no process could read; all of them are in out/skipped.txt."""
    of_all = gathered(dict(run.source.skipped))
    names = {*skipped, *(f"{path}: {reason}" for files in of_all for path, reason in files.items())}
    file = Path(out) / "skipped.txt"
    names |= set(file.read_text("utf-8").splitlines()) if file.exists() else set()
    if names and run.rank == 0:
        file.write_text("\n".join(sorted(names)) + "\n", "utf-8")
        print(
            f"{counted(len(names), 'file')} could not be read and {'was' if len(names) == 1 else 'were'} "
            f"left out: {', '.join(sorted(names)[:5])}"
            f"{' ...' if len(names) > 5 else ''} (all in {file})",
            file=sys.stderr,
        )


def recorded(run, out, title="training"):
    """Yield the records of `run.steps()` while showing them and, unless `out` is None, keeping them:
    a line each in out/log.jsonl, and checkpoints. Whoever iterates may add to a record."""
    log = Log(out, run) if out and run.rank == 0 else None
    progress = Progress(run, title, shown=run.rank == 0)
    try:
        for record in run.steps():
            try:
                yield record
            finally:  # a step that was made is logged, even if whoever iterates stops here
                if log:
                    log.write(record)
            progress.show(record)
    except Diverged as error:
        if log:
            _tell_trouble(log, error)
        raise
    finally:  # also when stopped by hand or by an error: nothing that was learned is lost
        progress.close()
        with uninterrupted():
            if log:
                log.close()


def _tell_trouble(log, error):
    """Name the last good checkpoint in the error, and leave the whole batch in out/trouble.json."""
    if log.run.step > log.saved_step and log.is_sound():
        log.save()
    facts = {"problem": str(error), "step": error.step, "images": error.images}
    write_json(log.out / "trouble.json", facts | {"checkpoint": str(log.checkpoint or log.out)})
    error.args = (f"{error}; all of the batch is in {log.out / 'trouble.json'}; {log.last()}",)
