"""The main job in one go: train on `shapes`, measure beside every control, write a report."""

import dataclasses
from pathlib import Path

import torch

from .config import preset
from .data import load
from .pretrain import describe, machine, recorded, write_json
from .probe import features, knn, ladder, random_encoder
from .report import write_report
from .train import Run

PROBE = 2000  # labelled images of train that the probes learn from, and as many of test
CURVE = 8  # times that kNN is measured during the run, for the curve
CURVE_IMAGES = 500


def run_demo(out, *, minutes=3.0, seed=0, device="cpu", report=True):
    """Train I-JEPA and its pixel twin, probe both and the controls, write everything to `out`.

    Returns what `results.json` holds: ladder, steps, seconds, seed, config, versions, machine.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "log.jsonl").unlink(missing_ok=True)  # a demo replaces the one before
    config = preset("demo").with_values({"train.seconds": 60.0 * minutes, "train.seed": seed})
    print("making 10,000 images ...", flush=True)
    size = config.model.image_size
    train, test = (load("shapes", split, image_size=size, seed=seed) for split in ("train", "test"))
    labelled = dataclasses.replace(train, images=train.images[:PROBE], labels=train.labels[:PROBE])

    run = Run(config, train.images, device)
    describe(out, run, data="shapes")
    log = list(watched(run, out, labelled, test))
    twin = train_twin(run, train.images, device)
    encoders = {"pixel_twin": twin.model.target_encoder, "ijepa": run.model.target_encoder}
    print("probing ...", flush=True)
    rows = ladder(config.model, encoders, labelled, test, seed=seed, device=device)
    results = {
        "ladder": rows, "data": "shapes", "steps": run.step, "seconds": round(run.elapsed, 1),
        "twin_seconds": round(twin.elapsed, 1), "seed": seed, "encoder": "target",
        "config": config.to_dict(),
    } | machine(device)  # fmt: skip
    control = random_encoder(config.model, seed)
    results["curve_random"] = {"knn": quick_knn(control, labelled, test, device)}
    write_json(out / "results.json", results)
    if report:
        generator = torch.Generator().manual_seed(seed)
        write_report(
            out, run.model, test.images[:512], results=results, log=log, generator=generator, control=control
        )
    return results


def watched(run, out, train, test):
    """The run's records; a few of them also hold `knn`, measured on a part of train and test."""
    wanted = 0
    for record in recorded(run, out, title="I-JEPA"):
        if run.done or run.progress * CURVE >= wanted:
            record["knn"] = quick_knn(run.model.target_encoder, train, test, run.device)
            wanted += 1
        yield record


def quick_knn(encoder, train, test, device):
    """20-NN accuracy from 500 labelled images to 500 others: a rough curve, the ladder is the measure."""
    sides = [(s.images[:CURVE_IMAGES], s.labels[:CURVE_IMAGES]) for s in (train, test)]
    (x, y), (test_x, test_y) = (
        (features(encoder, images, device=device), labels) for images, labels in sides
    )
    return knn(x, y, test_x, test_y)


def train_twin(run, images, device):
    """The pixel twin of a finished run: same encoder, seed, masks, batches and number of steps."""
    changes = {"model.predicts": "pixels", "train.steps": run.step, "train.seconds": None}
    twin = Run(run.config.with_values(changes), images, device)
    for _ in recorded(twin, None, title="pixel twin"):
        pass
    return twin
