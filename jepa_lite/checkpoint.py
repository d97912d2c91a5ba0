"""Saving and loading: weights as safetensors, the rest as JSON, nothing as a pickle.

A run folder holds its newest two checkpoints, such as `checkpoint-000001/` and `checkpoint-000002/`.
Each is written under another name, flushed to the disk, and gets its own name last: one rename makes it
exist, whole. So a crash at any moment leaves the checkpoints of before, and files of two saves never mix.
`load_encoder` also reads what others publish (published.py).
"""

import json
import os
import shutil
import textwrap
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .config import Config
from .ijepa import IJEPA
from .pixels import PixelTwin
from .published import hugging_face, official
from .vit import Encoder

FORMAT = 1
WEIGHTS, CONFIG, STATE, STATE_TENSORS = "model.safetensors", "config.json", "state.json", "state.safetensors"
NETWORKS = {"target": "target_encoder", "context": "encoder"}  # the official files use the same names


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
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, saving / WEIGHTS)
    (saving / CONFIG).write_text(json.dumps({"format": FORMAT} | config.to_dict(), indent=2), "utf-8")
    if state is not None:
        save_file(tensors, saving / STATE_TENSORS)
        (saving / STATE).write_text(json.dumps(packed), "utf-8")
    for path in saving.iterdir():
        shutil.copymode(saving / CONFIG, path)  # safetensors would let only the owner read
        _flush(path)
    _flush(saving)
    before = _checkpoints(folder)
    new = folder / f"checkpoint-{int(before[-1].name[-6:]) + 1 if before else 1:06d}"
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
    file = _find(path).parent / STATE
    if not file.exists():
        return None
    packed, tensors = _read_json(file), _read_tensors(file.parent / STATE_TENSORS)
    try:
        return _unpack(packed, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(_damaged(file, repr(error))) from error


def load_encoder(path, which="target", heads=None):
    """(Encoder, ModelConfig) from any of three kinds of weights, in float32 on the CPU.

    Our own checkpoints, as for `load`; an official I-JEPA `.pth.tar` (read with `weights_only=True`: it can
    run no code); Hugging Face `IJepaModel` weights, as a folder or its `model.safetensors`.
    which: "target", the encoder that the paper evaluates, or "context". Hugging Face's weights hold ONE
    encoder, whatever `which` says: their converter, like timm's, took the CONTEXT encoder, so numbers
    differ from the paper's.
    heads: attention heads, for files that do not say them and have none of the published widths.
    The config's sizes are those of the tensors; what it says of the predictor is only our default.
    Raises as `load` does.
    """
    if which not in NETWORKS:
        raise ValueError(f'which must be "target" or "context", not {which!r}')
    weights = _find(path)
    if weights.suffix != ".safetensors":
        config, tensors = official(weights, NETWORKS[which], heads)
    elif "format" in (beside := _config_beside(weights)):
        config, tensors = _own_config(weights, beside).model, _read_tensors(weights, NETWORKS[which] + ".")
    else:
        config, tensors = hugging_face(_read_tensors(weights), weights, beside, heads)
    return _filled(Encoder, config, tensors, weights), config


# --- building ---------------------------------------------------------------------------------------


def _filled(network, config, tensors, path):
    """`network(config)` with exactly these tensors; no weights are drawn only to be replaced."""
    with torch.device("meta"):
        model = network(config)
    try:
        model.to_empty(device="cpu").load_state_dict(tensors)
    except RuntimeError as error:
        reason = textwrap.shorten(str(error).partition(":")[2], 300)
        raise ValueError(f"{path} does not fit its config: {reason}; choose another checkpoint") from error
    return model


def _own_config(weights, values):
    if values.get("format") == FORMAT:
        return Config.from_dict({name: value for name, value in values.items() if name != "format"})
    if "format" in values:
        raise ValueError(
            f"{weights} has format {values['format']}, not {FORMAT}; update jepa-lite to read it"
        )
    raise ValueError(
        f"no config.json of jepa-lite lies beside {weights}; put it there, or use load_encoder: of other "
        "people's weights only the encoder can be loaded"
    )


# --- files ------------------------------------------------------------------------------------------


def _find(path):
    """The weights file of a run folder (its newest), of a checkpoint folder, or the file itself."""
    path = Path(path)
    if path.is_file():
        return path
    for folder in (path, *_checkpoints(path)[-1:]):
        if (folder / WEIGHTS).is_file():
            return folder / WEIGHTS
    problem = f"holds no {WEIGHTS} and no checkpoint folder" if path.exists() else "does not exist"
    raise FileNotFoundError(f"{path} {problem}; pass a run folder, a checkpoint folder or a weights file")


def _checkpoints(folder):
    """The checkpoint folders of a run, oldest first."""
    return sorted(folder.glob("checkpoint-" + 6 * "[0-9]"))


def _config_beside(weights):
    """The config.json in the folder of a weights file; {} when there is none."""
    path = weights.parent / CONFIG
    values = _read_json(path) if path.exists() else {}
    if not isinstance(values, dict):
        raise ValueError(_damaged(path, "no JSON object"))
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
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path, error):
    others = [str(p) for p in _checkpoints(path.parent.parent) if p != path.parent]
    way_out = f"load {others[-1]} instead" if others else "copy or download it again"
    return f"{path} is missing, damaged or cut short ({error}); {way_out}"


def _flush(path):
    """Have the disk hold a file, or a folder's list of names, before going on."""
    if path.is_dir() and os.name != "posix":
        return  # Windows cannot flush a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pack(value, tensors):
    """`value` as plain JSON. Its tensors go to the flat dict `tensors`, copied: a state may share them."""
    if isinstance(value, torch.Tensor):
        tensors[str(len(tensors))] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(value, dict) and all(type(key) in (str, int) for key in value):
        return {"dict": [[key, _pack(item, tensors)] for key, item in value.items()]}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_pack(item, tensors) for item in value]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(f"a state may hold tensors, numbers, strings, lists and dicts, not {value!r}")


def _unpack(packed, tensors):
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensors[content].clone()  # not a map of a file that the next save may delete
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    return {"list": list, "tuple": tuple}[kind](_unpack(item, tensors) for item in content)
