"""Named settings: `preset(name)` is a `Config`, and beside every value stands where it comes from.

"paper A.1": appendix A.1 of the paper (arXiv 2301.08243). "small data": what others were said to use for
I-JEPA from scratch, without a page that we could cite. "measured here": benchmarks/README.md. "tried": in
single short runs, not kept as data; for photographs DIALS of benchmarks/real_images.py takes each back.
"ours, not tested": a guess of ours. The presets for two cores were trained; of those for a GPU steps were
timed on one (benchmarks/README.md), and none was trained to its end.

Where paper and released code differ, presets follow the paper: weight decay rises linearly (the code: on a
cosine), and decays neither the mask token nor positions (the code: the mask token too). The paper names
neither AdamW's betas nor a limit of the gradient; the code leaves PyTorch's betas and does not clip, as do
these. The code's H/14 config warms up for 40 epochs from 2e-4, where the paper has 15 from 1e-4.
"""

from .config import Config, MaskConfig, ModelConfig, TrainConfig
from .limits import one_of


def preset(name: str) -> Config:
    """A named `Config`. Raises ValueError, listing the names, for one that is not there."""
    one_of(name, PRESETS, "preset")
    return PRESETS[name]


# --- for two cores ------------------------------------------------------------------------------


def _fields(image_size, patch_size, **train):
    """What learns `fields` in a minute or two. Tried: in single short runs."""
    model = ModelConfig.sized(
        "pico",  # ours, for a laptop's processor
        image_size=image_size,
        patch_size=patch_size,
        target_norm="place",  # tried: with "whiten" the probe is as good, and the loss says less
        init="mimetic",  # tried: with random weights addresses are ignored to the end
        init_mlp_gain=3.0,  # tried: at 1 the directions are learned to a third of the gain
    )
    masks = MaskConfig(context_scale=(0.4, 0.6), num_targets=2)  # tried: two for less time than four
    values = {
        "batch_size": 32,  # tried: many small steps teach more than few large ones
        "groups": 1,  # ours: of so few images a part would hardly fill two cores
        "optimizer": "muon",  # ours, as for photographs
        "lr": 6e-3,  # ours, as for photographs
        "warmup": 0.2,  # ours, as for photographs
        "final_lr": 0.3,  # ours: the end comes early
        "weight_decay": (0.04, 0.04),  # ours: the paper's start, without its rise
        "momentum": (0.98, 0.995),  # ours, as for photographs
        "betas": (0.9, 0.95),  # ours, MAE's: a short run forgets sooner
        "clip_grad": 3.0,  # ours, DINO's
        "crop_scale": (1.0, 1.0),  # ours: synthetic images are never the same twice
    }
    return Config(model, masks, TrainConfig(**values | train))


def _photographs(image_size, patch_size, momentum):
    """What learns photographs in minutes. Tried: in single short runs."""
    model = ModelConfig(
        image_size=image_size,
        patch_size=patch_size,
        width=192,  # tried: better than 128 and 96 for as many seconds
        depth=4,
        heads=12,  # tried: more heads are better; 16 channels each
        predictor_width=96,  # the paper's bottleneck; tried: at 144 no better than the seed's chance
        predictor_depth=2,  # ours: half the depth, as the paper's B/16 has it
        predictor_heads=6,
        target_norm="whiten",  # tried
        patch_embedding="whitened",  # tried
    )
    # Tried: better than two targets of multi-block masking for less time, and addresses are used more.
    masks = MaskConfig(rule="block")
    train = TrainConfig(
        epochs=100,  # ours: hours; --minutes cuts it
        batch_size=64,  # tried: more steps teach more than larger ones
        groups=1,  # ours: with one block a target nothing is padded
        optimizer="muon",  # tried
        lr=6e-3,  # tried: at 1e-2 the probe is as good, and addresses are ignored for longer
        warmup=0.2,  # tried
        weight_decay=(0.1, 0.1),  # tried: better than 0.04, the paper's start
        momentum=momentum,
        betas=(0.9, 0.95),  # ours, MAE's: a short run forgets sooner
        clip_grad=3.0,  # ours, DINO's
        crop_scale=(0.3, 1.0),  # paper A.1
        flip=True,  # ours: few images, and neither a digit nor a word among them
        log_every=100,  # ours: measuring costs two steps
    )
    return Config(model, masks, train)


# --- for a GPU ----------------------------------------------------------------------------------


def _paper(encoder, patch_size, epochs):
    """The paper's ImageNet-1k runs."""
    model = ModelConfig.sized(
        encoder,
        image_size=224,  # paper A.1
        patch_size=patch_size,
        predictor_width=384,  # paper A.1
        predictor_depth=6 if encoder == "base" else 12,  # paper A.1
        predictor_heads=ModelConfig.sized(encoder).heads,  # paper A.1: as many as the encoder
    )
    masks = MaskConfig(min_keep=10)  # the scales: paper A.1; min_keep: the released configs
    train = _long(epochs, batch_size=2048, lr=1e-3, stream=True, workers=8)  # both paper A.1; workers: ours
    return Config(model, masks, train)


def _long(epochs, batch_size, lr, **train):
    """The paper's optimisation, for any length of run."""
    return TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        warmup=15 / epochs,  # paper A.1: 15 epochs ...
        start_lr=0.1,  # ... from 1e-4 to 1e-3, a tenth
        final_lr=0.001,  # paper A.1: 1e-3 to 1e-6 on a cosine
        weight_decay=(0.04, 0.4),  # paper A.1
        momentum=(0.996, 1.0),  # paper A.1
        crop_scale=(0.3, 1.0),  # paper A.1
        amp=True,  # ours: bfloat16, as every GPU since 2020 has it
        **train,
    )


def _small(size, image_size, patch_size, epochs, batch_size, predictor, norm="place", **train):
    """A set smaller than ImageNet-1k. `size`: the encoder's (width, depth, heads), or its name."""
    width, depth, heads = predictor
    fields = {
        "image_size": image_size,
        "patch_size": patch_size,
        "predictor_width": width,
        "predictor_depth": depth,
        "predictor_heads": heads,
        "target_norm": norm,
    }
    model = (
        ModelConfig.sized(size, **fields)
        if isinstance(size, str)
        else ModelConfig(width=size[0], depth=size[1], heads=size[2], **fields)
    )
    # Ours, not tested: the paper's 1e-3 shrunk by the square root of the batch, as AdamW likes it.
    lr = 1e-3 * (batch_size / 2048) ** 0.5
    # Flips are ours, not tested at this length (measured here with `laptop` only): few images, and
    # neither a digit nor a word among them.
    return Config(model, MaskConfig(), _long(epochs, batch_size, lr, flip=True, **train))  # masks: paper A.1


_CIFAR = _small(
    size=(384, 5, 6),  # small data: width and depth of the best; six heads of 64 are ours, as in ViT-S
    image_size=32,
    patch_size=4,  # small data
    epochs=300,  # small data
    batch_size=512,  # ours, not tested: 97 steps an epoch
    groups=1,  # measured here: on a GPU five times as quick as six, for four times the memory
    predictor=(192, 3, 6),  # ours, not tested: half the width and depth, as the paper's B/16 has it
    # norm="place" is measured here for short runs alone; ours, not tested at this length
)

PRESETS = {
    "demo": _fields(64, 8, steps=1800, seconds=180),  # measured here: what `make demo` has time for
    # Of CIFAR-10's size. Momentum: paper A.1; measured here, better by three points than the one below.
    "laptop": _photographs(32, 4, momentum=(0.996, 1.0)),
    # Momentum: tried; measured here, better by two points than the paper's.
    "laptop-imagenette": _photographs(64, 8, momentum=(0.98, 0.995)),
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,  # ours, not tested: as many images, of the same size
    "stl10": _small(
        size="small",  # ours, not tested
        image_size=96,  # the set's own
        patch_size=8,  # ours, not tested: 144 patches, near the paper's 196
        epochs=300,  # ours, not tested: as for CIFAR-10
        batch_size=512,  # ours, not tested
        predictor=(192, 6, 6),  # ours, not tested: half the width and depth
    ),
    "imagenette": _small(
        size="small",  # ours, not tested
        image_size=160,  # the set's smaller copies
        patch_size=16,  # paper A.1; 100 patches
        epochs=600,  # ours, not tested: 9,469 images are few
        batch_size=256,  # ours, not tested: 36 steps an epoch
        predictor=(192, 6, 6),  # ours, not tested: half the width and depth
    ),
    "imagenet100": _small(
        size="small",  # small data: ViT-S
        image_size=224,  # paper A.1
        patch_size=16,  # paper A.1
        epochs=300,  # paper A.1, of H/14; ours for this set, not tested
        batch_size=1024,  # ours, not tested: 123 steps an epoch
        predictor=(192, 6, 6),  # ours, not tested: half the width and depth
        norm="layer",  # the released code's; ours for this set, not tested
        stream=True,  # 19 GB in memory
        workers=8,  # ours, not tested
    ),
    "vit-b16": _paper("base", 16, epochs=600),  # paper A.1
    "vit-l16": _paper("large", 16, epochs=600),  # paper A.1
    "vit-h14": _paper("huge", 14, epochs=300),  # paper A.1
}  # fmt: skip

# The data set that `pretrain` takes for a preset, and how many images it trains on.
DATA_OF = {
    "demo": "fields",
    "laptop": "cifar10",
    "laptop-imagenette": "imagenette",
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "stl10": "stl10",
    "imagenette": "imagenette",
    "imagenet100": "folder",
    "vit-b16": "folder",
    "vit-l16": "folder",
    "vit-h14": "folder",
}
IMAGES_OF = {
    "demo": 8_000,
    "laptop": 50_000,
    "laptop-imagenette": 9_469,
    "cifar10": 50_000,
    "cifar100": 50_000,
    "stl10": 5_000,  # the labelled ones, which `load` reads; the set has 100,000 more without labels
    "imagenette": 9_469,
    "imagenet100": 126_689,  # of the usual hundred classes
    "vit-b16": 1_281_167,
    "vit-l16": 1_281_167,
    "vit-h14": 1_281_167,
}
