"""The command line: `jepa-lite demo`, `plan`, `pretrain` and more. It only parses, calls and prints.

What its words mean, and which of them are refused, is arguments.py; how a command ends that fails,
failures.py.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import torch
import tyro

from . import __version__
from .arguments import configure, flags, merged, output
from .arguments import find_device as _device
from .limits import MOST_SEED, check_count
from .presets import DATA_OF, IMAGES_OF
from .presets import preset as named
from .system.failures import run as _run
from .system.file_names import shown
from .system.progress import counted

HELP = """Train an I-JEPA on a laptop or on GPUs, measure it, and see what it has learned.

    jepa-lite demo                                          all of it in minutes, without a network
    jepa-lite pretrain --data folder --root photos/ --minutes 10 --out runs/mine
    jepa-lite probe runs/mine                               how good are its features?
    jepa-lite explain runs/mine a.jpg                       what does it make of this image?

`jepa-lite COMMAND --help` lists a command's options; --debug shows the whole traceback of an error."""
Checkpoint = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
# The columns of a table, with their headings.
PROBES = {"linear": "linear", "linear_last4": "last 4", "knn": "20-NN", "attentive": "attentive"}
Picture = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
PICTURES = (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".webp")
Settings = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE")]


def demo(
    out: Path = Path("runs/demo"),
    minutes: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
):
    """Pre-train on synthetic images, measure beside controls, write a report. No network, no GPU.

    Args:
        out: folder for weights, log, results.json and report.html.
        minutes: the most that I-JEPA may train, and then its pixel baseline: 3, unless you say otherwise.
        seed: of the weights, the images and the masks, 0 unless you say otherwise.
        device: cpu, cuda, mps, or auto.
        resume: go on with a demo that was interrupted, with the minutes and the seed that it had.
    """
    from .demo import run_demo

    _check_seed(0 if seed is None else seed)
    results = run_demo(out, minutes=minutes, seed=seed, device=_device(device), resume=resume)
    print(_table(results["controls"]))
    said = f"{counted(results['steps'], 'step')} in {results['seconds']:.0f} s"
    print(f"\n{said}. Open {out / 'report.html'} in a browser.")


def plan(
    preset: str = "laptop",
    images: int | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    set: Settings = (),
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
        set: any other setting, such as model.depth=6; `jepa-lite settings` lists them.
        device: cpu, cuda, mps, or auto.
        seconds: how long to measure; more is steadier.
    """
    from .training.plan import gpu_advice, table
    from .training.plan import plan as estimate

    config = configure(preset, minutes, steps, epochs, 0, set)
    images = IMAGES_OF[preset] if images is None else images
    found = estimate(config, images, _device(device), seconds)
    print(table(found))
    if not torch.cuda.is_available():
        print("\n" + gpu_advice(found, flags(preset, minutes, steps, epochs, set)))


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
    set: Settings = (),
):
    """Train an I-JEPA. `jepa-lite probe OUT` then measures it.

    Args:
        preset: demo, laptop, laptop-imagenette; for a GPU: cifar10, cifar100, stl10, imagenette,
            imagenet100, vit-b16, vit-l16, vit-h14.
        data: fields, shapes, photos, cifar10, cifar100, stl10, fashion_mnist, imagenette, folder.
        root: where the data lives; for folder, your images. [JEPA_LITE_DATA]
        out: folder for checkpoints and log.jsonl.
        minutes: stop after so long; the schedules fit themselves to it.
        steps: stop after so many steps.
        epochs: stop after so many passes over the data.
        resume: go on from the last whole checkpoint in OUT, exactly.
        seed: of weights, order, crops and masks (not of the data).
        device: cpu, cuda, mps, or auto.
        set: any other settings, such as model.depth=6 train.lr=1e-3; `jepa-lite settings` lists them.
    """
    from .training.pretrain import pretrain as start

    config = configure(preset, minutes, steps, epochs, seed, set)
    run = start(config, data or DATA_OF[preset], root=root, out=out, resume=resume, device=_device(device))
    if run.rank == 0:
        print(
            f"{counted(run.step, 'step')} in {run.elapsed / 60:.1f} min. Next: jepa-lite probe {shown(out)}"
        )


def probe(
    checkpoint: Checkpoint,
    data: str | None = None,
    root: Path | None = None,
    which: str = "target",
    heads: int | None = None,
    last: int = 1,
    attentive: bool = False,
    limit: int = 10000,
    seed: int = 0,
    device: str = "auto",
    out: Path | None = None,
):
    """Measure a frozen encoder: kNN and linear probe, beside chance, raw pixels and random weights.

    Args:
        checkpoint: a run folder, pretrained:cifar10 or pretrained:imagenette, an official .pth.tar, or
            Hugging Face IJepaModel weights, as a folder, a file or the model's folder in the cache.
        data: as for pretrain; by default what the run was trained on.
        root: where the data lives. [JEPA_LITE_DATA]
        which: the encoder: target (the paper's choice) or context.
        heads: attention heads, for files that do not say them and have none of the published widths.
        last: layers whose mean tokens are joined: 1, or 4 as in the paper.
        attentive: also train an attentive probe.
        limit: the most images to use of each split.
        seed: of the random weights and of the probes.
        device: cpu, cuda, mps, or auto.
        out: write the rows to this JSON file as well.
    """
    from .data import load as load_data
    from .evaluation.comparison import table_of_controls
    from .evaluation.probes import check_last
    from .training.checkpoints import find_shipped, load_encoder
    from .training.provenance import machine, trained_on, write_json

    _check_seed(seed)
    check_count("limit", limit, most=10**9)
    _check_heads(heads)
    device, out = _device(device), output(out)
    encoder, model = load_encoder(checkpoint, which, heads)
    check_last(model.depth, last)
    name, place = (data, None) if data else trained_on(find_shipped(checkpoint))
    splits = [
        load_data(name, split, image_size=model.image_size, root=root or place, limit=limit, labelled=True)
        for split in ("train", "test")
    ]
    rows = table_of_controls(
        model, {"ijepa": encoder}, *splits, seed=seed, last=last, attentive=attentive, device=device
    )
    print(_table(rows))
    if out is not None:
        facts = {"controls": rows, "data": name, "encoder": which, "last": last, "seed": seed} | machine(
            device
        )
        write_json(out, facts)


def explain(
    checkpoint: Checkpoint,
    image: Picture,
    out: Path = Path("explain.png"),
    seed: int = 0,
    heads: int | None = None,
):
    """Draw what a model makes of one image: masks, attention, PCA features, predictions.

    Args:
        checkpoint: a run folder, pretrained:imagenette (or cifar10), or a whole official .pth.tar.
        image: any picture file.
        out: the picture to write: .png (also without a suffix), .jpg, .pdf, .svg or .webp.
        seed: of the masks.
        heads: as for probe.
    """
    from .data.image_files import read_image
    from .figures.report import explain as draw
    from .training.checkpoints import load_model

    _check_seed(seed)
    _check_heads(heads)
    out = output(out, PICTURES)
    model, config = load_model(checkpoint, heads)
    generator = torch.Generator().manual_seed(seed)
    figure = draw(model, read_image(image, config.model.image_size), generator, config.masks)
    figure.savefig(out, dpi=144)
    print(f"{figure.alt_text}\nWritten to {shown(out)}")


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
    from .widgets.standalone_page import explorer_page

    out = output(out)
    page = explorer_page(image, grid, patch_size, draws)
    out.write_text(page, encoding="utf-8")
    print(f"Written to {shown(out)} ({out.stat().st_size / 1e3:.0f} KB). Open it in a browser.")


def _check_seed(seed):
    check_count("seed", seed, least=0, most=MOST_SEED)


def _check_heads(heads):
    if heads is not None:
        check_count("heads", heads, most=2**15)


def settings(preset: str = "laptop"):
    """List every setting that `--set` takes, with its value in a preset.

    Args:
        preset: as for pretrain.
    """
    for part, values in named(preset).to_dict().items():
        for name, value in values.items():
            print(f"{part}.{name:24} {json.dumps(value)}")


def _table(rows):
    """The table of controls as text, one probe a column, named as in the README."""
    from .figures.style import NAMES

    probes = {p: f"{heading:>11}" for p, heading in PROBES.items() if p in rows[-1]}
    lines = [f"{'features':14}" + "".join(probes.values())]
    for row in rows:
        numbers = (f"{row[p]:11.1%}" if p in row else " " * 11 for p in probes)
        lines.append(f"{NAMES.get(row['name'], row['name']):14}" + "".join(numbers))
    return "\n".join(lines)


def main(words: list[str] | None = None) -> None:
    """Run the command line, or these words of one. A problem is one sentence on stderr and exit status 2."""
    words = list(sys.argv[1:] if words is None else words)
    if words[:1] == ["--version"]:
        print(f"jepa-lite {__version__}")
        return
    commands = {
        command.__name__: command for command in (demo, plan, pretrain, probe, explain, explorer, settings)
    }
    _run(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands, prog="jepa-lite", description=HELP, args=merged(words) or ["--help"]
        ),
        debug="--debug" in words,
    )


if __name__ == "__main__":
    main()
