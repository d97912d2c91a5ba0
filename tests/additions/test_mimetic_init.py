"""Claims about the mimetic first weights (jepa_lite/additions/mimetic_init.py).

1. Before the first step a token attends most to itself and to its like, which random weights do not do.
2. The product of the output and the value weights has the diagonal that was asked for.
3. The predictor's learned positions begin such that near places are alike; they are still learned, and
   "sincos" positions stay as they are.
4. The gain makes the encoder's MLPs larger, not the predictor's, and untrained tokens then tell the direction
   of a texture whose phase is random.
5. The default draws what it always drew; the target encoder, the pixel baseline and the random control begin
   with the same kind of weights; and it can be planned without numbers.
"""

import math

import pytest
import torch

from jepa_lite.additions.mimetic_init import DIAGONAL
from jepa_lite.config import ModelConfig
from jepa_lite.data import normalize
from jepa_lite.data.fields import directions_of, draw_fields, fields
from jepa_lite.evaluation.probes import random_encoder
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.training.cost import bare
from jepa_lite.training.run import make_model

SIZE = {"image_size": 64, "patch_size": 8, "width": 64, "depth": 2, "heads": 4, "predictor_width": 32}


def model(seed=0, **values):
    torch.manual_seed(seed)
    return make_model(ModelConfig(**SIZE | values))


def test_tokens_attend_to_themselves_before_the_first_step():
    images = normalize(fields(8, 64, seed=1)[0])

    def own(init):
        maps = model(init=init).encoder.attention_maps(images)[:, 0]  # (B, heads, N, N)
        return maps.diagonal(dim1=-2, dim2=-1).mean().item() * maps.shape[-1]

    mimetic, random = own("mimetic"), own("xavier")
    assert mimetic > 3, f"a token gives itself {mimetic:.1f} times an even share"
    assert random < 1.7, f"with random weights it already gives itself {random:.1f} times an even share"


def test_the_product_of_output_and_value_weights_has_its_diagonal():
    for block in model(init="mimetic").encoder.blocks:
        width = block.attn.proj.in_features
        product = block.attn.proj.weight @ block.attn.qkv.weight[2 * width :]
        assert abs(product.diagonal().mean().item() - DIAGONAL) < 0.05


def test_near_places_are_alike_in_the_predictor():
    predictor = model(init="mimetic").predictor
    assert predictor.positions.requires_grad
    table = predictor.positions.detach().unflatten(0, (8, 8))
    cosine = torch.nn.functional.cosine_similarity
    near, far = cosine(table[:, :-1], table[:, 1:], dim=-1), cosine(table[:, :4], table[:, 4:], dim=-1)
    assert near.min() > far.max(), (near.min(), far.max())
    fixed, plain = (model(init=i, predictor_positions="sincos").predictor for i in ("mimetic", "xavier"))
    assert torch.equal(fixed.positions, plain.positions) and not fixed.positions.requires_grad


def test_with_the_gain_untrained_tokens_tell_a_direction():
    images, angle = normalize(fields(400, 64, seed=2)[0]), directions_of(draw_fields(400, seed=2), (8, 8))
    wanted = torch.stack([(2 * angle).cos(), (2 * angle).sin()], -1).flatten(0, 1)  # (n*N, 2)
    half = len(wanted) // 2

    def explained(**values):
        tokens = model(**values).target_encoder(images).flatten(0, 1)
        x = torch.cat([tokens, torch.ones(len(tokens), 1)], 1)
        found = x[half:] @ torch.linalg.lstsq(x[:half], wanted[:half]).solution
        return (1 - (found - wanted[half:]).square().sum() / wanted[half:].square().sum()).item()

    with torch.no_grad():
        plain, loud = explained(init="mimetic"), explained(init="mimetic", init_mlp_gain=3.0)
    assert loud > plain + 0.05, f"explained: {plain:.2f} without the gain, {loud:.2f} with it"


def test_the_gain_is_the_encoders():
    one, three = model(init="mimetic"), model(init="mimetic", init_mlp_gain=3.0)
    for mine, plain in zip(three.encoder.blocks, one.encoder.blocks, strict=True):
        torch.testing.assert_close(mine.mlp.fc1.weight, 3 * plain.mlp.fc1.weight)
        torch.testing.assert_close(mine.mlp.fc2.weight, 3 * plain.mlp.fc2.weight)
    assert torch.equal(three.predictor.blocks[0].mlp.fc1.weight, one.predictor.blocks[0].mlp.fc1.weight)


@pytest.mark.parametrize("predicts", ["latents", "pixels"])
def test_every_network_begins_so(predicts):
    values = {"init": "mimetic", "init_mlp_gain": 2.0, "predicts": predicts}
    made = model(**values)
    control = random_encoder(ModelConfig(**SIZE | values), seed=3)
    for encoder in (made.encoder, made.target_encoder, control):
        query, key, _ = encoder.blocks[0].attn.qkv.weight.split(SIZE["width"])
        assert torch.equal(query, key) and encoder.blocks[0].mlp.fc1.weight.std() > 0.15
    for ours, theirs in zip(made.encoder.parameters(), made.target_encoder.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    drawn = random_encoder(ModelConfig(**SIZE | values), seed=3)
    assert all(torch.equal(a, b) for a, b in zip(control.parameters(), drawn.parameters(), strict=True))


def test_the_default_is_left_alone():
    torch.manual_seed(0)
    plain = IJEPA(ModelConfig(**SIZE))
    weight = plain.encoder.blocks[0].attn.qkv.weight
    query, key, _ = weight.split(SIZE["width"])
    bound = math.sqrt(6 / (weight.shape[0] + weight.shape[1]))  # Xavier's
    assert not torch.equal(query, key) and weight.abs().max() <= bound


def test_it_can_be_planned_without_numbers():
    values = ModelConfig(**SIZE | {"init": "mimetic", "init_mlp_gain": 2.0})
    weights = list(bare(values).parameters())
    assert all(p.is_meta for p in weights)
    assert sum(p.numel() for p in weights) == sum(p.numel() for p in model().parameters())


def test_a_gain_without_the_init_is_refused():
    with pytest.raises(ValueError, match="init_mlp_gain"):
        ModelConfig(init_mlp_gain=2.0)
