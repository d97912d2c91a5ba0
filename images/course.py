"""Run every notebook and keep the figure of its cell tagged `keep`: python images/course.py [02 05 ...]

Writes images/course/NN.png, with colours reduced to a palette so that it stays small, and prints what the
notebook says of it.
"""

import base64
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def keep(path):
    """Execute a notebook; its kept figure goes to images/course. Returns the figure's alt text."""
    notebook = nbformat.read(path, 4)
    where = {"metadata": {"path": str(path.parent)}}
    with tempfile.TemporaryDirectory() as empty:  # for notebook 14, whose figure is of the reference solution
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where)
        client.execute(env=os.environ | {"JEPA_LITE_CAPSTONE": empty})
    (cell,) = [cell for cell in notebook.cells if "keep" in cell.metadata.get("tags", [])]
    data = next(o["data"] for o in cell.outputs if "image/png" in o.get("data", {}))
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    picture.quantize(128).save(ROOT / f"images/course/{path.stem[:2]}.png", optimize=True)
    return "".join(data["text/plain"])


if __name__ == "__main__":
    for path in sorted((ROOT / "notebooks").glob("[01][0-9]_*.ipynb")):
        if not sys.argv[1:] or path.stem[:2] in sys.argv[1:]:
            print(path.stem, re.sub(r"\s+", " ", keep(path)), sep=": ", flush=True)
