"""Exercise of notebook 13: DINO's targets, centred and sharpened."""

import torch
import torch.nn.functional as F

from ..neighbours import centred_targets
from .engine import exercise


def _outputs(n, D, temperature, momentum, seed):
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(n, D, generator=generator) * temperature * 2 + torch.randn(D, generator=generator)
    return outputs, torch.randn(D, generator=generator) * 0.8 + 0.3, temperature, momentum


def _targets(logits=lambda y, c, t: (y - c) / t, axis=-1):
    """A wrong `centred_targets` with a right next centre: other logits, or a softmax over another axis."""
    return lambda y, c, t, m: (F.softmax(logits(y, c, t), axis), m * c + (1 - m) * y.mean(0))


def _centre(after):
    """A wrong `centred_targets` with right targets and another next centre."""
    return lambda y, c, t, m: (F.softmax((y - c) / t, -1), after(y, c, t, m))


def _new_centre_at_once(y, c, t, m):
    c = m * c + (1 - m) * y.mean(0)
    return F.softmax((y - c) / t, -1), c


exercise(
    name="centred_targets",
    notebook="13",
    answer=centred_targets,
    cases=lambda: [_outputs(6, 4, 0.5, 0.9, 0), _outputs(3, 7, 0.2, 0.6, 1), _outputs(9, 3, 1.5, 0.95, 2)],
    traps=lambda: {
        "A low temperature must not overflow: subtract before dividing, and use a stable softmax.": (
            torch.tensor([[90.0, 88.0, 91.0], [85.0, 92.0, 90.0]]),
            torch.tensor([1.0, 2.0, 1.5]),
            0.04,
            0.9,
        ),
    },
    returns="the targets and the next centre",
    parts=("the targets", "the next centre"),
    hint="Targets: a softmax over the last axis of (outputs - centre) / temperature, with the centre that is "
    "handed in. Next centre: momentum times the old one, plus the rest times the batch mean of the outputs.",
    source=(centred_targets,),
    mistakes=(
        (
            "Nothing is centred: the targets are the softmax of outputs - centre.",
            _targets(lambda y, c, t: y / t),
        ),
        (
            "The centre is added. Subtracting it takes away what all samples prefer, and adding doubles it.",
            _targets(lambda y, c, t: (y + c) / t),
        ),
        (
            "The targets are centred by the NEW centre. They use the one that was handed in, which this "
            "batch has not touched.",
            _new_centre_at_once,
        ),
        (
            "The targets are centred by the mean of this batch, and the running centre is left out.",
            _targets(lambda y, c, t: (y - y.mean(0)) / t),
        ),
        (
            "Only the outputs are divided by the temperature: the centre is subtracted first, then both are.",
            _targets(lambda y, c, t: y / t - c),
        ),
        (
            "The temperature is missing: without it nothing is sharpened.",
            _targets(lambda y, c, t: y - c),
        ),
        (
            "It multiplies by the temperature. Dividing by one below 1 makes the distribution sharper.",
            _targets(lambda y, c, t: (y - c) * t),
        ),
        (
            "The softmax runs over the batch: each SAMPLE gets a distribution over the D values.",
            _targets(axis=0),
        ),
        (
            "These are logits, not yet a distribution: the softmax is missing.",
            lambda y, c, t, m: ((y - c) / t, m * c + (1 - m) * y.mean(0)),
        ),
        (
            "These are logarithms of the targets (log_softmax). The loss takes that of the OTHER side.",
            lambda y, c, t, m: (F.log_softmax((y - c) / t, -1), m * c + (1 - m) * y.mean(0)),
        ),
        (
            "The momentum is the wrong way round: most of the old centre stays.",
            _centre(lambda y, c, t, m: (1 - m) * c + m * y.mean(0)),
        ),
        (
            "The next centre is the mean of this batch: the running average is lost.",
            _centre(lambda y, c, t, m: y.mean(0)),
        ),
        (
            "The centre stays as it was: it follows the outputs.",
            _centre(lambda y, c, t, m: c.clone()),
        ),
        (
            "The next centre is an average of outputs that were centred already, so it falls behind. Average "
            "the raw outputs.",
            _centre(lambda y, c, t, m: m * c + (1 - m) * (y - c).mean(0)),
        ),
        (
            "The next centre is an average of the targets; it is one of the raw outputs.",
            _centre(lambda y, c, t, m: m * c + (1 - m) * F.softmax((y - c) / t, -1).mean(0)),
        ),
        (
            "The centre gets one mean for all values; each of the D values has its own.",
            _centre(lambda y, c, t, m: m * c + (1 - m) * y.mean()),
        ),
        (
            "The outputs are added up over the batch, not averaged.",
            _centre(lambda y, c, t, m: m * c + (1 - m) * y.sum(0)),
        ),
        (
            "The batch mean comes in whole; its share is 1 - momentum.",
            _centre(lambda y, c, t, m: m * c + y.mean(0)),
        ),
    ),
)
