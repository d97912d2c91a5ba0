"""The collapse lab's run, seconds on one core: I-JEPA with the switches of baselines/switches.py."""

import functools

import torch
from torch import Tensor

from ..baselines.switches import SwitchedIJEPA, Switches
from ..config import Config, MaskConfig, ModelConfig, TrainConfig
from ..data.shapes import ShapeFactors, shapes
from ..training.run import Run

STEPS, IMAGES = 150, 1000


def lab_config(switches: Switches, seed: int = 0, steps: int = STEPS) -> Config:
    """The `Config` of a run small enough to watch: 8 x 8 patches, an encoder of width 32 and depth 2."""
    model = ModelConfig(
        image_size=32, width=32, depth=2, predictor_width=16, predictor_depth=1,
        target_norm=switches.target_norm,
    )  # fmt: skip
    train = TrainConfig(
        steps=steps, batch_size=64, seed=seed,
        groups=1,  # one backward pass a batch, whatever the switches: else rounding would differ
        lr=3e-3, weight_decay=(0.04, 0.04), momentum=(0.95, 1.0), crop_scale=(1.0, 1.0), log_every=5,
        betas=(0.9, 0.95), clip_grad=3.0,  # as the lab's numbers were measured
    )  # fmt: skip
    return Config(model, MaskConfig(context_scale=(0.4, 0.6)), train)


def lab_run(
    switches: Switches,
    seed: int = 0,
    steps: int = STEPS,
    images: Tensor | None = None,
    kind: type[SwitchedIJEPA] = SwitchedIJEPA,
) -> Run:
    """A `Run` of I-JEPA with `switches`: the same first weights, images and masks for the same seed.

    The images are `shapes` under a light that the whole image shares, because a tiny network learns that
    within seconds: a healthy run must have something to learn, or every run would look like collapse.
    images: others, uint8 (n, 3, 32, 32). kind: a subclass of `SwitchedIJEPA`, for a change of your own.
    """
    config = lab_config(switches, seed, steps)
    with torch.random.fork_rng(devices=[]):  # as in pixels.make_model
        torch.default_generator.manual_seed(int(seed))
        model = kind(config.model, switches)
    return Run(config, _images(seed) if images is None else images, model=model)


@functools.lru_cache(maxsize=2)
def _images(seed):
    return shapes(IMAGES, 32, seed=seed, factors=ShapeFactors(light="shared"))[0]
