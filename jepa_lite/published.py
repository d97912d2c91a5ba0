"""What others publish, in our names and sizes: official I-JEPA files and Hugging Face's `IJepaModel`.

The sizes are those of the tensors, and a file can run no code. Nothing is built here: `load_encoder`
(checkpoint.py) fills an Encoder with what these functions return.
"""

import math
import re
import zipfile

import torch

from .config import ENCODERS, ModelConfig

PUBLISHED = ("tiny", "small", "base", "large", "huge", "giant")
HEADS = {ENCODERS[size][0]: ENCODERS[size][2] for size in PUBLISHED}  # by width
# Hugging Face's names (the files' and those of transformers 5 in memory) in terms of the official ones.
HUGGING_FACE = (
    (r"^ijepa\.", ""),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^(encoder\.)?layers?\.", "blocks."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.(?:attention\.)?([qkv])(?:uery|ey|alue|_proj)\.", r".attn.\1."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"^layernorm\.", "norm."),
)


def official(path, network, heads):
    """(ModelConfig, our tensors) of one encoder of an official `.pth.tar`, read with `weights_only=True`.

    network: the file's key, "target_encoder" or "encoder". heads: attention heads, for a width that is
    not published. Raises ValueError, in one sentence, when the file holds no such encoder.
    """
    return _published(_official_tensors(path, network), path, heads)


def hugging_face(found, path, beside, heads):
    """(ModelConfig, our tensors) of an `IJepaModel`'s encoder, from names of either style.

    found: {name: tensor} of its weights file `path`. beside: the values of its config.json, {} if there is
    none. heads: as for `official`. Raises ValueError, in one sentence, for another kind of model.
    """
    kind = beside.get("model_type", "ijepa"), beside.get("hidden_act", "gelu"), beside.get("qkv_bias", True)
    if kind != ("ijepa", "gelu", True):
        raise ValueError(
            f"{path} is a {kind[0]} model ({kind[1]}); choose one of type ijepa with gelu and biases"
        )
    tensors = {}
    for name, tensor in found.items():
        for pattern, replacement in HUGGING_FACE:
            name = re.sub(pattern, replacement, name)
        if not name.startswith(("pooler.", "classifier.", "embeddings.mask_token")):
            tensors[name] = tensor
    for q in [name for name in tensors if ".attn.q." in name]:
        names = [q.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        if all(name in tensors for name in names):
            tensors[q.replace(".attn.q.", ".attn.qkv.")] = torch.cat([tensors.pop(name) for name in names])
    heads = beside.get("num_attention_heads", heads)
    return _published(tensors, path, heads, beside.get("image_size"), beside.get("layer_norm_eps", 1e-6))


def _official_tensors(path, network):
    """One encoder's state dict out of an official file, without the prefix of DistributedDataParallel."""
    try:
        content = torch.load(path, "cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a broken pickle can raise anything
        raise ValueError(
            f"{path} cannot be read as weights: it is cut short, of another format, or holds code, which is "
            f"never run ({type(error).__name__}); download it again"
        ) from error
    found = content if isinstance(content, dict) else {type(content).__name__: None}
    if not isinstance(found.get(network), dict):
        raise ValueError(
            f"{path} is no official I-JEPA file with the key {network!r}, it holds: "
            f"{', '.join(map(str, list(found)[:6]))}; choose another file or the other encoder"
        )
    return {str(name).removeprefix("module."): tensor for name, tensor in content[network].items()}


def _published(tensors, path, heads, image_size=None, norm_eps=1e-6):
    """Our config and names for official tensors; of square images unless `image_size` says more."""
    width, channels, patch, _ = _shape(tensors, "patch_embed.proj.weight", 4, path)
    _, places, _ = _shape(tensors, "pos_embed", 3, path)
    hidden, _ = _shape(tensors, "blocks.0.mlp.fc1.weight", 2, path)
    heads = heads or HEADS.get(width)
    if heads is None:
        raise ValueError(f"{path} does not say how many heads its width of {width} has; pass heads=")
    try:
        config = ModelConfig(
            image_size=image_size or math.isqrt(places) * patch,
            patch_size=patch,
            channels=channels,
            width=width,
            depth=len({name.split(".")[1] for name in tensors if name.startswith("blocks.")}),
            heads=heads,
            mlp_ratio=hidden / width,
            norm_eps=norm_eps,
        )
    except ValueError as error:
        raise ValueError(f"{path}, or the config.json beside it, has an impossible shape: {error}") from error
    ours = {name.replace("patch_embed.proj.", "embed."): tensor for name, tensor in tensors.items()}
    ours["embed.weight"] = ours["embed.weight"].flatten(1)  # a convolution with stride P is a linear layer
    ours["positions"] = ours.pop("pos_embed")[0]
    return config, ours


def _shape(tensors, name, ndim, path):
    shape = getattr(tensors.get(name), "shape", ())
    if len(shape) != ndim or 0 in shape:
        raise ValueError(
            f"{path} holds no I-JEPA encoder, as it has no {ndim}-dimensional {name} or an empty one; if "
            "jepa-lite saved it, put its config.json beside it"
        )
    return shape
