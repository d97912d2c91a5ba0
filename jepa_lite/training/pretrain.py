"""A training run on disk: data, progress bar, log, checkpoints, resume. The loop itself is run.py."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..config import Config
from ..data import Images, stream, where
from ..data import load as load_data
from ..data.readers import only_in_main, worker_died
from ..evaluation.measures import Diverged
from ..evaluation.probes import features, knn
from ..limits import brief
from ..method.vit import Encoder
from ..system.distributed import gathered, in_turn, join_processes, launch, restarted
from ..system.failures import is_ours, is_out_of_memory, out_of_memory
from ..system.file_names import shown
from ..system.locks import held
from ..system.progress import Progress, counted
from ..system.signals import StopSignals, uninterrupted
from .checkpoints import load_model, load_state, newest, set_aside
from .cost import static_memory
from .fingerprint import Fingerprint, read_fingerprint
from .plan import memory_of
from .provenance import describe, free_name, read_facts, write_json
from .run import Run
from .run_log import Log

# A resumed run may be given another end, another pace of saving and another device's speed-ups.
ENDS = (
    "steps",
    "epochs",
    "seconds",
    "save_every",
    "log_every",
    "groups",
    "amp",
    "compile",
    "workers",
    "tensorboard",
)
OTHER_DRAWS = "the run began under an earlier rule for seeds: from here on it draws other crops and masks"
CURVE_IMAGES = 2000  # the most images that a scheduled probe uses


def pretrain(
    config: Config, data: str, *, root: str | Path | None = None, out: str | Path, resume: bool = False,
    device: str | torch.device = "cpu", watch: Callable[[dict], None] | None = None,
) -> Run:  # fmt: skip
    """Train `config` on the data set named `data`, writing to the folder `out`. Returns the `Run`.

    Raises ValueError or FileNotFoundError before any long work: for a folder that already holds a
    run (unless `resume`), for data that is missing, for a device that is not there; `Stopped` when Ctrl-C or
    SIGTERM has ended the run early, with all saved. `watch(record)` is called at every step.
    """
    only_in_main()
    if "" in (str(out), str(root)):
        raise ValueError("the path given for out or root is empty; name a folder")
    out, root = Path(out).expanduser(), Path(root).expanduser() if root else root
    _check_memory(config, device)
    rank, world = join_processes()
    with contextlib.ExitStack() as stack:
        in_turn(lambda: stack.enter_context(held(out)) if rank == 0 else None)
        return _pretrain(config, data, root, out, resume, device, watch, rank, world)


def _pretrain(config, data, root, out, resume, device, watch, rank, world):
    """The same, in a folder that no other run holds."""
    with StopSignals() as signals:
        checkpoint, notes = in_turn(lambda: _start_from(out, config, data, resume))
        seen = Fingerprint(data, read_fingerprint(out) if checkpoint and rank == 0 else {})
        images, labelled, skipped = in_turn(lambda: _images(config, data, root, seen, progress=rank == 0))
        model = load_model(checkpoint)[0] if checkpoint else None
        probe = curve_probe(labelled, device) if labelled else None
        if labelled and not probe:
            notes.append("train.probes measures nothing, because the images have no labels to tell apart")
        run = Run(config, images, device, model, probe)
        if checkpoint:
            notes += seen.notes + _go_on(run, checkpoint, world)
        if rank == 0:
            describe(out, run, data=data, root=where(data, root), launch=launch())
            seen.keep(out)
            for note in notes:
                print(shown(note), file=sys.stderr)
        try:
            with contextlib.closing(recorded(run, out)) as records:
                for record in records:
                    signals.run = run  # before the first step is made a signal need not wait for its end
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


def _check_memory(config, device):
    """Refuse a network that cannot fit: the system would kill the process without a word."""
    need = sum(static_memory(config.model, config.train.optimizer).values())
    have = memory_of(device)
    if need > have:
        raise ValueError(
            f"weights, gradients, the optimizer's moments and the moving average would take {need / 1e9:.3g} "
            f"GB, and there are {have / 1e9:.3g} GB of memory; lower model.width or model.depth"
        )


def _start_from(out, config, data, resume):
    """(checkpoint to go on from or None, notes for the user); refuses to write over a run, or to bend one."""
    if any("\ud800" <= c <= "\udfff" for c in str(out)):  # bytes that Python could not read as UTF-8
        raise ValueError(f"{shown(out)} is not a name in UTF-8, which weights need; choose another --out")
    exists = (out / "log.jsonl").exists() or any(out.glob("checkpoint-*"))
    if not exists:
        if resume and not restarted():
            raise FileNotFoundError(f"{out} holds no run to resume; leave out --resume to start one")
        return None, []
    facts, notes = _facts(out, resume)
    # A restarted process goes on with the run of its own launch alone, not with one that was here before.
    if not (resume or (restarted() and facts.get("launch") == launch())):
        raise ValueError(f"{out} already holds a run; add --resume to go on with it, or choose another --out")
    checkpoint = newest(out)
    old, new = load_model(checkpoint)[1].to_dict(), config.to_dict()
    changed = [(f"{p}.{n}", old[p][n], new[p][n]) for p in old for n in old[p] if old[p][n] != new[p][n]]
    bent = [f"{name} was {was}" for name, was, _ in changed if name.partition(".")[2] not in ENDS]
    was = facts.get("data") or read_fingerprint(out).get("data") or data
    if was != data:
        bent.append(f"data was {was}")
    if bent:
        raise ValueError(f"{out} cannot go on with other settings ({', '.join(bent)}); give the same again")
    set_aside(out, after=checkpoint)
    notes += [f"{name} was {was} and is now {now}" for name, was, now in changed]
    return checkpoint, [f"going on from {checkpoint}", *notes]


def _facts(out, resume):
    """(what run.json says, notes): nothing where it is damaged, which then is kept under another name."""
    try:
        return read_facts(out), []
    except ValueError as error:
        if not resume:
            return {}, []
        aside = (out / "run.json").rename(free_name(out / "run.json"))
        return {}, [f"{error}; it is kept as {aside}, and written anew"]


def _go_on(run, checkpoint, world):
    """Set `run` to where `checkpoint` left it; returns notes. ValueError for what is no state of a run."""
    state, made = load_state(checkpoint), _fixed(run.optimizer)
    try:
        run.load_state(state)
        before = state["world"]
        moments = [
            {p.shape, *(v.shape for v in s.values() if isinstance(v, torch.Tensor) and v.ndim)}
            for p, s in run.optimizer.state.items()
        ]
        sound = isinstance(before, int) and isinstance(run.step, int) and 0 <= run.elapsed < math.inf
        if not sound or _fixed(run.optimizer) != made or any(len(shapes) > 1 for shapes in moments):
            raise TypeError("numbers or moments of another kind")
    except Exception as error:  # PyTorch may raise anything on what is no optimizer's state
        if is_ours(error) and isinstance(error, ValueError):
            raise
        raise ValueError(
            f"{checkpoint} holds no state of a run to go on from ({type(error).__name__}: "
            f"{brief(str(error))}); delete it to go on from the one before, or start a new run"
        ) from error
    notes = [OTHER_DRAWS] if "draws" not in state else []
    if before == world:
        return notes
    return [
        *notes,
        f"the run was on {counted(before, 'process')} and is now on {world}: the same images, crops and "
        "masks in every step, but sums are rounded otherwise, so the weights differ in their last digits",
    ]


def _fixed(optimizer):
    """What no schedule changes."""
    return [(group.get("betas"), group.get("momentum"), group["eps"]) for group in optimizer.param_groups]


def _images(config, data, root, seen, progress):
    """(images to train on, labelled `Images` for the curve or None, names of files that cannot be read)."""
    train, size = config.train, config.model.image_size
    common = {"image_size": size, "root": root, "progress": progress}
    if train.stream:
        workers = {"crop_scale": train.crop_scale, "crop_seed": train.seed, "workers": train.workers}
        labelled = load_data(data, "train", limit=CURVE_IMAGES, **common) if train.probes else None
        common["progress"] = progress and not labelled  # what was found has been said then
        return stream(data, "train", listed=seen.see_files, **common, **workers), labelled, ()
    images = load_data(data, "train", listed=seen.see_files, **common)
    seen.see_pixels(images.images)
    return images.images, images if train.probes else None, images.skipped


def curve_probe(
    labelled: Images, device: str | torch.device = "cpu", count: int = CURVE_IMAGES
) -> Callable[[Encoder], dict] | None:
    """A probe for `Run`: 20-NN accuracy from half of at most `count` training images to the other half; None
    where the first half is all of one class.

    It uses no test image, so it may be looked at while settings are chosen; training has seen these images,
    without their labels. `jepa-lite probe` is the measure.
    """
    rows = torch.randperm(len(labelled), generator=torch.Generator().manual_seed(0))[:count]
    images, labels, half = labelled.images[rows], labelled.labels[rows], len(rows) // 2
    if len(labels[:half].unique()) < 2:
        return None

    def probe(encoder):
        x = features(encoder, images, device=device)
        return {"knn": knn(x[:half], labels[:half], x[half:], labels[half:], k=min(20, half))}

    return probe


def _say_skipped(out, run, skipped):
    """Count and name the files that no process could read; all of them are in out/skipped.txt."""
    of_all = gathered(dict(run.source.skipped))
    names = {*skipped, *(f"{path}: {reason}" for files in of_all for path, reason in files.items())}
    file = Path(out) / "skipped.txt"
    names |= set(file.read_text("utf-8", "backslashreplace").splitlines()) if file.exists() else set()
    if names and run.rank == 0:
        file.write_text("\n".join(sorted(names)) + "\n", "utf-8")
        print(
            f"{counted(len(names), 'file')} could not be read and {'was' if len(names) == 1 else 'were'} "
            f"left out: {', '.join(sorted(names)[:5])}"
            f"{' ...' if len(names) > 5 else ''} (all in {shown(file)})",
            file=sys.stderr,
        )


def run_in(
    out: Path, config: Config, images: Tensor, device: str | torch.device = "cpu",
    probe: Callable[[Encoder], dict] | None = None,
) -> Run:  # fmt: skip
    """A `Run` of the folder `out`, from its newest checkpoint if there is one: the part of `pretrain` that
    scripts need which have their images in memory already."""
    checkpoint = newest(out) if any(out.glob("checkpoint-*")) else None
    run = Run(config, images, device, load_model(checkpoint)[0] if checkpoint else None, probe)
    if checkpoint:
        run.load_state(load_state(checkpoint))
        set_aside(out, after=checkpoint)
    return run


def recorded(run: Run, out: str | Path | None, title: str = "training") -> Iterator[dict]:
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
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        with uninterrupted():
            if log and log.run.step > log.saved_step and log.is_sound():
                log.save()
        raise out_of_memory(error, log.last() if log else "") from error
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
