"""The weights that come with the package: small I-JEPAs that learned photographs (docs/models.md).

Each is a folder of jepa_lite/weights/ with the files of a checkpoint, in half precision on the disk, and
run.json, which says how it was trained. They hold one encoder for both: at the end of a run the learning
rate is next to nothing, so the moving average is near the context encoder, and a file of half the size does.
(docs/models.md says what that changes.) Wherever a checkpoint is asked for, `pretrained:NAME` names one.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

from ..limits import one_of
from .damage import CONFIG, WEIGHTS
from .provenance import read_facts, write_json
from .weight_files import checksums, read

FOLDER = Path(__file__).parents[1] / "weights"
PREFIX = "pretrained:"
CONTEXT, TARGET = "encoder.", "target_encoder."  # how names of tensors begin
PRIVATE = ("root", "launch")  # facts of a run that say where it lay, not what it was


def names() -> tuple[str, ...]:
    """The names of the weights that are there."""
    return tuple(sorted(path.name for path in FOLDER.glob("*") if (path / WEIGHTS).exists()))


def find_shipped(path: str | Path) -> Path:
    """The folder of shipped weights that `path` names as pretrained:NAME; any other path as it is.

    Raises ValueError, with the names that there are, for an unknown one."""
    if not str(path).startswith(PREFIX):
        return Path(path)
    name = str(path).removeprefix(PREFIX)
    one_of(name, names(), PREFIX.rstrip(":"))
    return FOLDER / name


def ship(checkpoint: str | Path, run: str | Path, name: str, folder: Path = FOLDER, **facts: object) -> Path:
    """Make the model of a checkpoint folder, of the run folder `run`, the shipped weights `name`.

    Weights are rounded to float16; sums over images (the whitening) keep float32. The context encoder is
    left out, and `with_both_encoders` brings it back. `facts` join run.json."""
    checkpoint, out = Path(checkpoint), folder / name
    out.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in read(checkpoint / WEIGHTS).items() if not key.startswith(CONTEXT)}
    tensors = {key: _rounded(key, value) for key, value in kept.items()}
    save_file(tensors, out / WEIGHTS, checksums(tensors))
    (out / WEIGHTS).chmod(0o644)  # safetensors lets its owner alone read it
    (out / CONFIG).write_text((checkpoint / CONFIG).read_text("utf-8"), "utf-8")
    about = {key: value for key, value in read_facts(run).items() if key not in PRIVATE}
    write_json(out / "run.json", about | facts)
    return out


def with_both_encoders(tensors: dict) -> dict:
    """`tensors` of a checkpoint, by name; one without a context encoder gets the target encoder's."""
    if any(name.startswith(CONTEXT) for name in tensors):
        return tensors
    return tensors | {
        CONTEXT + name.removeprefix(TARGET): value.clone()
        for name, value in tensors.items()
        if name.startswith(TARGET)
    }


def _rounded(name, tensor):
    keeps = name.endswith(("embed.whitening", "embed.mean")) or not tensor.is_floating_point()
    return (tensor if keeps else tensor.to(torch.float16)).contiguous()
