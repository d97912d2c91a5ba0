"""The preset `stripes` with one thing changed at a time: results/dials.json (one seed, twelve minutes).

    python benchmarks/dials.py

Each row is a run of that preset, cut to 400 steps, seed 0, with the one change that it names, probed
like the demo. "random" is the same encoder untrained, on the same images.
"""

from dataclasses import asdict
from pathlib import Path

from jepa_lite.data import normalize
from jepa_lite.data.shapes import ShapeFactors, shapes
from jepa_lite.evaluation.probes import features, knn, linear, random_encoder
from jepa_lite.presets import preset
from jepa_lite.training.pretrain import recorded
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "dials.json"
TRAIN, PROBE, STEPS = 8000, 2000, 400
CHANGES = {
    "as in the demo": {},
    "targets normed per token (layer)": {"model.target_norm": "layer"},
    "the paper's context scale": {"masks.context_scale": (0.85, 1.0)},
    "the paper's momentum": {"train.momentum": (0.996, 1.0)},
    "sin-cos predictor positions": {"model.predictor_positions": "sincos"},
    "the stripes' hue shared by all leaves": {},
    "a light shared by all leaves": {},
}

FACTORS = {
    "the stripes' hue shared by all leaves": ShapeFactors(colour="shared"),
    "a light shared by all leaves": ShapeFactors(light="shared"),
}


def main():
    rows = [row(name, changes) for name, changes in CHANGES.items()]
    facts = {"command": "python benchmarks/dials.py", "seed": 0, "config": base().to_dict(), "rows": rows}
    write_json(RESULTS, facts | machine())


def base():
    """What every row starts from."""
    return preset("stripes").with_values({"train.steps": STEPS, "train.seconds": None, "train.seed": 0})


def row(name, changes):
    config = base().with_values(changes)
    factors = FACTORS.get(name, ShapeFactors())
    size = config.model.image_size
    images, labels = shapes(TRAIN, size, seed=0, factors=factors)
    test, test_labels = shapes(PROBE, size, seed=1, factors=factors)
    run = Run(config, images)
    last = list(recorded(run, None, title=name))[-1]
    encoders = {"ijepa": run.model.target_encoder, "random": random_encoder(config.model, 0)}
    result = {"name": name, "changes": changes, "factors": asdict(factors)}
    result |= {"seconds": round(run.elapsed, 1), "loss": last["loss"]}
    result |= {key: last[key] for key in ("rank", "std", "position_share", "gap")}
    for which, encoder in encoders.items():
        x, z = features(encoder, normalize(images[:PROBE])), features(encoder, normalize(test))
        accuracy = [probe(x, labels[:PROBE], z, test_labels) for probe in (linear, knn)]
        result[which] = dict(zip(("linear", "knn"), accuracy, strict=True))
    print(result, flush=True)
    return result


if __name__ == "__main__":
    main()
