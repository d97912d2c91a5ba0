"""The command line: `jepa-lite demo`, `plan`, `pretrain` and more. It only parses, calls and prints."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import torch
import tyro
from safetensors import SafetensorError

from . import pipes
from .interrupt import Stopped
from .presets import DATA_OF, IMAGES_OF
from .presets import preset as named
from .processes import leave_processes, local_rank
from .progress import counted

Checkpoint = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
PROBES = {"linear": "linear", "knn": "20-NN", "attentive": "attentive"}  # as the columns of a table
Picture = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]


def demo(
    out: Path = Path("runs/demo"),
    minutes: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
):
    """Pre-train on made images, measure beside controls, write a report. No network, no GPU.

    Args:
        out: folder for weights, log, results.json and report.html.
        minutes: the most that I-JEPA may train, and then its pixel twin: 3, unless you say otherwise.
        seed: of the weights, the images and the masks, 0 unless you say otherwise.
        device: cpu, cuda, mps, or auto.
        resume: go on with a demo that was interrupted, with the minutes and the seed that it had.
    """
    from .demo import run_demo

    results = run_demo(out, minutes=minutes, seed=seed, device=_device(device), resume=resume)
    print(_table(results["ladder"]))
    said = f"{counted(results['steps'], 'step')} in {results['seconds']:.0f} s"
    print(f"\n{said}. Open {out / 'report.html'} in a browser.")


def plan(
    preset: str = "laptop",
    images: int | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE")] = (),
    device: str = "auto",
    seconds: float = 10.0,
):
    """Say what a run would cost: tokens, FLOPs, memory, steps, and time on this machine. Trains nothing.

    Args:
        preset: as for pretrain.
        images: how many there are to train on; by default as many as the preset's data set has.
        minutes: as for pretrain, like steps, epochs and set.
        steps: stop after so many steps.
        epochs: stop after so many passes over the data.
        set: any other setting: --set model.depth=6 train.batch_size=256
        device: cpu, cuda, mps, or auto.
        seconds: how long to measure; more is steadier.
    """
    from .plan import gpu_advice, table
    from .plan import plan as estimate

    config = configure(preset, minutes, steps, epochs, 0, set)
    found = estimate(config, IMAGES_OF[preset] if images is None else images, _device(device), seconds)
    print(table(found))
    if not torch.cuda.is_available():
        print("\n" + gpu_advice(found, _flags(preset, minutes, steps, epochs, set)))


def pretrain(
    preset: str = "laptop",
    data: str | None = None,
    root: Path | None = None,
    out: Path = Path("runs/pretrain"),
    minutes: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE")] = (),
):
    """Train an I-JEPA. `jepa-lite probe OUT` then measures it.

    Args:
        preset: demo, laptop; for a GPU: cifar10, cifar100, stl10, imagenette, imagenet100,
            vit-b16, vit-l16, vit-h14.
        data: shapes, photos, cifar10, cifar100, stl10, fashion_mnist, imagenette, folder.
        root: where the data lives; for folder, the tree of class folders. [JEPA_LITE_DATA]
        out: folder for checkpoints and log.jsonl.
        minutes: stop after so long; the schedules fit themselves to it.
        steps: stop after so many steps.
        epochs: stop after so many passes over the data.
        resume: go on from the last whole checkpoint in OUT, exactly.
        seed: of weights, order, crops and masks (not of the data).
        device: cpu, cuda, mps, or auto.
        set: any other setting: --set model.depth=6 train.lr=1e-3 masks.rule=block
    """
    from .pretrain import pretrain as start

    config = configure(preset, minutes, steps, epochs, seed, set)
    run = start(config, data or DATA_OF[preset], root=root, out=out, resume=resume, device=_device(device))
    if run.rank == 0:
        print(f"{counted(run.step, 'step')} in {run.elapsed / 60:.1f} min. Next: jepa-lite probe {out}")


def probe(
    checkpoint: Checkpoint,
    data: str | None = None,
    root: Path | None = None,
    which: str = "target",
    last: int = 1,
    attentive: bool = False,
    limit: int = 10000,
    seed: int = 0,
    device: str = "auto",
    out: Path | None = None,
):
    """Measure a frozen encoder: kNN and linear probe, beside chance, raw pixels and random weights.

    Args:
        checkpoint: a run folder, an official .pth.tar, or Hugging Face IJepaModel weights.
        data: as for pretrain; by default what the run was trained on.
        root: where the data lives. [JEPA_LITE_DATA]
        which: the encoder: target (the paper's choice) or context.
        last: layers whose mean tokens are joined: 1, or 4 as in the paper.
        attentive: also train an attentive probe.
        limit: the most images to use of each split.
        seed: of the random weights and of the probes.
        device: cpu, cuda, mps, or auto.
        out: write the rows to this JSON file as well.
    """
    from .checkpoint import load_encoder
    from .data import load as load_data
    from .facts import machine, trained_on, write_json
    from .ladder import ladder

    device = _device(device)
    encoder, model = load_encoder(checkpoint, which)
    name = data or trained_on(checkpoint)
    splits = [
        load_data(name, split, image_size=model.image_size, root=root, limit=limit)
        for split in ("train", "test")
    ]
    rows = ladder(
        model, {"ijepa": encoder}, *splits, seed=seed, last=last, attentive=attentive, device=device
    )
    print(_table(rows))
    if out:
        facts = {"ladder": rows, "data": name, "encoder": which, "last": last, "seed": seed} | machine(device)
        write_json(out, facts)


def explain(checkpoint: Checkpoint, image: Picture, out: Path = Path("explain.png"), seed: int = 0):
    """Draw what a model makes of one image: masks, attention, PCA features, predictions.

    Args:
        checkpoint: a run folder of jepa-lite.
        image: any picture file.
        out: the PNG to write.
        seed: of the masks.
    """
    from .checkpoint import load
    from .folder import read_image
    from .report import explain as draw

    model, config = load(checkpoint)
    generator = torch.Generator().manual_seed(seed)
    figure = draw(model, read_image(image, config.model.image_size), generator, config.masks)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=144)
    print(f"{figure.alt_text}\nWritten to {out}")


def explorer(
    out: Path = Path("explorer.html"),
    image: str = "cat",
    grid: tuple[int, int] = (14, 14),
    patch_size: int = 16,
    draws: int = 64,
):
    """Write the mask explorer as one HTML file that opens from disk, without a kernel or a network.

    Args:
        out: the page to write.
        image: a bundled photograph (astronaut, cat, coffee, galaxies, motorcycle, rocket, palace, flower)
            or a picture file.
        grid: rows and columns of patches.
        patch_size: pixels of a patch; the image is fitted to the grid's patches.
        draws: seeds on the page; more make a larger file.
    """
    from .explorer import explorer_page

    page = explorer_page(image, grid, patch_size, draws)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    print(f"Written to {out} ({out.stat().st_size / 1e3:.0f} KB). Open it in a browser.")


def configure(name, minutes, steps, epochs, seed, changes):
    """The Config of a preset with the command line's changes. ValueError for what it does not know."""
    values = {"train.seed": seed}
    if any(end is not None for end in (minutes, steps, epochs)):
        seconds = None if minutes is None else 60 * minutes
        values |= {"train.seconds": seconds, "train.steps": steps, "train.epochs": epochs}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, such as train.lr=1e-3, not {change!r}")
        values[key] = _literal(value)
    return named(name).with_values(values)


def _flags(preset, minutes, steps, epochs, changes):
    """The same choices as words for a command line."""
    ends = {"minutes": minutes, "steps": steps, "epochs": epochs}
    words = [f"--preset {preset}", *(f"--{name} {end}" for name, end in ends.items() if end is not None)]
    return " ".join(words + ([f"--set {shlex.join(changes)}"] if changes else []))


def _literal(text):
    try:
        return json.loads(text.replace("(", "[").replace(")", "]"))
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _device(name):
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"  # mps, which no test covers, only by name
    if name == "cuda":
        name = f"cuda:{local_rank()}"  # under torchrun each process has a GPU of its own
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"there is no device {name!r} on this machine; use --device cpu or auto") from error


def _table(rows):
    """The ladder as text, one probe a column, named as in the README."""
    from .canvas import NAMES

    probes = {p: f"{heading:>11}" for p, heading in PROBES.items() if p in rows[-1]}
    lines = [f"{'features':14}" + "".join(probes.values())]
    for row in rows:
        numbers = (f"{row[p]:11.1%}" if p in row else " " * 11 for p in probes)
        lines.append(f"{NAMES.get(row['name'], row['name']):14}" + "".join(numbers))
    return "\n".join(lines)


def main():
    """Run the command line. A problem with the input is one sentence on stderr and exit status 2."""
    commands = {command.__name__: command for command in (demo, plan, pretrain, probe, explain, explorer)}
    _run(lambda: tyro.extras.subcommand_cli_from_dict(commands, prog="jepa-lite", description=__doc__))


def main_pretrain():
    """`python -m jepa_lite.train`: what torchrun starts. The options are those of `jepa-lite pretrain`."""
    _run(lambda: tyro.cli(pretrain, prog="python -m jepa_lite.train"))


def _run(command):
    try:
        command()
        print(end="", flush=True)  # here, where a full disk is told like any other error
    except BrokenPipeError as error:
        sys.exit(141 if pipes.reader_left() else _fail(error, 2))  # 141: as other tools end, by SIGPIPE
    except (ValueError, OSError, FloatingPointError, SafetensorError) as error:  # OSError: a full disk, too
        sys.exit(_fail(error, 2))
    except Stopped as stopped:
        sys.exit(_fail(stopped, 128 + stopped.signal))  # as a shell counts an end by a signal
    except KeyboardInterrupt:
        sys.exit(_fail("stopped", 130))
    finally:
        pipes.let_go()
        leave_processes()


def _fail(message, status):
    if int(os.environ.get("RANK", 0)) == 0:  # else every process would say it
        print(f"jepa-lite: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
