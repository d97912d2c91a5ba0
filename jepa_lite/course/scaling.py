"""What notebook 11 asks of a long run: its memory part by part, CIFAR-10's numbers with their sources, a file
in the layout of the official weights with random numbers in it, and lines of a terminal."""

import contextlib
import io
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..config import Config, ModelConfig
from ..method.patches import sincos_positions
from ..system.signals import Stopped
from ..training import cost
from ..training.pretrain import pretrain

DRAWN = 2  # steps whose masks are drawn for the size of the largest micro-batch
# What the page of another I-JEPA of CIFAR-10, the one with public weights that we found, says about it.
OTHER = {"page": "https://huggingface.co/simillusion/ijepa-vit-tiny-cifar10", "knn": 41.1, "untrained": 29.6}


def memory(config: Config) -> dict[str, int]:
    """Bytes of each part that a run holds on one process, counted as `jepa-lite plan` does.

    "weights", "gradients", "moments" and "average" do not depend on the batch. "activations" is what the
    largest micro-batch saves for its backward pass, "inputs" the images and target tokens of the whole batch.
    """
    batch = config.train.batch_size
    parts = cost.static_memory(config.model, config.train.optimizer)
    parts["activations"] = cost.activation_bytes(config, cost.draw_groups(config, batch, DRAWN))
    return parts | {"inputs": cost.batch_bytes(config, batch)}


def cifar10_numbers(table: dict) -> str:
    """Accuracies of probes on CIFAR-10, as a table in Markdown with the source of each.

    table: results("real_images"). Ours are of images held out of training (split `report`).
    """
    lines = ["| encoder | linear, % | 20-NN, % | how, and by whom |", "|---|---|---|---|"]
    named = {"raw pixels": "no network", "random weights": "untrained, seeds: {}"}
    ours = [row for part in ("controls", "runs") for row in table[part]]
    ours = [row for row in ours if (row["data"], row["on"]) == ("cifar10", "report")]
    for name in dict.fromkeys(row["name"] for row in ours):
        rows = [row for row in ours if row["name"] == name]
        linear, knn = (100 * sum(row[probe] for row in rows) / len(rows) for probe in ("linear", "knn"))
        if name in named:
            how = named[name].format(len(rows))
        else:
            model, steps = rows[0]["config"]["model"], rows[0]["steps"]
            minutes = {row["machine"]["device"]: row["cpu_seconds"] / 60 for row in reversed(rows)}
            on = " and ".join(
                f"{spent:.0f} minutes of one core" if device == "cpu" else f"on an {device}"
                for device, spent in sorted(minutes.items(), key=lambda one: one[0] != "cpu")
            )
            method = "pixel baseline" if model["predicts"] == "pixels" else "I-JEPA"
            batch, masks = rows[0]["config"]["train"]["batch_size"], rows[0]["config"]["masks"]
            hidden = "one block" if masks["rule"] == "block" else f"{masks['num_targets']} targets"
            start, end = rows[0]["config"]["train"]["momentum"]
            how = f"{method}, {hidden}, momentum {start:g} to {end:g}, {steps:,} steps of {batch} images"
            how += f", {on}, seeds: {len(rows)}"
            name = "width {width}, depth {depth}, patch {patch_size}".format(**model)
        lines.append(f"| {name} | {linear:.1f} | {knn:.1f} | {how}; this repository |")
    runs = {"untrained": "untrained", "knn": "I-JEPA, 30 epochs, an hour of a laptop GPU"}
    for key, how in runs.items():
        by = f"{how}; [others]({OTHER['page']}), on the test set"
        lines.append(f"| ViT-Tiny, patch 4 |  | {OTHER[key]} | {by} |")
    return "\n".join(lines)


def write_official(path: str | Path, model: ModelConfig, generator: torch.Generator) -> None:
    """Random weights of `model` in the layout of the official .pth.tar files.

    Such a file holds three dicts of tensors, `encoder`, `predictor` and `target_encoder`, beside what a run
    needs to go on. Every name begins with "module.", as processes that share a model leave it. Encoder and
    target encoder are alike, as before the first step.
    """
    D, E = model.width, model.predictor_width
    encoder = {
        "patch_embed.proj.weight": (D, model.channels, model.patch_size, model.patch_size),
        "patch_embed.proj.bias": (D,),
        "pos_embed": _addresses(model, D),
        **_blocks("blocks", model.depth, D, int(D * model.mlp_ratio)),
        **_norm("norm", D),
    }
    predictor = {
        "predictor_embed.weight": (E, D),
        "predictor_embed.bias": (E,),
        "mask_token": (1, 1, E),
        "predictor_pos_embed": _addresses(model, E),
        **_blocks("predictor_blocks", model.predictor_depth, E, int(E * model.mlp_ratio)),
        **_norm("predictor_norm", E),
        "predictor_proj.weight": (D, E),
        "predictor_proj.bias": (D,),
    }
    filled = {
        name: _filled(shapes, generator) for name, shapes in (("encoder", encoder), ("predictor", predictor))
    }
    torch.save(filled | {"target_encoder": filled["encoder"], "epoch": 0, "loss": 0.0}, path)


def _addresses(model, width):
    return sincos_positions(model.grid, width)[None]  # (1, N, width)


def _norm(name, width):
    return {f"{name}.weight": torch.ones(width), f"{name}.bias": torch.zeros(width)}


def _blocks(name, depth, width, hidden):
    shapes = {}
    for i in range(depth):
        block = f"{name}.{i}"
        shapes |= _norm(f"{block}.norm1", width) | _norm(f"{block}.norm2", width)
        layers = {"attn.qkv": (3 * width, width), "attn.proj": (width, width)}
        layers |= {"mlp.fc1": (hidden, width), "mlp.fc2": (width, hidden)}
        for layer, (rows, columns) in layers.items():
            shapes |= {f"{block}.{layer}.weight": (rows, columns), f"{block}.{layer}.bias": torch.zeros(rows)}
    return shapes


def _filled(shapes: dict[str, tuple | Tensor], generator) -> dict[str, Tensor]:
    """Tensors stay, shapes become random numbers with the spread of the released first weights, 0.02."""
    return {
        f"module.{name}": value
        if isinstance(value, Tensor)
        else 0.02 * torch.randn(value, generator=generator)
        for name, value in shapes.items()
    }


# --- lines of a terminal ----------------------------------------------------------------------------


def _folded(command: str) -> str:
    """A command on lines that fit a notebook's page, as a shell lets one go on."""
    rows = textwrap.wrap(
        command, 96, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return " \\\n".join(rows)


def terminal(main: Callable[[list[str]], None], folder: str | Path, line: str) -> None:
    """Print and do what a terminal in `folder` would with "jepa-lite LINE"; main: the command line's.

    What is said of progress alone is left out.
    """
    print(_folded(f"$ jepa-lite {line}"))
    said = io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main(shlex.split(line))
    finally:
        print(*(row for row in said.getvalue().splitlines() if not row.startswith("training ")), sep="\n")


def stopped_by_ctrl_c(config: Config, data: str, root: str | Path, out: str | Path, step: int) -> None:
    """Train `config` as `pretrain` does, press Ctrl-C after `step`, and print what is said of it."""

    def watch(record):
        if record["step"] == step:
            signal.raise_signal(signal.SIGINT)

    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as answer:  # a handler of signals writes to the descriptor itself
        os.dup2(answer.fileno(), 2)
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                pretrain(config, data, root=root, out=out, watch=watch)
        except Stopped as stopped:
            answer.seek(0)
            print(answer.read().decode().strip(), f"Ctrl-C: {stopped}", sep="\n")
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


def torchrun(line: str, folder: str | Path, processes: int) -> None:
    """Print and do "torchrun -m jepa_lite LINE" in `folder`, on the CPU; RuntimeError if it fails."""
    shared = ["--standalone", f"--nproc-per-node={processes}", "-m", "jepa_lite", *shlex.split(line)]
    print(_folded(" ".join(["$ torchrun", *shared])))
    alone = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "torch.distributed.run", *shared]
    done = subprocess.run(command, env=alone, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    print(done.stdout)
