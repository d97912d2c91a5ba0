"""What notebook 00 compares your machine to: a training step, and each notebook. Writes results/course.json.

    python benchmarks/course.py

The step is the one that notebook 00 times, in the same way (course/timing.py): `Run.train_step` of the
course's recipe on synthetic images, the median after the warm-up. Then every notebook is run as it is, in
order and with an empty folder for models, so that the first one that asks for a model trains it.
"""

import os
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from jepa_lite.course import SEED
from jepa_lite.course.timing import IMAGES, WARM_UP, median_seconds, step_times
from jepa_lite.training.provenance import machine, write_json

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results/course.json"
ROUNDS = 55


def main():
    facts = {"command": "python benchmarks/course.py", "seed": SEED, "images": IMAGES, "warm_up": WARM_UP}
    times = step_times(ROUNDS)
    facts |= {"times": times, "step_seconds": median_seconds(times, WARM_UP), "notebooks": {}} | machine()
    write_json(RESULTS, facts)  # notebook 00 reads it
    with tempfile.TemporaryDirectory() as models:
        os.environ["JEPA_LITE_COURSE"] = os.environ["JEPA_LITE_CAPSTONE"] = models
        for path in sorted((ROOT / "notebooks").glob("[01][0-9]_*.ipynb")):
            facts["notebooks"][path.stem] = seconds = notebook_seconds(path)
            print(f"{path.stem}: {seconds:.1f} s", flush=True)
    write_json(RESULTS, facts)
    print(f"a step: {facts['step_seconds']:.3f} s")


def notebook_seconds(path):
    began = time.perf_counter()
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(nbformat.read(path, 4), timeout=900, kernel_name="python3", resources=where).execute()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
