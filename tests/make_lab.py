"""The command of the Makefile's target `lab`, and a copy of what it serves, for the tests that start it."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRST = "my-notebooks/00_start_here.ipynb"  # what it opens
SERVED = (
    "notebooks",
    "images",
    "benchmarks",
    "docs",
    "jepa_lite",
    "README.md",
    "CONTRIBUTING.md",
    "my_notebooks.py",
)


def lab_command():
    """The command, run by this Python and without options of a user's own."""
    line = re.search(r"^lab:.*\n\t@?(.+)$", (ROOT / "Makefile").read_text("utf-8"), re.M)[1]
    words = shlex.split(line.replace("$(ARGS) ", ""))
    assert words[:3] == ["$(BIN)/python", "-m", "jupyterlab"] and words[-1] == FIRST, f"make lab runs {line}"
    return [sys.executable, *words[1:]]


def copy_course(to):
    """A copy of the checkout as far as notebooks look at it, with my-notebooks/, since JupyterLab saves."""
    for name in SERVED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, to / name)
    subprocess.run([sys.executable, "my_notebooks.py"], cwd=to, check=True)
