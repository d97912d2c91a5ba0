"""JEPA Lite: I-JEPA (Assran et al. 2023, arXiv 2301.08243) in short, tested, readable code.

One idea a file. Start with `ijepa.py`; the README names the order in which to read the rest.
"""

from .config import Config, MaskConfig, ModelConfig, TrainConfig, preset
from .data import denormalize, load, normalize
from .ijepa import IJEPA
from .masking import Masks, sample_masks
from .patches import patchify, sincos_positions, take, unpatchify
from .pixels import PixelTwin
from .predictor import Predictor
from .train import Run
from .vit import Encoder

__version__ = "0.1.0"
__all__ = [
    "IJEPA",
    "Config",
    "Encoder",
    "MaskConfig",
    "Masks",
    "ModelConfig",
    "PixelTwin",
    "Predictor",
    "Run",
    "TrainConfig",
    "denormalize",
    "load",
    "normalize",
    "patchify",
    "preset",
    "sample_masks",
    "sincos_positions",
    "take",
    "unpatchify",
]
