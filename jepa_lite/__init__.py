"""JEPA Lite: I-JEPA (Assran et al. 2023, arXiv 2301.08243) in short, tested, readable code.

One idea a file. Start with `ijepa.py`; the README names the order in which to read the rest. A public name is
imported when it is first used, so that commands and loading workers import no more than they need.
"""

import importlib

_MODULES = {  # where each public name is written
    "config": ("Config", "MaskConfig", "ModelConfig", "TrainConfig"),
    "data": ("denormalize", "load", "normalize"),
    "ijepa": ("IJEPA",),
    "masking": ("Masks", "sample_masks"),
    "patches": ("patchify", "sincos_positions", "take", "unpatchify"),
    "pixels": ("PixelTwin",),
    "predictor": ("Predictor",),
    "presets": ("preset",),
    "train": ("Run",),
    "vit": ("Encoder",),
}
__version__ = "0.1.0"
__all__ = sorted(name for names in _MODULES.values() for name in names)


def __getattr__(name):
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"jepa_lite has no {name!r}; see its parts: {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
