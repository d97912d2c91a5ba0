"""What the notebooks share: one small image, eight photographs, drawn guesses, models that are trained once.

A notebook builds the method by hand; this file keeps out of it what is not its subject. The models are
short runs on synthetic images: the first notebook that asks for one trains it while you watch, the next ones
find it on the disk. Beside it: exercises (with their checks), figures (that a notebook draws), and the
subjects of single notebooks, in their order:

first_look, pointing        photographs through the shipped encoder, beside an untrained one
ambiguity                   one signal, two worlds
linear_toy, collapses       why a stop-gradient works; four ways to collapse
ijepa_in_one_file, capstone the method as notebook 08 writes it, and the checks of a learner's own
readings, completions       what a linear map finds in tokens; what else could be in a hole
scaling, timing             what a long run takes; what a step takes here
effects                     what the ablations changed
neighbours                  the losses of related methods on a toy
"""

import dataclasses
import functools
import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..config import Config
from ..data import PHOTOS, Images, load, photo
from ..data.image_files import fit
from ..figures.style import BLUE, ORANGE, Picture, figure, styled
from ..method.ijepa import IJEPA
from ..presets import preset
from ..system.caches import cache_folder
from ..system.locks import locked
from ..training import checkpoints
from ..training.pretrain import curve_probe
from ..training.run import Run

__all__ = [
    "PHOTOS",
    "Trained",
    "guesses",
    "made_images",
    "photographs",
    "recipe",
    "results",
    "small_image",
    "trained",
    "training_probe",
]
SEED = 5  # of the weights and of the images; the recipe below was chosen on images of another seed
STEPS, IMAGES, HELD_OUT = 1200, 3000, 1000
PROBES, PROBED = 10, 1000  # times that a run is probed, and the training images that it takes


# --- images -----------------------------------------------------------------------------------------


def small_image(size: int = 64) -> Tensor:
    """The image that goes through the whole course, a cat: uint8 (3, size, size)."""
    return torch.from_numpy(fit(photo("cat"), (size, size)).copy())


def photographs(size: int = 64) -> Tensor:
    """The eight photographs, in the order of `data.PHOTOS`: uint8 (8, 3, size, size)."""
    return torch.stack([torch.from_numpy(fit(photo(name), (size, size)).copy()) for name in PHOTOS])


@functools.lru_cache(maxsize=2)
def made_images(split: str = "train") -> Images:
    """The synthetic images that the course trains on, or with "test" others to measure on: an `Images`."""
    limit = IMAGES if split == "train" else HELD_OUT
    return load("fields", split, image_size=64, seed=SEED, limit=limit, progress=False)


# --- guesses ----------------------------------------------------------------------------------------


@styled
def guesses(rows: dict[str, tuple], unit: str = "") -> Picture:
    """Your guesses beside what was measured, as bars: rows {label: (guess, measured)}.

    A guess of None is one you did not make, and is not drawn. Raises ValueError for a guess that is no finite
    number.
    """
    for label, (guess, _) in rows.items():
        number = isinstance(guess, int | float) and math.isfinite(guess)
        if guess is not None and not number:
            raise ValueError(f"the guess for {label!r} must be a number, or None, not {guess!r}")
    fig = figure(0.55 * len(rows) + 0.9)
    ax, told, ends = fig.subplots(), [], [0.0]
    for y, (label, (guess, measured)) in enumerate(rows.items()):
        bars = [("measured", measured, 0.0 if guess is None else 0.2, BLUE, "")]
        if guess is not None:
            bars.insert(0, ("your guess", guess, -0.2, ORANGE, "////"))
        for name, value, side, colour, hatch in bars:
            value = float(value)
            look = {"fc": colour, "ec": "#333333", "hatch": hatch, "lw": 0.6, "gid": f"{label} {name}"}
            ax.barh(y + side, value, 0.38, **look)
            beside = {"textcoords": "offset points", "va": "center"}
            ax.annotate(f"{name}: {value:.3g}{unit}", (max(value, 0.0), y + side), (4, 0), **beside)
            ends.append(value)
        told.append(f"{label}: {', '.join(f'{name} {float(value):.3g}{unit}' for name, value, *_ in bars)}")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_xlim(min(ends) * 1.1, max(max(ends) * 1.35, 1e-9))
    ax.invert_yaxis()
    guessed = "guesses beside " if any(guess is not None for guess, _ in rows.values()) else ""
    fig.alt_text = f"Bars of {guessed}measurements. {'; '.join(told)}."
    return fig


# --- models that are trained once -------------------------------------------------------------------


def recipe(**changes: object) -> Config:
    """The `Config` of the course's runs: the preset `demo`, cut to about a minute on two cores.

    changes: dotted settings with a double underscore for the dot, `recipe(model__predicts="pixels")`.
    """
    cut = {"train.steps": STEPS, "train.seconds": None, "train.seed": SEED}
    cut |= {"train.probes": PROBES, "train.log_every": 40}
    return preset("demo").with_values(cut | {k.replace("__", "."): v for k, v in changes.items()})


def training_probe() -> Callable:
    """A probe for `Run`: 20-NN accuracy from 500 of the training images to 500 others; no test image."""
    made = made_images()
    return curve_probe(dataclasses.replace(made, images=made.images[:PROBED], labels=made.labels[:PROBED]))


@dataclass(frozen=True)
class Trained:
    """A finished run: its model, its log (a dict a step), its config, and where it lies."""

    model: IJEPA
    log: list[dict]
    config: Config
    folder: Path


def trained(**changes: object) -> Trained:
    """The course's model, `Trained` by `recipe(**changes)`: from the disk, or trained now and kept there.

    `JEPA_LITE_COURSE` names the folder (else ~/.cache/jepa_lite/course). Delete it to train again. A second
    kernel that asks for the same model waits for the first one's.
    """
    config = recipe(**changes)
    facts = json.dumps([config.to_dict(), IMAGES, torch.__version__], sort_keys=True)
    name = hashlib.sha256(facts.encode()).hexdigest()[:12]
    folder = cache_folder("course", "JEPA_LITE_COURSE", wanted=f"{name}/log.json") / name
    if not (folder / "log.json").exists():
        with locked(folder.with_suffix(".lock"), busy=_wait):
            if not (folder / "log.json").exists():  # else another kernel has trained it meanwhile
                _train(config, folder)
    model, config = checkpoints.load_model(folder)
    return Trained(model, json.loads((folder / "log.json").read_text("utf-8")), config, folder)


def _wait():
    print("another kernel is training this model now; waiting for it", flush=True)


def _train(config, folder):
    """Train and keep a model. The folder appears when all is in it."""
    run = Run(config, made_images().images, probe=training_probe())
    words = {"unit": "step", "desc": "training once, and keeping it", "mininterval": 2}
    bar = tqdm(total=config.train.steps, file=sys.stdout, **words)
    log = []
    for record in run.steps():
        log.append(record)
        bar.update()
    bar.close()
    aside = folder.with_suffix(".part")
    shutil.rmtree(aside, ignore_errors=True)  # what a kernel that died may have left
    checkpoints.save(aside, run.model, config)
    (aside / "log.json").write_text(json.dumps(log), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


# --- measured results -------------------------------------------------------------------------------


def results(name: str) -> dict:
    """What a command of this repository measured: benchmarks/results/NAME.json, as it was written.

    Raises FileNotFoundError, which names those that there are, for any other name.
    """
    package = Path(str(resources.files("jepa_lite")))  # an installed one holds a copy, see pyproject.toml
    folder = package / "results" if (package / "results").is_dir() else package.parent / "benchmarks/results"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        raise FileNotFoundError(f"there are no results {name!r}; there are: {', '.join(known)}")
    return json.loads((folder / f"{name}.json").read_text("utf-8"))
