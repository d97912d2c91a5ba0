"""What is claimed of one predictor sequence an image, and tested here.

1. Its input is the context once, then the mask tokens of all targets, and each target gets its own answer.
2. What is said of a target depends on where else is asked; with one target it is the default's answer.
3. The order of the targets does not matter: answers move with the questions.
4. Padding is ignored: an image's predictions are the same alone and in a padded batch.
5. The pixel baseline takes it too, and it learns by gradient as the default does.
6. A name that is not there is refused.
"""

from dataclasses import replace

import pytest
import torch

from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.config import MaskConfig, ModelConfig
from jepa_lite.method.masks import sample_masks

CONFIG = ModelConfig(
    image_size=(12, 20), patch_size=4, width=24, heads=3, predictor_width=16, predictor_heads=2,
    predictor_depth=2, predictor_sequences="per_image",
)  # fmt: skip
CONTEXT_IDX = torch.tensor([[0, 3, 4, 11], [2, 7, 12, 14]])
TARGET_IDX = torch.tensor([[[1, 2, 6], [6, 7, 8]], [[0, 1, 5], [8, 9, 3]]])


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def predictor(**fields):
    """The predictor of CONFIG with `fields` changed, always with the same weights."""
    return make_model(replace(CONFIG, **fields), seed=3).predictor.double()


def largest(difference):
    return difference.abs().max().item()


@pytest.fixture
def context():
    return drawn(2, 4, 24)


def test_it_reads_the_context_once_and_then_all_targets(context):  # 1
    network = predictor()
    answers = network(context, CONTEXT_IDX, TARGET_IDX)
    assert answers.shape == (2, 2, 3, 24)
    known = network.embed(context) + network.positions[CONTEXT_IDX]
    asked = network.mask_token + network.positions[TARGET_IDX.flatten(1)]  # (B, M*T, E)
    x = torch.cat([known, asked], 1)
    for block in network.blocks:
        x = block(x)
    by_hand = network.proj(network.norm(x))[:, 4:].unflatten(1, (2, 3))
    assert largest(answers - by_hand) < 1e-12


def test_other_targets_change_an_answer_and_one_alone_is_the_default(context):  # 2
    network, default = predictor(), predictor(predictor_sequences="per_target")
    both, one = network(context, CONTEXT_IDX, TARGET_IDX), network(context, CONTEXT_IDX, TARGET_IDX[:, :1])
    assert largest(both[:, :1] - one) > 1e-4
    assert largest(one - default(context, CONTEXT_IDX, TARGET_IDX[:, :1])) < 1e-12
    assert largest(default(context, CONTEXT_IDX, TARGET_IDX)[:, :1] - one) < 1e-12


def test_answers_move_with_their_questions(context):  # 3
    network = predictor()
    swapped = network(context, CONTEXT_IDX, TARGET_IDX.flip(1)).flip(1)
    assert largest(network(context, CONTEXT_IDX, TARGET_IDX) - swapped) < 1e-12


def test_padding_is_ignored(context):  # 4
    network = predictor()
    keep = torch.tensor([[True, True, True, False], [True, True, True, True]])
    padded = network(context, CONTEXT_IDX, TARGET_IDX, keep)[:1]
    alone = network(context[:1, :3], CONTEXT_IDX[:1, :3], TARGET_IDX[:1])
    assert largest(padded - alone) < 1e-12


@pytest.mark.parametrize("predicts, width", [("latents", 24), ("pixels", 48)])
def test_both_models_train_with_it(predicts, width):  # 5
    model = make_model(replace(CONFIG, predicts=predicts))
    images = drawn(4, 3, 12, 20).float()
    masks = sample_masks(
        CONFIG.grid, 4, MaskConfig(num_targets=3, min_keep=1), torch.Generator().manual_seed(0)
    )
    assert model.predict(images, masks).shape == (4, *masks.target_idx.shape[1:], width)
    model.loss(images, masks).backward()
    still = [n for n, p in model.named_parameters() if p.requires_grad and not p.grad.abs().sum() > 0]
    assert not still, f"no gradient reaches {still}"


def test_another_name_is_refused():  # 6
    with pytest.raises(ValueError, match="predictor_sequences must be one of per_target, per_image"):
        replace(CONFIG, predictor_sequences="per_batch")
