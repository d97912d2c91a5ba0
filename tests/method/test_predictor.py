"""What is claimed of the predictor, and tested here.

1. Its input is exactly [context + its positions ; mask token + its positions], one sequence a target block.
2. Every block is its own sequence: no other block changes what is said of it.
3. Learned positions get a gradient exactly at the context's and the targets' places, and zero elsewhere;
   sin-cos positions are the table of patches.py and never learn.
4. Order is only in the indices: context moved together with its indices changes nothing; targets moved
   with theirs move the answers; an index that lies changes them.
5. Padding is ignored: an image's predictions are the same alone and in a padded batch (float64, 1e-12).
6. The answer hangs on the place that is asked for, and on the context.
"""

import pytest
import torch

from jepa_lite.config import ModelConfig
from jepa_lite.method.patches import sincos_positions
from jepa_lite.method.predictor import Predictor

CONFIG = ModelConfig(
    image_size=(12, 20),
    patch_size=4,
    width=24,
    heads=3,
    predictor_width=16,
    predictor_heads=2,
    predictor_depth=2,
)  # 3 x 5 patches
CONTEXT_IDX = torch.tensor([[0, 3, 4, 11], [2, 7, 12, 14]])
TARGET_IDX = torch.tensor([[[1, 2, 6], [6, 7, 8], [10, 12, 13]], [[0, 1, 5], [8, 9, 3], [3, 4, 9]]])


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def predictor(positions="learned"):
    config = ModelConfig(**{**CONFIG.__dict__, "predictor_positions": positions})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        predictor = Predictor(config).double()
        for parameter in predictor.parameters():  # no bias or norm weight may hide behind 0 or 1
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
    return predictor


@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_the_input_is_the_context_and_the_mask_tokens_each_at_its_place(positions):
    network, context = predictor(positions), drawn(2, 4, 24)
    sequences = network.sequences(context, CONTEXT_IDX, TARGET_IDX)
    assert sequences.shape == (2, 3, 4 + 3, 16)
    for b in range(2):
        for m in range(3):
            rows = [network.embed(context[b, k]) + network.positions[CONTEXT_IDX[b, k]] for k in range(4)]
            rows += [network.mask_token + network.positions[place] for place in TARGET_IDX[b, m]]
            worst = (sequences[b, m] - torch.stack(rows)).abs().max()
            assert worst < 1e-12, f"image {b}, block {m}: {worst:.2e}"


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_the_answer_is_what_all_blocks_make_of_the_mask_tokens(padded):
    """Though the last block computes nothing for the context."""
    network, context = predictor(), drawn(2, 4, 24)
    context_keep = torch.tensor([[True, True, True, not padded], [True, not padded, True, True]])
    answers = network(context, CONTEXT_IDX, TARGET_IDX, context_keep if padded else None)
    for b in range(2):
        keep = torch.cat([context_keep[b], torch.ones(3, dtype=torch.bool)])[None]
        for m in range(3):
            x = network.sequences(context, CONTEXT_IDX, TARGET_IDX)[b, m][None]
            for block in network.blocks:
                x = block(x, keep)
            worst = (answers[b, m] - network.proj(network.norm(x))[0, 4:]).abs().max()
            assert worst < 1e-12, f"image {b}, block {m}: {worst:.2e}"


def test_every_block_is_its_own_sequence():
    network, context = predictor(), drawn(2, 4, 24)
    together = network(context, CONTEXT_IDX, TARGET_IDX)
    for m in range(3):
        alone = network(context, CONTEXT_IDX, TARGET_IDX[:, m : m + 1])[:, 0]
        worst = (together[:, m] - alone).abs().max()
        assert worst < 1e-12, f"block {m} differs by {worst:.2e} from itself alone"


def test_learned_positions_get_gradient_at_the_context_and_the_targets_alone():
    network = predictor()
    answers = network(drawn(2, 4, 24)[:1], CONTEXT_IDX[:1], TARGET_IDX[:1])
    (answers * drawn(*answers.shape, seed=1)).sum().backward()
    touched = network.positions.grad.abs().amax(1).nonzero()[:, 0].tolist()
    asked = sorted({*CONTEXT_IDX[0].tolist(), *TARGET_IDX[0].flatten().tolist()})
    assert touched == asked, f"gradient at {touched}, context and targets are {asked}"
    assert len(asked) < 15, "some place must be free, or this shows nothing"


def test_sincos_positions_are_the_table_and_never_learn():
    network = predictor("sincos")
    assert torch.equal(network.positions.float(), sincos_positions((3, 5), 16))
    network(drawn(2, 4, 24), CONTEXT_IDX, TARGET_IDX).square().mean().backward()
    assert network.positions.grad is None and not network.positions.requires_grad
    assert all(p.grad is not None for name, p in network.named_parameters() if name != "positions")


def test_fresh_learned_positions_are_no_table():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Predictor(CONFIG)
    assert network.positions.requires_grad
    assert 0.01 < network.positions.std() < 0.03 and 0.005 < network.mask_token.std() < 0.04


def test_order_is_only_in_the_indices():
    network, context, shuffle = predictor(), drawn(2, 4, 24), torch.tensor([2, 0, 3, 1])
    answers = network(context, CONTEXT_IDX, TARGET_IDX)
    moved = network(context[:, shuffle], CONTEXT_IDX[:, shuffle], TARGET_IDX)
    assert (moved - answers).abs().max() < 1e-12, f"{(moved - answers).abs().max():.2e}"
    moved = network(context, CONTEXT_IDX, TARGET_IDX.flip(-1)).flip(2)
    assert (moved - answers).abs().max() < 1e-12, f"{(moved - answers).abs().max():.2e}"
    wrong = network(context[:, shuffle], CONTEXT_IDX, TARGET_IDX)
    assert (wrong - answers).abs().max() > 1e-3, "a context at the wrong places must change the answer"


def test_padding_is_ignored():
    network, context = predictor(), drawn(2, 4, 24)
    keep = torch.tensor([[True] * 4, [True, True, False, False]])
    together = network(context, CONTEXT_IDX, TARGET_IDX, keep)
    for b, count in enumerate((4, 2)):
        one = slice(b, b + 1)
        alone = network(context[one, :count], CONTEXT_IDX[one, :count], TARGET_IDX[one])[0]
        worst = (together[b] - alone).abs().max()
        assert worst < 1e-12, f"image {b} differs by {worst:.2e} from itself alone"
    unmasked = network(context, CONTEXT_IDX, TARGET_IDX)[1]
    assert (unmasked - together[1]).abs().max() > 1e-3, "this padding would not show if it were attended to"


def test_the_answer_hangs_on_the_place_and_on_the_context():
    network, context = predictor(), drawn(2, 4, 24)
    answers = network(context, CONTEXT_IDX, TARGET_IDX)
    other_place = network(context, CONTEXT_IDX, (TARGET_IDX + 1) % 15)
    assert ((answers - other_place).abs().amax(-1) > 1e-3).all()
    other_context = network(context + drawn(2, 4, 24, seed=8), CONTEXT_IDX, TARGET_IDX)
    assert ((answers - other_context).abs().amax(-1) > 1e-3).all()


def test_another_output_width_is_obeyed():
    with torch.random.fork_rng(devices=[]):
        network = Predictor(CONFIG, out_width=48).double()
    assert network(drawn(2, 4, 24), CONTEXT_IDX, TARGET_IDX).shape == (2, 3, 3, 48)
