"""Exercise of notebook 07: a loss that stops at the targets."""

import torch
import torch.nn.functional as F

from ...method.ijepa import IJEPA, layer_norm
from .engine import exercise

# As it is written: without what torch.no_grad wraps around it.
TARGETS = IJEPA.targets.__wrapped__


def stop_gradient_loss(predictions, targets):
    """Smooth-L1 from predictions to layer-normed targets, both (B, M, T, D), which get no gradient."""
    return F.smooth_l1_loss(predictions, layer_norm(targets).detach())


def _reached(predictions, targets):
    """What is wrong with where the gradient goes, or None."""
    if predictions and not targets:
        return None
    if targets and not predictions:
        return (
            "The value is right, but the gradient runs into the targets ALONE: it is the other one to detach."
        )
    if not targets:
        return "The value is right, but no gradient reaches the predictions: nothing would ever learn."
    return (
        "The value is right, but a gradient runs into the targets as well: they would come to meet the "
        "prediction, and with a layer norm alone that is the complete collapse of this notebook."
    )


def _pair(shape, seed):
    """Predictions and targets that both wish for a gradient."""
    generator = torch.Generator().manual_seed(seed)
    predictions = 1.5 * torch.randn(shape, generator=generator)
    return predictions.requires_grad_(), (0.6 + 2 * torch.randn(shape, generator=generator)).requires_grad_()


def _loss(norm=layer_norm, distance=F.smooth_l1_loss, ours=lambda p: p, **how):
    """A wrong `stop_gradient_loss`: another norm of the targets, distance, or change of the predictions."""
    return lambda p, t: distance(ours(p), norm(t), **how)


def _normed(t, dims=-1, correction=0):
    return (t - t.mean(dims, keepdim=True)) / t.std(dims, correction=correction, keepdim=True)


exercise(
    name="stop_gradient_loss",
    notebook="07",
    answer=stop_gradient_loss,
    cases=lambda: [_pair((3, 2, 5, 7), 0), _pair((2, 4, 3, 6), 1)],
    traps=lambda: {"A batch may hold one image, one block and one patch.": _pair((1, 1, 1, 5), 2)},
    returns="the loss, one number without axes,",
    gradients=_reached,
    hint="Three parts: F.layer_norm of the targets over their last axis; F.smooth_l1_loss, which takes the "
    "mean; and one .detach(). Ask yourself which of the two tensors may still learn from the loss.",
    source=(TARGETS, IJEPA.loss, layer_norm),
    mistakes=(
        (
            "This adds the values up; take their mean, or twice the patches would take twice the step.",
            _loss(reduction="sum"),
        ),
        (
            "It adds up over some axes and takes the mean over the others: the loss is a mean over all.",
            lambda p, t: stop_gradient_loss(p, t) * p.shape[-1],
            lambda p, t: stop_gradient_loss(p, t) * p[0].numel(),
            lambda p, t: stop_gradient_loss(p, t) * len(p),
        ),
        (
            "The targets are not normed: layer-norm each token over its own D values first.",
            _loss(norm=lambda t: t),
        ),
        (
            "The predictions are normed, too; only the targets are, and the predictor has to "
            "come up with their size.",
            _loss(ours=layer_norm),
        ),
        (
            "The norm is on the wrong side: the TARGETS are normed, the predictions stay as they are.",
            _loss(norm=lambda t: t, ours=layer_norm),
        ),
        (
            "This is the squared distance that the paper writes; wanted is the released code's smooth-L1.",
            _loss(distance=F.mse_loss),
            lambda p, t: F.mse_loss(p, layer_norm(t)) / 2,
        ),
        (
            "This is plain L1. Smooth-L1 is d * d / 2 where the distance d is below 1, and d - 1/2 beyond.",
            _loss(distance=F.l1_loss),
        ),
        (
            "This is smooth-L1 with another place of its bend: beta stays 1.",
            *(_loss(beta=beta) for beta in (0.1, 0.5, 2.0)),
            *(_loss(distance=F.huber_loss, delta=delta) for delta in (0.1, 0.5, 2.0)),
        ),
        (
            "The two branches of smooth-L1 do not meet: it is d * d / 2 below 1, and d - 1/2 beyond.",
            *(
                lambda p, t, a=a, b=b: torch.where(
                    (d := (p - layer_norm(t)).abs()) < 1, a * d * d, d - b
                ).mean()
                for a, b in ((1, 0.5), (0.5, 0), (1, 0), (0.5, 1))
            ),
        ),
        (
            "The norm runs over another axis than the last: each token is normed over its own D values.",
            *(
                _loss(norm=lambda t, dims=dims: _normed(t, dims))
                for dims in (0, 1, 2, (0, 1), (0, 1, 2), (-2, -1), (1, 2, 3), (0, 1, 2, 3))
            ),
        ),
        (
            "The targets are brought to length 1 (F.normalize). A layer norm subtracts the mean of a token "
            "and divides by its std.",
            _loss(norm=lambda t: F.normalize(t, dim=-1)),
        ),
        (
            "The std of the norm is divided by D - 1; a layer norm divides by D (correction=0).",
            _loss(norm=lambda t: _normed(t, correction=1)),
        ),
        (
            "The norm centres and does not divide, or divides and does not centre: it does both.",
            _loss(norm=lambda t: t - t.mean(-1, keepdim=True)),
            _loss(norm=lambda t: t / t.std(-1, correction=0, keepdim=True)),
        ),
        (
            "The norm divides by the variance; it is the std, its root.",
            _loss(norm=lambda t: (t - t.mean(-1, keepdim=True)) / t.var(-1, correction=0, keepdim=True)),
        ),
        (
            "This compares directions (a cosine). Wanted is smooth-L1 of the values.",
            lambda p, t: 1 - F.cosine_similarity(p, layer_norm(t), -1).mean(),
            lambda p, t: 2 - 2 * F.cosine_similarity(p, layer_norm(t), -1).mean(),
            lambda p, t: -F.cosine_similarity(p, layer_norm(t), -1).mean(),
        ),
        (
            "This is a value for each token or number, not their mean.",
            _loss(reduction="none"),
            lambda p, t: _loss(reduction="none")(p, t).mean(-1),
        ),
    ),
)
