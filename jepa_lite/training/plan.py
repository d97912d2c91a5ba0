"""What a run will cost on this machine, before it is started: a table, and an estimate of its time.

Sizes, FLOPs and memory are counted (cost.py). Time is measured, in some ten seconds of real training
steps on random images, and scaled to the run. Not here: what a GPU would take, to be measured on one.
"""

import math
import shutil
import statistics
import textwrap
import time
from dataclasses import dataclass, replace

import torch

from ..config import Config, TrainConfig
from ..limits import check_count
from ..randomness import generator_for
from ..system.memory import main_memory
from ..system.progress import counted
from . import cost
from .run import Run

FEW = 2  # images of the first, quickest steps
MEASURED = 256  # images that `Run.measures` looks at
ASSUMED = 100e12  # FLOP/s of a GPU, for plain arithmetic
MEMORY_SHARE = 0.5  # of the machine's, for a network that is to be measured whole


@dataclass(frozen=True)
class Timing:
    """Seconds of a step of the whole run, from steps of `batch` images; `thin`: of a thin slice."""

    gradient: float  # batch, masks, loss, gradient: grows with the batch
    update: float  # clipping, AdamW, moving average: does not
    measures: float  # rank and the others, once every log_every steps
    batch: int
    thin: bool


@dataclass(frozen=True)
class Plan:
    """The numbers. Parameters are counts, tokens are per image, memory is bytes, FLOPs are of a step."""

    images: int
    batch: int
    steps: int
    # parameters
    encoder: int
    predictor: int
    trained: int
    averaged: int
    # tokens of an image: what the context encoder reads, a target block, blocks x (context + target)
    context_tokens: float
    target_tokens: float
    predictor_tokens: float
    padding: float  # share of the tokens read that is padding
    flops: float
    # memory
    weights: int
    gradients: int
    moments: int
    average: int
    activations: int
    inputs: int
    timing: Timing
    step_seconds: float
    seconds: float  # of the whole run

    @property
    def limited(self) -> bool:
        """Whether the run ends at its limit of seconds."""
        return self.seconds < self.steps * self.step_seconds

    @property
    def memory(self) -> int:
        return self.weights + self.gradients + self.moments + self.average + self.activations + self.inputs


def plan(config: Config, images: int, device: str | torch.device = "cpu", seconds: float = 10.0) -> Plan:
    """The `Plan` of training `config` on so many images on `device`, after measuring for `seconds`.

    Raises ValueError for a run that nothing ends, for fewer than two images, and for no time to measure.
    """
    _check(config, images, seconds)
    batch = min(config.train.batch_size, images)
    draws = cost.draw_groups(config, batch)
    flops, static = cost.mean_flops(config, draws), cost.static_memory(config.model, config.train.optimizer)
    activations = cost.activation_bytes(config, draws)
    timing = measure(config, images, flops, sum(static.values()), activations, device, seconds)
    step_seconds = timing.gradient + timing.update + timing.measures / config.train.log_every
    steps = min(total_steps(config.train, images), _whole_steps(config.train.seconds, step_seconds))
    total = min(steps * step_seconds, config.train.seconds or math.inf)
    return Plan(
        images, batch, steps, **cost.parameters(config.model), flops=flops, **static,
        **cost.tokens(config.model, draws), activations=activations, timing=timing,
        inputs=cost.batch_bytes(config, batch), step_seconds=step_seconds, seconds=total,
    )  # fmt: skip


def total_steps(train: TrainConfig, images: int) -> float:
    """The step at which `steps` or `epochs` ends a run, as in `Run.total_steps`; infinite without."""
    by_epochs = train.epochs * (images // min(train.batch_size, images)) if train.epochs else math.inf
    return min(train.steps or math.inf, math.ceil(by_epochs) if by_epochs < math.inf else math.inf)


def _whole_steps(limit, step_seconds):
    return max(1, math.ceil(limit / step_seconds)) if limit else math.inf


def _check(config, images, seconds):
    if images < 2:
        raise ValueError(f"at least 2 images are needed to train on, not {images}; give --images 2 or more")
    check_count("images", images, most=10**12)
    if not 0 < seconds <= 3600:
        raise ValueError(f"seconds must be above 0 and at most 3600, to measure a step, not {seconds!r}")
    if all(v is None for v in (config.train.steps, config.train.epochs, config.train.seconds)):
        raise ValueError("nothing ends this run: set train.steps, train.epochs or train.seconds")


# --- time -----------------------------------------------------------------------------------------


def measure(
    config: Config, images: int, flops: float, static: int, activations: int,
    device: str | torch.device = "cpu", seconds: float = 10.0,
) -> Timing:  # fmt: skip
    """Time real steps on random images for about `seconds` and scale them to the run: a `Timing`.

    A network that needs too much memory or time is measured as a thin slice, and a batch that does as a
    smaller one. Products are scaled by their FLOPs, the update by the weights.
    """
    full, room = min(config.train.batch_size, images), MEMORY_SHARE * memory_of(device) - static
    longest = seconds / 4  # of a step: one to warm up, three to take the median of
    part = replace(config, model=_slice(config.model))
    thin = room < 0 or FEW / full * flops * _seconds_per_flop(part, images, device) > longest
    most = full if thin or activations < room else int(full / config.train.groups * room / activations)
    run = _largest_run(part if thin else config, max(FEW, most), images, device, longest)
    return _scaled(run, config, images, flops, seconds, thin)


def _slice(model):
    """One block of the predictor, and as many of the encoder as the whole network has for each of those:
    the two parts differ in width, and so in speed."""
    return replace(model, depth=max(1, round(model.depth / model.predictor_depth)), predictor_depth=1)


def _largest_run(config, most, images, device, longest):
    """A run of up to `most` images a step, as many as a step of `longest` seconds has time for."""
    batch = FEW
    run = _run(config, batch, images, device)
    while batch < most and 4 * _timed_step(run)[0] < longest:  # four times the images: no more than that
        batch = min(4 * batch, most)
        run = _run(config, batch, images, device, run.model)
    return run


def _run(config, batch, images, device, network=None):
    """A warm run on random images, `batch` a step, in micro-batches as large as the whole run's."""
    train, full = config.train, min(config.train.batch_size, images)
    groups = max(1, round(train.groups * batch / full))
    # Compiling would take longer than measuring, so that gain is not foreseen.
    changes = {"steps": 10**6, "epochs": None, "seconds": None, "compile": False, "probes": 0}
    train = replace(train, batch_size=batch, groups=groups, **changes)
    size = (_count(batch, full, images), config.model.channels, *config.model.image_size)
    pixels = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator_for(train.seed))
    run = Run(replace(config, train=train), pixels, device, network)
    _timed_step(run)
    return run


def _count(batch, full, images):
    """How many images to make: a batch, and for the measures as many as the whole run has, if it is quick."""
    return batch if batch < full else max(batch, min(images, MEASURED))


def _timed_step(run):
    """(seconds, seconds of the update, tokens) of a training step."""
    started = time.perf_counter()
    record = run.train_step()
    _wait(run.device)
    return time.perf_counter() - started, record["seconds_update"], record["tokens"]


def _seconds_per_flop(config, images, device):
    run = _run(config, FEW, images, device)
    seconds = statistics.median(_timed_step(run)[0] for _ in range(3))
    return seconds / cost.mean_flops(run.config, cost.draw_groups(run.config, run.batch_size))


def _scaled(run, config, images, flops, seconds, thin):
    """What the steps of `run`, repeated for so many seconds, say of the whole run: a `Timing`."""
    steps, until = [_timed_step(run) for _ in range(3)], time.perf_counter() + seconds
    while time.perf_counter() < until:
        steps.append(_timed_step(run))
    groups = cost.draw_groups(run.config, run.batch_size)
    per_token = statistics.median((spent - update) / tokens for spent, update, tokens in steps)
    more = flops / cost.mean_flops(run.config, groups)
    update = statistics.median(update for _, update, _ in steps)
    models, optimizer = (config.model, run.config.model), config.train.optimizer
    whole, part = (sum(cost.static_memory(model, optimizer).values()) for model in models)
    full = min(config.train.batch_size, images)
    deeper = more * run.batch_size / full
    looked_at = min(MEASURED, images) / min(MEASURED, _count(run.batch_size, full, images))
    return Timing(
        gradient=per_token * cost.tokens_read(config.model, groups) * more,
        update=update * (whole / part),
        measures=_time_measures(run) * looked_at * deeper,
        batch=run.batch_size,
        thin=thin,
    )


def _time_measures(run):
    started = time.perf_counter()
    run.measures()
    _wait(run.device)
    return time.perf_counter() - started


def _wait(device):
    if device.type == "cuda":  # its kernels run on after the call has returned
        torch.cuda.synchronize(device)


def memory_of(device: str | torch.device) -> int:
    """Bytes of memory of a device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return main_memory()


# --- the table ------------------------------------------------------------------------------------


def table(plan: Plan) -> str:
    """A plan as text: what it is called, how much, and what that counts."""
    p, t = plan, plan.timing
    passes = f"{p.steps * p.batch / p.images:.3g}"
    rows = [
        ("parameters", _short(p.trained), "trained"),
        ("", _short(p.encoder), "encoder; the target encoder has as many, which are not trained"),
        ("", _short(p.predictor), "predictor"),
        ("tokens an image", f"{p.context_tokens:.0f}", "read by the context encoder (mean)"),
        ("", f"{p.target_tokens:.0f}", "in a target block (mean)"),
        ("", f"{p.predictor_tokens:.0f}", "read by the predictor, all blocks together"),
        ("", f"{p.padding:.1%}", "of what both read is padding"),
        ("FLOPs a step", _short(p.flops), f"for {counted(p.batch, 'image')}, forward and backward"),
        ("memory", _short(p.memory, "B"), "to train, if one process takes the whole batch"),
        ("", _short(p.weights + p.gradients, "B"), "weights and gradients"),
        ("", _short(p.moments, "B"), "AdamW's two moments"),
        ("", _short(p.average, "B"), "moving average"),
        ("", _short(p.activations, "B"), "saved for the backward pass by the largest micro-batch"),
        ("", _short(p.inputs, "B"), "images and targets of the whole batch"),
        ("steps", f"{p.steps:,}", f"{passes} pass{'' if passes == '1' else 'es'} over {p.images:,} images"),
        ("time, estimated", _clock(p.seconds), f"on this machine{', its limit' if p.limited else ''}"),
        ("", _clock(p.step_seconds), f"a step: {_parts(p)}"),
    ]
    how = "a thin slice of the network, a few blocks deep" if t.thin else "the whole network"
    note = (
        f"Time was measured on steps of {counted(t.batch, 'image')} with {how}.\n"
        "It was scaled by FLOPs. Reading files, probes and checkpoints come on top."
    )
    width = max(shutil.get_terminal_size((110, 24)).columns, 48)
    lines = [
        textwrap.fill(what, width, initial_indent=f"{name:16}{value:>10}  ", subsequent_indent=" " * 28)
        for name, value, what in rows
    ]
    return "\n".join([*lines, "", note])


def gpu_advice(plan: Plan, command: str) -> str:
    """What to say of a GPU: that there is none here, the command for one, and plain arithmetic."""
    hours = plan.flops * plan.steps / ASSUMED / 3600
    return (
        "No GPU on this machine, so no time on one was measured. On a machine with N of them:\n"
        f"    torchrun --nproc-per-node=N -m jepa_lite pretrain {command}\n"
        f"An assumption, not a measurement: at {ASSUMED / 1e12:.0f} TFLOP/s sustained these steps would be "
        f"{f'{hours:,.3g}' if hours >= 0.01 else 'less than 0.01'} GPU-hours."
    )


def _parts(plan):
    t = plan.timing
    parts = {"gradient": t.gradient, "update": t.update}
    parts["measures"] = plan.step_seconds - t.gradient - t.update
    return ", ".join(f"{name} {seconds / plan.step_seconds:.0%}" for name, seconds in parts.items())


def _short(number, unit=""):
    """1.89 P, 630 M, 27.0 MB: three digits and a thousand's prefix."""
    power = min(int(math.log10(max(number, 1)) // 3), 6)
    return f"{number / 1000**power:.3g} {['', 'k', 'M', 'G', 'T', 'P', 'E'][power]}{unit}".strip()


def _clock(seconds):
    for size, unit in ((86400 * 365.25, "years"), (86400, "days"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{1000 * seconds:.3g} ms"
