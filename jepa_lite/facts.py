"""The facts beside a result: what was run, on which data, with which versions, on which machine."""

import json
import os
import platform
import shutil
from pathlib import Path

import sklearn
import torch
import torchvision


def describe(out, run, **facts):
    """Write `out/run.json`: what this run is, where and with what it was made."""
    about = facts | {"config": run.config.to_dict(), "images": len(run.source)} | machine(run.device)
    write_json(out / "run.json", about)


def trained_on(checkpoint):
    """The data set that the run in the folder `checkpoint` was trained on. ValueError when unknown."""
    data = read_facts(checkpoint).get("data")
    if data is None:
        raise ValueError(f"{checkpoint} does not say what it was trained on; name the data set with --data")
    return data


def read_facts(out):
    """What `describe` wrote to the folder `out`; {} where it did not."""
    about = Path(out).expanduser() / "run.json"
    return json.loads(about.read_text()) if about.exists() else {}


def write_json(path, facts):
    """Write facts as readable JSON, making the folder if need be."""
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(facts, indent=2) + "\n")
    os.replace(part, path)  # so that no crash leaves half of it


def machine(device="cpu"):
    """Versions and hardware, for beside a result."""
    device = torch.device(device)
    return {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "machine": {
            "system": platform.system(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        },
    }


def main_memory():
    """Bytes of this machine's memory; 16 GB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 16 * 2**30


def has_compiler():
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
