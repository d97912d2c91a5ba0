"""Other people's weights: every layout that they come in, whole I-JEPAs of official files, what is refused.

1. Hugging Face's weights are the same encoder from one file, from shards, from `pytorch_model.bin`, whole or
   in shards, from any file of these, and from the top folder of its cache, where `refs/main` chooses.
2. A bare state dict, in either style of names, alone or under "model" or "state_dict", does as well; so do
   names with what DistributedDataParallel and torch.compile put in, in our own weights, too.
3. An official file makes a whole `IJEPA`: its predictions equal those of a predictor of PyTorch's own layers,
   its loss is that of these, and `explain` draws it. ViT-g's predictor, with an MLP ratio of its own, fits.
4. A sound pickle that holds more than tensors is named with the types it holds, never run, and the advice
   that the sentence gives makes a file that loads.
5. An attention without biases is one with zero biases.
6. Positions that half precision has rounded are still sin-cos; learned ones are not.
7. A flipped bit in weights of ours is noticed wherever the file went, under any name.
8. Complex, whole and NaN weights, half a set of shards, and a damaged list of them are refused in a
   sentence that names the file.
9. `--heads` reaches `probe` and `explain`.
"""

import argparse
import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from test_references import SIZES, assert_equal, drawn, ijepa_config, official, shaken
from transformers import IJepaModel

from jepa_lite import cli
from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.config import Config, MaskConfig, ModelConfig
from jepa_lite.figures.report import explain
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import sincos_positions, take
from jepa_lite.method.vit import Encoder
from jepa_lite.training.checkpoints import load_encoder, load_model, save

IMAGES = drawn(2, 3, 32, 32)


@pytest.fixture
def reference():
    return shaken(IJepaModel(ijepa_config(*SIZES[0])))


# --- layouts ----------------------------------------------------------------------------------------


def write(reference, folder, layout):
    """`save_pretrained`, then into another layout where transformers 5 writes it no more."""
    reference.save_pretrained(folder, max_shard_size="20KB" if "shards" in layout else "5GB")
    if "pytorch" not in layout:
        return
    for path in folder.glob("*.safetensors"):
        torch.save(
            load_file(path),
            folder / path.name.replace("model", "pytorch_model", 1).replace(".safetensors", ".bin"),
        )
        path.unlink()
    for index in folder.glob("*.index.json"):
        told = json.loads(index.read_text())
        map = {
            k: v.replace("model", "pytorch_model").replace(".safetensors", ".bin")
            for k, v in told["weight_map"].items()
        }
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(told | {"weight_map": map}))
        index.unlink()


@pytest.mark.parametrize("layout", ["safetensors", "shards", "pytorch", "pytorch shards"])
def test_hugging_face_weights_in_every_layout(tmp_path, reference, layout):
    write(reference, tmp_path, layout)
    files = [p for p in tmp_path.iterdir() if p.name != "config.json"]
    assert len(files) > 2 if "shards" in layout else len(files) == 1
    for path in (tmp_path, *files):
        encoder, config = load_encoder(path)
        assert config.heads == SIZES[0][2] and config.norm_eps == SIZES[0][6]
        assert_equal(encoder, reference.float(), IMAGES)
        reference.float()


def test_a_caches_top_folder(tmp_path, reference):
    top = tmp_path / "models--facebook--ijepa"
    other = shaken(IJepaModel(ijepa_config(*SIZES[0])), seed=9)
    for commit, model in (("aaa", other), ("bbb", reference), ("ccc", other)):
        folder = top / "snapshots" / commit
        model.save_pretrained(folder)
        blob = top / "blobs" / commit  # the cache keeps links to files that have no telling names
        blob.parent.mkdir(exist_ok=True)
        (folder / "model.safetensors").rename(blob)
        (folder / "model.safetensors").symlink_to(os.path.relpath(blob, folder))
        os.utime(folder, (1e9, 1e9) if commit != "ccc" else (2e9, 2e9))
    (top / "refs").mkdir()
    (top / "refs" / "main").write_text("bbb\n")
    assert_equal(load_encoder(top)[0], reference, IMAGES)
    assert_equal(load_encoder(top / "snapshots" / "bbb")[0], reference.float(), IMAGES)
    (top / "refs" / "main").unlink()
    assert_equal(load_encoder(top)[0], other, IMAGES)  # the newest
    shutil.rmtree(top / "snapshots")
    with pytest.raises(FileNotFoundError, match="models--facebook--ijepa holds no model"):
        load_encoder(top)


DEEP, INDEX = "[" * 100_000, "model.safetensors.index.json"
DAMAGE = [(INDEX, text) for text in ("{}", "null", '{"weight_map": {"a": 3}}', DEEP)] + [
    ("config.json", DEEP)
]


@pytest.mark.parametrize("name, content", DAMAGE, ids=lambda text: text[:30])
def test_a_damaged_list_of_shards_or_config_is_named(tmp_path, reference, name, content):
    write(reference, tmp_path, "shards")
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=re.escape(name)) as refusal:
        load_encoder(tmp_path)
    assert len(str(refusal.value)) < 600


def test_half_a_set_of_shards_is_refused(tmp_path, reference):
    write(reference, tmp_path, "shards")
    lost = sorted(tmp_path.glob("*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(ValueError, match=rf"index\.json .*{lost.name}, which it lists.*download"):
        load_encoder(tmp_path)


@pytest.mark.parametrize(
    "wrap", [lambda t: t, lambda t: {"state_dict": t, "epoch": 3}, lambda t: {"model": t}]
)
def test_a_bare_state_dict(tmp_path, wrap):
    reference = shaken(IJepaModel(ijepa_config(192, 1, 3, 100, (28, 28), 7, 1e-6)), noise=0.1)
    for tensors in (official(reference), reference.state_dict()):
        torch.save(wrap(tensors), tmp_path / "encoder.pth")
        assert_equal(load_encoder(tmp_path / "encoder.pth")[0], reference.float(), drawn(2, 3, 28, 28))
        reference.float()


@pytest.mark.parametrize("put", ["_orig_mod.{}", "module._orig_mod.{}", "blocks"])
def test_names_of_compiled_and_distributed_models(tmp_path, put):
    def renamed(tensors):
        if put == "blocks":  # each block compiled by itself
            return {re.sub(r"(blocks\.\d+\.)", r"\1_orig_mod.", name): t for name, t in tensors.items()}
        return {put.format(name): tensor for name, tensor in tensors.items()}

    config = Config(ModelConfig(image_size=16, width=16, heads=2, depth=2))
    model = make_model(config.model, 3)
    new = save(tmp_path, model, config)
    save_file(renamed(model.state_dict()), new / "model.safetensors")
    (new / "checksums.json").unlink()
    for path in (tmp_path, new):
        assert torch.equal(load_model(path)[0].predictor.mask_token, model.predictor.mask_token)
        assert torch.equal(load_encoder(path)[0].embed.weight, model.target_encoder.embed.weight)
    theirs = released(192, 32)
    torch.save({key: renamed(tensors) for key, tensors in theirs.items()}, tmp_path / "a.pth.tar")
    expected = theirs["target_encoder"]["blocks.1.attn.qkv.bias"]
    assert torch.equal(load_encoder(tmp_path / "a.pth.tar")[0].blocks[1].attn.qkv.bias, expected)
    torch.save(renamed(theirs["target_encoder"]), tmp_path / "b.pth")
    assert torch.equal(load_encoder(tmp_path / "b.pth")[0].blocks[1].attn.qkv.bias, expected)


# --- a whole I-JEPA ---------------------------------------------------------------------------------


def block(prefix, width, hidden, draw):
    shapes = {
        "norm1": (width,),
        "attn.qkv": (3 * width, width),
        "attn.proj": (width, width),
        "norm2": (width,),
    }
    shapes |= {"mlp.fc1": (hidden, width), "mlp.fc2": (width, hidden)}
    return {
        f"{prefix}.{name}.{kind}": draw(*(shape if kind == "weight" else shape[:1]))
        for name, shape in shapes.items()
        for kind in ("weight", "bias")
    }


def released(width, E, depth=2, grid=(4, 4), patch=7, hidden=None, predictor_hidden=None, seed=0):
    """The three networks of an official file, small and random, in its names: {network: {name: tensor}}."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator) * 0.1 + (1.0 if len(shape) == 1 else 0.0)

    def encoder():
        tensors = {"pos_embed": sincos_positions(grid, width)[None]}
        tensors |= {
            "patch_embed.proj.weight": draw(width, 3, patch, patch),
            "patch_embed.proj.bias": draw(width),
        }
        for i in range(depth):
            tensors |= block(f"blocks.{i}", width, hidden or 4 * width, draw)
        return tensors | {"norm.weight": draw(width), "norm.bias": draw(width)}

    predictor = {
        "mask_token": draw(1, 1, E),
        "predictor_pos_embed": sincos_positions(grid, E)[None],
        "predictor_embed.weight": draw(E, width),
        "predictor_embed.bias": draw(E),
    }
    for i in range(depth):
        predictor |= block(f"predictor_blocks.{i}", E, predictor_hidden or 4 * E, draw)
    predictor |= {f"predictor_norm.{kind}": draw(E) for kind in ("weight", "bias")}
    predictor |= {"predictor_proj.weight": draw(width, E), "predictor_proj.bias": draw(width)}
    return {"encoder": encoder(), "predictor": predictor, "target_encoder": encoder()}


def torch_layer(tensors, prefix, heads):
    """A block as `torch.nn.TransformerEncoderLayer`."""
    hidden, width = tensors[f"{prefix}.mlp.fc1.weight"].shape
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, hidden, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )
    names = {"norm1": "norm1", "norm2": "norm2", "self_attn.out_proj": "attn.proj", "linear1": "mlp.fc1"}
    names |= {"linear2": "mlp.fc2"}
    state = {f"{a}.{k}": tensors[f"{prefix}.{b}.{k}"] for a, b in names.items() for k in ("weight", "bias")}
    state |= {f"self_attn.in_proj_{k}": tensors[f"{prefix}.attn.qkv.{k}"] for k in ("weight", "bias")}
    layer.load_state_dict(state)
    return layer.double().train()  # in training, for the fast path of eval rounds otherwise; no dropout


def through(tensors, prefix, x, heads, norm):
    for i in range(2):
        x = torch_layer(tensors, f"{prefix}.{i}", heads)(x)
    weight, bias = (tensors[f"{norm}.{kind}"].double() for kind in ("weight", "bias"))
    return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-6)


def predicted(networks, images, context_idx, target_idx, heads):
    """What the released networks predict for one target of one image, from PyTorch's own layers."""
    e = {name: tensor.double() for name, tensor in networks["encoder"].items()}
    p = {name: tensor.double() for name, tensor in networks["predictor"].items()}
    patch = e["patch_embed.proj.weight"].shape[-1]
    x = F.conv2d(images.double(), e["patch_embed.proj.weight"], e["patch_embed.proj.bias"], stride=patch)
    x = (x.flatten(2).transpose(1, 2) + e["pos_embed"])[:, context_idx]
    x = through(networks["encoder"], "blocks", x, heads, "norm")
    context = F.linear(x, p["predictor_embed.weight"], p["predictor_embed.bias"])
    context = context + p["predictor_pos_embed"][:, context_idx]
    target = p["mask_token"] + p["predictor_pos_embed"][:, target_idx]
    x = through(
        networks["predictor"], "predictor_blocks", torch.cat([context, target], 1), heads, "predictor_norm"
    )
    return F.linear(x[:, -len(target_idx) :], p["predictor_proj.weight"], p["predictor_proj.bias"])


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("joined", [False, True], ids=["nested", "joined names"])
def test_an_official_file_is_a_whole_ijepa(tmp_path, prefix, joined):
    networks, path = released(192, 48), tmp_path / "IN1K-vit.pth.tar"
    content = {key: {prefix + n: t for n, t in tensors.items()} for key, tensors in networks.items()}
    if joined:
        content = {f"{key}.{name}": t for key, tensors in content.items() for name, t in tensors.items()}
    torch.save(content | {"opt": {"state": {}}, "epoch": 300, "loss": 0.2, "scaler": None}, path)
    model, config = load_model(path)
    assert isinstance(model, IJEPA) and config.model.predictor_positions == "sincos"
    assert (config.model.predictor_width, config.model.predictor_depth, config.model.predictor_heads) == (
        48,
        2,
        3,
    )
    assert not model.predictor.positions.requires_grad and not model.target_encoder.norm.bias.requires_grad
    images, model = drawn(2, 3, 28, 28), model.double()
    masks = sample_masks((4, 4), 2, MaskConfig(min_keep=1), torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, truth = model.predict(images.double(), masks), model.targets(images.double())
        for i in range(2):
            context = masks.context_idx[i][masks.context_keep[i]]
            for m in range(masks.target_idx.shape[1]):
                wanted = predicted(networks, images[i : i + 1], context, masks.target_idx[i, m], 3)[0]
                assert (found[i, m] - wanted).abs().max() < 1e-9, (i, m)
        loss = F.smooth_l1_loss(found, take(F.layer_norm(truth, truth.shape[-1:]), masks.target_idx))
        assert abs(model.loss(images.double(), masks) - loss) < 1e-6  # twice normalised is once, but for eps
    image = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    assert "Predictions" in explain(model.float(), image, torch.Generator().manual_seed(0)).alt_text
    assert torch.equal(load_encoder(path)[0].norm.bias, networks["target_encoder"]["norm.bias"])


@pytest.mark.slow
def test_a_predictor_with_an_mlp_ratio_of_its_own(tmp_path):
    path = tmp_path / "vit-g.pth.tar"
    torch.save(released(1408, 32, hidden=6144, predictor_hidden=128), path)  # 48/11 beside 4
    model, config = load_model(path)
    assert config.model.predictor_mlp_ratio == 4 and config.model.heads == 16
    assert model.predictor.blocks[0].mlp.fc1.out_features == 128
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert ModelConfig().predictor_mlp_ratio is None
    with pytest.raises(ValueError, match="predictor_mlp_ratio must be a number above 0"):
        ModelConfig(predictor_mlp_ratio=0)


def test_what_makes_no_whole_ijepa(tmp_path, reference):
    networks, path = released(192, 48), tmp_path / "a.pth.tar"
    torch.save({n: networks[n] for n in ("encoder", "target_encoder")}, path)
    reference.save_pretrained(tmp_path / "hf")
    for place in (path, tmp_path / "hf"):
        with pytest.raises(
            ValueError, match=r"holds no encoder, predictor and target_encoder.*use load_encoder"
        ):
            load_model(place)
    for change, error in (
        ({"predictor_pos_embed": torch.ones(1, 9, 48)}, "size mismatch for predictor.positions"),
        ({"mask_token": torch.ones(48)}, "no 3-dimensional mask_token"),
        ({"predictor_embed.weight": torch.ones(40, 192)}, "predictor_width 40 does not divide into"),
    ):
        torch.save(networks | {"predictor": networks["predictor"] | change}, path)
        with pytest.raises(ValueError, match=error) as refusal:
            load_model(path)
        assert str(path) in str(refusal.value)


# --- what is refused, and what is not ----------------------------------------------------------------


@pytest.mark.parametrize("older", [False, True], ids=["zip", "older format"])
@pytest.mark.parametrize(
    "beside, named",
    [
        ({"args": argparse.Namespace(lr=1e-3)}, "argparse.Namespace"),
        ({"loss": np.float64(0.25)}, r"numpy\.(_core|core)\.multiarray\.scalar"),
    ],
)
def test_a_pickle_that_holds_more_than_tensors(tmp_path, beside, named, older):
    path = tmp_path / "IN1K.pth.tar"
    networks = released(192, 48)
    torch.save(networks | {"opt": {"state": {}}} | beside, path, _use_new_zipfile_serialization=not older)
    with pytest.raises(ValueError, match=named) as refusal:
        load_encoder(path)
    message = str(refusal.value)
    assert "cut short" not in message and "\n" not in message and len(message) < 900 and str(path) in message
    exec(re.search(r'python -c "(.*?)"', message)[1], {})  # what the sentence advises
    model, _ = load_model(tmp_path / "IN1K.pth.tar.tensors.pt")
    assert torch.equal(model.predictor.proj.bias, networks["predictor"]["predictor_proj.bias"])


def test_a_pickled_model_becomes_a_state_dict_beside_its_config(tmp_path):
    config = Config(ModelConfig(image_size=16, width=16, heads=2, depth=1))
    model = make_model(config.model, 3)
    new = save(tmp_path, model, config)
    torch.save(model, new / "whole.pt")
    with pytest.raises(ValueError, match=r"whole\.pt holds jepa_lite\.\S+") as refusal:
        load_model(new / "whole.pt")
    exec(re.search(r'python -c "(.*?)"', str(refusal.value))[1], {})
    loaded, _ = load_model(new / "whole.pt.tensors.pt")  # a pickle of ours, read with the config beside it
    assert torch.equal(loaded.predictor.mask_token, model.predictor.mask_token)


def test_an_attention_without_biases(tmp_path):
    reference = shaken(IJepaModel(ijepa_config(*SIZES[0])))
    config = reference.config
    config.qkv_bias = False
    reference = shaken(IJepaModel(config))
    reference.save_pretrained(tmp_path)
    assert not any("query.bias" in name for name in load_file(tmp_path / "model.safetensors"))
    assert_equal(load_encoder(tmp_path)[0], reference, IMAGES)
    told = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(told | {"qkv_bias": True}))
    with pytest.raises(ValueError, match=r"Missing key.*qkv\.bias"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rounded_positions_are_still_sincos(tmp_path, dtype):
    encoder = Encoder(ModelConfig(image_size=32, width=64))
    encoder.positions += 2e-7 * drawn(*encoder.positions.shape)  # of another library's sine
    rounded = encoder.positions.to(dtype).float()
    assert torch.equal(rounded, encoder.positions) == (dtype == torch.float32)
    encoder.positions = rounded
    assert torch.equal(encoder.positions_for((48, 32)), sincos_positions((12, 8), 64))
    encoder.to(dtype)(drawn(1, 3, 48, 32))
    encoder.float().positions = (rounded + 0.02 * drawn(64, 64)).to(dtype).float()
    with pytest.raises(ValueError, match="positions were learned"):
        encoder.positions_for((48, 32))


def test_a_flipped_bit_is_noticed_wherever_the_weights_went(tmp_path):
    config = Config(ModelConfig(image_size=16, width=16, heads=2, depth=1))
    new = save(tmp_path / "run", make_model(config.model, 3), config)
    lone = tmp_path / "lone"
    lone.mkdir()
    for name in ("model.safetensors", "config.json"):
        shutil.copy(new / name, lone / name)
    best = (lone / "model.safetensors").rename(lone / "best.safetensors")
    assert load_model(best)[1] == config
    content = bytearray(best.read_bytes())
    content[-99] ^= 1  # of the target encoder, which the file ends with
    best.write_bytes(content)
    for loader in (load_model, load_encoder):
        with pytest.raises(
            ValueError, match=r"best\.safetensors .*target_encoder\.\S+ has changed on the disk"
        ):
            loader(best)
    load_encoder(best, "context")  # whose numbers are whole


@pytest.mark.parametrize(
    "value, error",
    [
        (torch.ones(192, dtype=torch.complex64), "norm.bias' as torch.complex64"),
        (torch.ones(192, dtype=torch.int64), "norm.bias' as torch.int64"),
        (torch.full((192,), torch.nan), "NaN or an infinity in 'norm.bias"),
    ],
)
def test_weights_that_are_no_numbers_to_run_on(tmp_path, value, error):
    networks = released(192, 48)
    networks["target_encoder"]["norm.bias"] = value
    torch.save(networks, tmp_path / "a.pth.tar")
    with pytest.raises(ValueError, match=rf"a\.pth\.tar holds {error}|a\.pth\.tar .*{error}"):
        load_encoder(tmp_path / "a.pth.tar")


def test_heads_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "a.pth.tar"
    torch.save(released(24, 24, grid=(4, 4), patch=4), path)
    with pytest.raises(ValueError, match=r"width of 24 has; pass heads= \(--heads\)"):
        cli.probe(path, data="shapes", limit=30)
    cli.probe(path, data="shapes", limit=30, heads=2)
    assert "I-JEPA" in capsys.readouterr().out
    Image.new("RGB", (30, 40), "red").save(tmp_path / "a.png")
    cli.explain(path, tmp_path / "a.png", tmp_path / "out.png", heads=3)
    assert (tmp_path / "out.png").is_file()
