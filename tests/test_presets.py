"""What is claimed of the presets, and tested here.

1. Every preset is its own JSON's inverse, says when it ends, and names a data set and how many images it has.
2. Its network can be built, and the encoders of the paper have the published sizes.
3. Its masks can be drawn on its grid, with the tokens that they promise.
4. The paper's presets have the paper's values (appendix A.1), also where a field is a share of another.
5. Betas are PyTorch's and the gradient has no limit, but in the presets for two cores.
6. `laptop` and `laptop-imagenette` have what helps on photographs, and no other preset has; `cifar10` is the
   network that others trained; an unknown name is refused.
"""

import json

import pytest
import torch

from jepa_lite.config import Config, ModelConfig, TrainConfig
from jepa_lite.data import DATASETS
from jepa_lite.method import optim
from jepa_lite.method.masks import sample_masks
from jepa_lite.presets import DATA_OF, IMAGES_OF, PRESETS, preset
from jepa_lite.training.run import make_model

PUBLISHED = {"vit-b16": 86e6, "vit-l16": 303e6, "vit-h14": 631e6}  # encoder parameters
PAPER = {"vit-b16": (600, 12, 6, 12), "vit-l16": (600, 24, 12, 16), "vit-h14": (300, 32, 12, 16)}


def built(name):
    """The network of a preset, on the meta device: shapes without memory."""
    with torch.device("meta"):
        return make_model(preset(name).model)


def size(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_its_own_jsons_inverse(name):
    assert Config.from_dict(json.loads(json.dumps(preset(name).to_dict()))) == PRESETS[name]
    train = preset(name).train
    assert any((train.steps, train.epochs, train.seconds)), "a preset must say when it ends"


def test_every_preset_has_data():
    assert list(PRESETS) == list(DATA_OF) == list(IMAGES_OF)
    assert set(DATA_OF.values()) <= set(DATASETS)
    for name, images in IMAGES_OF.items():
        assert images >= preset(name).train.batch_size, f"{name}: not one full batch in {images}"


@pytest.mark.parametrize("name", PRESETS)
def test_the_network_of_a_preset_can_be_built(name):
    model, config = built(name), preset(name).model
    assert len(model.encoder.blocks) == config.depth and size(model.encoder) == size(model.target_encoder)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == size(model.encoder) + size(model.predictor), "the predictor's positions are learned"
    assert size(model.predictor) < size(model.encoder), "the predictor is the narrow one"


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_papers_encoders_have_the_published_sizes(name):
    assert size(built(name).encoder) == pytest.approx(PUBLISHED[name], rel=0.01)


@pytest.mark.parametrize("name", PRESETS)
def test_the_masks_of_a_preset_can_be_drawn(name):
    config, generator = preset(name), torch.Generator().manual_seed(0)
    rows, columns = config.model.grid
    for _ in range(5):
        masks = sample_masks((rows, columns), 16, config.masks, generator)
        assert masks.context_keep.sum(1).min() >= config.masks.min_keep
        share = masks.target_idx.shape[2] / (rows * columns)
        low, high = (0.5, 0.7) if config.masks.rule == "block" else (0.12, 0.25)
        assert low <= share <= high, f"a target of {share:.2f} of the image"
        targets = torch.zeros(16, rows * columns, dtype=torch.bool).scatter_(
            1, masks.target_idx.flatten(1), True
        )
        assert not (targets.gather(1, masks.context_idx) & masks.context_keep).any(), "a target was shown"


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_presets_have_the_papers_values(name):
    epochs, depth, predictor_depth, heads = PAPER[name]
    model, train = preset(name).model, preset(name).train
    assert (model.depth, model.predictor_width, model.predictor_depth) == (depth, 384, predictor_depth)
    assert model.heads == model.predictor_heads == heads
    assert model.image_size == (224, 224) and model.patch_size == int(name[-2:])
    assert (train.batch_size, train.epochs, train.crop_scale, train.flip) == (2048, epochs, (0.3, 1), False)
    assert train.warmup * epochs == pytest.approx(15)
    rates = [optim.learning_rate(train, progress) for progress in (0, 15 / epochs, 1)]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-6])
    assert [optim.weight_decay(train, p) for p in (0, 1)] == pytest.approx([0.04, 0.4])
    assert [optim.momentum(train, p) for p in (0, 1)] == pytest.approx([0.996, 1.0])
    assert preset(name).masks.context_scale == (0.85, 1.0) and preset(name).masks.num_targets == 4


SHORT = ("demo", "laptop", "laptop-imagenette")


@pytest.mark.parametrize("name", PRESETS)
def test_betas_and_the_limit_of_the_gradient_are_pytorchs_but_for_short_runs(name):
    short, train = name in SHORT, preset(name).train
    assert train.betas == ((0.9, 0.95) if short else (0.9, 0.999))
    assert train.clip_grad == (3.0 if short else None)
    optimizer = optim.make_optimizer(built(name), train, "meta")
    assert {group["betas"] for group in optimizer.param_groups if "betas" in group} == {train.betas}


def test_the_laptops_presets_have_what_helps_on_photographs_and_the_others_what_the_paper_has():
    laptop, larger, cifar = (preset(name) for name in ("laptop", "laptop-imagenette", "cifar10"))
    for config in (laptop, larger):
        assert config.model.target_norm == "whiten" and config.model.patch_embedding == "whitened"
        assert config.train.optimizer == "muon"
        assert config.model.grid == (8, 8) and config.masks.rule == "block"
    assert laptop.train.momentum == cifar.train.momentum == (0.996, 1.0), "the paper's"
    assert larger.train.momentum[1] < 1, "measured to be better there"
    plain = ModelConfig(), TrainConfig(steps=1)
    for name in set(PRESETS) - set(SHORT):
        model, train = preset(name).model, preset(name).train
        assert model.patch_embedding == plain[0].patch_embedding and train.optimizer == plain[1].optimizer
        assert model.target_image_mean == 1 and model.target_norm in ("layer", "place")
        assert preset(name).masks.rule == "paper"
    assert (cifar.model.width, cifar.model.depth, cifar.model.patch_size) == (384, 5, 4)
    assert cifar.train.epochs == 300 and preset("cifar100") == cifar


def test_an_unknown_preset_is_refused_with_the_names():
    with pytest.raises(ValueError, match=r"preset must be one of demo, laptop, .*, not 'demos'") as refusal:
        preset("demos")
    assert "\n" not in str(refusal.value)
