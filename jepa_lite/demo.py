"""The main job in one go: train on `fields`, measure beside every control, write a report.

I-JEPA comes first, and its report is there before the pixel-prediction baseline is begun.
Until I-JEPA is trained and probed a demo lies in the folder `unfinished` of its own, and the last demo, its
log and its report stay as they are.
"""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import torch

from .config import Config
from .data import drawn_fields
from .data import load as load_data
from .data.fields import directions_of
from .evaluation.comparison import table_of_controls
from .evaluation.directions import hidden_directions
from .evaluation.probes import random_encoder
from .figures import directions
from .figures.report import write_report
from .method.masks import sample_masks
from .presets import preset
from .system.locks import held
from .system.signals import StopSignals, uninterrupted
from .training.checkpoints import load_model
from .training.pretrain import curve_probe, recorded, run_in
from .training.provenance import describe, machine, read_facts, write_json
from .training.run_log import read_log

MINUTES, SEED = 3.0, 0
PROBE = 2000  # labelled images of train that the probes learn from, and as many of test
CURVE_IMAGES = 1000  # training images of which half are looked up among the other half, for the curve
SHOWN = 512  # held-out images in the report; directions are measured on a quarter of them
CURVE = 8  # times that kNN is measured during the run, for the curve
UNFINISHED, BASELINE = "unfinished", "pixel_baseline"  # folders; BASELINE is the name of a row as well
REPLACED = ("checkpoint-*", "damaged-*", "tensorboard", "log.jsonl", "trouble.json", BASELINE)
NOTE = "The pixel baseline is still to come: when it is trained, this page is written anew."


def run_demo(
    out: str | Path,
    *,
    minutes: float | None = None,
    seed: int | None = None,
    device: torch.device | str = "cpu",
    report: bool = True,
    resume: bool = False,
) -> dict:
    """Train I-JEPA and its pixel baseline, probe both and the controls, write everything to `out`.

    minutes, the most that each of the two trainings takes, and seed are 3 and 0, or with `resume` what the
    demo was begun with. Returns what `results.json` holds: controls, steps, seconds, seed, config, versions,
    machine. Raises ValueError or FileNotFoundError, before any work, for a folder that holds another kind of
    run, or no demo to resume; `Stopped` when a signal has ended the demo early, saved.
    """
    out = Path(out).expanduser()
    config = _begun(out, minutes, seed) if resume else _new(out, minutes, seed)
    results = _measured(out) if resume else None
    if results and _is_complete(results):
        return results
    with held(out), StopSignals() as signals:
        demo = _Demo(out, config, device, signals, report)
        if not resume:
            shutil.rmtree(out / UNFINISHED, ignore_errors=True)
        results = results or demo.train_jepa()
        return demo.train_baseline(results)


def _new(out, minutes, seed):
    """The config of a new demo."""
    facts = read_facts(out)
    if facts and not facts.get("demo") and not (out / "results.json").exists():
        raise ValueError(f"{out} holds a run that is no demo, and would be replaced; choose another --out")
    changes = {"train.seconds": 60.0 * (MINUTES if minutes is None else minutes)}
    changes |= {"train.seed": SEED if seed is None else seed, "train.probes": CURVE, "train.save_every": 30.0}
    return preset("demo").with_values(changes)


def _begun(out, minutes, seed):
    """The config of the demo that is to go on. It may be given other minutes."""
    if not (_is_unfinished(out) or (out / "results.json").exists()):
        raise FileNotFoundError(f"{out} holds no demo to resume; leave out --resume to start one")
    config = load_model(out / UNFINISHED if _is_unfinished(out) else out)[1]
    if seed not in (None, config.train.seed):
        raise ValueError(f"the demo in {out} was begun with seed {config.train.seed} and keeps it")
    return config if minutes is None else config.with_values({"train.seconds": 60.0 * minutes})


def _is_unfinished(out):
    return any((out / UNFINISHED).glob("checkpoint-*"))


def _measured(out):
    """The results of the demo that is to go on, or None where I-JEPA is not done."""
    return None if _is_unfinished(out) else json.loads((out / "results.json").read_text("utf-8"))


def _is_complete(results):
    return BASELINE in [row["name"] for row in results["controls"]]


class _Demo:
    """The images of a demo, and the two trainings on them."""

    def __init__(
        self, out: Path, config: Config, device: torch.device | str, signals: StopSignals, report: bool
    ) -> None:
        self.out, self.config, self.device, self.signals, self.report = out, config, device, signals, report
        print("making 10,000 images ...", flush=True)
        how = {"image_size": config.model.image_size, "seed": config.train.seed}
        self.train, self.test = (load_data("fields", split, **how) for split in ("train", "test"))
        few = {"images": self.train.images[:PROBE], "labels": self.train.labels[:PROBE]}
        self.labelled = dataclasses.replace(self.train, **few)

    def train_jepa(self) -> dict:
        """The results of I-JEPA, which takes the place of the last demo."""
        folder = self.out / UNFINISHED
        run = self._trained(
            folder, self.config, "I-JEPA", curve_probe(self.labelled, self.device, CURVE_IMAGES)
        )
        results = {
            "controls": self._controls({"ijepa": run.model.target_encoder}), "data": "fields",
            "steps": run.step, "seconds": round(run.elapsed, 1), "seed": self.config.train.seed,
            "encoder": "target", "config": self.config.to_dict(), "curve_random": run.probe(self._control()),
            "note": NOTE,
        } | machine(self.device)  # fmt: skip
        write_json(folder / "results.json", results)
        _replace_last(self.out)
        self._write_report(results)
        return results

    def train_baseline(self, results: dict) -> dict:
        """The results with the pixel baseline: same encoder, seed, masks and, if time allows, steps."""
        changes = {"model.predicts": "pixels", "train.steps": results["steps"], "train.probes": 0}
        baseline = self._trained(self.out / BASELINE, self.config.with_values(changes), "pixel baseline")
        (row,) = self._controls({BASELINE: baseline.model.target_encoder}, controls=False)
        *controls, jepa = results["controls"]
        results = {name: value for name, value in results.items() if name != "note"}
        results |= {"controls": [*controls, row, jepa]}
        results |= {"baseline_steps": baseline.step, "baseline_seconds": round(baseline.elapsed, 1)}
        if baseline.step < results["steps"]:
            print(f"the pixel baseline had time for {baseline.step} of {results['steps']} steps")
        write_json(self.out / "results.json", results)
        self._write_report(results)
        return results

    def _trained(self, folder, config, title, probe=None):
        """A `Run` that is done, from the newest checkpoint in its folder if there is one."""
        run = run_in(folder, config, self.train.images, self.device, probe)
        describe(folder, run, data="fields", demo=True)
        self.signals.run = run
        for _ in recorded(run, folder, title):
            pass
        self.signals.run = None
        if run.stopped or self.signals.signal:  # also in the last step: more is to come
            raise self.signals.stopped(run)
        return run

    def _controls(self, encoders, controls=True):
        print("probing ...", flush=True)
        how = {"seed": self.config.train.seed, "device": self.device, "controls": controls}
        return table_of_controls(self.config.model, encoders, self.labelled, self.test, **how)

    def _control(self):
        return random_encoder(self.config.model, self.config.train.seed, self.train.images)

    def _write_report(self, results):
        if not self.report:
            return
        generator = torch.Generator().manual_seed(self.config.train.seed)
        made = {"results": results, "log": read_log(self.out), "control": self._control()}
        model, images = load_model(self.out)[0].to(self.device), self.test.images[:SHOWN]
        made["more"] = [self._directions(model, images, generator)]
        page = write_report(self.out, model, images, generator=generator, **made)
        if not _is_complete(results):
            print(
                f"{page} is there, and is written anew after the pixel baseline, which comes next", flush=True
            )

    def _directions(self, model, images, generator):
        """The report's section on what is predicted to lie where."""
        grid = self.config.model.grid
        angle = directions_of(drawn_fields("test", len(images), self.config.train.seed), grid)
        masks = sample_masks(grid, len(images), self.config.masks, generator)
        found = hidden_directions(model, images, angle, masks, len(images) // 4)
        return directions.section(images, grid, *found)


def _replace_last(out):
    """Put the unfinished demo in the place of the last one. Other files in the folder stay."""
    with uninterrupted():
        for path in [path for pattern in REPLACED for path in out.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (out / UNFINISHED).iterdir():
            os.replace(path, out / path.name)
        (out / UNFINISHED).rmdir()
