"""The training loop, as a generator that yields one record a step (paper, appendix A.1).

A notebook can step it, plot it, pause it and stop it; `Run.state` holds all that a resumed run needs.
Every random choice of step s is a function of (seed, s, rank) alone, so there is no generator to save,
and a resumed run sees the very batches, crops and masks that it would have seen.
`torchrun --nproc-per-node=N` splits each batch over N processes.
"""

import contextlib
import itertools
import math
import os
import time

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from . import schedules
from .augment import augment
from .data import normalize
from .diagnostics import measure
from .ijepa import IJEPA
from .masking import sample_masks
from .pixels import PixelTwin


def make_model(config, seed=0):
    """The network of a ModelConfig, `IJEPA` or `PixelTwin`, with weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):  # torch's own initialisers know only the global generator
        torch.default_generator.manual_seed(seed)
        return (PixelTwin if config.predicts == "pixels" else IJEPA)(config)


def generator_for(seed, *numbers):
    """A generator that is a pure function of its arguments, different for any two sets of them."""
    mixed = 0
    for number in (seed, *numbers):  # splitmix64's step, so that neighbours are unrelated
        mixed = (mixed + number + 1) * 0x9E3779B97F4A7C15 % 2**64
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed ^= mixed >> 27
    return torch.Generator().manual_seed(mixed % 2**63)


def parameter_groups(model, weight_decay):
    """Matrices decay; biases, norms, the mask token and the positions do not (the usual ViT practice)."""
    matrices, vectors = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.endswith("positions")
            (matrices if decays else vectors).append(parameter)
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def make_optimizer(model, config, device):
    """AdamW; the fused kernel where torch has one for the device."""
    groups = parameter_groups(model, config.weight_decay[0])
    return torch.optim.AdamW(
        groups, lr=config.lr, betas=(0.9, 0.95), fused=torch.device(device).type in ("cpu", "cuda")
    )


class Run:
    """A training run on images that are in memory.

    config: a `Config`; images: uint8 (n, C, H, W) on any device. Iterate over `steps()`.
    Raises ValueError, before any work, for images that do not match the config.
    """

    def __init__(self, config, images, device="cpu", model=None):
        _check(config, images)
        self.config, self.images, self.device = config, images, torch.device(device)
        self.rank, self.world = join_processes()
        self.model = (model or make_model(config.model, config.train.seed)).to(self.device)
        self.optimizer = make_optimizer(self.model, config.train, self.device)
        self.step, self.elapsed = 0, 0.0  # steps done, seconds spent in them
        loss = DistributedDataParallel(self.model, broadcast_buffers=False) if self.world > 1 else self.model
        self.loss = torch.compile(loss, dynamic=True) if config.train.compile else loss

    # --- where the run stands --------------------------------------------------------------------

    @property
    def batch_size(self):
        return min(self.config.train.batch_size, len(self.images))

    @property
    def total_steps(self):
        """The step at which `steps` or `epochs` ends the run; infinite when only `seconds` is set."""
        train = self.config.train
        by_epochs = (
            math.ceil(train.epochs * (len(self.images) // self.batch_size)) if train.epochs else math.inf
        )
        return min(train.steps or math.inf, by_epochs)

    @property
    def progress(self):
        """From 0 to 1: how much of the run is done, by steps, epochs or time, whichever is furthest."""
        by_steps = self.step / max(self.total_steps - 1, 1)
        by_time = self.elapsed / self.config.train.seconds if self.config.train.seconds else 0.0
        return min(max(by_steps, by_time), 1.0)

    @property
    def done(self):
        train = self.config.train
        return self.step >= self.total_steps or (train.seconds is not None and self.elapsed >= train.seconds)

    def state(self):
        """All that, with the weights, continues this run exactly."""
        return {"step": self.step, "elapsed": self.elapsed, "optimizer": self.optimizer.state_dict()}

    def load_state(self, state):
        """Continue from a `state()`; the model's weights are loaded separately (checkpoint.py)."""
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.optimizer.load_state_dict(state["optimizer"])

    # --- a step ----------------------------------------------------------------------------------

    def steps(self):
        """Train until the run is done, yielding a dict a step: loss, rates, tokens, seconds, measures."""
        while not self.done:
            started, before = time.perf_counter(), self.elapsed
            record = self.train_step()
            self.elapsed = self._agreed(before + time.perf_counter() - started)
            if self.step % self.config.train.log_every == 0 or self.done:
                record |= self.measures()
                self.elapsed = self._agreed(before + time.perf_counter() - started)
            yield record | {"seconds": self.elapsed - before}

    def train_step(self):
        """One step of the method: batch, masks, loss, gradient, optimiser, moving average."""
        train, times = self.config.train, [time.perf_counter()]
        rates = self._set_rates()
        images, masks = self.batch(self.step)
        times.append(time.perf_counter())
        loss = self._backward(images, masks)
        times.append(time.perf_counter())
        trained = [p for p in self.model.parameters() if p.requires_grad]
        gradient = clip_grad_norm_(trained, train.clip_grad)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.model.update_target(rates["momentum"])
        self.step += 1
        times.append(time.perf_counter())
        data, gradients, update = (b - a for a, b in itertools.pairwise(times))
        return {"step": self.step, "loss": loss, **rates, "gradient": float(gradient), **_count(masks)} | {
            "seconds_data": data, "seconds_gradient": gradients, "seconds_update": update
        }  # fmt: skip

    def batch(self, step):
        """Augmented images (B, C, H, W) on the device, and the masks of step `step`, grouped."""
        train = self.config.train
        generator = generator_for(train.seed, step, self.rank)
        idx = self.batch_indices(step)
        images = self.images[idx.to(self.images.device)].to(self.device, non_blocking=True)
        images = augment(normalize(images), train, generator)
        masks = sample_masks(self.config.model.grid, len(images), self.config.masks, generator)
        return images, [(rows, part.to(self.device)) for rows, part in masks.groups(train.groups)]

    def batch_indices(self, step):
        """Which images this process sees at `step`: a fresh permutation every epoch."""
        epoch, place = divmod(step, len(self.images) // self.batch_size)
        order = torch.randperm(len(self.images), generator=generator_for(self.config.train.seed, epoch, -1))
        return order[place * self.batch_size : (place + 1) * self.batch_size][self.rank :: self.world]

    def _backward(self, images, masks):
        """Gradients of the batch's loss, gathered over groups of images with like context sizes."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.train.amp):
            target_map = self.model.targets(images)  # (B, N, D)
        total = torch.zeros((), device=self.device)
        for i, (rows, part) in enumerate(masks):
            rows = rows.to(self.device)
            last = self.world == 1 or i == len(masks) - 1
            with contextlib.nullcontext() if last else self.loss.no_sync():
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.train.amp):
                    loss = self.loss(images[rows], part, target_map[rows]) * (len(rows) / len(images))
                loss.backward()
            total += loss.detach()
        value = total.item()
        if not math.isfinite(value):
            idx = self.batch_indices(self.step)
            raise FloatingPointError(
                f"the loss is {value} at step {self.step + 1}; the batch held images "
                f"{idx[:8].tolist()}{' ...' if len(idx) > 8 else ''}: lower train.lr or look at them; "
                "the weights are still those of the step before"
            )
        return value

    def _agreed(self, seconds):
        """Rank 0's clock, so that all processes stop at the same step."""
        if self.world == 1:
            return seconds
        clock = torch.tensor([seconds], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(clock, 0)
        return clock.item()

    def _set_rates(self):
        train, progress = self.config.train, self.progress
        rates = {
            "lr": schedules.learning_rate(train, progress),
            "weight_decay": schedules.weight_decay(train, progress),
            "momentum": schedules.momentum(train, progress),
        }
        for group, decays in zip(self.optimizer.param_groups, (True, False), strict=True):
            group["lr"], group["weight_decay"] = rates["lr"], rates["weight_decay"] if decays else 0.0
        return rates

    def measures(self):
        """Rank, std, position share and gap on the run's first images, touching no random state."""
        images = normalize(self.images[:256].to(self.device))
        masks = sample_masks(self.config.model.grid, len(images), self.config.masks, generator_for(0))
        return measure(self.model, images, masks.to(self.device))


def _check(config, images):
    n, channels, *size = images.shape
    model = config.model
    if images.dtype != torch.uint8:
        raise ValueError(f"images must be uint8 from 0 to 255, not {images.dtype}")
    if channels != model.channels or tuple(size) != model.image_size:
        raise ValueError(
            f"the images are {channels} x {size[0]} x {size[1]} but the model takes {model.channels} x "
            f"{model.image_size[0]} x {model.image_size[1]}; load them with image_size={model.image_size}"
        )
    if n < 2:
        raise ValueError(f"{n} images are too few to train on")
    if all(v is None for v in (config.train.steps, config.train.epochs, config.train.seconds)):
        raise ValueError("nothing ends this run: set train.steps, train.epochs or train.seconds")


def _count(masks):
    """Tokens that the context encoder and the predictor read in a step, and the share that is padding."""
    tokens = real = 0
    for _, part in masks:
        (B, K), (M, T) = part.context_idx.shape, part.target_idx.shape[1:]
        tokens += B * K + B * M * (K + T)
        real += int(part.context_keep.sum()) * (1 + M) + B * M * T
    return {"tokens": tokens, "padding": 1 - real / tokens}


def join_processes():
    """(rank, world size); joins the process group when started by torchrun."""
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return 0, 1
    if not torch.distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return torch.distributed.get_rank(), torch.distributed.get_world_size()
