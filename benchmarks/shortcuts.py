"""What does I-JEPA learn from images with a shortcut? Writes results/shortcuts.json (ten minutes, one core).

    python benchmarks/shortcuts.py

The label of `shapes` is the direction of its stripes. The preset `demo`, cut to 600 steps, trains on images
whose leaves differ in all but this direction, and on images whose leaves share something else as well: the
hue of their stripes, or a light over the whole image. Three seeds, probed like the demo, beside raw pixels
and the same encoder untrained.
"""

from dataclasses import asdict
from pathlib import Path

import torch

from jepa_lite.data.shapes import ShapeFactors, shapes
from jepa_lite.evaluation.probes import features, knn, linear, pixels, random_encoder
from jepa_lite.presets import preset
from jepa_lite.training.pretrain import recorded
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "shortcuts.json"
SEEDS, STEPS, TRAIN, LABELLED, HELD_OUT = (0, 1, 2), 600, 3000, 1000, 1000
SHARED = {
    "their direction alone": ShapeFactors(),
    "the hue of their stripes, too": ShapeFactors(colour="shared"),
    "a light over the whole image, too": ShapeFactors(light="shared"),
}


def main():
    torch.set_num_threads(1)
    rows = [
        {"name": name, "factors": asdict(factors), "runs": [measured(name, factors, seed) for seed in SEEDS]}
        for name, factors in SHARED.items()
    ]
    facts = {"command": "python benchmarks/shortcuts.py", "seeds": list(SEEDS), "config": base(0).to_dict()}
    facts |= {"images": TRAIN, "labelled": LABELLED, "held_out": HELD_OUT, "rows": rows}
    write_json(RESULTS, facts | machine())


def base(seed):
    changes = {"train.steps": STEPS, "train.seconds": None, "train.seed": seed, "train.log_every": 50}
    return preset("demo").with_values(changes)


def measured(name, factors, seed):
    config = base(seed)
    x, y = shapes(TRAIN, config.model.image_size, seed=seed, factors=factors)
    z, labels = shapes(HELD_OUT, config.model.image_size, seed=100 + seed, factors=factors)
    run = Run(config, x)
    last = list(recorded(run, None, title=f"{name}, seed {seed}"))[-1]
    found = {"seed": seed, "seconds": round(run.elapsed, 1)}
    found |= {key: last[key] for key in ("loss", "rank", "std", "gap", "address_gain")}
    views = {
        "ijepa": lambda images: features(run.model.target_encoder, images),
        "random": lambda images: features(random_encoder(config.model, seed), images),
        "pixels": pixels,
    }
    for which, view in views.items():
        train, test = view(x[:LABELLED]), view(z)
        accuracy = [probe(train, y[:LABELLED], test, labels) for probe in (linear, knn)]
        found[which] = dict(zip(("linear", "knn"), accuracy, strict=True))
    print(name, found, flush=True)
    return found


if __name__ == "__main__":
    main()
