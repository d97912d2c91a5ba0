"""Saving and loading: weights as safetensors, the rest as JSON, nothing as a pickle.

A run folder holds its newest two checkpoints, such as `checkpoint-000001/` and `checkpoint-000002/`.
Each is written under another name, flushed to the disk, and gets its own name last: one rename makes it
exist, whole. So a crash at any moment leaves the checkpoints of before, and files of two saves never mix.
What a disk does to a file later shows in its checksum; then the checkpoint before is taken, and it is said.
`load_encoder` also reads what others publish (published_weights.py).
"""

import json
import os
import shutil
import textwrap
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..baselines.pixel_target import PixelBaseline
from ..config import Config, ModelConfig
from ..limits import brief, one_of
from ..method.ijepa import IJEPA
from ..method.vit import Encoder
from . import published_weights
from .damage import CHECKSUMS, CONFIG, STATE, STATE_TENSORS, WEIGHTS, checksum, find_damage
from .packing import pack, unpack
from .provenance import read_json
from .shipped_weights import PREFIX, TARGET, find_shipped, with_both_encoders
from .weight_files import UNREADABLE, NotWeights, all_shards, checksums, read, weights_in

FORMAT = 1
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
NETWORKS = {"target": "target_encoder", "context": "encoder"}  # the official files use the same names


def save(folder: str | Path, model: IJEPA, config: Config, state: dict | None = None) -> Path:
    """Make `model`, its `Config` and `state` the newest checkpoint of the run `folder`; returns its path.

    state: what a resumed run needs beside the weights, such as the optimizer's `state_dict()` and counters:
    dicts (keys str or int), lists and tuples of tensors, numbers, strings and None. Anything else is a
    ValueError. The checkpoint before is kept, older ones are deleted.
    """
    folder = Path(folder).expanduser()
    saving = folder / ".saving"
    shutil.rmtree(saving, ignore_errors=True)  # what a crash may have left
    try:
        _write(saving, model, config, state)
        before = _checkpoints(folder)
        new = folder / f"checkpoint-{int(before[-1].name[-6:]) + 1 if before else 1:06d}"
        saving.rename(new)
    finally:  # on a full disk, what was begun must not take the room that the next try needs
        shutil.rmtree(saving, ignore_errors=True)
    _flush(folder)
    for old in before[:-1]:
        shutil.rmtree(old, ignore_errors=True)
    return new


def _write(folder, model, config, state):
    """Write all files of a checkpoint to `folder`, and wait until the disk holds them."""
    tensors = {}
    packed = pack(state, tensors)
    folder.mkdir(parents=True)
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS, checksums(weights))
    (folder / CONFIG).write_text(json.dumps({"format": FORMAT} | config.to_dict(), indent=2), "utf-8")
    if state is not None:
        save_file(tensors, folder / STATE_TENSORS)
        (folder / STATE).write_text(json.dumps(packed), "utf-8")
    sums = {path.name: checksum(path) for path in sorted(folder.iterdir())}
    (folder / CHECKSUMS).write_text(json.dumps(sums), "utf-8")
    for path in folder.iterdir():
        shutil.copymode(folder / CONFIG, path)  # safetensors would let only the owner read
        _flush(path)
    _flush(folder)


def newest(folder: str | Path) -> Path:
    """The newest checkpoint of a run folder that is whole; those after it are named in a warning.

    Raises FileNotFoundError when the run has none, ValueError when all of them are damaged.
    """
    folder, damaged = Path(folder).expanduser(), []
    for checkpoint in reversed(_checkpoints(folder)):
        if not (damage := find_damage(checkpoint)):
            for problem in damaged:
                warnings.warn(f"{problem}; {checkpoint}, which is whole, is used instead", stacklevel=2)
            return checkpoint
        damaged.append(f"{checkpoint} is damaged: {damage}")
    if damaged:
        raise ValueError(f"no checkpoint of {folder} is whole: {'; '.join(damaged)}; copy it again")
    raise FileNotFoundError(f"{folder} holds no checkpoint")


def set_aside(folder: str | Path, after: Path) -> None:
    """Rename the damaged checkpoints after the checkpoint `after`, for `save` counts on all being whole."""
    for checkpoint in _checkpoints(Path(folder).expanduser()):
        if checkpoint.name > after.name:
            aside = checkpoint.with_name(f"damaged-{checkpoint.name}")
            shutil.rmtree(aside, ignore_errors=True)
            checkpoint.rename(aside)


def load_model(path: str | Path, heads: int | None = None) -> tuple[IJEPA, Config]:
    """(model, Config) of a run folder (its newest checkpoint), a checkpoint folder or its weights file.

    The model is an `IJEPA`, or a `PixelBaseline` if `config.model.predicts` is "pixels", on the CPU. An
    official `.pth.tar` does as well: its three networks make an `IJEPA`, with the paper's masks and the
    released code's target norm and loss in the config. heads: as for `load_encoder`.
    Raises FileNotFoundError or ValueError, in one sentence, for whatever is missing or damaged.
    """
    weights = _find(path)
    if not _is_ours(weights):
        model, tensors = published_weights.whole(_read_tensors(weights), weights, heads)
        return _filled(IJEPA, model, tensors, weights), Config(model)
    config = _own_config(weights)
    network = PixelBaseline if config.model.predicts == "pixels" else IJEPA
    return _filled(network, config.model, with_both_encoders(_read_tensors(weights)), weights), config


def pretrained(name: str) -> IJEPA:
    """The shipped I-JEPA "cifar10" or "imagenette", whole and on the CPU (docs/models.md says what it is).

    Its `target_encoder` is what was measured: 32 x 32 and 64 x 64 pixels, and other multiples of its patch.
    Raises ValueError for another name."""
    return load_model(PREFIX + name)[0]


def load_state(path: str | Path) -> dict | None:
    """The `state` that was saved with the checkpoint, bit for bit, on the CPU; None if there was none."""
    file = _find(path, (STATE, STATE_TENSORS)).parent / STATE
    if not file.exists():
        return None
    packed, tensors = _read_json(file), _read_tensors(file.parent / STATE_TENSORS)
    try:
        return unpack(packed, tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(_damaged(file, repr(error))) from error


def load_encoder(
    path: str | Path, which: str = "target", heads: int | None = None
) -> tuple[Encoder, ModelConfig]:
    """(Encoder, ModelConfig) from any of four kinds of weights, in float32 on the CPU.

    Our own checkpoints, as for `load_model`; an official I-JEPA `.pth.tar`; Hugging Face `IJepaModel`
    weights, as a folder (also of its cache, `models--.../`) or a file in it, whole or in shards,
    safetensors or `pytorch_model.bin`; an encoder's state dict under the names of either. Pickles are
    read with `weights_only=True`: they can run no code. which: "target", the encoder that the paper
    evaluates, or "context". The last two kinds hold ONE encoder, whatever `which` says: Hugging Face's
    converter, like timm's, took the CONTEXT encoder, so numbers differ from the paper's. heads: attention
    heads, for files that do not say them and have none of the published widths. The config's sizes are
    those of the tensors; what it says of the predictor is only our default. Raises as `load_model` does.
    """
    one_of(which, NETWORKS, "which")
    weights = _find(path)
    if _is_ours(weights):
        config, tensors = _own_config(weights).model, _read_tensors(weights, NETWORKS[which] + ".")
        tensors = tensors or _read_tensors(weights, TARGET)  # shipped weights hold one for both
    else:
        content, beside = _read_tensors(weights), _config_beside(weights)
        config, tensors = published_weights.encoder(content, NETWORKS[which], weights, beside, heads)
    return _filled(Encoder, config, tensors, weights), config


# --- building ---------------------------------------------------------------------------------------


def _filled(network, config, tensors, path):
    """`network(config)` with exactly these tensors; no weights are drawn only to be replaced."""
    for name, tensor in tensors.items():
        _check_numbers(name, tensor, path)
    with torch.device("meta"):
        model = network(config)
    try:
        model.to_empty(device="cpu").load_state_dict(tensors)
    except RuntimeError as error:
        reason = textwrap.shorten(str(error).partition(":")[2], 300)
        raise ValueError(f"{path} does not fit its config: {reason}; choose another checkpoint") from error
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise ValueError(f"{path} holds NaN or infinity in {name}; choose weights from before that")
    return model


def _is_ours(weights):
    return "format" in _config_beside(weights) and weights.suffix != ".tar"  # so end the official files


def _own_config(weights):
    values = _config_beside(weights)
    if (found := values.pop("format")) != FORMAT:
        raise ValueError(f"{weights} has format {brief(found)}, not {FORMAT}; update jepa-lite to read it")
    try:
        return Config.from_dict(values)
    except ValueError as error:
        raise ValueError(_damaged(weights.parent / CONFIG, error)) from error


def _check_numbers(name, tensor, path):
    """Raise ValueError for weights that are no real, finite numbers."""
    if not isinstance(tensor, torch.Tensor) or tensor.dtype not in FLOATS:
        kind = getattr(tensor, "dtype", type(tensor).__name__)
        raise ValueError(
            f"{path} holds {brief(name)} as {kind}; weights are real numbers of 16 to 64 bits; choose "
            "another checkpoint"
        )
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{path} holds a NaN or an infinity in {brief(name)}; choose another checkpoint")


# --- files ------------------------------------------------------------------------------------------


def _find(path, needed=None):
    """The weights file of a run folder (its newest whole one), of a checkpoint folder, or the file itself.

    Raises ValueError if it and its config, or else the files `needed` beside it, are damaged.
    """
    path = find_shipped(path).expanduser()
    if path.is_file():
        path = all_shards(path)
    elif _checkpoints(path):
        path = newest(path) / WEIGHTS
    elif found := weights_in(path):
        path = found
    else:
        problem = f"holds no {WEIGHTS} and no checkpoint folder" if path.exists() else "does not exist"
        raise FileNotFoundError(
            f"{path} {problem}; pass a run folder, a checkpoint folder, a weights file or a model's folder "
            "in Hugging Face's cache (models--...)"
        )
    if damage := find_damage(path.parent, needed or (path.name, CONFIG)):
        raise ValueError(_damaged(path.parent, damage))
    return path


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
        return read_json(path)
    except ValueError as error:
        raise ValueError(_damaged(path, error.__cause__)) from error


def _read_tensors(path, prefix=""):
    """{name without `prefix`: tensor} of a weights file; of a pickle, whatever it holds."""
    try:
        return read(path, prefix)
    except NotWeights:
        raise
    except UNREADABLE as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path, error):
    folder = path if path.is_dir() else path.parent
    others = [str(p) for p in _checkpoints(folder.parent) if p != folder]
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
