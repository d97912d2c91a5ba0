"""Notebooks with their outputs: where they are kept, which are stale, and how one is executed.

Committed notebooks hold only some of their outputs (images/course.py). The test suite executes each of them
anyway, and leaves them with all outputs in the folder that JEPA_LITE_EXECUTED names. The site takes them from
there, and executes what is missing or stale itself. Outputs are stale if the notebook's code, the library or
a result changed.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import nbformat

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "JEPA_LITE_EXECUTED"
SHAPING = (
    "jepa_lite/**/*.py",
    "jepa_lite/**/static/*",
    "benchmarks/results/*.json",
)  # the outputs
SOCKETS = {"transport": "ipc"} if os.name == "posix" else {}  # no port that another process could take
PATIENCE = 900  # seconds until a cell counts as hanging


def fingerprint(notebook: nbformat.NotebookNode) -> str:
    """A digest of all that the outputs of a notebook are made from."""
    digest = hashlib.sha256("\0".join(c.source for c in notebook.cells if c.cell_type == "code").encode())
    for path in sorted(path for pattern in SHAPING for path in ROOT.glob(pattern)):
        digest.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def keep(notebook: nbformat.NotebookNode, name: str, folder: Path, drop: str = "solved") -> None:
    """Write an executed notebook to `folder`, without the cells whose metadata say `drop`."""
    kept = nbformat.from_dict(notebook)
    kept.cells = [cell for cell in kept.cells if not cell.metadata.get(drop)]
    for number, cell in enumerate((c for c in kept.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    kept.metadata.pop("widgets", None)  # the state of widgets is of no use without a kernel
    kept.metadata["jepa_lite"] = {"fingerprint": fingerprint(kept)}
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.part"  # a reader finds a whole file or none
    nbformat.write(kept, part)
    part.replace(folder / name)


def find(path: Path, folder: Path) -> nbformat.NotebookNode | None:
    """What `keep` wrote of the notebook at `path`, or None where that is missing or stale."""
    if not (folder / path.name).exists():
        return None
    made = nbformat.read(folder / path.name, 4)
    fresh = made.metadata.get("jepa_lite", {}).get("fingerprint") == fingerprint(nbformat.read(path, 4))
    return made if fresh else None


def execute(paths: Iterable[Path], folder: Path) -> None:
    """Execute notebooks where they lie, one after the other, and keep each in `folder`.

    Raises nbclient's CellExecutionError for a notebook that fails."""
    with tempfile.TemporaryDirectory(prefix="jepa-lite-course-") as models:  # trained once for all of them
        for path in paths:
            print(f"executing {path.name}", flush=True)
            keep(run(path, {"JEPA_LITE_COURSE": models}), path.name, folder)


def run(path: Path, variables: Mapping[str, str] = MappingProxyType({})) -> nbformat.NotebookNode:
    """Execute a notebook in its folder, with more environment variables, and leave its file as it is.

    Raises nbclient's CellExecutionError where a cell fails."""
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory(prefix="jepa-lite-kernel-") as folder:
        client = NotebookClient(
            notebook,
            timeout=PATIENCE,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            config=Config(KernelManager={"connection_file": f"{folder}/kernel.json"} | SOCKETS),
        )
        # Notebook 14's file is empty there, whatever a learner has beside the notebooks.
        client.execute(env=os.environ | {"JEPA_LITE_CAPSTONE": folder} | variables)
    return notebook
