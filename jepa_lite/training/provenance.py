"""The facts beside a result: what was run, on which data, with which versions, on which machine."""

import datetime
import itertools
import json
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def describe(out: Path, run, **facts: Any) -> None:
    """Write `out/run.json`: what this run is, where and with what it was made."""
    about = facts | {"config": run.config.to_dict(), "images": len(run.source)} | machine(run.device)
    write_json(out / "run.json", about)


def trained_on(checkpoint: str | Path) -> tuple[str, str | None]:
    """(data set, root or None) of the run that `checkpoint` is of: its folder, or one of its checkpoints or
    weights files. ValueError, in one sentence, when unknown."""
    path = Path(checkpoint)
    out = next((p for p in (path, *list(path.absolute().parents)[:2]) if (p / "run.json").exists()), path)
    try:
        facts = read_facts(out)
    except ValueError as error:
        raise ValueError(f"{error}; name the data set with --data, and its place with --root") from error
    if not isinstance(facts.get("data"), str):
        raise ValueError(f"{checkpoint} does not say what it was trained on; name the data set with --data")
    return facts["data"], facts.get("root")


def read_facts(out: str | Path) -> dict:
    """What `describe` wrote to the folder `out`; {} where it did not. ValueError where it is damaged."""
    about = Path(out).expanduser() / "run.json"
    facts = read_json(about) if about.exists() else {}
    if not isinstance(facts, dict):
        raise ValueError(f"{about} is damaged (it holds no JSON object)")
    return facts


def read_json(path: str | Path) -> Any:
    """The content of a JSON file. ValueError, in one sentence that names it, where it is damaged."""
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:  # also bytes that are no text; nested too deeply
        raise ValueError(f"{path} is damaged ({error})") from error


def write_json(path: str | Path, facts: dict, indent: int | None = 2) -> None:
    """Write facts as JSON, readable unless `indent` is None, making the folder if need be."""
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(facts, indent=indent) + "\n")
    os.replace(part, path)  # so that no crash leaves half of it


def free_name(path: Path) -> Path:
    """A free name beside `path` for what was damaged there: damaged-NAME, damaged-2-NAME and so on."""
    names = (f"damaged-{number}-{path.name}" for number in itertools.count(2))
    names = itertools.chain([f"damaged-{path.name}"], names)
    return next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))


def machine(device: str | torch.device = "cpu") -> dict:
    """Versions, hardware and today's date (UTC), for beside a result."""
    device = torch.device(device)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
            "scikit-learn": version("scikit-learn"),
        },
        "machine": {
            "system": platform.system(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        },
    }


def has_compiler() -> bool:
    """Whether torch.compile will find a C++ compiler; True on Windows, where it has ways of its own."""
    names = (os.environ.get("CXX", "g++"), "g++", "clang++")
    return os.name != "posix" or any(map(shutil.which, names))


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if cpuinfo.exists()
        else []
    )
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
