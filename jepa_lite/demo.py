"""The main job in one go: train on `shapes`, measure beside every control, write a report."""

import dataclasses
from pathlib import Path

import torch

from .data import load
from .facts import describe, machine, write_json
from .ladder import ladder
from .presets import preset
from .pretrain import recorded
from .probe import features, knn, random_encoder
from .report import write_report
from .train import Run

PROBE = 2000  # labelled images of train that the probes learn from, and as many of test
CURVE = 8  # times that kNN is measured during the run, for the curve
CURVE_IMAGES = 500


def run_demo(out, *, minutes=3.0, seed=0, device="cpu", report=True):
    """Train I-JEPA and its pixel twin, probe both and the controls, write everything to `out`.

    Returns what `results.json` holds: ladder, steps, seconds, seed, config, versions, machine.
    """
    out = Path(out).expanduser()
    out.mkdir(parents=True, exist_ok=True)
    (out / "log.jsonl").unlink(missing_ok=True)  # a demo replaces the one before
    config = preset("demo").with_values(
        {"train.seconds": 60.0 * minutes, "train.seed": seed, "train.probes": CURVE}
    )
    print("making 10,000 images ...", flush=True)
    size = config.model.image_size
    train, test = (load("shapes", split, image_size=size, seed=seed) for split in ("train", "test"))
    labelled = dataclasses.replace(train, images=train.images[:PROBE], labels=train.labels[:PROBE])

    run = Run(config, train.images, device, probe=curve(labelled, test, device))
    describe(out, run, data="shapes")
    log = list(recorded(run, out, title="I-JEPA"))
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
    results["curve_random"] = run.probe(control)
    write_json(out / "results.json", results)
    if report:
        generator = torch.Generator().manual_seed(seed)
        write_report(
            out, run.model, test.images[:512], results=results, log=log, generator=generator, control=control
        )
    return results


def curve(train, test, device):
    """A probe for `Run`: 20-NN accuracy from 500 labelled images to 500 others. The ladder is the measure."""

    def probe(encoder):
        sides = [(s.images[:CURVE_IMAGES], s.labels[:CURVE_IMAGES]) for s in (train, test)]
        (x, y), (test_x, test_y) = (
            (features(encoder, images, device=device), labels) for images, labels in sides
        )
        return {"knn": knn(x, y, test_x, test_y)}

    return probe


def train_twin(run, images, device):
    """The pixel twin of a finished run: same encoder, seed, masks, batches and number of steps."""
    changes = {"model.predicts": "pixels", "train.steps": run.step, "train.seconds": None, "train.probes": 0}
    twin = Run(run.config.with_values(changes), images, device)
    for _ in recorded(twin, None, title="pixel twin"):
        pass
    return twin
