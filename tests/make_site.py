"""The site as `make site` builds it, for the tests that look at it, with made outputs in one notebook.

To execute a notebook takes longer than to build the site. Its outputs here are of every kind that notebooks
have: a figure by day and by night, a widget beside its static picture, printed words and a progress bar.
"""

import base64
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALT = "A widget's static figure, made for a test."
BAR = "a progress bar of a test"
WIDGET = "application/vnd.jupyter.widget-view+json"


def with_outputs() -> str:
    """The name of the notebook that gets outputs: the first one."""
    return min(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def build_site(out):
    """Write the site to the folder `out` in another process; returns (exit status, what it said)."""
    command = [sys.executable, "-m", "tests.make_site", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main(out):
    import nbformat
    from nbformat.v4 import new_output

    from jepa_lite.course import guesses
    from website import build, executed

    picture = guesses({"steps": (3, 7.25)})
    figure = {k: v for k, v in picture._repr_mimebundle_().items() if k != "image/png"}
    pixels = base64.b64encode(picture.day_and_night(50)[0]).decode()
    widget = {WIDGET: {"model_id": "0"}, "image/png": pixels, "text/plain": "A widget"}
    notebook = nbformat.read(ROOT / "notebooks" / with_outputs(), 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"][1:]  # after the one that installs
    cells[0].outputs = [new_output("stream", name="stderr", text=BAR), new_output("display_data", figure)]
    cells[1].outputs = [new_output("display_data", widget, metadata={"image/png": {"alt": ALT}})]
    outputs = out.with_name("executed")
    executed.keep(notebook, with_outputs(), outputs)
    return build.build(out, outputs)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
