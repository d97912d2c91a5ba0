"""What others publish, in our names and sizes: official I-JEPA files and Hugging Face's `IJepaModel`.

The sizes are those of the tensors. Files are read by weight_files.py, and nothing is built here: `load` and
`load_encoder` (checkpoints.py) fill a network with what these functions return.
"""

import dataclasses
import math
import re
import textwrap
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..config import ENCODERS, ModelConfig
from .weight_files import named

PUBLISHED = ("tiny", "small", "base", "large", "huge", "giant")
HEADS = {ENCODERS[size][0]: ENCODERS[size][2] for size in PUBLISHED}  # by width
NETWORKS = ("encoder", "predictor", "target_encoder")  # the official files use the same names
FIRST = {"encoder": "patch_embed.proj.weight", "predictor": "predictor_embed.weight"}  # of each, a sure sign
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


def encoder(
    content: Any, network: str, path: Path, beside: dict, heads: int | None
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """(ModelConfig, our tensors) of one encoder: of an official file, or the only one of a plain state dict.

    content: what the weights file `path` holds. network: "target_encoder" or "encoder", where it has both.
    beside: the values of Hugging Face's config.json, {} if there is none. heads: attention heads, where that
    does not say them and the width is not a published one. Raises ValueError, in one sentence, for others.
    """
    found = _networks(content)
    if found:
        return _encoder(_of(found, network, path), path, heads)
    return _encoder(_one_encoder(content, path, beside), path, *_told(beside, heads))


def whole(content: Any, path: Path, heads: int | None) -> tuple[ModelConfig, dict[str, Tensor]]:
    """(ModelConfig, our tensors) of a whole `IJEPA`: of an official file with its predictor."""
    found = _networks(content)
    if not found.keys() >= set(NETWORKS):
        raise ValueError(
            f"{path} holds no encoder, predictor and target_encoder to make a whole I-JEPA of; if jepa-lite "
            "saved it, put its config.json beside it; of other files use load_encoder (jepa-lite probe)"
        )
    tensors = {}
    for network in ("target_encoder", "encoder"):
        config, part = _encoder(_of(found, network, path), path, heads)
        tensors |= {f"{network}.{name}": tensor for name, tensor in part.items()}
    config, part = _predictor(found["predictor"], config, path)
    return config, tensors | {f"predictor.{name}": tensor for name, tensor in part.items()}


# --- what a file holds ------------------------------------------------------------------------------


def _networks(content):
    """{network: {name: tensor}} of an official file, also of one whose names are joined; {} of others."""
    if not isinstance(content, dict):
        return {}
    found = {}
    for network in NETWORKS:
        if isinstance(content.get(network), dict):
            found[network] = named(content[network])
        elif FIRST.get(network, FIRST["encoder"]) in (part := named(content, network + ".")):
            found[network] = part
    return found


def _of(found, network, path):
    if network not in found:
        raise ValueError(
            f"{path} holds no {network!r}, it holds: {', '.join(found)}; choose another file or the other "
            "encoder"
        )
    return found[network]


def _one_encoder(content, path, beside):
    """A plain state dict in the official names, whichever it uses. Raises ValueError for other kinds."""
    kind = beside.get("model_type", "ijepa"), beside.get("hidden_act", "gelu")
    if kind != ("ijepa", "gelu"):
        raise ValueError(f"{path} is a {kind[0]} model ({kind[1]}); choose one of type ijepa with gelu")
    for wrapper in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = named(content[wrapper])
    tensors = {}
    for name, tensor in content.items() if isinstance(content, dict) else ():
        for pattern, replacement in HUGGING_FACE:
            name = re.sub(pattern, replacement, name)
        if not name.startswith(("pooler.", "classifier.", "embeddings.mask_token")):
            tensors[name] = tensor
    if FIRST["encoder"] not in tensors:
        holds = list(content)[:6] or ["nothing"] if isinstance(content, dict) else [type(content).__name__]
        raise ValueError(
            f"{path} holds no I-JEPA encoder, it holds: {', '.join(map(str, holds))}; choose another file, "
            "or, if jepa-lite saved it, put its config.json beside it"
        )
    _join_attention(tensors)
    if beside.get("qkv_bias") is False:
        _add_zero_biases(tensors)
    return tensors


def _join_attention(tensors):
    """Queries, keys and values, where they are apart, as one."""
    for q in [name for name in tensors if ".attn.q." in name]:
        names = [q.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        if all(name in tensors for name in names):
            tensors[q.replace(".attn.q.", ".attn.qkv.")] = torch.cat([tensors.pop(name) for name in names])


def _add_zero_biases(tensors):
    """An attention without biases is one whose biases are zero."""
    for name in [name for name in tensors if name.endswith(".attn.qkv.weight")]:
        tensors.setdefault(name.removesuffix("weight") + "bias", tensors[name].new_zeros(len(tensors[name])))


def _told(beside, heads):
    """What a config.json says that the tensors do not: heads, image size and norm_eps."""
    return (
        beside.get("num_attention_heads", heads),
        beside.get("image_size"),
        beside.get("layer_norm_eps", 1e-6),
    )


# --- in our names and sizes -------------------------------------------------------------------------


def _encoder(tensors, path, heads, image_size=None, norm_eps=1e-6):
    """Our config and names of an encoder; of square images unless `image_size` says more."""
    width, channels, patch, _ = _shape(tensors, "patch_embed.proj.weight", 4, path)
    if channels != ModelConfig.channels:
        raise ValueError(f"{path} takes images of {channels} channels; choose weights for RGB images, of 3")
    _, places, _ = _shape(tensors, "pos_embed", 3, path)
    hidden, _ = _shape(tensors, "blocks.0.mlp.fc1.weight", 2, path)
    heads = heads or HEADS.get(width)
    if heads is None:
        raise ValueError(
            f"{path} does not say how many heads its width of {width} has; pass heads= (--heads)"
        )
    config = _config(
        path,
        image_size=_image_size(image_size, places, patch, path),
        patch_size=patch,
        width=width,
        depth=_depth(tensors),
        heads=heads,
        mlp_ratio=hidden / width,
        norm_eps=norm_eps,
    )
    ours = {name.replace("patch_embed.proj.", "embed."): tensor for name, tensor in tensors.items()}
    ours["embed.weight"] = ours["embed.weight"].flatten(1)  # a convolution with stride P is a linear layer
    ours["positions"] = ours.pop("pos_embed")[0]
    return config, ours


def _predictor(tensors, config, path):
    """`config` with the sizes of a predictor, and its tensors in our names.

    It has as many heads as the encoder (paper, section 4).
    """
    E, _ = _shape(tensors, "predictor_embed.weight", 2, path)
    _shape(tensors, "mask_token", 3, path)
    _shape(tensors, "predictor_pos_embed", 3, path)
    hidden, _ = _shape(tensors, "predictor_blocks.0.mlp.fc1.weight", 2, path)
    ours = {name.removeprefix("predictor_"): tensor for name, tensor in tensors.items()}
    ours["mask_token"], ours["positions"] = ours["mask_token"][0, 0], ours.pop("pos_embed")[0]
    fields = dataclasses.asdict(config) | {
        "predictor_width": E,
        "predictor_depth": _depth(ours),
        "predictor_heads": config.heads,
        "predictor_mlp_ratio": None if round(E * config.mlp_ratio) == hidden else hidden / E,
        "predictor_positions": "sincos",
    }
    return _config(path, **fields), ours


def _config(path, **fields):
    try:
        return ModelConfig(**fields)
    except ValueError as error:
        reason = textwrap.shorten(str(error), 200)
        raise ValueError(f"{path} does not fit: {reason}; choose another file") from error


def _depth(tensors):
    return len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})


def _image_size(said, places, patch, path):
    """The size of the images that `places` patches make, square or as the config.json has `said`."""
    if said is None:
        return math.isqrt(places) * patch
    sides = said if isinstance(said, list) else [said, said]
    if not all(type(side) is int for side in sides) or math.prod(side // patch for side in sides) != places:
        raise ValueError(
            f"{path} has positions for {places} patches of {patch} pixels, but its config.json says "
            f"image_size {str(said)[:40]}; copy the config.json that belongs to it"
        )
    return sides


def _shape(tensors, name, ndim, path):
    shape = getattr(tensors.get(name), "shape", ())
    if len(shape) != ndim or not all(shape):
        raise ValueError(
            f"{path} holds no I-JEPA network that can be read, as it has no {ndim}-dimensional {name}; "
            "choose another file"
        )
    return shape
