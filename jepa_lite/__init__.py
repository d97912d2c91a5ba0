"""JEPA Lite: I-JEPA (Assran et al. 2023, arXiv 2301.08243) in short, tested, readable code.

One idea a file. Start with `ijepa.py`; the README names the order in which to read the rest.
"""

from .config import Config, MaskConfig, ModelConfig, TrainConfig
from .data import denormalize, load, normalize
from .ijepa import IJEPA
from .masking import Masks, sample_masks
from .patches import patchify, sincos_positions, take, unpatchify
from .pixels import PixelTwin
from .predictor import Predictor
from .presets import preset
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


def __getattr__(name):
    if name == "Run":  # late, so that `python -m jepa_lite.train` does not find train.py already imported
        from .train import Run

        return Run
    raise AttributeError(f"jepa_lite has no {name!r}; see its parts: {', '.join(__all__)}")
