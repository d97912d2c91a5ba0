"""The training loop, as a generator that yields one record a step (paper, appendix A.1).

A notebook can step, plot, pause and stop it; `Run.state` holds all that a resumed run needs. Every random
choice of step s is a function of (seed, s) alone (randomness.py): no generator is saved. Under `torchrun -m
jepa_lite pretrain` each process takes a share of the batch. Saving, logging and signals are pretrain.py's.
"""

import contextlib
import dataclasses
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..additions.whitened_patches import fit_whitening
from ..baselines.pixel_target import make_model
from ..config import Config
from ..data.augment import augment
from ..data.images import AnyImages, normalize
from ..data.readers import Files, InMemory
from ..evaluation.measures import Diverged, NotFinite, measure
from ..method.ijepa import IJEPA
from ..method.masks import Masks, sample_masks
from ..method.optim import make_optimizer, set_rates
from ..method.step import clip_gradient, update
from ..method.vit import Encoder
from ..randomness import DRAWS, generator_for
from ..system.distributed import averaging, join_processes, total
from ..system.signals import uninterrupted
from .collapse_alarms import Watch
from .cost import count_tokens
from .provenance import has_compiler
from .step_timer import Clock

SAMPLE = 256  # images that are measured
TILES = {"triton.coalesce_tiling_analysis": False}  # fails where sizes change (PyTorch's issue 181563)


class Run:
    """A training run. Iterate over `steps()`: stop iterating to pause, iterate again to go on.

    config: a `Config`; images: uint8 (n, C, H, W) in any form of image_forms.py, or `Files`.
    probe(encoder), a dict, is called `train.probes` times with the target encoder, by rank 0 alone; it
    must leave torch's random state alone. Raises ValueError, before any work, for images that do not
    match the config.
    """

    def __init__(
        self, config: Config, images: AnyImages | Files, device: str | torch.device = "cpu",
        model: IJEPA | None = None, probe: Callable[[Encoder], dict] | None = None,
    ) -> None:  # fmt: skip
        self.config, self.device, self.probe = config, torch.device(device), probe
        self.source = images if isinstance(images, Files) else InMemory(images, self.device)
        self.rank, self.world = join_processes()
        _check(config, images, self.source, self.world)
        self.model = model or make_model(config.model, config.train.seed)
        fit_whitening(self.model, lambda count: normalize(self.source.sample(count)).cpu())
        self.model.to(self.device)
        self.optimizer = make_optimizer(self.model, config.train, self.device)
        self.step, self.elapsed = 0, 0.0  # steps done, seconds spent in them
        self.stopped, self._stop = False, False  # by `stop()`: agreed on by all processes, wished for by this
        self.whole = True  # False in the middle of an update, or after one that failed: not to be saved
        self.watch, self._sample = Watch(config.model.predicts), None
        self._reader, self._read_until = None, None  # images on their way, for the step after the last read
        loss = averaging(self.model) if self.world > 1 else self.model
        # Sizes of contexts and blocks change from step to step: dynamic, or each would be compiled anew.
        self.loss = torch.compile(loss, dynamic=True, options=TILES) if config.train.compile else loss
        torch.backends.cuda.enable_cudnn_sdp(False)  # attention that is planned anew for each of these sizes

    # --- where the run stands --------------------------------------------------------------------

    @property
    def batch_size(self) -> int:
        """Images in a step, over all processes."""
        return min(self.config.train.batch_size, len(self.source))

    @property
    def total_steps(self) -> float:
        """The step at which `steps` or `epochs` ends the run; infinite when only `seconds` is set."""
        train, an_epoch = self.config.train, len(self.source) // self.batch_size
        by_epochs = math.ceil(train.epochs * an_epoch) if train.epochs else math.inf
        return min(train.steps or math.inf, by_epochs)

    @property
    def progress(self) -> float:
        """From 0 to 1: how much of the run is done, by steps, epochs or time, whichever is furthest."""
        by_steps = self.step / self.total_steps
        by_time = self.elapsed / self.config.train.seconds if self.config.train.seconds else 0.0
        return min(max(by_steps, by_time), 1.0)

    @property
    def done(self) -> bool:
        return self.progress >= 1

    def stop(self) -> None:
        """Ask the run to end after the step at hand, on all processes; `steps()` can then be called again."""
        self._stop = True

    def state(self) -> dict:
        """All that, with the weights, continues this run exactly."""
        return {
            "step": self.step, "elapsed": self.elapsed, "optimizer": self.optimizer.state_dict(),
            "watch": self.watch.state(), "images": len(self.source), "world": self.world, "draws": DRAWS,
        }  # fmt: skip

    def load_state(self, state: dict) -> None:
        """Continue from a `state()`; the model's weights are loaded separately (checkpoints.py)."""
        if state["images"] != len(self.source):
            raise ValueError(
                f"the run began with {state['images']:,} images and there are {len(self.source):,} now, so "
                "it cannot go on exactly; bring the same images back, or start a new run"
            )
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.watch.load_state(state["watch"])

    # --- a step ----------------------------------------------------------------------------------

    def steps(self) -> Iterator[dict]:
        """Train until the run is done, yielding a dict a step: loss, rates, tokens, seconds, measures."""
        self.stopped = False
        if self.step == 0:
            self.watch.see(self.measures(), 0)
        try:
            while not (self.done or self.stopped):
                started, before, progress = time.perf_counter(), self.elapsed, self.progress
                record = self.train_step()
                self._agree(before + time.perf_counter() - started)
                record |= self._looks(progress)
                self._agree(before + time.perf_counter() - started)
                yield record | {"seconds": self.elapsed - before}
            self._stop = False
        finally:  # nobody iterates any more: the processes that read ahead end here
            self._reader = self._read_until = None

    def train_step(self) -> dict:
        """One step of the method: batch, masks, loss, gradient, optimiser, moving average."""
        if not self.whole:
            raise RuntimeError("an update failed half-way: make a new Run, from the last checkpoint")
        clock = Clock(self.device)
        rates = set_rates(self.optimizer, self.config.train, self.progress)
        images, masks = self.batch(self.step, self._read_ahead())
        clock.mark("data")
        counts = count_tokens(self.config.model, masks)
        loss, tokens, real = total([self._backward(images, masks, clock), *counts], self.device)
        self._check_finite("loss", loss)
        gradient = clip_gradient(self.model, self.config.train.clip_grad)
        self._check_finite("gradient", gradient)
        with uninterrupted():
            self.whole = False
            update(self.model, self.optimizer, rates["momentum"])
            self.step += 1
            self.whole = True
        clock.mark("update")
        seconds = clock.seconds()
        return {
            "step": self.step, "loss": loss, **rates, "gradient": gradient,
            "tokens": int(tokens), "padding": 1 - real / tokens,
            "tokens_per_second": tokens / sum(seconds.values()), **seconds,
        }  # fmt: skip

    def batch(self, step: int, pixels: Tensor | None = None) -> tuple[Tensor, list[tuple[Tensor, Masks]]]:
        """This process's share: augmented images (B, C, H, W) on the device, grouped masks on the CPU.

        All is drawn for the whole batch, and each process takes its rows: a run is the same on any number of
        processes. `pixels`: the images as they were read, if they were."""
        train, B, rows = self.config.train, self.batch_size, slice(self.rank, None, self.world)
        pixels = self.source.read(step, self.batch_indices(step)) if pixels is None else pixels
        generator = generator_for(train.seed, "batch", step)
        images = normalize(pixels.to(self.device, non_blocking=True))
        if self.source.cropped:  # from the file itself, which has more pixels than what was read of it
            train = dataclasses.replace(train, crop_scale=(1.0, 1.0))
        images = augment(images, train, generator, B, rows)
        masks = sample_masks(self.config.model.grid, B, self.config.masks, generator)
        masks = masks.rows(torch.arange(B)[rows]) if self.world > 1 else masks
        return images, masks.groups(train.groups)

    def batch_indices(self, step: int) -> Tensor:
        """Which images this process sees at `step`: a fresh permutation every epoch."""
        return self._whole_batch(step)[self.rank :: self.world]

    def _whole_batch(self, step):
        epoch, place = divmod(step, len(self.source) // self.batch_size)
        order = _order(len(self.source), self.config.train.seed, epoch)
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    def _read_ahead(self):
        """This step's images, from a source that may already be reading the next ones."""
        if self._read_until != self.step:  # a new run, or one that was set back
            orders = ((step, self.batch_indices(step)) for step in itertools.count(self.step))
            self._reader = self.source.batches(orders)
        self._read_until = None  # a reader that fails, or is interrupted, is not asked again
        pixels = next(self._reader)
        self._read_until = self.step + 1
        return pixels

    def _backward(self, images, masks, clock):
        """Gradients of the batch's loss, gathered over groups of images with like context sizes.

        A group weighs as many images as it has of the whole batch. DistributedDataParallel takes the mean
        over processes, hence the factor: the gradient is that of one process with all images.
        """
        self.optimizer.zero_grad()  # an error may have left some of a step that was never made
        with self._autocast():
            target_map = self.model.targets(images, self.config.train.groups)  # (B, N, D)
        sum_of_losses = torch.zeros((), device=self.device)
        for i, (rows, part) in enumerate(masks):
            rows, part = rows.to(self.device), part.to(self.device)
            last = self.world == 1 or i == len(masks) - 1
            with contextlib.nullcontext() if last else self.loss.no_sync():
                with self._autocast():
                    loss = self.loss(images[rows], part, target_map[rows]) * (len(rows) / self.batch_size)
                clock.mark("forward")
                (loss * self.world).backward()
                clock.mark("backward")
            sum_of_losses += loss.detach()
        return sum_of_losses.item()

    def _autocast(self):
        amp = self.config.train.amp
        return torch.autocast(self.device.type, torch.bfloat16) if amp else contextlib.nullcontext()

    def _check_finite(self, what, value):
        if not math.isfinite(value):
            raise Diverged(f"the {what} is {value}", self.step + 1, self._whole_batch(self.step).tolist())

    def _agree(self, seconds):
        """Rank 0's clock and anybody's wish to stop, so that all processes end at the same step."""
        self.elapsed, wishes = total([seconds if self.rank == 0 else 0.0, float(self._stop)], self.device)
        self.stopped = wishes > 0

    def _looks(self, before):
        """What is measured after this step, if anything is due: measures, alarms, probe."""
        found = {}
        try:
            if self.step % self.config.train.log_every == 0 or self.done:
                found = self.measures()
                found |= self.watch.told(found, self.step, self.progress)
            if self._probe_is_due(before):
                found |= self.probe(self.model.target_encoder)
        except NotFinite as error:
            images = self._whole_batch(self.step - 1).tolist()
            raise Diverged("the features are no numbers", self.step, images) from error
        return found

    def _probe_is_due(self, before):
        """Whether one of the `train.probes` marks lies between the progress `before` this step and now."""
        count = self.config.train.probes
        if self.probe is None or self.rank > 0 or not count:
            return False
        passed = int(before * count) < min(int(self.progress * count), count - 1)
        return self.step == 1 or passed or self.done

    def measures(self) -> dict[str, float]:
        """`measure` on images from all over the run's set, touching no random state."""
        self._sample = self.source.sample(SAMPLE) if self._sample is None else self._sample
        images = normalize(self._sample.to(self.device))
        masks = sample_masks(self.config.model.grid, len(images), self.config.masks, generator_for(0))
        return measure(self.model, images, masks.to(self.device))


@functools.lru_cache(maxsize=2)
def _order(count, seed, epoch):
    """The order of an epoch's images, kept: a million take longer to shuffle than a step may last."""
    return torch.randperm(count, generator=generator_for(seed, "order", epoch))


def _check(config, images, source, world):
    (channels, *size), model, n = source.shape, config.model, len(source)
    if source is not images and source.images.dtype != torch.uint8:
        raise ValueError(f"images must be uint8 from 0 to 255, not {source.images.dtype}")
    if channels != model.channels or tuple(size) != model.image_size:
        taken = " x ".join(map(str, (model.channels, *model.image_size)))
        raise ValueError(
            f"the images are {' x '.join(map(str, source.shape))} but the model takes {taken}; load them "
            f"with image_size={model.image_size}, grey ones as RGB: images.expand(-1, 3, -1, -1)"
        )
    if n < 2:
        raise ValueError(f"at least 2 images are needed to train on, not {n}")
    if min(n, config.train.batch_size) < world:
        raise ValueError(f"{world} processes cannot share {min(n, config.train.batch_size)} images a step")
    if config.train.compile and not has_compiler():
        raise ValueError(
            "train.compile needs a C++ compiler and there is none; install one (Debian, Ubuntu: "
            "apt install g++ python3-dev; macOS: xcode-select --install) or leave it out"
        )
    if all(v is None for v in (config.train.steps, config.train.epochs, config.train.seconds)):
        raise ValueError("nothing ends this run: set train.steps, train.epochs or train.seconds")
