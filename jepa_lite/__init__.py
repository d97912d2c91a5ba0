"""JEPA Lite: I-JEPA (Assran et al. 2023, arXiv 2301.08243) in short, tested, readable code.

One folder a subject, one file an idea, to be read in this order:

method/      I-JEPA itself, from patches to one training step; imports torch and nothing else of this package
additions/   what the paper does not have and short runs profit from, each left out by default
baselines/   what it is compared to: other masks, pixels as targets, I-JEPA with a part switched off
system/      the machine underneath: how a command ends, signals, processes, memory, places on the disk
data/        images, as one tensor in memory or read while training
evaluation/  measures without labels, probes with them, and the table of controls
training/    a run that can be stopped, resumed, split over processes and trusted
figures/     pictures of all that, as pure functions with alt text
widgets/     the same to touch, in a notebook
course/      what the notebooks share: recipes, exercises with their checks, figures that one notebook draws

At the door: config (every setting, with its reason), presets (good ones), randomness (one rule for chance),
cli and demo (the commands). The names below are imported when they are first used.
"""

import importlib
import os
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# How often a thread of GNU's OpenMP looks for work before it sleeps; read when PyTorch is loaded. By default
# it looks for so long that, beside another busy program, every small step waits for seconds. So many looks
# cost a tenth of a step on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from .baselines.pixel_target import PixelBaseline
    from .config import Config, MaskConfig, ModelConfig, TrainConfig
    from .data import denormalize, load, normalize
    from .method.ijepa import IJEPA
    from .method.masks import Masks, sample_masks
    from .method.patches import patchify, sincos_positions, take, unpatchify
    from .method.predictor import Predictor
    from .method.vit import Encoder
    from .presets import preset
    from .training.checkpoints import pretrained
    from .training.run import Run

_HOMES = {
    "baselines.pixel_target": ("PixelBaseline",),
    "config": ("Config", "MaskConfig", "ModelConfig", "TrainConfig"),
    "data": ("denormalize", "load", "normalize"),
    "method.ijepa": ("IJEPA",),
    "method.masks": ("Masks", "sample_masks"),
    "method.patches": ("patchify", "sincos_positions", "take", "unpatchify"),
    "method.predictor": ("Predictor",),
    "method.vit": ("Encoder",),
    "presets": ("preset",),
    "training.checkpoints": ("pretrained",),
    "training.run": ("Run",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "IJEPA",
    "Config",
    "Encoder",
    "MaskConfig",
    "Masks",
    "ModelConfig",
    "PixelBaseline",
    "Predictor",
    "Run",
    "TrainConfig",
    "denormalize",
    "load",
    "normalize",
    "patchify",
    "preset",
    "pretrained",
    "sample_masks",
    "sincos_positions",
    "take",
    "unpatchify",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"jepa_lite has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
