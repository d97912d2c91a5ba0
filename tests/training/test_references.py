"""Equality with independent implementations, tested here.

1. `Encoder` equals transformers' `IJepaModel` to 1e-5, and to 1e-9 in float64: random weights and positions,
   several sizes, patches, layer norm epsilons and non-square images, written by `save_pretrained` and read
   by `load_encoder`.
2. The same weights under the other style of names, in half precision or from a classifier, give the same.
3. The same weights as an official `.pth.tar` give the same, the target encoder unless asked otherwise.
4. `Block` equals `torch.nn.TransformerEncoderLayer` (norm first), values and gradients, padding too.
5. The sin-cos table equals the one of transformers' `ViTMAEModel`.
6. Attention maps times values are what `F.scaled_dot_product_attention` gives.
"""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import IJepaConfig, IJepaForImageClassification, IJepaModel, ViTMAEConfig
from transformers.models.vit_mae.modeling_vit_mae import ViTMAEEmbeddings

from jepa_lite.config import ModelConfig
from jepa_lite.method.patches import sincos_positions
from jepa_lite.method.vit import Block, Encoder
from jepa_lite.training.checkpoints import load_encoder

# width, depth, heads, hidden, image, patch, eps
SIZES = [
    (32, 2, 4, 128, (32, 32), 8, 1e-6),
    (48, 3, 3, 100, (21, 35), 7, 1e-12),
    (20, 1, 5, 40, (16, 48), 4, 1e-2),
]


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shaken(module, seed=1, noise=0.2):
    """The module with noise on every weight: no bias or norm may hide behind 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += noise * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def ijepa_config(width, depth, heads, hidden, image, patch, eps):
    return IJepaConfig(
        hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=hidden,
        image_size=list(image), patch_size=patch, layer_norm_eps=eps,
    )  # fmt: skip


def assert_equal(encoder, reference, images):
    """To 1e-5 as they are, of outputs near 1, and to 1e-9 in float64, where rounding cannot hide an error."""
    with torch.no_grad():
        ours, theirs = encoder(images), reference(pixel_values=images).last_hidden_state
        worst = ((ours - theirs).abs() / theirs.abs().clamp(min=1)).max()
        assert worst < 1e-5, f"outputs differ by {worst:.2e}"
        encoder, reference, images = encoder.double(), reference.double(), images.double()
        worst = (encoder(images) - reference(pixel_values=images).last_hidden_state).abs().max()
    assert worst < 1e-9, f"outputs differ by {worst:.2e} in float64"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("as_file", [False, True], ids=["folder", "file"])
def test_the_encoder_is_transformers_ijepa(tmp_path, size, as_file):
    reference = shaken(IJepaModel(ijepa_config(*size)))
    reference.save_pretrained(tmp_path)
    encoder, config = load_encoder(tmp_path / "model.safetensors" if as_file else tmp_path)
    assert (config.width, config.depth, config.heads, config.image_size) == (*size[:3], size[4])
    assert (config.patch_size, config.norm_eps) == size[5:]
    assert_equal(encoder, reference, drawn(2, 3, *size[4]))


def other_names(tensors):
    """Of hub-style names those that transformers 5 uses in memory, spelled out one by one."""
    parts = {
        "attention.attention.query": "attention.q_proj",
        "attention.attention.key": "attention.k_proj",
        "attention.attention.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
        "layernorm_before": "layernorm_before",
        "layernorm_after": "layernorm_after",
    }
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith("encoder.layer."):
            i, _, rest = name.removeprefix("encoder.layer.").partition(".")
            part, _, kind = rest.rpartition(".")
            name = f"layers.{i}.{parts[part]}.{kind}"
        renamed[name] = tensor
    return renamed


def test_names_of_either_style_are_read(tmp_path):
    reference = shaken(IJepaModel(ijepa_config(*SIZES[1])))
    reference.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert "encoder.layer.2.attention.attention.query.bias" in tensors, (
        "save_pretrained writes hub-style names"
    )
    renamed = other_names(tensors)
    assert len(renamed) == len(tensors) and "layers.2.attention.q_proj.bias" in renamed
    save_file(renamed, tmp_path / "model.safetensors")
    assert_equal(load_encoder(tmp_path)[0], reference, drawn(2, 3, 21, 35))


def test_the_names_in_memory_are_read(tmp_path):
    reference = shaken(IJepaModel(ijepa_config(*SIZES[0])))
    reference.save_pretrained(tmp_path)
    save_file(reference.state_dict(), tmp_path / "model.safetensors")  # whatever this version calls them
    assert_equal(load_encoder(tmp_path)[0], reference, drawn(2, 3, 32, 32))


def test_a_classifier_holds_the_same_encoder_and_a_pooler_is_ignored(tmp_path):
    classifier = shaken(IJepaForImageClassification(ijepa_config(*SIZES[0])))
    classifier.save_pretrained(tmp_path / "classifier")
    assert_equal(load_encoder(tmp_path / "classifier")[0], classifier.ijepa, drawn(2, 3, 32, 32))
    pooled = shaken(IJepaModel(ijepa_config(*SIZES[0]), add_pooling_layer=True, use_mask_token=True))
    pooled.save_pretrained(tmp_path / "pooled")
    assert_equal(load_encoder(tmp_path / "pooled")[0], pooled, drawn(2, 3, 32, 32))


def test_half_precision_weights_are_read_as_float32(tmp_path):
    reference = shaken(IJepaModel(ijepa_config(*SIZES[0]))).half()
    reference.save_pretrained(tmp_path)
    encoder, _ = load_encoder(tmp_path)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert_equal(encoder, reference.float(), drawn(2, 3, 32, 32))


def official(reference):
    """The state dict of an official encoder with the weights of an `IJepaModel`, through its attributes."""
    projection = reference.embeddings.patch_embeddings.projection
    tensors = {
        "patch_embed.proj.weight": projection.weight,
        "patch_embed.proj.bias": projection.bias,
        "pos_embed": reference.embeddings.position_embeddings,
        "norm.weight": reference.layernorm.weight,
        "norm.bias": reference.layernorm.bias,
    }
    layers = reference.layers if hasattr(reference, "layers") else reference.encoder.layer
    for i, layer in enumerate(layers):
        names = dict(layer.named_parameters())
        for kind in ("weight", "bias"):
            found = {
                name.removesuffix("." + kind): value for name, value in names.items() if name.endswith(kind)
            }
            if "mlp.fc1" in found:
                q, k, v, proj = (found[f"attention.{part}_proj"] for part in "qkvo")
                fc1, fc2 = found["mlp.fc1"], found["mlp.fc2"]
            else:
                q, k, v = (found[f"attention.attention.{part}"] for part in ("query", "key", "value"))
                proj, fc1, fc2 = (
                    found[f"{part}.dense"] for part in ("attention.output", "intermediate", "output")
                )
            tensors |= {
                f"blocks.{i}.norm1.{kind}": found["layernorm_before"],
                f"blocks.{i}.attn.qkv.{kind}": torch.cat([q, k, v]),
                f"blocks.{i}.attn.proj.{kind}": proj,
                f"blocks.{i}.norm2.{kind}": found["layernorm_after"],
                f"blocks.{i}.mlp.fc1.{kind}": fc1,
                f"blocks.{i}.mlp.fc2.{kind}": fc2,
            }
    return {name: tensor.detach() for name, tensor in tensors.items()}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_official_file_holds_two_encoders(tmp_path, prefix):
    context, target = (
        shaken(IJepaModel(ijepa_config(192, 2, 3, 100, (28, 28), 7, 1e-6)), seed, 0.1) for seed in (1, 2)
    )
    networks = {"encoder": official(context), "target_encoder": official(target)}
    content = {
        key: {prefix + name: value for name, value in tensors.items()} for key, tensors in networks.items()
    }
    path = tmp_path / "in1k-ep300.pth.tar"
    torch.save(content | {"predictor": {}, "opt": {"state": {}}, "epoch": 300, "loss": 0.2, "lr": 1e-6}, path)
    images = drawn(2, 3, 28, 28)
    encoder, config = load_encoder(path)
    assert (config.heads, config.depth, config.image_size, config.norm_eps) == (3, 2, (28, 28), 1e-6)
    assert_equal(encoder, target, images)
    assert_equal(load_encoder(path, "context")[0], context, images)
    with torch.no_grad():
        apart = (load_encoder(path)[0](images) - load_encoder(path, which="context")[0](images)).abs().max()
    assert apart > 0.1, "the two encoders must not be one, or this shows nothing"


def test_heads_that_no_file_says_can_be_given(tmp_path):
    reference = shaken(IJepaModel(ijepa_config(40, 1, 5, 80, (16, 16), 4, 1e-6)))
    torch.save({"target_encoder": official(reference)}, tmp_path / "odd.pth.tar")
    with pytest.raises(ValueError, match=r"does not say how many heads its width of 40 has; pass heads="):
        load_encoder(tmp_path / "odd.pth.tar")
    assert_equal(load_encoder(tmp_path / "odd.pth.tar", heads=5)[0], reference, drawn(2, 3, 16, 16))


@pytest.mark.parametrize("padded", [False, True])
def test_a_block_is_torchs_encoder_layer(padded):
    layer = torch.nn.TransformerEncoderLayer(
        24, 3, dim_feedforward=60, dropout=0.0, activation="gelu", layer_norm_eps=1e-4, batch_first=True,
        norm_first=True,
    )  # fmt: skip
    layer, block = shaken(layer).double().train(), Block(24, 3, mlp_ratio=2.5, norm_eps=1e-4).double()
    pairs = {
        "norm1": "norm1", "norm2": "norm2", "attn.proj": "self_attn.out_proj", "mlp.fc1": "linear1",
        "mlp.fc2": "linear2",
    }  # fmt: skip
    theirs, ours = layer.state_dict(), {}
    for kind in ("weight", "bias"):
        ours |= {f"{a}.{kind}": theirs[f"{b}.{kind}"] for a, b in pairs.items()}
        ours[f"attn.qkv.{kind}"] = theirs[f"self_attn.in_proj_{kind}"]
    block.load_state_dict(ours)
    x = drawn(2, 7, 24).double()
    keep = torch.arange(7) < torch.tensor([[7], [4]]) if padded else None
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    mine, reference = block(a, keep), layer(b, src_key_padding_mask=None if keep is None else ~keep)
    real = torch.ones(2, 7, dtype=torch.bool) if keep is None else keep
    assert (mine - reference)[real].abs().max() < 1e-12, f"{(mine - reference)[real].abs().max():.2e}"
    weight = drawn(2, 7, 24, seed=5).double() * real[..., None]
    (mine * weight).sum().backward()
    (reference * weight).sum().backward()
    assert (a.grad - b.grad).abs().max() < 1e-12, f"gradients differ by {(a.grad - b.grad).abs().max():.2e}"


@pytest.mark.parametrize("side, width", [(4, 32), (7, 48), (14, 192)])
def test_the_sincos_table_is_that_of_mae(side, width):
    config = ViTMAEConfig(
        hidden_size=width, num_hidden_layers=1, num_attention_heads=4, intermediate_size=8, 
        image_size=8 * side, patch_size=8, decoder_hidden_size=16,
        decoder_num_hidden_layers=1, decoder_num_attention_heads=1,
        decoder_intermediate_size=8,
    )  # fmt: skip
    embeddings = ViTMAEEmbeddings(config)
    embeddings.initialize_weights()  # which ViTMAEModel's own constructor skips in transformers 5.23
    table = embeddings.position_embeddings.detach()[0, 1:]  # its first place is a class token's
    assert table.abs().max() > 0.5, "this version of transformers left its table empty"
    worst = (sincos_positions((side, side), width) - table).abs().max()
    assert worst < 1e-6, f"tables differ by {worst:.2e}"


def test_attention_maps_times_values_are_what_sdpa_gives():
    encoder = shaken(Encoder(ModelConfig(image_size=(12, 20), width=24, depth=2, heads=3))).double()
    images = drawn(2, 3, 12, 20).double()
    maps, x = encoder.attention_maps(images), encoder.tokens(images)
    for i, block in enumerate(encoder.blocks):
        attn, normed = block.attn, block.norm1(x)
        v = (
            (normed @ attn.qkv.weight[48:].T + attn.qkv.bias[48:]).view(2, 15, 3, 8).transpose(1, 2)
        )  # (B, h, N, D/h)
        by_maps = attn.proj((maps[:, i] @ v).transpose(1, 2).flatten(2))
        worst = (by_maps - attn(normed)).abs().max()
        assert worst < 1e-12, f"block {i}: {worst:.2e}"
        x = block(x)
