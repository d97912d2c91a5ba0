"""Exercise of notebook 07: one step of the moving average."""

import torch

from ...method.ijepa import IJEPA
from .engine import exercise

# As it is written: without what torch.no_grad wraps around it.
UPDATE_TARGET = IJEPA.update_target.__wrapped__


def _update(target, online, momentum):
    return momentum * target + (1 - momentum) * online


def _weights(shape, momentum, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator), momentum


exercise(
    name="ema_update",
    notebook="07",
    answer=_update,
    cases=lambda: [_weights((3, 5), 0.9, 0), _weights((7,), 0.37, 1), _weights((2, 3, 4), 0.996, 2)],
    traps=lambda: {
        "Momentum may be 0: then the target becomes the encoder.": _weights((2, 3), 0.0, 3),
        "Momentum may be 1: then the target stays as it is.": _weights((2, 3), 1.0, 4),
        "Weights of any shape are asked for, here a single number without axes.": _weights((), 0.7, 5),
        "Axes of size 1 are kept.": _weights((1, 4, 1), 0.6, 6),
    },
    returns="the new target, in the shape of the old one",
    hint="A weighted mean of two tensors, whose weights add up to 1. With momentum 0.996 nearly all of the "
    "old target stays. Make a new tensor: what was handed in must not change.",
    source=(UPDATE_TARGET,),
    mistakes=(
        (
            "It is the wrong way round: the momentum is the share of the OLD TARGET that stays, so this "
            "target runs after the encoder at once.",
            lambda target, online, momentum: momentum * online + (1 - momentum) * target,
        ),
        (
            "The encoder comes in whole, with factor 1: step by step the target would grow to "
            "1 / (1 - momentum) times the size of the encoder's weights.",
            lambda target, online, momentum: momentum * target + online,
        ),
        (
            "The old target stays whole, with factor 1: nothing is ever forgotten, and the weights pile up.",
            lambda target, online, momentum: target + (1 - momentum) * online,
        ),
        (
            "This copies the encoder, which is momentum 0: the two branches of SimSiam, and no average.",
            lambda target, online, momentum: online,
        ),
        (
            "This keeps a share of the old target and adds nothing to it: the weights fade to zero.",
            lambda target, online, momentum: momentum * target,
        ),
        (
            "This is the encoder's part alone: momentum times the old target is missing.",
            lambda target, online, momentum: (1 - momentum) * online,
        ),
        (
            "The two have changed signs: old and new are ADDED, each times its share.",
            lambda target, online, momentum: momentum * target - (1 - momentum) * online,
            lambda target, online, momentum: target - (1 - momentum) * (online - target),
        ),
        (
            "Both come in with the factor momentum; the two shares add up to 1.",
            lambda target, online, momentum: momentum * (target + online),
        ),
        (
            "It goes momentum of the way to the encoder, or away from it, beyond the mean of the two: from "
            "the target it is 1 - momentum of the way.",
            lambda target, online, momentum: target + momentum * (target - online),
            lambda target, online, momentum: target + momentum * online,
        ),
        (
            "This is the plain mean of the two, whatever the momentum is.",
            lambda target, online, momentum: (target + online) / 2,
        ),
        (
            "This is the old target, unchanged: nothing ever follows the encoder.",
            lambda target, online, momentum: target.clone(),
        ),
        (
            "This is more than one update: momentum is squared.",
            lambda target, online, momentum: _update(target, online, momentum**2),
            lambda target, online, momentum: momentum**2 * target + (1 - momentum) * online,
        ),
        (
            "The root of 1 - momentum**2 keeps a variance, as for noise; shares of a mean add up to 1.",
            lambda target, online, momentum: momentum * target + (1 - momentum**2) ** 0.5 * online,
        ),
    ),
)
