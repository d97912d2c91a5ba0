"""Ten minutes of CIFAR-10, probed beside its controls: writes results/cifar10.json.

    python benchmarks/cifar10.py path/to/cifar10 runs/cifar10

The first path is a tree of class folders of CIFAR-10's training images. A tenth of each class is held out
of pre-training and of the probes' training, and is what accuracy is measured on. A run that is already in
the second path is measured as it is.
"""

import json
import sys
from pathlib import Path

from jepa_lite.cli import configure
from jepa_lite.data import load
from jepa_lite.evaluation.comparison import table_of_controls
from jepa_lite.training.checkpoints import load_encoder
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.provenance import write_json

RESULTS = Path(__file__).parent / "results" / "cifar10.json"
MINUTES, PROBE = 10, 5000


def main(root, out):
    if not (Path(out) / "log.jsonl").exists():
        pretrain(configure("laptop", MINUTES, None, None, 0, ()), "folder", root=root, out=out)
    about = json.loads((Path(out) / "run.json").read_text())
    log = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
    encoder, model = load_encoder(out)
    splits = [
        load("folder", split, image_size=model.image_size, root=root, limit=PROBE)
        for split in ("train", "test")
    ]
    rows = {
        f"last_{last}": table_of_controls(model, {"ijepa": encoder}, *splits, seed=0, last=last)
        for last in (1, 4)
    }
    measured = [record for record in log if "rank" in record]
    keys = ("step", "loss", "rank", "std", "position_share", "gap")
    curve = [{key: record[key] for key in keys} for record in measured[:: max(len(measured) // 20, 1)]]
    facts = {
        "command": "python benchmarks/cifar10.py path/to/cifar10 runs/cifar10",
        "steps": len(log),
        "seconds": round(sum(record["seconds"] for record in log), 1),
        "encoder": "target",
        "controls": rows,
        "curve": curve,
    }
    write_json(RESULTS, facts | about)
    for last, table in rows.items():
        print(last, *table, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
