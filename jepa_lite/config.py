"""Every dial, with its default and the reason for it. Nothing else in the library has settings.

Three frozen dataclasses (model, masks, training) in one `Config`; presets.py names good ones.
An impossible value is refused when the object is made, in one sentence that names the field.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar

from .limits import MOST_PATCHES, MOST_PIXELS, MOST_SEED, MOST_WEIGHTS, brief, check_count, did_you_mean
from .limits import one_of as _one_of
from .limits import require as _require
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


def _is_number(value, kind=(int, float)):
    return isinstance(value, kind) and not isinstance(value, bool) and abs(value) < 1e300


def plain(value):
    """A number of numpy or PyTorch as Python's own, alone or in a list or tuple: JSON knows no others."""
    if isinstance(value, list | tuple):
        return type(value)(v.tolist() if hasattr(v, "tolist") else v for v in value)
    return value.tolist() if hasattr(value, "tolist") else value


def _make_plain(config):
    for f in dataclasses.fields(config):
        object.__setattr__(config, f.name, plain(getattr(config, f.name)))


def _counts(config, *names, least=1, most=10**6):
    """The fields `names` must be whole numbers from `least` to `most`."""
    for name in names:
        check_count(name, getattr(config, name), least, most)


def _numbers(config, *names, low=0.0, high=1e100, without_low=False):
    """The fields `names` must be numbers from `low` (or above it, `without_low`) to `high`."""
    for name in names:
        value = getattr(config, name)
        inside = _is_number(value) and low <= value <= high and not (without_low and value == low)
        span = f"{'above' if without_low else 'from'} {low:g} to {high:g}"
        _require(inside, f"{name} must be a number {span}, not {brief(value)}")


def _set(config, *names):
    """Those of the fields `names` that are not None."""
    return [name for name in names if getattr(config, name) is not None]


def _flags(config, *names):
    for name in names:
        value = getattr(config, name)
        _require(isinstance(value, bool), f"{name} must be True or False, not {brief(value)}")


def _sizes(config, name):
    """A whole number or two of them becomes two (lists come from JSON)."""
    value = getattr(config, name)
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    _require(
        len(pair) == 2 and all(_is_number(v, int) and v > 0 for v in pair),
        f"{name} must be a positive whole number or two of them (height, width), not {brief(value)}",
    )
    _require(max(pair) <= MOST_PIXELS, f"{name} must be at most {MOST_PIXELS:,} a side, not {brief(value)}")
    object.__setattr__(config, name, pair)


def _intervals(config, *names, top=1000, ordered=True):
    """The fields `names` must be two numbers: 0 < low <= high <= top, or from 0 to top if not `ordered`."""
    for name in names:
        value = getattr(config, name)
        pair = isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_number, value))
        if ordered:
            rule = f"0 < low <= high <= {top:g}"
            holds = pair and 0 < value[0] <= value[1] <= top
        else:
            rule, holds = f"both from 0 to {top:g}", pair and min(value) >= 0 and max(value) <= top
        _require(holds, f"{name} must be two numbers, {rule}, not {brief(value)}")
        object.__setattr__(config, name, (float(value[0]), float(value[1])))


@dataclass(frozen=True)
class ModelConfig:
    """The networks. `image_size` takes an int or (height, width) in pixels."""

    image_size: tuple[int, int] = (32, 32)
    patch_size: int = 4
    width: int = 64
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 4.0
    # Narrower than the encoder: the paper's bottleneck (384 wide under encoders of 768 to 1408).
    predictor_width: int = 32
    predictor_depth: int = 2
    predictor_heads: int = 4
    # None: the encoder's. The released ViT-g's predictor has 4 beside an encoder of 48/11.
    predictor_mlp_ratio: float | None = None
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
    # No dial: images are RGB, and grey ones become so when they are read (data.py).
    channels: ClassVar[int] = 3

    def __post_init__(self):
        _make_plain(self)
        _sizes(self, "image_size")
        _counts(self, "patch_size", most=MOST_PIXELS)
        _counts(self, "width", "heads", "predictor_width", "predictor_heads", most=2**15)
        _counts(self, "depth", "predictor_depth", most=256)
        _numbers(self, "mlp_ratio", "norm_eps", high=64, without_low=True)
        _numbers(self, *_set(self, "predictor_mlp_ratio"), high=64, without_low=True)
        patches = math.prod(grid_size(self.image_size, self.patch_size))
        _require(
            patches <= MOST_PATCHES,
            f"image_size {self.image_size} and patch_size {self.patch_size} make {patches:,} patches, and "
            f"{MOST_PATCHES:,} are the most; use a smaller image_size or a larger patch_size",
        )
        for width, heads in (("width", "heads"), ("predictor_width", "predictor_heads")):
            w, h = getattr(self, width), getattr(self, heads)
            _require(w % h == 0, f"{width} {w} does not divide into {heads} {h} equal heads")
            _require(w % 4 == 0, f"{width} must divide by 4 for sin-cos positions, not {w}")
        self._check_weights()
        _one_of(self.predictor_positions, ("learned", "sincos"), "predictor_positions")
        _one_of(self.predicts, ("latents", "pixels"), "predicts")
        _one_of(self.target_norm, ("layer", "place", "none"), "target_norm")
        _one_of(self.loss, ("smooth_l1", "l2"), "loss")

    def _check_weights(self):
        _require(
            round(self.width * self.mlp_ratio) > 0, f"mlp_ratio {self.mlp_ratio:g} leaves no hidden unit"
        )
        for part in ("", "predictor_"):
            width, depth = getattr(self, f"{part}width"), getattr(self, f"{part}depth")
            weights = depth * width**2 * (4 + 2 * self.mlp_ratio)
            _require(
                weights <= MOST_WEIGHTS,
                f"{part}width {width} and {part}depth {depth} make {weights:.2g} weights, and "
                f"{MOST_WEIGHTS:.2g} are the most; use a smaller {part}width or {part}depth",
            )

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


_MULTI_BLOCK = ("num_targets", "target_scale", "target_aspect", "context_scale", "min_keep")
# The rules of masking, and the fields of MaskConfig that each reads: the others change nothing.
MASK_RULES = {
    "paper": _MULTI_BLOCK,  # multi-block, by the paper's text
    "official": _MULTI_BLOCK,  # the released collator with its quirks
    "rasterized": ("min_keep",),  # a quadrant predicts the other three
    "block": ("target_aspect", "min_keep", "target_share"),  # all around one large block predicts it
    "random": ("min_keep", "target_share"),  # single patches predict the other single patches
}


@dataclass(frozen=True)
class MaskConfig:
    """What to hide (paper, section 3, appendix A.1, Table 6). Scales and shares are of the image.

    A rule alone, `MaskConfig(rule="random")`, gives the paper's masks of that name. MASK_RULES says which
    of the other fields it reads.
    """

    rule: str = "paper"
    num_targets: int = 4  # "paper" and "official"; "rasterized" has three, "block" and "random" have one
    target_scale: tuple[float, float] = (0.15, 0.2)  # of each of several targets: "paper" and "official"
    target_aspect: tuple[float, float] = (0.75, 1.5)  # not "rasterized", not "random"
    context_scale: tuple[float, float] = (0.85, 1.0)  # "paper" and "official"; the others: all but targets
    # The fewest patches a context may keep. "official": its `min_keep`, a size that both context and
    # target must exceed (10 in the released configs).
    min_keep: int = 4
    # Of the one target of "block" and "random" (Table 6). A dial of its own: target_scale's default is far
    # too small for a single target, and changing a run's rule must not inherit it.
    target_share: float = 0.6

    def __post_init__(self):
        _make_plain(self)
        _one_of(self.rule, tuple(MASK_RULES), "rule")
        _counts(self, "num_targets", most=100)
        _counts(self, "min_keep", most=MOST_PATCHES)
        _intervals(self, "target_scale", "context_scale", top=1)
        _intervals(self, "target_aspect")
        _numbers(self, "target_share", high=1, without_low=True)


@dataclass(frozen=True)
class TrainConfig:
    """The optimisation. A run ends at the first of `steps`, `epochs` and `seconds` that is set."""

    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    batch_size: int = 128
    # Images of like context size share one of this many micro-batches: six keep padding under a tenth of the
    # tokens also where contexts are small, and a small micro-batch stays in the cache.
    groups: int = 6
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
    probes: int = 0  # kNN probes in the course of the run, evenly spread: a curve to watch
    # Seconds between checkpoints; more where the disk is slow, so that they never cost over 2% of the time.
    save_every: float = 600.0
    stream: bool = False  # read a folder's files while training, for sets that do not fit in memory
    workers: int = 2  # processes that read ahead when streaming; they change no bit of the result
    tensorboard: bool = False  # also write the log's measured steps for TensorBoard, into OUT/tensorboard

    def __post_init__(self):
        _make_plain(self)
        _counts(self, "batch_size", "groups", most=2**16)
        _counts(self, "log_every", most=10**12)
        _counts(self, "seed", least=0, most=MOST_SEED)
        _counts(self, "probes", least=0)
        _counts(self, "workers", least=0, most=256)
        _counts(self, *_set(self, "steps"), most=10**12)
        for name, high in (("epochs", 1e6), ("seconds", 1e9)):
            _numbers(self, *_set(self, name), high=high, without_low=True)
        _numbers(self, "lr", "clip_grad", without_low=True)
        _numbers(self, "save_every", high=1e9, without_low=True)
        _numbers(self, "warmup", "start_lr", "final_lr", high=1)
        _flags(self, "flip", "amp", "compile", "stream", "tensorboard")
        _intervals(self, "weight_decay", ordered=False)
        _intervals(self, "momentum", "crop_scale", top=1)


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
        values = {name: values.get(name, {}) for name in parts} | {"model": _of_rgb(values.get("model", {}))}
        for name, part in parts.items():
            _known(values[name], [f.name for f in dataclasses.fields(part)], name)
        return cls(**{name: part(**values[name]) for name, part in parts.items()})

    def with_values(self, changes):
        """A copy with dotted fields changed: `{"model.depth": 6, "train.lr": 1e-3}`.

        Raises ValueError on a name that no field has, and on one that the rule of masking does not read.
        """
        values = self.to_dict()
        for dotted, value in changes.items():
            part, _, name = dotted.partition(".")
            if part not in values or name not in values[part]:
                known = [f"{p}.{n}" for p in values for n in values[p]]
                hint = did_you_mean(dotted, known)
                raise ValueError(f"there is no setting {brief(dotted)}; there are: {', '.join(known)}{hint}")
            values[part][name] = value
        config = Config.from_dict(values)
        _read_by_rule(changes, config.masks.rule)
        return config


def _read_by_rule(names, rule):
    """Naming a setting of masks that the rule does not read is a mistake: it would change nothing."""
    reads = [f"masks.{name}" for name in MASK_RULES[rule]]
    unread = [name for name in names if name.startswith("masks.") and name not in ("masks.rule", *reads)]
    _require(not unread, f"rule {rule!r} does not read {', '.join(unread)}; it reads: {', '.join(reads)}")


def _of_rgb(model):
    """The fields of a model without `channels`, which was a dial once: all images are RGB."""
    if not isinstance(model, dict) or "channels" not in model:
        return model
    channels = model["channels"]
    _require(channels == 3, f"a model takes RGB images, of 3 channels, not of {channels!r}")
    return {name: value for name, value in model.items() if name != "channels"}


def _known(values, names, where):
    _require(isinstance(values, dict), f"{where} must be fields and their values, not {brief(values)}")
    unknown = sorted(str(name) for name in values if name not in names)
    _require(
        not unknown,
        f"unknown field {', '.join(unknown[:5])[:200]} in {where}; it knows: {', '.join(sorted(names))}",
    )
