"""What does each switch of the collapse lab do? Writes results/collapse.json (ten minutes on one busy core).

    python benchmarks/collapse.py

The lab's run (jepa_lite/baselines/switches.py) over three seeds: nothing switched off, one thing,
several, all. Written down are the measures of the last step, what the untrained network had, and the
alarms.
"""

import dataclasses
import time
import warnings
from pathlib import Path

import torch

from jepa_lite.baselines.switches import Switches
from jepa_lite.training.collapse_alarms import CollapseWarning
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.widgets.collapse_run import STEPS, lab_config, lab_run

RESULTS = Path(__file__).parent / "results" / "collapse.json"
SEEDS = (0, 1, 2)
MEASURES = ("rank", "std", "position_share", "gap")
LAST = 10  # steps whose losses are averaged: the loss of one batch jumps
SIDES = [  # stop-gradient, EMA, predictor, norm
    (True, True, True, "place"),
    (False, True, True, "place"),
    (True, False, True, "place"),
    (True, True, False, "place"),
    (False, False, False, "place"),
    (True, True, True, "layer"),
    (False, True, True, "layer"),
    (True, False, True, "layer"),
    (True, True, False, "layer"),
    (False, False, True, "layer"),
    (True, True, True, "none"),
    (False, False, False, "none"),
]


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", CollapseWarning)
    began = time.process_time()
    rows = [row(Switches(*sides)) for sides in SIDES]
    facts = {"command": "python benchmarks/collapse.py", "seeds": list(SEEDS), "steps": STEPS}
    facts |= {"cpu_seconds": round(time.process_time() - began), "config": lab_config(Switches()).to_dict()}
    write_json(RESULTS, facts | {"rows": rows} | machine())


def row(switches):
    result = {"name": str(switches), "switches": dataclasses.asdict(switches)}
    result["runs"] = [measured(switches, seed) for seed in SEEDS]
    for run in result["runs"]:
        print(result["name"], *(f"{m} {run[m]:.3f}" for m in ("loss", *MEASURES)), flush=True)
    return result


def measured(switches, seed):
    run = lab_run(switches, seed)
    at_first, log = run.measures(), list(run.steps())
    alarms = [sentence for record in log for sentence in record.get("alarms", ())]
    return {
        "seed": seed, "seconds": round(run.elapsed, 1), "at_first": at_first, "alarms": alarms,
        "loss": sum(record["loss"] for record in log[-LAST:]) / LAST,
    } | {m: log[-1][m] for m in MEASURES}  # fmt: skip


if __name__ == "__main__":
    main()
