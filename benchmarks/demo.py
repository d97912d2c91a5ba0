"""The demo over three seeds: writes results/demo.json (about five minutes a seed on two cores).

    python benchmarks/demo.py

Each seed makes its own images, weights, crops and masks, and its own controls. "spread" is the sample
standard deviation over seeds. I-JEPA stands above a control when their means differ by more than both
spreads together.
"""

import statistics
import tempfile
from pathlib import Path

from jepa_lite.demo import run_demo
from jepa_lite.training.provenance import machine, write_json

RESULTS = Path(__file__).parent / "results" / "demo.json"
SEEDS = (0, 1, 2)


def main():
    with tempfile.TemporaryDirectory() as folder:
        runs = [run_demo(Path(folder) / str(seed), seed=seed, report=False) for seed in SEEDS]
    rows = [summary(name, runs) for name in (row["name"] for row in runs[0]["controls"])]
    kept = [
        {key: run[key] for key in ("seed", "steps", "seconds", "baseline_seconds", "controls")}
        for run in runs
    ]
    facts = {
        "command": "python benchmarks/demo.py",
        "config": runs[0]["config"],
        "controls": rows,
        "runs": kept,
    }
    write_json(RESULTS, facts | machine())
    for row in rows:
        print(row)


def summary(name, runs):
    """Mean and spread over seeds of one row of the table of controls."""
    row = {"name": name}
    for probe in ("linear", "knn"):
        values = [r[probe] for run in runs for r in run["controls"] if r["name"] == name]
        row |= {probe: statistics.mean(values), f"{probe}_std": statistics.stdev(values)}
    return row


if __name__ == "__main__":
    main()
