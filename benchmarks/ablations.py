"""Which ingredient mattered? Effects of single changes, five seeds each.

    python benchmarks/ablations.py                 writes results/ablations.json: synthetic images, 1.5 hours
    python benchmarks/ablations.py cifar10 PATH    writes results/ablations_cifar10.json: photographs, 3 hours
    python benchmarks/ablations.py course          writes results/course_run.json: the whole run of the course
                                                   beside its pixel baseline, 15 minutes

The times are of one core. Each row is a short run with the one change that it names, on the same images for
the same seed, measured beside raw pixels and random weights. Synthetic images are `fields`, and the run is
the course's (jepa_lite/course/__init__.py), cut so that the reference has learned and is not done learning.
PATH is a tree of class folders of CIFAR-10's training images, and the run is the preset `laptop` with
multi-block masks, a quicker moving average and a narrow encoder, cut likewise. Probes are fitted on training
images, and tested on images that no setting was chosen on: of CIFAR-10 those that benchmarks/real_images.py
calls `report`. What stands in a file already is not run again: delete the file to start anew. Several of
these may run at once, `--share 0/2` and `--share 1/2`, each with every second run; `--device cuda` is for a
GPU.
"""

import argparse
import itertools
import json
import time
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

import torch
from real_images import photographs, split

from jepa_lite import sample_masks
from jepa_lite.baselines.switches import SwitchedIJEPA, Switches
from jepa_lite.course import STEPS, recipe
from jepa_lite.data import load
from jepa_lite.data.images import normalize
from jepa_lite.evaluation.measures import address_gain, own_image_rank
from jepa_lite.evaluation.probes import features, knn, linear, pixels, random_encoder
from jepa_lite.presets import preset
from jepa_lite.randomness import generator_for
from jepa_lite.system.locks import locked
from jepa_lite.training.collapse_alarms import CollapseWarning
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

HERE = Path(__file__).parent / "results"
SEEDS = (30, 31, 32, 33, 34)
LAST = 20  # steps whose losses are averaged
CHECKED = 256  # test images on which address gain and own-image rank are measured
ROWS = {  # name: (group, changed settings, changed switches)
    "as in the course": ("reference", {}, {}),
    "random patches": ("masking", {"masks.rule": "random"}, {}),
    "one block": ("masking", {"masks.rule": "block"}, {}),
    "rasterized": ("masking", {"masks.rule": "rasterized"}, {}),
    "1 target": ("targets", {"masks.num_targets": 1}, {}),
    "4 targets": ("targets", {"masks.num_targets": 4}, {}),
    "one sequence for all targets": ("targets", {"model.predictor_sequences": "per_image"}, {}),
    "4 targets in one sequence": (
        "targets",
        {"masks.num_targets": 4, "model.predictor_sequences": "per_image"},
        {},
    ),
    "target scale 0.075 to 0.2": ("target scale", {"masks.target_scale": (0.075, 0.2)}, {}),
    "target scale 0.2 to 0.3": ("target scale", {"masks.target_scale": (0.2, 0.3)}, {}),
    "context scale 0.85 to 1": ("context scale", {"masks.context_scale": (0.85, 1.0)}, {}),
    "pixels as targets": ("what is predicted", {"model.predicts": "pixels"}, {}),
    "targets normed by token (layer)": ("target norm", {"model.target_norm": "layer"}, {}),
    "targets normed by place": ("target norm", {"model.target_norm": "place"}, {}),
    "targets whitened": ("target norm", {"model.target_norm": "whiten"}, {}),
    "sin-cos predictor positions": ("addresses", {"model.predictor_positions": "sincos"}, {}),
    "no addresses": ("addresses", {}, {"addresses": False}),
    "random first weights": ("first weights", {"model.init": "xavier", "model.init_mlp_gain": 1.0}, {}),
    "predictor of depth 1": ("predictor", {"model.predictor_depth": 1}, {}),
    "predictor of depth 4": ("predictor", {"model.predictor_depth": 4}, {}),
    "no moving average": ("target encoder", {}, {"ema": False}),
    "momentum 0.9": ("target encoder", {"train.momentum": (0.9, 0.9)}, {}),
    "momentum 0.999": ("target encoder", {"train.momentum": (0.999, 0.999)}, {}),
    "no stop-gradient": ("target encoder", {}, {"stop_gradient": False}),
}
WHOLE_RUN = ("as in the course", "pixels as targets")
# Left out on photographs, where a run takes three times as long: second values of one setting.
MADE_IMAGES_ONLY = {
    "rasterized",
    "4 targets",
    "4 targets in one sequence",
    "target scale 0.2 to 0.3",
    "predictor of depth 4",
    "momentum 0.9",
}


@dataclass(frozen=True)
class World:
    """Images to learn from, the run that every row changes, and the rows."""

    config: object  # the reference's Config
    results: Path
    rows: dict  # of ROWS
    images: object  # seed -> (images to train on, images and labels to fit probes on, and to test on)


def fields(name="ablations", rows=ROWS, steps=600):
    @lru_cache(maxsize=1)
    def images(seed):
        train, test = (
            load("fields", part, image_size=64, seed=seed, limit=limit, progress=False)
            for part, limit in (("train", 3000), ("test", 1000))
        )
        return train.images, train.images[:1000], train.labels[:1000], test.images, test.labels

    config = recipe(train__steps=steps, train__log_every=steps, train__probes=0)
    return World(config, HERE / f"{name}.json", rows, images)


def course():
    return fields("course_run", {name: ROWS[name] for name in WHOLE_RUN}, STEPS)


def cifar10(folder):
    @cache
    def everything():
        images, labels = photographs("cifar10", folder, 32)
        train, test = split(len(labels), "cifar10", "report")
        some = train[:10_000]  # in the order of a fixed draw
        return images[train], images[some], labels[some], images[test], labels[test]

    smaller = {"model.width": 64, "model.heads": 4, "model.predictor_width": 32, "model.predictor_heads": 4}
    masks = {"masks.rule": "paper", "masks.num_targets": 2, "masks.context_scale": (0.4, 0.6)}
    length = {"train.steps": 1000, "train.log_every": 1000, "train.epochs": None}
    average = {"train.momentum": (0.98, 0.995)}  # quicker than the preset's, which is the paper's
    config = preset("laptop").with_values(smaller | masks | length | average)
    rows = {name: row for name, row in ROWS.items() if name not in MADE_IMAGES_ONLY | {"as in the course"}}
    rows = {"as in the preset": ROWS["as in the course"], **rows}
    return World(config, HERE / "ablations_cifar10.json", rows, lambda seed: everything())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("world", nargs="?", choices=("fields", "course", "cifar10"), default="fields")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--share", default="0/1", type=lambda words: tuple(map(int, words.split("/"))))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", CollapseWarning)
    worlds = {"fields": fields, "course": course, "cifar10": partial(cifar10, asked.folder)}
    run_all(worlds[asked.world](), asked)


def run_all(world, asked):
    """Every row that is not in the results yet. A row that changes nothing of this world's is left out."""
    words = {"fields": "", "course": " course", "cifar10": " cifar10 PATH"}[asked.world]
    command = f"python benchmarks/ablations.py{words}"
    facts = {"command": command, "seeds": list(SEEDS), "config": world.config.to_dict()}
    images, x, _, z, _ = world.images(SEEDS[0])
    facts |= {"images": len(images), "labelled": len(x), "held_out": len(z)}
    number, of = asked.share
    # seed by seed, so that what is there early is a whole table
    for seed, row_name in itertools.islice(itertools.product(SEEDS, world.rows), number, None, of):
        group, changes, switched = world.rows[row_name]
        reference = world.config.with_values({"train.seed": seed})
        config = reference.with_values(changes)
        unchanged = group != "reference" and not switched and config == reference
        if unchanged or seed in [run["seed"] for row in results(world, row_name) for run in row["runs"]]:
            continue
        run = measured(config, reference, switched, seed, world.images(seed), asked.device)
        print(seed, row_name, run, flush=True)
        with locked(world.results.with_suffix(".lock"), busy=bool):
            rows = results(world)
            row = next((row for row in rows if row["name"] == row_name), None)
            if row is None:
                rows.append(
                    row := {"name": row_name, "group": group, "changes": changes | switched, "runs": []}
                )
            row["runs"] = sorted([*row["runs"], run], key=lambda run: run["seed"])
            rows.sort(key=lambda row: list(world.rows).index(row["name"]))
            facts |= {"rows": rows, "controls": controls(rows)}
            write_json(world.results, facts | machine(asked.device))


def results(world, name=None):
    rows = json.loads(world.results.read_text("utf-8"))["rows"] if world.results.exists() else []
    return [row for row in rows if name in (None, row["name"])]


def measured(config, reference, switched, seed, images, device):
    images, x, y, z, labels = images
    began, started = time.process_time(), time.perf_counter()
    model = switched_model(config.model, switched, seed) if switched else None
    run = Run(config, images, device, model=model)
    log = list(run.steps())
    found = {"seed": seed, "cpu_seconds": round(time.process_time() - began)}
    found |= {"seconds": round(time.perf_counter() - started)}
    found["loss"] = sum(record["loss"] for record in log[-LAST:]) / LAST
    found |= run.measures() | looked_at(run, z[:CHECKED]) | {"context_share": context_share(config)}
    views = {"ijepa": partial(features, run.model.target_encoder)}
    if not switched and config == reference:  # the controls are the same beside every row
        untrained = random_encoder(config.model, seed, images)
        views |= {"random": partial(features, untrained), "pixels": pixels}
    for name, view in views.items():
        train, test = view(x), view(z)
        found[name] = {"linear": linear(train, y, test, labels), "knn": knn(train, y, test, labels)}
    return found


def switched_model(config, switched, seed):
    """With the same first weights as the reference of that seed."""
    with torch.random.fork_rng(devices=[]):  # as in baselines/pixel_target.py
        torch.default_generator.manual_seed(seed)
        return SwitchedIJEPA(config, Switches(**switched))


@torch.no_grad()
def looked_at(run, images):
    """What the predictor makes of addresses, on held-out images, under the run's own masks."""
    masks = sample_masks(run.config.model.grid, len(images), run.config.masks, generator_for(0))
    masks, x, model = masks.to(run.device), normalize(images.to(run.device)), run.model
    return {
        "address_gain": address_gain(model, x, masks),
        "own_image_rank": own_image_rank(model.predict(x, masks), model.targets(x), masks.target_idx),
    }


def context_share(config):
    """The mean share of an image that the context encoder sees."""
    masks = sample_masks(config.model.grid, 2048, config.masks, torch.Generator().manual_seed(0))
    return masks.context_keep.sum(1).float().mean().item() / (config.model.grid[0] * config.model.grid[1])


def controls(rows):
    """Raw pixels and random weights of each seed, as the reference row measured them."""
    runs = [run for row in rows for run in row["runs"] if row["group"] == "reference"]
    return {name: [run[name] for run in runs] for name in ("random", "pixels")}


if __name__ == "__main__":
    main()
