"""Saving and loading: weights as safetensors, the rest as JSON, nothing as a pickle.

A run folder holds its newest two checkpoints, `checkpoint-000001/`, `checkpoint-000002/`. Each is written
under another name, flushed to the disk, and gets its own name last: one rename makes it exist, whole.
So a crash at any moment leaves the checkpoints of before, and files of two saves never mix.
`load_encoder` also reads what others publish: official I-JEPA files and Hugging Face's `IJepaModel`.
"""

import json
import math
import os
import re
import shutil
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .config import ENCODERS, Config, ModelConfig
from .ijepa import IJEPA
from .pixels import PixelTwin
from .vit import Encoder

FORMAT = 1
WEIGHTS, CONFIG, STATE, STATE_TENSORS = "model.safetensors", "config.json", "state.json", "state.safetensors"
NETWORKS = {"target": "target_encoder", "context": "encoder"}  # the same names in the official files
OFFICIAL_HEADS = {
    width: heads for size, (width, _, heads, _) in ENCODERS.items() if size not in ("pico", "nano", "micro")
}
# Hugging Face's names, of the hub's files and of transformers 5, in terms of the official files.
HUGGING_FACE = (
    (r"^ijepa\.", ""),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^(encoder\.)?layers?\.", "blocks."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.(attention\.)?q(uery|_proj)\.", ".attn.q."),
    (r"\.attention\.(attention\.)?k(ey|_proj)\.", ".attn.k."),
    (r"\.attention\.(attention\.)?v(alue|_proj)\.", ".attn.v."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"^layernorm\.", "norm."),
)


# --- our own checkpoints --------------------------------------------------------------------------


def save(folder, model, config, state=None):
    """Make `model`, its `Config` and `state` the newest checkpoint of the run `folder`; returns its path.

    state: what a resumed run needs beside the weights, such as the optimizer's `state_dict()` and counters:
    dicts (keys str or int), lists and tuples of tensors, numbers, strings and None. Anything else is a
    ValueError. The checkpoint before is kept, older ones are deleted.
    """
    folder, tensors = Path(folder), {}
    packed = _pack(state, tensors)
    saving = folder / ".saving"
    shutil.rmtree(saving, ignore_errors=True)  # what a crash may have left
    saving.mkdir(parents=True)
    _write_tensors(saving / WEIGHTS, {n: t.detach().cpu().contiguous() for n, t in model.state_dict().items()})
    _write_json(saving / CONFIG, {"format": FORMAT} | config.to_dict())
    if state is not None:
        _write_tensors(saving / STATE_TENSORS, tensors)
        _write_json(saving / STATE, packed)
    _flush(saving)
    before = _checkpoints(folder)
    new = folder / f"checkpoint-{(_number(before[-1]) if before else 0) + 1:06d}"
    saving.rename(new)
    _flush(folder)
    for old in before[:-1]:
        shutil.rmtree(old, ignore_errors=True)
    return new


def load(path):
    """(model, Config) of a run folder (its newest checkpoint), a checkpoint folder or its weights file.

    The model is an `IJEPA`, or a `PixelTwin` if `config.model.predicts` is "pixels", on the CPU.
    Raises FileNotFoundError or ValueError, in one sentence, for whatever is missing or damaged.
    """
    weights = _find(path)
    config = _own_config(weights, _config_beside(weights))
    network = PixelTwin if config.model.predicts == "pixels" else IJEPA
    return _filled(network, config.model, _read_tensors(weights), weights), config


def load_state(path):
    """The `state` that was saved with the checkpoint, bit for bit, on the CPU; None if there was none."""
    folder = _find(path).parent
    if not (folder / STATE).exists():
        return None
    packed, tensors = _read_json(folder / STATE), _read_tensors(folder / STATE_TENSORS)
    try:
        return _unpack(packed, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(_damaged(folder / STATE, f"{type(error).__name__}: {error}")) from error


# --- encoders, ours and others' --------------------------------------------------------------------


def load_encoder(path, which="target", heads=None):
    """(Encoder, ModelConfig) from any of three kinds of weights, in float32 on the CPU.

    Our own checkpoints, as for `load`; an official I-JEPA `.pth.tar` (read with `weights_only=True`: it can
    run no code); Hugging Face `IJepaModel` weights, as a folder or its `model.safetensors`.
    which: "target", the encoder that the paper evaluates, or "context". Hugging Face's weights hold ONE
    encoder and `which` does not change it: their converter, like timm's, took the CONTEXT encoder, so
    numbers differ from the paper's.
    heads: attention heads, for files that do not say them and have none of the published widths.
    The config's sizes are those of the tensors; what it says of the predictor is only our default.
    """
    if which not in NETWORKS:
        raise ValueError(f'which must be "target" or "context", not {which!r}')
    weights = _find(path)
    if weights.suffix != ".safetensors":
        return _published(_official_tensors(weights, NETWORKS[which]), weights, heads)
    beside = _config_beside(weights)
    if "format" in beside:
        config = _own_config(weights, beside).model
        return _filled(Encoder, config, _read_tensors(weights, NETWORKS[which] + "."), weights), config
    return _hugging_face(weights, beside, heads)


def _official_tensors(path, network):
    """One encoder's state dict out of an official file, without the prefix of DistributedDataParallel."""
    try:
        content = torch.load(path, "cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a broken pickle can raise anything
        raise ValueError(
            f"{path} cannot be read as weights: it is cut short, of another format, or holds code, which is "
            f"never run ({type(error).__name__}); download it again"
        ) from error
    found = list(content) if isinstance(content, dict) else [type(content).__name__]
    if network not in found or not isinstance(content[network], dict):
        raise ValueError(
            f"{path} is no official I-JEPA file with the key {network!r}, it holds: "
            f"{', '.join(map(str, found[:6]))}; choose another file or the other encoder"
        )
    return {str(name).removeprefix("module."): tensor for name, tensor in content[network].items()}


def _hugging_face(path, beside, heads):
    """An `IJepaModel`'s encoder, under names of either style."""
    if beside.get("model_type", "ijepa") != "ijepa" or beside.get("hidden_act", "gelu") != "gelu":
        kind = beside.get("model_type"), beside.get("hidden_act")
        raise ValueError(f"{path} is a {kind[0]} model with {kind[1]}; only ijepa models with gelu can be loaded")
    tensors = {}
    for name, tensor in _read_tensors(path).items():
        for pattern, official in HUGGING_FACE:
            name = re.sub(pattern, official, name)
        if not name.startswith(("pooler.", "classifier.", "embeddings.mask_token")):
            tensors[name] = tensor
    for q in [name for name in tensors if ".attn.q." in name]:
        parts = [tensors.pop(q.replace(".attn.q.", f".attn.{x}."), None) for x in "qkv"]
        if all(part is not None for part in parts):
            tensors[q.replace(".attn.q.", ".attn.qkv.")] = torch.cat(parts)
    heads = beside.get("num_attention_heads", heads)
    return _published(tensors, path, heads, beside.get("image_size"), beside.get("layer_norm_eps", 1e-6))


def _published(tensors, path, heads, image_size=None, norm_eps=1e-6):
    """Our Encoder from tensors under the official names; a square image unless `image_size` says more."""
    width, channels, patch, _ = _shape(tensors, "patch_embed.proj.weight", 4, path)
    _, places, _ = _shape(tensors, "pos_embed", 3, path)
    hidden, _ = _shape(tensors, "blocks.0.mlp.fc1.weight", 2, path)
    side = math.isqrt(places)
    if image_size is None and side**2 != places:
        raise ValueError(f"{path} has positions for {places} patches, which is no square, and no config.json")
    heads = heads or OFFICIAL_HEADS.get(width)
    if heads is None:
        raise ValueError(f"{path} does not say its number of attention heads; pass heads=, a divisor of {width}")
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    config = ModelConfig(
        image_size=image_size or side * patch, patch_size=patch, channels=channels, width=width, depth=depth,
        heads=heads, mlp_ratio=hidden / width, norm_eps=norm_eps,
    )  # fmt: skip
    names = {"patch_embed.proj.weight": "embed.weight", "patch_embed.proj.bias": "embed.bias"}
    ours = {names.get(name, name): tensor for name, tensor in tensors.items()}
    ours["embed.weight"] = ours["embed.weight"].flatten(1)  # a convolution with stride P is a linear layer
    ours["positions"] = ours.pop("pos_embed")[0]
    return _filled(Encoder, config, ours, path), config


def _shape(tensors, name, ndim, path):
    shape = getattr(tensors.get(name), "shape", ())
    if len(shape) != ndim:
        raise ValueError(f"{path} is not an I-JEPA encoder: it has no {name} of {ndim} dimensions")
    return shape


# --- building and checking --------------------------------------------------------------------------


def _filled(network, config, tensors, path):
    """`network(config)` with exactly these tensors; built without drawing weights that would be replaced."""
    with torch.device("meta"):
        model = network(config)
    wanted = model.state_dict()
    for problem, names in (("lacks", wanted.keys() - tensors), ("has the unexpected", tensors.keys() - wanted)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ValueError(f"{path} {problem} tensor {min(names)}{more}: it is not what its config.json, or "
                             "its name, says; choose another checkpoint")  # fmt: skip
    for name, tensor in tensors.items():
        if getattr(tensor, "shape", None) != wanted[name].shape:
            raise ValueError(
                f"{path}: tensor {name} is {_by(getattr(tensor, 'shape', ()))} and must be {_by(wanted[name].shape)} "
                "by its config; choose another checkpoint"
            )
    model.to_empty(device="cpu").load_state_dict(tensors)
    return model


def _by(shape):
    return " x ".join(map(str, shape)) or "a single value"


def _own_config(weights, values):
    if "format" not in values:
        raise ValueError(
            f"{weights} is no jepa-lite checkpoint: no config.json of one lies beside it; of official and "
            "Hugging Face weights only the encoder can be loaded (load_encoder)"
        )
    if values["format"] != FORMAT:
        raise ValueError(
            f"{weights} was saved in format {values['format']} and this jepa-lite reads format {FORMAT}; update it"
        )
    return Config.from_dict({name: value for name, value in values.items() if name != "format"})


# --- files -------------------------------------------------------------------------------------------


def _find(path):
    """The weights file of a run folder (its newest), a checkpoint folder, or the file itself."""
    path = Path(path)
    if path.is_file():
        return path
    for folder in (path, *_checkpoints(path)[-1:]):
        if (folder / WEIGHTS).is_file():
            return folder / WEIGHTS
    missing = "holds no checkpoint" if path.exists() else "does not exist"
    raise FileNotFoundError(f"{path} {missing}; pass a run folder, a checkpoint folder or a weights file")


def _checkpoints(folder):
    """The checkpoint folders of a run, oldest first."""
    return sorted((p for p in folder.glob("checkpoint-*") if p.name[11:].isdigit()), key=_number)


def _number(folder):
    return int(folder.name[11:])


def _config_beside(weights):
    """The config.json in the folder of a weights file; {} when there is none."""
    path = weights.parent / CONFIG
    values = _read_json(path) if path.exists() else {}
    if not isinstance(values, dict):
        raise ValueError(_damaged(path, "it holds no object"))
    return values


def _read_json(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(_damaged(path, error)) from error


def _read_tensors(path, prefix=""):
    """{name without `prefix`: tensor} of a safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return {name[len(prefix) :]: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path, error):
    others = [p.name for p in _checkpoints(path.parent.parent) if p != path.parent]
    way_out = f"load {path.parent.parent / others[-1]}" if others else "copy it again"
    return f"{path} is missing, damaged or cut short ({error}); {way_out}"


def _write_json(path, values):
    path.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    _flush(path)


def _write_tensors(path, tensors):
    save_file(tensors, path)
    _flush(path)


def _flush(path):
    """Have the disk hold a file, or a folder's list of names, before going on."""
    if path.is_dir() and os.name != "posix":
        return  # Windows cannot flush a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- nested values as JSON plus a flat dict of tensors -----------------------------------------------


def _pack(value, tensors):
    """Plain JSON for `value`; its tensors move into `tensors`, copied, because those of a state may be shared."""
    if isinstance(value, torch.Tensor):
        tensors[str(len(tensors))] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(value, dict) and all(type(key) in (str, int) for key in value):
        return {"dict": [[key, _pack(item, tensors)] for key, item in value.items()]}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_pack(item, tensors) for item in value]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(f"a state holds tensors, numbers, strings, lists and dicts, not {type(value).__name__}: {value!r}")


def _unpack(packed, tensors):
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    return {"list": list, "tuple": tuple}[kind](_unpack(item, tensors) for item in content)
