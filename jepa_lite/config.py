"""Every dial, with its default and the reason for it. Nothing else in the library has settings.

Three frozen dataclasses (model, masks, training) in one `Config`; presets.py names good ones.
An impossible value is refused when the object is made, in one sentence that names the field.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar

from .additions import joint_targets, mimetic_init, muon, target_norms, whitened_patches  # noqa: F401
from .baselines import released_masks, table6_masks  # noqa: F401 (as the line above: they join tables of method/)
from .field_checks import counts, flags, given, intervals, make_plain, numbers, sizes
from .limits import MOST_PATCHES, MOST_PIXELS, MOST_SEED, MOST_WEIGHTS, brief, did_you_mean, one_of, require
from .method.ijepa import INITS, PREDICTORS, TARGET_NORMS
from .method.masks import check_masks
from .method.optim import OPTIMIZERS
from .method.patches import grid_size
from .method.vit import EMBEDDINGS

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
    # What the predictor reads: one sequence a target, or one an image (additions/joint_targets.py), for less.
    predictor_sequences: str = "per_target"
    # "latents" is I-JEPA; "pixels" is the baseline of Table 7, in pixel_target.py.
    predicts: str = "latents"
    # "whitened": patches go through a fixed whitening first (additions/whitened_patches.py says why).
    patch_embedding: str = "linear"
    # "mimetic": attention goes to like tokens from the first step (additions/mimetic_init.py). With it the
    # encoder's MLPs may begin so many times larger that even untrained tokens tell textures apart.
    init: str = "xavier"
    init_mlp_gain: float = 1.0
    # Norm of the targets, without weights, so that no shrinking of them can save loss. "layer": each
    # token's own, as released. "place" and "whiten": over the batch (additions/target_norms.py). "none".
    target_norm: str = "layer"
    # Factor of each image's mean token in its targets. Below 1, less is asked of what the image is, and more
    # of what lies where; above 1 the other way round.
    target_image_mean: float = 1.0
    # The released code uses smooth-L1; the paper writes L2.
    loss: str = "smooth_l1"
    norm_eps: float = 1e-6
    # No dial: images are RGB, and grey ones become so when they are read (data/image_files.py).
    channels: ClassVar[int] = 3

    def __post_init__(self):
        make_plain(self)
        sizes(self, "image_size")
        counts(self, "patch_size", most=MOST_PIXELS)
        counts(self, "width", "heads", "predictor_width", "predictor_heads", most=2**15)
        counts(self, "depth", "predictor_depth", most=256)
        numbers(self, "mlp_ratio", "norm_eps", high=64, without_low=True)
        numbers(self, *given(self, "predictor_mlp_ratio"), high=64, without_low=True)
        patches = math.prod(grid_size(self.image_size, self.patch_size))
        require(
            patches <= MOST_PATCHES,
            f"image_size {self.image_size} and patch_size {self.patch_size} make {patches:,} patches, and "
            f"{MOST_PATCHES:,} are the most; use a smaller image_size or a larger patch_size",
        )
        for width, heads in (("width", "heads"), ("predictor_width", "predictor_heads")):
            w, h = getattr(self, width), getattr(self, heads)
            require(w % h == 0, f"{width} {w} does not divide into {heads} {h} equal heads")
            require(w % 4 == 0, f"{width} must divide by 4 for sin-cos positions, not {w}")
        self._check_weights()
        one_of(self.predictor_positions, ("learned", "sincos"), "predictor_positions")
        one_of(self.predictor_sequences, tuple(PREDICTORS), "predictor_sequences")
        one_of(self.predicts, ("latents", "pixels"), "predicts")
        one_of(self.patch_embedding, tuple(EMBEDDINGS), "patch_embedding")
        one_of(self.init, tuple(INITS), "init")
        numbers(self, "init_mlp_gain", high=64, without_low=True)
        mimetic = self.init == "mimetic" or self.init_mlp_gain == 1
        require(mimetic, 'init_mlp_gain is a part of init="mimetic"; choose that, or leave the gain at 1')
        one_of(self.target_norm, tuple(TARGET_NORMS), "target_norm")
        numbers(self, "target_image_mean", high=100)
        one_of(self.loss, ("smooth_l1", "l2"), "loss")

    def _check_weights(self):
        require(round(self.width * self.mlp_ratio) > 0, f"mlp_ratio {self.mlp_ratio:g} leaves no hidden unit")
        for part in ("", "predictor_"):
            width, depth = getattr(self, f"{part}width"), getattr(self, f"{part}depth")
            weights = depth * width**2 * (4 + 2 * self.mlp_ratio)
            require(
                weights <= MOST_WEIGHTS,
                f"{part}width {width} and {part}depth {depth} make {weights:.2g} weights, and "
                f"{MOST_WEIGHTS:.2g} are the most; use a smaller {part}width or {part}depth",
            )

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        return grid_size(self.image_size, self.patch_size)

    @classmethod
    def sized(cls, encoder: str, **fields: object) -> "ModelConfig":
        """A ModelConfig whose encoder has one of the named sizes of ENCODERS."""
        one_of(encoder, tuple(ENCODERS), "encoder")
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
        make_plain(self)
        one_of(self.rule, tuple(MASK_RULES), "rule")
        counts(self, "num_targets", most=100)
        counts(self, "min_keep", most=MOST_PATCHES)
        intervals(self, "target_scale", "context_scale", top=1)
        intervals(self, "target_aspect")
        numbers(self, "target_share", high=1, without_low=True)


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
    optimizer: str = "adamw"  # "muon": for the matrices in blocks, AdamW for the rest (additions/muon.py)
    betas: tuple[float, float] = (0.9, 0.999)  # of AdamW: PyTorch's, as the paper names none
    weight_decay: tuple[float, float] = (0.04, 0.4)  # rises linearly (A.1; the released code: on a cosine)
    momentum: tuple[float, float] = (0.996, 1.0)  # of the target encoder, rises linearly
    clip_grad: float | None = None  # the longest gradient; neither the paper nor its code has a limit
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
        make_plain(self)
        counts(self, "batch_size", "groups", most=2**16)
        counts(self, "log_every", most=10**12)
        counts(self, "seed", least=0, most=MOST_SEED)
        counts(self, "probes", least=0)
        counts(self, "workers", least=0, most=256)
        counts(self, *given(self, "steps"), most=10**12)
        for name, high in (("epochs", 1e6), ("seconds", 1e9)):
            numbers(self, *given(self, name), high=high, without_low=True)
        numbers(self, "lr", *given(self, "clip_grad"), without_low=True)
        one_of(self.optimizer, tuple(OPTIMIZERS), "optimizer")
        numbers(self, "save_every", high=1e9, without_low=True)
        numbers(self, "warmup", "start_lr", "final_lr", high=1)
        flags(self, "flip", "amp", "compile", "stream", "tensorboard")
        intervals(self, "weight_decay", ordered=False)
        intervals(self, "momentum", "crop_scale", top=1)
        intervals(self, "betas", top=0.99999, ordered=False)


@dataclass(frozen=True)
class Config:
    """A whole run: what `config.json` beside the weights holds."""

    model: ModelConfig = field(default_factory=ModelConfig)
    masks: MaskConfig = field(default_factory=MaskConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self):
        check_masks(self.model.grid, self.masks)  # masks that cannot fit the grid are refused here

    def to_dict(self) -> dict[str, dict]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, dict]) -> "Config":
        """The inverse of `to_dict`. Raises ValueError on a name that no field has."""
        parts = {"model": ModelConfig, "masks": MaskConfig, "train": TrainConfig}
        _known(values, parts, "config")
        values = {name: values.get(name, {}) for name in parts} | {"model": _of_rgb(values.get("model", {}))}
        for name, part in parts.items():
            _known(values[name], [f.name for f in dataclasses.fields(part)], name)
        return cls(**{name: part(**values[name]) for name, part in parts.items()})

    def with_values(self, changes: dict[str, object]) -> "Config":
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
    others = [one for one, its in MASK_RULES.items() if {f"masks.{name}" for name in its}.issuperset(unread)]
    way_out = f"; masks.rule={others[0]} reads all that you set" if others else ""
    require(
        not unread, f"rule {rule!r} does not read {', '.join(unread)}; it reads: {', '.join(reads)}{way_out}"
    )


def _of_rgb(model):
    """The fields of a model without `channels`, which was a dial once: all images are RGB."""
    if not isinstance(model, dict) or "channels" not in model:
        return model
    channels = model["channels"]
    require(channels == 3, f"a model takes RGB images, of 3 channels, not of {channels!r}")
    return {name: value for name, value in model.items() if name != "channels"}


def _known(values, names, where):
    require(isinstance(values, dict), f"{where} must be fields and their values, not {brief(values)}")
    unknown = sorted(str(name) for name in values if name not in names)
    require(
        not unknown,
        f"unknown field {', '.join(unknown[:5])[:200]} in {where}; it knows: {', '.join(sorted(names))}",
    )
