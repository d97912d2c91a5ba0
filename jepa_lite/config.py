"""Every dial, with its default and the reason for it. Nothing else in the library has settings.

Three frozen dataclasses (model, masks, training) in one `Config`; `preset(name)` names good ones.
An impossible value is refused when the object is made, in one sentence that names the field.
"""

import dataclasses
import math
from dataclasses import dataclass, field

from .patches import grid_size

# Encoder sizes: (width, depth, heads, mlp_ratio). tiny ... giant as in the ViT papers and I-JEPA's
# Table 1-4; pico, nano and micro are ours, for a laptop's processor.
ENCODERS = {
    "pico": (64, 4, 4, 4.0),
    "nano": (96, 6, 4, 4.0),
    "micro": (128, 6, 4, 4.0),
    "tiny": (192, 12, 3, 4.0),
    "small": (384, 12, 6, 4.0),
    "base": (768, 12, 12, 4.0),
    "large": (1024, 24, 16, 4.0),
    "huge": (1280, 32, 16, 4.0),
    "giant": (1408, 40, 16, 48 / 11),
}


def _require(holds, message):
    if not holds:
        raise ValueError(message)


def _pair(value, name):
    """An int or a pair becomes a pair of positive ints (lists come from JSON)."""
    pair = (value, value) if isinstance(value, int) else tuple(value)
    _require(
        len(pair) == 2 and all(isinstance(v, int) and v > 0 for v in pair),
        f"{name} must be a positive whole number or two of them (height, width), not {value!r}",
    )
    return pair


def _one_of(value, choices, name):
    _require(value in choices, f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _interval(value, name, top=math.inf):
    low_high = tuple(float(v) for v in value)
    _require(
        len(low_high) == 2 and 0 < low_high[0] <= low_high[1] <= top,
        f"{name} must be two numbers, 0 < low <= high{f' <= {top:g}' if top < math.inf else ''}, "
        f"not {value!r}",
    )
    return low_high


@dataclass(frozen=True)
class ModelConfig:
    """The networks. `image_size` takes an int or (height, width) in pixels."""

    image_size: tuple[int, int] = (32, 32)
    patch_size: int = 4
    channels: int = 3
    width: int = 64
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 4.0
    # Narrower than the encoder: the paper's bottleneck (384 wide under encoders of 768 to 1408).
    predictor_width: int = 32
    predictor_depth: int = 2
    predictor_heads: int = 4
    # "learned" is our reading of the paper; "sincos" is the released code's choice.
    predictor_positions: str = "learned"
    # "latents" is I-JEPA; "pixels" is its twin (Table 7), in pixels.py.
    predicts: str = "latents"
    # Norm of the targets, without weights, so that no shrinking of them can save loss. "layer": each
    # token's own, as released. "place": over the batch, for short runs (ijepa.py says why). "none".
    target_norm: str = "layer"
    # The released code uses smooth-L1; the paper writes L2.
    loss: str = "smooth_l1"
    norm_eps: float = 1e-6

    def __post_init__(self):
        object.__setattr__(self, "image_size", _pair(self.image_size, "image_size"))
        grid_size(self.image_size, self.patch_size)
        for name in ("channels", "width", "depth", "heads", "predictor_width", "predictor_depth"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for width, heads in (("width", "heads"), ("predictor_width", "predictor_heads")):
            w, h = getattr(self, width), getattr(self, heads)
            _require(h >= 1 and w % h == 0, f"{width} {w} does not divide into {heads} {h} equal heads")
            _require(w % 4 == 0, f"{width} must divide by 4 for sin-cos positions, not {w}")
        _require(self.mlp_ratio > 0, f"mlp_ratio must be above 0, not {self.mlp_ratio}")
        _one_of(self.predictor_positions, ("learned", "sincos"), "predictor_positions")
        _one_of(self.predicts, ("latents", "pixels"), "predicts")
        _one_of(self.target_norm, ("layer", "place", "none"), "target_norm")
        _one_of(self.loss, ("smooth_l1", "l2"), "loss")

    @property
    def grid(self):
        """(rows, columns) of patches."""
        return grid_size(self.image_size, self.patch_size)

    @classmethod
    def sized(cls, encoder, **fields):
        """A ModelConfig whose encoder has one of the named sizes of ENCODERS."""
        _one_of(encoder, tuple(ENCODERS), "encoder")
        width, depth, heads, mlp_ratio = ENCODERS[encoder]
        return cls(**{"width": width, "depth": depth, "heads": heads, "mlp_ratio": mlp_ratio} | fields)


@dataclass(frozen=True)
class MaskConfig:
    """Multi-block masking (paper, section 3 and appendix A.1). Scales are shares of the image."""

    # "paper" is the paper's text; "official" is the released collator with its quirks.
    rule: str = "paper"
    num_targets: int = 4
    target_scale: tuple[float, float] = (0.15, 0.2)
    target_aspect: tuple[float, float] = (0.75, 1.5)
    context_scale: tuple[float, float] = (0.85, 1.0)
    # "paper": the fewest patches a context may keep. "official": its `min_keep`, a size that both
    # context and target must exceed (10 in the released configs).
    min_keep: int = 4

    def __post_init__(self):
        _one_of(self.rule, ("paper", "official"), "rule")
        _require(self.num_targets >= 1, f"num_targets must be at least 1, not {self.num_targets}")
        _require(self.min_keep >= 1, f"min_keep must be at least 1, not {self.min_keep}")
        for name, top in (("target_scale", 1), ("target_aspect", math.inf), ("context_scale", 1)):
            object.__setattr__(self, name, _interval(getattr(self, name), name, top))


@dataclass(frozen=True)
class TrainConfig:
    """The optimisation. A run ends at the first of `steps`, `epochs` and `seconds` that is set."""

    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    batch_size: int = 128
    # Images of like context size share one of this many micro-batches, so little is padded.
    groups: int = 4
    lr: float = 1e-3
    warmup: float = 0.1  # share of the run
    start_lr: float = 0.2  # as a share of lr
    final_lr: float = 0.001  # as a share of lr
    weight_decay: tuple[float, float] = (0.04, 0.4)  # rises on a cosine (paper, appendix A.1)
    momentum: tuple[float, float] = (0.996, 1.0)  # of the target encoder, rises linearly
    clip_grad: float = 3.0
    crop_scale: tuple[float, float] = (0.3, 1.0)  # the paper's only augmentation
    flip: bool = False
    seed: int = 0
    amp: bool = False  # bfloat16 autocast
    compile: bool = False
    log_every: int = 10  # steps between measurements of rank, std and position share
    save_every: float = 600.0  # seconds between checkpoints

    def __post_init__(self):
        for name in ("steps", "epochs", "seconds"):
            value = getattr(self, name)
            _require(value is None or value > 0, f"{name} must be above 0 or unset, not {value}")
        for name in ("batch_size", "groups", "log_every"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("lr", "clip_grad", "save_every"):
            _require(getattr(self, name) > 0, f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("warmup", "start_lr", "final_lr"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"{name} is a share, from 0 to 1, not {value}")
        decay = tuple(float(v) for v in self.weight_decay)
        _require(len(decay) == 2 and min(decay) >= 0, f"weight_decay must be two numbers >= 0, not {decay}")
        object.__setattr__(self, "weight_decay", decay)
        object.__setattr__(self, "momentum", _interval(self.momentum, "momentum", 1))
        object.__setattr__(self, "crop_scale", _interval(self.crop_scale, "crop_scale", 1))


@dataclass(frozen=True)
class Config:
    """A whole run: what `config.json` beside the weights holds."""

    model: ModelConfig = field(default_factory=ModelConfig)
    masks: MaskConfig = field(default_factory=MaskConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self):
        from .masking import check_masks  # masks that cannot fit the grid are refused here

        check_masks(self.model.grid, self.masks)

    def to_dict(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values):
        """The inverse of `to_dict`. Raises ValueError on a name that no field has."""
        parts = {"model": ModelConfig, "masks": MaskConfig, "train": TrainConfig}
        _known(values, parts, "config")
        for name, part in parts.items():
            _known(values.get(name, {}), [f.name for f in dataclasses.fields(part)], name)
        return cls(**{name: part(**values.get(name, {})) for name, part in parts.items()})

    def with_values(self, changes):
        """A copy with dotted fields changed: `{"model.depth": 6, "train.lr": 1e-3}`."""
        values = self.to_dict()
        for dotted, value in changes.items():
            part, _, name = dotted.partition(".")
            if part not in values or name not in values[part]:
                known = [f"{p}.{n}" for p in values for n in values[p]]
                raise ValueError(f"there is no setting {dotted!r}; there are: {', '.join(known)}")
            values[part][name] = value
        return Config.from_dict(values)


def _known(values, names, where):
    unknown = sorted(set(values) - set(names))
    _require(
        not unknown, f"unknown field {', '.join(unknown)} in {where}; it knows: {', '.join(sorted(names))}"
    )


def preset(name):
    """A named `Config`. Raises ValueError, listing the names, for one that is not there."""
    _one_of(name, tuple(PRESETS), "preset")
    return PRESETS[name]


def _paper(encoder, patch_size, image_size=224, epochs=300):
    """The paper's ImageNet-1k runs (appendix A.1): predictor 384 wide; depth 6 for B, 12 above."""
    model = ModelConfig.sized(
        encoder, image_size=image_size, patch_size=patch_size, predictor_width=384, predictor_heads=12,
        predictor_depth=6 if encoder == "base" else 12,
    )  # fmt: skip
    train = TrainConfig(
        epochs=epochs, batch_size=2048, lr=1e-3, warmup=15 / epochs, start_lr=0.1, final_lr=1e-3, amp=True
    )
    return Config(model, MaskConfig(min_keep=10), train)


# What a short run of a small network needs, measured on `shapes` (benchmarks/README.md): targets
# normed over the batch, a quicker moving average, a smaller context (which is also cheaper).
_SHORT = TrainConfig(lr=3e-3, weight_decay=(0.04, 0.04), momentum=(0.98, 1.0), crop_scale=(1.0, 1.0))
_SMALL_CONTEXT = MaskConfig(context_scale=(0.4, 0.6))

PRESETS = {
    "demo": Config(
        ModelConfig.sized("pico", image_size=64, patch_size=8, target_norm="place"),
        _SMALL_CONTEXT,
        dataclasses.replace(_SHORT, steps=600, seconds=180),
    ),
    "cifar10": Config(
        ModelConfig.sized("pico", image_size=32, patch_size=4, target_norm="place"),
        _SMALL_CONTEXT,
        dataclasses.replace(_SHORT, epochs=100, crop_scale=(0.3, 1.0), flip=True),
    ),
    "vit-b16": _paper("base", 16, epochs=600),
    "vit-l16": _paper("large", 16, epochs=600),
    "vit-h14": _paper("huge", 14),
}
DATA_OF = {"demo": "shapes", "cifar10": "cifar10", "vit-b16": "folder", "vit-l16": "folder", "vit-h14": "folder"}
