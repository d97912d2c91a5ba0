"""Which file holds the weights that a path names, and the tensors in it, whoever wrote it: no code is run.

A weights file is a safetensors file, a pickle of `torch.save` (read with `weights_only=True`), or the index
of several such. What its tensors mean is for checkpoints.py (ours) and published_weights.py (other people's).
"""

import contextlib
import json
import pickle
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

# In a folder, in this order: what `save_pretrained` writes, whole or in shards that an index lists.
FILES = ("model.safetensors", "pytorch_model.bin")
INDEX = ".index.json"
CHECKSUMS = "crc32"  # in the metadata of a safetensors file of ours: {name: of the tensor's bytes}
UNREADABLE = (SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
CONVERT = (
    "import torch; tensors = lambda v: {k: tensors(w) for k, w in v.items() if isinstance(w, (dict, "
    "torch.Tensor))} if isinstance(v, dict) else v; v = torch.load('%s', 'cpu', weights_only=False); "
    "torch.save(tensors(v.state_dict() if hasattr(v, 'state_dict') else v), '%s')"
)


class NotWeights(ValueError):
    """A file holds something else than weights; its sentence says what to do, and is whole."""


def weights_in(folder: Path) -> Path | None:
    """The weights file or the index in `folder`, or in the newest download below it; None if there is none.

    Hugging Face's cache keeps a model as `models--.../snapshots/<commit>/`, and `refs/main` says which one.
    """
    for place in (folder, *_snapshots(folder)):
        for name in FILES:
            for path in (place / name, place / (name + INDEX)):
                if path.is_file():
                    return path
    return None


def _snapshots(folder):
    main, found = folder / "refs" / "main", [p for p in folder.glob("snapshots/*") if p.is_dir()]
    chosen = main.read_text("utf-8", "replace").strip() if main.is_file() else None
    return sorted(found, key=lambda p: (p.name != chosen, -p.stat().st_mtime))


def all_shards(path: Path) -> Path:
    """The index of the shards that `path` is one of; `path` itself if it is none."""
    index = path.with_name(re.sub(r"-\d{5}-of-\d{5}(?=\.)", "", path.name) + INDEX)
    return index if index.is_file() else path


def _is_safetensors(path: Path) -> bool:
    """Whether a file is read as safetensors: by its content, for a cache's files have no telling names."""
    with open(path, "rb") as file:
        head = file.read(9)
    return head[8:] == b"{" or (path.suffix == ".safetensors" and head[:1] not in (b"P", b"\x80"))


def read(path: Path, prefix: str = "") -> Any:
    """The content of a weights file: {name: tensor}, or whatever else a pickle holds, on the CPU.

    Names lose what DistributedDataParallel and torch.compile put in, and `prefix`, which all that is wanted
    must have. Raises NotWeights for a pickle that will not do, UNREADABLE for another damaged file.
    """
    if path.name.endswith(INDEX):
        return {name: tensor for shard in _shards(path) for name, tensor in read(shard, prefix).items()}
    if _is_safetensors(path):
        return _read_safetensors(path, prefix)
    content = _unpickled(path)
    return content if not isinstance(content, dict) else named(content, prefix)


def named(tensors: dict, prefix: str = "") -> dict:
    """`tensors` under plain names, as `read` gives them."""
    found = {_plain_name(name): tensor for name, tensor in tensors.items()}
    return {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix)}


def _plain_name(name: str) -> str:
    return ".".join(part for part in str(name).split(".") if part not in ("module", "_orig_mod"))


def checksums(tensors: dict[str, Tensor]) -> dict[str, str]:
    """The metadata with which `save_file` lets a safetensors file of ours be checked, wherever it goes."""
    return {CHECKSUMS: json.dumps({name: _crc(tensor) for name, tensor in tensors.items()})}


def _crc(tensor):
    return zlib.crc32(tensor.contiguous().view(-1).view(torch.uint8).numpy())


def _shards(index):
    files = json.loads(index.read_text("utf-8"))
    files = sorted({index.with_name(Path(name).name) for name in files["weight_map"].values()})
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"{', '.join(missing[:3])}, which it lists, is not beside it")
    return files


def _read_safetensors(path, prefix):
    with safe_open(path, "pt") as file:
        sums = json.loads((file.metadata() or {}).get(CHECKSUMS, "{}"))
        names = {name: _plain_name(name) for name in file.keys()}  # noqa: SIM118
        found = {name: file.get_tensor(name) for name, plain in names.items() if plain.startswith(prefix)}
    changed = [name for name in found if name in sums and sums[name] != _crc(found[name])]
    if changed:
        raise ValueError(f"{changed[0]} has changed on the disk")
    return {names[name].removeprefix(prefix): tensor for name, tensor in found.items()}


def _unpickled(path):
    try:
        return torch.load(path, "cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a broken pickle can raise anything
        if refused := _refused(path, error):
            apart = path.with_name(path.name + ".tensors.pt")
            raise NotWeights(
                f"{path} holds {', '.join(refused)} beside its tensors, which only code that the file names "
                "can make, and none is run; if you trust where it comes from, copy its tensors with python "
                f'-c "{CONVERT % (path, apart)}", which runs that code, and pass {apart}'
            ) from error
        raise NotWeights(
            f"{path} cannot be read as weights: it is cut short or of another format "
            f"({type(error).__name__}); download it again"
        ) from error


def _refused(path, error):
    """Up to three of the types that a sound pickle holds and that are neither tensors nor plain values."""
    if not isinstance(error, pickle.UnpicklingError):
        return []
    with contextlib.suppress(Exception):  # it knows the newer format alone, but any error names one type
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))[:3]
    return re.findall(r"GLOBAL ([\w.]+)", str(error))[:1]
