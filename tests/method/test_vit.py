"""What is claimed of the encoder, and tested here (its equality with other people's: test_references.py).

1. Leak test: what lies outside the context changes 0 of the context's outputs, to the last bit.
2. Every output of a whole image depends on every patch.
3. Padding is ignored: an image's tokens are the same alone and in a padded batch (float64, 1e-12).
4. The order of the patches is only in `idx`: shuffled indices give the same tokens, shuffled.
5. Non-square images, and resolutions other than the encoder's own, use the positions of their grid;
   positions that were loaded and are not sin-cos are refused at another resolution.
6. `stages` ends in `forward`'s output and is what the blocks give; attention maps are rows that sum to 1.
7. The named sizes have the published parameter counts.
8. A block that returns the last tokens alone gives those of all tokens, and attention by plain matrices is
   the fused kernel's, with and without padding (float64, 1e-12).
9. Fresh weights: signals keep their size, biases are zero.
"""

import pytest
import torch

from jepa_lite.config import ENCODERS, ModelConfig
from jepa_lite.method import vit
from jepa_lite.method.patches import patchify, sincos_positions, unpatchify
from jepa_lite.method.vit import Encoder

CONFIG = ModelConfig(image_size=(12, 20), patch_size=4, width=24, depth=3, heads=3, mlp_ratio=2.5)  # 3 x 5


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def encoder():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        encoder = Encoder(CONFIG).double()
        for parameter in encoder.parameters():  # no bias or norm weight may hide behind 0 or 1
            parameter.data += 0.1 * torch.randn_like(parameter)
    return encoder


def with_other_patches(images, patches_to_change):
    """The images with noise in the patches of the given numbers."""
    patches = patchify(images, 4)
    patches[:, patches_to_change] += drawn(*patches[:, patches_to_change].shape, seed=9)
    return unpatchify(patches, 4, CONFIG.grid)


def test_leak_nothing_outside_the_context_changes_any_output(encoder):
    images, context = drawn(2, 3, 12, 20), torch.tensor([[0, 3, 4, 11], [2, 3, 7, 14]])
    outside = [i for i in range(15) if i not in context.flatten().tolist()]
    before = encoder(images, context)
    changed = encoder(with_other_patches(images, outside), context) != before
    assert not changed.any(), f"{int(changed.any(-1).sum())} of {context.numel()} outputs changed"
    inside = encoder(with_other_patches(images, [3]), context) != before
    assert inside.any(-1).all(), "a patch of the context must change every output of the context"


def test_every_output_of_a_whole_image_depends_on_every_patch(encoder):
    images = drawn(1, 3, 12, 20)
    before = encoder(images)
    for patch in range(15):
        unmoved = (encoder(with_other_patches(images, [patch])) == before).all(-1).sum()
        assert unmoved == 0, f"patch {patch} does not reach {int(unmoved)} of 15 outputs"


def test_padding_is_ignored(encoder):
    images, contexts = drawn(3, 3, 12, 20), [[1, 4, 8, 9, 13, 14], [0, 7], [5, 6, 10]]
    idx, keep = torch.full((3, 6), 12), torch.zeros(3, 6, dtype=torch.bool)
    for b, context in enumerate(contexts):
        idx[b, : len(context)], keep[b, : len(context)] = torch.tensor(context), True
    together = encoder(images, idx, keep)
    for b, context in enumerate(contexts):
        alone = encoder(images[b : b + 1], torch.tensor([context]))[0]
        worst = (together[b, : len(context)] - alone).abs().max()
        assert worst < 1e-12, f"image {b} differs by {worst:.2e} from itself alone"
    unmasked = encoder(images, idx)[1, :2]
    assert (unmasked - together[1, :2]).abs().max() > 1e-3, (
        "this padding would not show if it were attended to"
    )


PADDED = torch.tensor([[True] * 7, [True] * 3 + [False] * 2 + [True] * 2])  # as the predictor's sequences


@pytest.mark.parametrize("keep", [None, PADDED], ids=["whole", "padded"])
@pytest.mark.parametrize("last", [1, 2, 7])
def test_a_blocks_last_tokens_are_those_of_all_of_them(encoder, last, keep, monkeypatch):
    block, x = encoder.blocks[0], drawn(2, 7, 24)
    for few in (0, 100):
        monkeypatch.setattr(vit, "FEW", few)
        alone, cut = block(x, keep, last=last), block(x, keep)[:, -last:]
        assert alone.shape == (2, last, 24)
        assert (alone - cut).abs().max() < 1e-12, f"FEW {few}: {(alone - cut).abs().max():.2e}"


@pytest.mark.parametrize("keep", [None, PADDED], ids=["whole", "padded"])
def test_plain_attention_is_the_fused_one(encoder, keep, monkeypatch):
    x, calls, fused = drawn(2, 7, 24), [], vit.F.scaled_dot_product_attention
    kernel = lambda *tensors, **mask: calls.append(1) or fused(*tensors, **mask)  # noqa: E731
    monkeypatch.setattr(vit.F, "scaled_dot_product_attention", kernel)
    found = []
    for few in (7, 6):  # up to which number of tokens matrices are used
        monkeypatch.setattr(vit, "FEW", few)
        found.append(encoder.blocks[0].attn(x, keep))
    assert len(calls) == 1, "one of the two was to be fused"
    assert (found[0] - found[1]).abs().max() < 1e-12, f"{(found[0] - found[1]).abs().max():.2e}"
    if keep is not None:
        assert (found[0] - encoder.blocks[0].attn(x))[1].abs().max() > 1e-3, "this padding would not show"


def test_order_is_only_in_the_indices(encoder):
    images, idx = drawn(2, 3, 12, 20), torch.tensor([[1, 4, 8, 9], [0, 7, 2, 14]])
    shuffle = torch.tensor([2, 0, 3, 1])
    worst = (encoder(images, idx)[:, shuffle] - encoder(images, idx[:, shuffle])).abs().max()
    assert worst < 1e-12, f"{worst:.2e}"


def test_all_patches_by_index_are_the_whole_image(encoder):
    images = drawn(2, 3, 12, 20)
    worst = (encoder(images, torch.arange(15).expand(2, 15)) - encoder(images)).abs().max()
    assert worst < 1e-12, f"{worst:.2e}"


@pytest.mark.parametrize("size", [(20, 12), (4, 28), (24, 24), (16, 60)])  # (16, 60) has 4 x 15 patches
def test_another_resolution_gets_the_positions_of_its_own_grid(encoder, size):
    images = drawn(2, 3, *size)
    positions = sincos_positions((size[0] // 4, size[1] // 4), 24)
    tokens = patchify(images, 4) @ encoder.embed.weight.T + encoder.embed.bias + positions
    worst = (encoder.tokens(images) - tokens).abs().max()
    assert worst < 1e-6, f"{worst:.2e}"  # positions are a float32 table
    made_for_it = Encoder(
        ModelConfig(image_size=size, patch_size=4, width=24, depth=3, heads=3, mlp_ratio=2.5)
    )
    weights = {name: value for name, value in encoder.state_dict().items() if name != "positions"}
    made_for_it.double().load_state_dict(weights, strict=False)
    worst = (encoder(images) - made_for_it(images)).abs().max()
    assert worst < 1e-6, f"differs by {worst:.2e} from an encoder made for {size}"


def test_positions_that_are_not_sincos_are_refused_at_another_resolution(encoder):
    encoder.positions += 0.01
    assert encoder(drawn(1, 3, 12, 20)).isfinite().all()
    with pytest.raises(ValueError, match="learned for a 3 x 5 grid and cannot be recomputed for 5 x 3"):
        encoder(drawn(1, 3, 20, 12))


def test_an_image_that_the_patch_does_not_divide_is_refused(encoder):
    with pytest.raises(ValueError, match="patch_size 4 does not divide the image of 12 x 18"):
        encoder(drawn(1, 3, 12, 18))


def test_stages_are_what_the_blocks_give(encoder):
    images = drawn(2, 3, 12, 20)
    stages, x = encoder.stages(images), encoder.tokens(images)
    assert len(stages) == 3
    for i, block in enumerate(encoder.blocks):
        x = block(x)
        expected = encoder.norm(x) if i == 2 else x
        assert torch.equal(stages[i], expected), f"stage {i}"
    assert torch.equal(stages[-1], encoder(images))


def test_attention_maps_are_shares(encoder):
    maps = encoder.attention_maps(drawn(2, 3, 12, 20))
    assert maps.shape == (2, 3, 3, 15, 15)
    assert (maps > 0).all() and (maps.sum(-1) - 1).abs().max() < 1e-12
    assert (maps[:, 0] - maps[:, 2]).abs().max() > 1e-3, "every block has its own map"


# Sizes without class token and head. B/16, L/16 and H/14: Dosovitskiy et al. 2021, Table 1 (86, 307 and
# 632 million, of which head and class token are not ours); tiny and small: Touvron et al. 2021 (5.7, 22).
@pytest.mark.parametrize(
    "size, patch, millions",
    [
        ("tiny", 16, 5.5),
        ("small", 16, 21.6),
        ("base", 16, 85.6),
        ("large", 16, 303),
        ("huge", 14, 631),
        ("giant", 16, 1011),
    ],
)
def test_the_named_sizes_are_the_published_ones(size, patch, millions):
    with torch.device("meta"):
        encoder = Encoder(ModelConfig.sized(size, image_size=224, patch_size=patch))
    counted = sum(p.numel() for p in encoder.parameters()) / 1e6
    assert counted == pytest.approx(millions, rel=0.01), f"{size}: {counted:.1f} million"


def test_every_named_size_can_be_made():
    widths = [ModelConfig.sized(size, image_size=224, patch_size=16).width for size in ENCODERS]
    assert widths == sorted(widths) and len(set(widths)) == len(ENCODERS)


@pytest.mark.parametrize("size", ["pico", "small"])
def test_fresh_weights_keep_the_size_of_signals(size):
    config = ModelConfig.sized(size, image_size=(24, 32), patch_size=8, depth=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder(config)
    assert all((p == 0).all() for name, p in encoder.named_parameters() if name.endswith("bias"))
    patches = patchify(drawn(8, 3, 24, 32).float(), 8)
    content, position = encoder.embed(patches).std(), encoder.positions.std()
    assert 1 < content / position < 4, f"{size}: content {content:.3f} beside positions {position:.3f}"
