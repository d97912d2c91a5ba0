"""I-JEPA on photographs, on two cores: accuracy beside its controls. Writes results/real_images.json.

    python benchmarks/real_images.py imagenette PATH runs/ten --steps 2500 --name "ten minutes" \\
        --set train.amp=true
    python benchmarks/real_images.py imagenette PATH --costs
    python benchmarks/real_images.py imagenette PATH runs/dials --steps 800 --dials
    python benchmarks/real_images.py imagenette PATH --controls
    python benchmarks/real_images.py imagenette PATH --shipped

PATH is a tree of class folders of the set's TRAINING images. A fixed draw splits them into three: `choose`
and `report`, a tenth or so each, and the rest. Settings are chosen with `--on choose`: trained and probed on
the rest, accuracy on `choose`. What is reported is trained and probed on all but `report`, accuracy on
`report`, which no choice has seen, but that ablations on CIFAR-10's gave the idea of one block. A run's
length is a number of steps, so that it is the same on a busy machine; the seconds of processor and clock
that it took are recorded. One that was interrupted goes on from its checkpoint; one that is done is measured
as it is. `--device cuda` trains on a GPU, and the row says so.
`--dials`: DIALS one at a time, of three seeds, on `choose`, without those that are in the results. `--steps`
are the preset's, and a dial whose step costs more or less has fewer or more, so that all cost the same.
`--costs` measures these costs first, in some minutes of one core, and those of the pixel baseline's step.
`--controls`: raw pixels and random weights. `--ship`, added to the words of a run that is done: its weights
become the package's (docs/models.md). `--shipped` measures what the package has.
"""

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path

import torch

from jepa_lite.arguments import configure
from jepa_lite.data import load
from jepa_lite.data.images import normalize
from jepa_lite.evaluation import measures, probes
from jepa_lite.method.masks import sample_masks
from jepa_lite.randomness import generator_for
from jepa_lite.system.locks import locked
from jepa_lite.training.checkpoints import newest, pretrained
from jepa_lite.training.pretrain import recorded, run_in
from jepa_lite.training.provenance import describe, machine, write_json
from jepa_lite.training.run import Run
from jepa_lite.training.run_log import read_log
from jepa_lite.training.shipped_weights import ship

RESULTS = Path(__file__).parent / "results" / "real_images.json"
PRESETS = {"cifar10": "laptop", "imagenette": "laptop-imagenette"}
HELD_OUT = {"cifar10": 5000, "imagenette": 1500}  # images of `choose`, and as many of `report`
CHECKED = 512  # held-out images on which address gain and own-image rank are measured

DIALS = {  # beside the preset as it is, of which each changes one thing
    "the preset": [],
    "place norm": ["model.target_norm=place"],
    "layer norm": ["model.target_norm=layer"],
    "plain patches": ["model.patch_embedding=linear"],
    "batches of 128": ["train.batch_size=128"],
    "AdamW": ["train.optimizer=adamw", "train.lr=3e-3"],
    "the paper's masks": ["masks.rule=paper"],
    "two targets, a smaller context": [
        "masks.rule=paper",
        "masks.num_targets=2",
        "masks.context_scale=[0.4,0.6]",
    ],
    "one block of 75%": ["masks.target_share=0.75"],
    "momentum up to 1": ["train.momentum=[0.98,1]"],
    "short warm-up": ["train.warmup=0.05"],
    "image's mean out": ["model.target_image_mean=0"],
    "image's mean times two": ["model.target_image_mean=2"],
    "width 128": ["model.width=128", "model.heads=8", "model.predictor_heads=4"],
}
BESIDE = {  # what else `--costs` measures: how many steps the pixel baseline can make in I-JEPA's time
    "bfloat16": ["train.amp=true"],
    "pixel baseline, bfloat16": ["train.amp=true", "model.predicts=pixels"],
}
SEEDS = range(3)
EVEN = 0.1  # costs of a step that differ by less from the preset's are as good as the same


def main(words=None):
    asked = arguments(words)
    if asked.ship:
        (row,) = (row for row in results()["runs"] if about(row) == about(vars(asked)))
        return ship(newest(asked.out), asked.out, asked.data, result=row)
    images, labels = photographs(asked.data, asked.folder, config_of(asked).model.image_size)
    if asked.costs:
        return keep("costs", *costs(asked, images))
    if asked.dials:
        cost = {row["name"]: row["cost"] for row in results()["costs"] if row["data"] == asked.data}
        if set(DIALS) - set(cost):
            raise SystemExit(f"the costs of a step are not measured yet: run {asked.data} PATH --costs first")
        for seed, name in itertools.product(SEEDS, DIALS):
            out = asked.out / f"{name} {seed}".replace(" ", "-")
            one = {"name": name, "seed": seed, "set": [*asked.set, *DIALS[name]], "out": out, "on": "choose"}
            one |= {"steps": evenly(asked.steps, cost[name])}
            one = argparse.Namespace(**vars(asked) | one)
            if not done(vars(one), results()["runs"]):
                measure(one, images, labels)
    else:
        measure(asked, images, labels)


def config_of(asked):
    return configure(PRESETS[asked.data], None, asked.steps, None, asked.seed, asked.set)


def evenly(steps, cost):
    """How many steps cost as much as `steps` of the preset, in tens, where one of them costs `cost`."""
    return steps if abs(cost - 1) < EVEN else 10 * round(steps / cost / 10)


def done(one, rows):
    """Whether `rows` have this run. Costs vary from one measurement to the next, and so do the steps."""
    alike = (row for row in rows if about(row | {"steps": 0}) == about(one | {"steps": 0}))
    return any(abs(row["steps"] / one["steps"] - 1) < EVEN for row in alike)


def costs(asked, images):
    """Processor seconds of a step on one core, in turns, as a share of the preset's; those not yet known."""
    torch.set_num_threads(1)
    known = {row["name"] for row in results()["costs"] if row["data"] == asked.data} - {"the preset"}
    runs = {name: Run(configure(PRESETS[asked.data], None, 100, None, 0, words), images)
            for name, words in (DIALS | BESIDE).items() if name not in known}  # fmt: skip
    times = {name: [] for name in runs}
    for _, (name, run) in itertools.product(range(12), runs.items()):
        began = time.process_time()
        run.train_step()
        times[name].append(time.process_time() - began)
    seconds = {name: statistics.median(found[2:]) for name, found in times.items()}
    for name, found in seconds.items():
        yield {"data": asked.data, "name": name, "cost": round(found / seconds["the preset"], 2)}


def measure(asked, images, labels):
    """What `asked` names, into the results."""
    config, (train, test) = config_of(asked), split(len(labels), asked.data, asked.on)
    sets = images[train], labels[train], images[test], labels[test]
    if asked.controls:
        for row in controls(config, asked, *sets):  # each takes minutes, and is kept when it is there
            keep("controls", row)
        return
    if asked.shipped:
        model = pretrained(asked.data)
        found = probed(model.target_encoder, *sets) | looked_at(model, config.masks, sets[2][:CHECKED])
        return keep("shipped", {"data": asked.data, "on": asked.on, **found})
    run = trained(config, *sets, asked)
    log = read_log(asked.out)
    keep("runs", {
        "data": asked.data, "on": asked.on, "name": asked.name, "steps": run.step, "seed": asked.seed,
        "settings": sorted(asked.set), "images": run.step * run.batch_size, "seconds": round(run.elapsed, 1),
        "cpu_seconds": round(sum(r["cpu_seconds"] for r in log), 1), "threads": torch.get_num_threads(),
        **probed(run.model.target_encoder, *sets),
        **looked_at(run.model, config.masks, sets[2][:CHECKED], run.device),
        "loss": sum(r["loss"] for r in log[-50:]) / len(log[-50:]),
        "curve": curve(log, run.batch_size), "config": config.to_dict(), **machine(asked.device),
    })  # fmt: skip


def results():
    kinds = ("controls", "costs", "runs", "shipped")
    return {kind: [] for kind in kinds} | (json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {})


def keep(kind, *rows):
    """Add rows to the results' `kind`, in the place of older ones of the same runs."""
    for row in rows:
        with locked(RESULTS.with_suffix(".lock"), busy=bool):  # two may run, of one thread each
            found = results()
            others = [other for other in found[kind] if about(other) != about(row)]
            found[kind] = sorted([*others, machine() | row], key=about)
            facts = {"command": "python benchmarks/real_images.py", "held_out": HELD_OUT}
            write_json(RESULTS, found | facts | machine())
        print(json.dumps({k: v for k, v in row.items() if k not in ("curve", "config")}), flush=True)


def about(row):
    """What tells one row from another."""
    return [str(row.get(key)) for key in ("data", "on", "name", "steps", "seed")]


def arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", choices=PRESETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", choices=("choose", "report"), default="report")
    parser.add_argument("--name", default="I-JEPA")
    parser.add_argument("--device", default="cpu")
    for flag in ("--dials", "--costs", "--controls", "--ship", "--shipped"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--set", nargs="*", default=[])
    asked = parser.parse_args(words)
    ends = asked.steps or any(words.startswith("train.seconds=") for words in asked.set)
    if not (asked.controls or asked.costs or asked.shipped or (asked.out and ends)):
        parser.error("a run needs a folder to write into, and --steps or --set train.seconds=...")
    return asked


def photographs(data, folder, size):
    """All images and labels of a tree of class folders: what `load` trains on and what it holds out."""
    parts = [load("folder", part, image_size=size, root=folder) for part in ("train", "test")]
    return torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts])


def split(n, data, on):
    """(rows to train and probe on, rows to test on)."""
    order, held = torch.randperm(n, generator=torch.Generator().manual_seed(0)), HELD_OUT[data]
    report, choose, rest = order[:held], order[held : 2 * held], order[2 * held :]
    return (rest, choose) if on == "choose" else (torch.cat([choose, rest]), report)


def trained(config, x, y, z, labels, asked):
    """The run of `asked.out`, done, from its newest checkpoint if it was interrupted.

    Its log has the processor seconds of each step and, eight times, the accuracy of 20-NN with few images: a
    curve to see, whose own seconds do not count."""
    near, far = y[:2000], labels[:1000]
    probed = [0.0]

    def probe(encoder):
        started = time.process_time()
        parts = (probes.features(encoder, part) for part in (x[: len(near)], z[: len(far)]))
        accuracy = probes.knn(next(parts), near, next(parts), far)
        probed[0] += time.process_time() - started
        return {"knn": accuracy}

    run = run_in(asked.out, config.with_values({"train.probes": 8}), x, asked.device, probe)
    describe(asked.out, run, data=asked.data, on=asked.on)
    before = time.process_time()
    for record in recorded(run, asked.out, asked.name):
        now = time.process_time() - probed[0]
        record["cpu_seconds"], before = now - before, now
    return run


def probed(encoder, x, y, z, labels):
    """Linear probe and 20-NN on the last layer and on the last four. Rows without "tolerance" had a probe
    whose fit ended at 3e-3, which is too early for four layers."""
    found = {"tolerance": probes.TOLERANCE}
    for last, end in ((1, ""), (4, "_last4")):
        train, test = (probes.features(encoder, images, last=last) for images in (x, z))
        found["linear" + end] = probes.linear(train, y, test, labels)
        found["knn" + end] = probes.knn(train, y, test, labels)
    return found


@torch.no_grad()
def looked_at(model, rule, images, device="cpu"):
    """The measures without labels, on held-out images, with masks by `rule`."""
    masks = sample_masks(model.config.grid, len(images), rule, generator_for(0)).to(device)
    x = normalize(images.to(device))
    predictions, targets = model.predict(x, masks), model.targets(x)
    return {
        "rank": measures.effective_rank(model.target_encoder(x).mean(1)),
        "address_gain": measures.address_gain(model, x, masks),
        "own_image_rank": measures.own_image_rank(predictions, targets, masks.target_idx),
        "patches": targets.shape[1],
    }


def curve(log, batch):
    """Some 20 points of what was measured during the run, and every one with an accuracy."""
    measured = [r for r in log if "rank" in r]
    keys = ("loss", "rank", "gap", "address_gain", "own_image_rank", "knn")
    points, seconds = [], 0.0
    at = {r["step"] for r in measured[:: max(len(measured) // 20, 1)]} | {log[-1]["step"]}
    at |= {r["step"] for r in log if "knn" in r}
    for record in log:
        seconds += record["seconds"]
        if record["step"] in at:
            point = {key: record[key] for key in keys if key in record}
            points.append({"images": record["step"] * batch, "seconds": round(seconds, 1)} | point)
    return points


def controls(config, asked, x, y, z, labels):
    """Raw pixels at 32 x 32, and random weights with the same input, on the same probes: of three seeds."""
    side = config.model.image_size[0] // 32
    small = [torch.nn.functional.avg_pool2d(part.float(), side) for part in (x, z)]
    pixels = [probes.pixels(part.round().to(torch.uint8)) for part in small]
    of = {"data": asked.data, "on": asked.on}
    for seed in SEEDS:
        encoder = probes.random_encoder(config.model, seed, x)
        yield of | {"name": "random weights", "seed": seed} | probed(encoder, x, y, z, labels)
    found = {"knn": probes.knn(pixels[0], y, pixels[1], labels)}
    yield of | {"name": "raw pixels"} | found | {"linear": probes.linear(pixels[0], y, pixels[1], labels)}


if __name__ == "__main__":
    main()
