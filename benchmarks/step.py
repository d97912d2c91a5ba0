"""What a training step costs beside the same step written plainly: writes results/step.json.

    python benchmarks/step.py

For the encoders a laptop runs: how many times as much processor time per image plain_reference.py takes, how
much of that is fewer operations, the shares of padding and of the data, and arithmetic per second as a share
of what one large matrix product reaches. All take turns in one process, on one thread, with the same images
and masks. Only ratios are kept, because other work on the machine slows all of them alike. Medians.
"""

import copy
import math
import statistics
import time
from pathlib import Path

import plain_reference
import torch
from torch.utils.flop_counter import FlopCounterMode

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.optim import make_optimizer
from jepa_lite.method.step import clip_gradient, update
from jepa_lite.training.provenance import machine, write_json
from jepa_lite.training.run import Run

RESULTS = Path(__file__).parent / "results" / "step.json"
SEED, ROUNDS, WARM_UP, GROUPS, MOMENTUM = 0, 6, 1, (1, 3, 6), 0.996
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
        "what": "ratios of processor time; another run shared the machine, so seconds are not kept",
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
    ours = copy.deepcopy(run.model)
    optimizer = make_optimizer(ours, config.train, "cpu")
    generator, matrix = torch.Generator().manual_seed(SEED), torch.randn(2048, 2048)
    seconds, padding, arithmetic = {}, [], {"plain": 0, "ours": 0}

    def clock(name, work, *args):
        started = time.process_time()
        result = work(*args)
        seconds.setdefault(name, []).append(time.process_time() - started)
        return result

    for i in range(WARM_UP + ROUNDS):
        pixels, _ = clock("data", run.batch, i)
        masks = sample_masks(config.model.grid, B, config.masks, generator)
        clock("matrix", torch.mm, matrix, matrix)
        for name, attention in plain_reference.ATTENTIONS.items():
            with torch.no_grad():
                losses = ours.loss(pixels, masks).item(), plain_reference.loss(ours, pixels, masks, attention)
            assert math.isclose(*losses, abs_tol=1e-5), losses
            clock(name, plain_reference.step, plain, plain_optimizer, pixels, masks, MOMENTUM, attention)
        for count in GROUPS:
            clock(count, step, ours, optimizer, pixels, masks, count)
        real = int(masks.context_keep.sum())
        read = sum(part.context_keep.numel() for _, part in masks.groups(6))
        padding.append(1 - real / read)
        with FlopCounterMode(display=False) as counter:
            plain_reference.loss(plain, pixels, masks, plain_reference.explicit).backward()
        arithmetic["plain"] += counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            step(ours, optimizer, pixels, masks, 6)
        arithmetic["ours"] += counter.get_total_flops()

    def ratio(above, below):
        pairs = zip(seconds[above][WARM_UP:], seconds[below][WARM_UP:], strict=True)
        return statistics.median(a / b for a, b in pairs)

    speed = arithmetic["ours"] / len(padding) / (2 * 2048**3)  # in products of the large matrix
    return {
        "encoder": encoder,
        "width": config.model.width,
        "context": context,
        "batch": B,
        "times": {name: {str(g): ratio(name, g) for g in GROUPS} for name in plain_reference.ATTENTIONS},
        "arithmetic": arithmetic["plain"] / arithmetic["ours"],
        "padding_share": statistics.mean(padding),
        "data_share": ratio("data", 6),
        "share_of_matmul": speed * ratio("matrix", 6),
    }


def step(model, optimizer, images, masks, groups):
    """The step of training/run.py: targets, then gradients gathered over groups, then the update."""
    optimizer.zero_grad()
    targets = model.targets(images, groups)
    for rows, part in masks.groups(groups):
        (model.loss(images[rows], part, targets[rows]) * (len(rows) / len(images))).backward()
    clip_gradient(model, None)
    update(model, optimizer, MOMENTUM)


if __name__ == "__main__":
    main()
