"""Exercise of notebook 08: a training loop with five faults, to be mended."""

import functools
import itertools

import torch
import torch.nn.functional as F

from ...baselines.pixel_target import make_model
from ...config import ModelConfig
from ...method.ijepa import IJEPA
from ...method.patches import take
from ...method.step import train_step, update
from .engine import exercise

TARGETS = IJEPA.targets.__wrapped__  # as it is written: without what torch.no_grad wraps around it
FAULTS = {
    "norm": "The targets are normalised after they were taken. This norm runs over the batch, place by "
    "place, but after `take` the blocks of different images lie at different places. Normalise first.",
    "leak": "The context encoder reads the whole image, and its output is cut afterwards. Attention has by "
    "then carried the targets into the context tokens. Drop the patches from its input.",
    "addresses": "The predictor is told that the context lies at the places 0 to K - 1. It needs the places "
    "of this image's context.",
    "zero": "Gradients add up from step to step, because nothing sets them to zero.",
    "average": "The weights of the moving average are swapped, so the target encoder becomes nearly the "
    "encoder at every step. `update_target` takes the share of the target encoder that stays.",
}
COUNTS = ("", "One fault is", "Two faults are", "Three faults are", "Four faults are", "All five faults are")


def loop(*faults, early=False, targets_of=IJEPA.targets):
    """A `mended_loop` with some of FAULTS, or with a slip that the broken loop does not have."""

    def run(make, images, context_idx, target_idx, momentum):
        model, optimizer = make()
        losses, kept = [], 1 - momentum if "average" in faults else momentum
        for x, seen, asked in zip(images, context_idx, target_idx, strict=True):
            if "norm" in faults:
                targets = model.as_targets(take(model.target_encoder(x), asked))
            else:
                targets = take(targets_of(model, x), asked)
            context = take(model.encoder(x), seen) if "leak" in faults else model.encoder(x, seen)
            given = torch.arange(seen.shape[1]).expand_as(seen) if "addresses" in faults else seen
            loss = F.smooth_l1_loss(model.predictor(context, given, asked), targets)
            losses.append(loss.item())
            if "zero" not in faults:
                optimizer.zero_grad()
            loss.backward()
            if early:
                model.update_target(kept)
            optimizer.step()
            if not early:
                model.update_target(kept)
        return torch.tensor(losses)

    return run


def _of_the_encoder(model, x):
    return model.as_targets(model.encoder(x))


def _detached(model, x):
    return _of_the_encoder(model, x).detach()


@functools.lru_cache(maxsize=256)
def known(momentum, *faults, **slips):
    """What `loop` gives on the case with this momentum, kept: 33 mistakes take their time."""
    return loop(*faults, **slips)(*CASES[momentum])


def mistake(*faults, **slips):
    return lambda *case: known(case[-1], *faults, **slips)


def make():
    """A small I-JEPA with its optimiser, the same at every call: (model, optimizer)."""
    size = {
        "image_size": (24, 16),
        "patch_size": 4,
        "width": 8,
        "depth": 1,
        "heads": 2,
        "predictor_width": 12,
    }
    config = ModelConfig(**size, predictor_depth=1, predictor_heads=3, target_norm="place")
    model = make_model(config, seed=4)
    return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)


def _case(steps, seed, momentum):
    """Batches of 5 images on a 6 x 4 grid; the context holds no target."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(steps, 5, 3, 24, 16, generator=generator)
    order = torch.rand(steps, 5, 24, generator=generator).argsort(-1)
    context_idx, target_idx = order[..., :9].sort().values, order[..., 9:17].unflatten(-1, (2, 4))
    return make, images, context_idx, target_idx, momentum


def _said(faults):
    return f"{COUNTS[len(faults)]} left. {'' if len(faults) == 1 else 'For example: '}{FAULTS[faults[0]]}"


CASES = {0.9: _case(3, 1, 0.9), 0.7: _case(1, 2, 0.7)}  # by their momentum
exercise(
    name="mended_loop",
    notebook="08",
    answer=loop(),
    cases=lambda: list(CASES.values()),
    returns="the losses (S,)",
    hint="Go through it line by line, and ask of each: which network, which part of the image, which places, "
    "and in which order? One fault is in the targets, two are in what the context encoder and the predictor "
    "get, and two in the lines that change weights. `jepa_lite.method.step` holds a step without faults.",
    source=(train_step, update, TARGETS, IJEPA.predict, IJEPA.loss),
    mistakes=(
        *(
            (_said(faults), mistake(*faults))
            for count in range(1, 6)
            for faults in itertools.combinations(FAULTS, count)
        ),
        (
            "The context encoder makes the targets, and the gradient reaches them. It can then lower the "
            "loss "
            "by moving the targets towards the predictions. Which network should make them?",
            mistake(targets_of=_of_the_encoder),
        ),
        (
            "The targets come from the context encoder, although without a gradient. The moving average is "
            "then not used at all. Which network should make them?",
            mistake(targets_of=_detached),
        ),
        (
            "The target encoder follows before the optimiser has moved the encoder, so it is always a step "
            "late.",
            mistake(early=True),
        ),
    ),
)
