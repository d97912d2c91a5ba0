"""What a training step costs beside the same step written plainly: writes results/step.json.

    python benchmarks/step.py

For the encoders a laptop runs: how many times as much processor time per image plain_reference.py takes, how
much of that is fewer operations, the shares of padding, of the data and of matrix products, and arithmetic
per second as a share of what one large matrix product reaches. Ours is measured with one, three and six
groups, which is the same step. With three groups, it is also measured with one predictor sequence an image,
which is a cheaper step, and in bfloat16, beside the plain step in single precision and in bfloat16. All take
turns in one process, on one thread, with the same images and masks. Only ratios are kept, because other work
on the machine slows all of them alike. Medians.
"""

import copy
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

import plain_reference
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.optim import make_optimizer
from jepa_lite.method.step import clip_gradient, update
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "step.json"
SEED, ROUNDS, WARM_UP, MOMENTUM = 0, 6, 1, 0.996
OURS = {  # name: (groups, predictor_sequences, bfloat16)
    "1": (1, "per_target", False),
    "3": (3, "per_target", False),
    "6": (6, "per_target", False),
    "one sequence": (3, "per_image", False),
    "bfloat16": (3, "per_target", True),
    "one sequence, bfloat16": (3, "per_image", True),
}
PREDICTOR = {"pico": (32, 2, 4), "nano": (48, 3, 4), "micro": (64, 3, 4), "tiny": (96, 4, 3)}
CONTEXTS = {"paper": (0.85, 1.0), "demo": (0.4, 0.6)}


def main():
    torch.set_num_threads(1)
    images = shapes(512, 64, seed=SEED)[0]
    rows = []
    for name in PREDICTOR:
        for context in CONTEXTS:
            rows.append(measure(name, context, images))
            print(rows[-1], flush=True)
    facts = {
        "what": "ratios of processor time",
        "command": "python benchmarks/step.py",
        "seed": SEED,
        "rounds": ROUNDS,
        "threads": 1,
    }
    write_json(RESULTS, facts | {"rows": rows} | machine())


def measure(encoder, context, images):
    """A row of the table for one encoder, under the paper's masks or the demo's smaller context."""
    width, depth, heads = PREDICTOR[encoder]
    sizes = {"predictor_width": width, "predictor_depth": depth, "predictor_heads": heads}
    config = Config(
        ModelConfig.sized(encoder, image_size=64, patch_size=8, **sizes),
        MaskConfig(context_scale=CONTEXTS[context]),
        TrainConfig(steps=10**6, batch_size=128 if encoder != "tiny" else 64, seed=SEED),
    )
    run, B = Run(config, images), config.train.batch_size
    plain = copy.deepcopy(run.model)
    trained = [p for p in plain.parameters() if p.requires_grad]
    plain_optimizer = torch.optim.AdamW(trained, lr=config.train.lr)
    ours = {}  # predictor_sequences: (model, optimizer)
    for sequences in ("per_target", "per_image"):
        model = make_model(replace(config.model, predictor_sequences=sequences), SEED)
        ours[sequences] = model, make_optimizer(model, config.train, "cpu")
    generator, matrix = torch.Generator().manual_seed(SEED), torch.randn(2048, 2048)
    seconds, padding, arithmetic = {}, [], {"plain": 0, "per_target": 0, "per_image": 0}

    def clock(name, work, *args):
        started = time.process_time()
        result = work(*args)
        seconds.setdefault(name, []).append(time.process_time() - started)
        return result

    for i in range(WARM_UP + ROUNDS):
        pixels, _ = clock("data", run.batch, i)
        masks = sample_masks(config.model.grid, B, config.masks, generator)
        clock("matrix", torch.mm, matrix, matrix)
        same = ours["per_target"][0]
        for name, attention in plain_reference.ATTENTIONS.items():
            with torch.no_grad():
                losses = same.loss(pixels, masks).item(), plain_reference.loss(same, pixels, masks, attention)
            assert math.isclose(*losses, abs_tol=1e-5), losses
            for amp in (False, True):
                with autocast(amp):
                    arguments = plain, plain_optimizer, pixels, masks, MOMENTUM, attention
                    clock((name, amp), plain_reference.step, *arguments)
        for name, (groups, sequences, amp) in OURS.items():
            clock(name, step, *ours[sequences], pixels, masks, groups, amp)
        real = int(masks.context_keep.sum())
        read = sum(part.context_keep.numel() for _, part in masks.groups(6))
        padding.append(1 - real / read)
        with FlopCounterMode(display=False) as counter:
            plain_reference.loss(plain, pixels, masks, plain_reference.explicit).backward()
        arithmetic["plain"] += counter.get_total_flops()
        for sequences, (model, optimizer) in ours.items():
            with FlopCounterMode(display=False) as counter:
                step(model, optimizer, pixels, masks, 6)
            arithmetic[sequences] += counter.get_total_flops()

    def ratio(above, below):
        pairs = zip(seconds[above][WARM_UP:], seconds[below][WARM_UP:], strict=True)
        return statistics.median(a / b for a, b in pairs)

    def ratios(amp, names=tuple(OURS)):
        return {plain: {n: ratio((plain, amp), n) for n in names} for plain in plain_reference.ATTENTIONS}

    speed = arithmetic["per_target"] / len(padding) / (2 * 2048**3)  # in products of the large matrix
    return {
        "encoder": encoder,
        "width": config.model.width,
        "context": context,
        "batch": B,
        "times": ratios(False),
        "times_plain_in_bfloat16": ratios(True, [name for name in OURS if OURS[name][2]]),
        "arithmetic": arithmetic["plain"] / arithmetic["per_target"],
        "arithmetic_one_sequence": arithmetic["plain"] / arithmetic["per_image"],
        "padding_share": statistics.mean(padding),
        "data_share": ratio("data", "6"),
        "share_of_matmul": speed * ratio("matrix", "6"),
        "products_share": products_share(*ours["per_target"], pixels, masks),
    }


def products_share(*arguments):
    """The share of our step's processor time that goes to products of matrices, by PyTorch's profiler."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(ROUNDS):
            step(*arguments, 6)
    spent = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    products = ("aten::addmm", "aten::mm", "aten::bmm", "aten::baddbmm")
    return sum(spent.get(name, 0) for name in products) / sum(spent.values())


def autocast(amp):
    return torch.autocast("cpu", torch.bfloat16, enabled=amp)


def step(model, optimizer, images, masks, groups, amp=False):
    """The step of training/run.py: targets, then gradients gathered over groups, then the update."""
    optimizer.zero_grad()
    with autocast(amp):
        targets = model.targets(images, groups)
    for rows, part in masks.groups(groups):
        with autocast(amp):
            loss = model.loss(images[rows], part, targets[rows]) * (len(rows) / len(images))
        loss.backward()
    clip_gradient(model, None)
    update(model, optimizer, MOMENTUM)


if __name__ == "__main__":
    main()
