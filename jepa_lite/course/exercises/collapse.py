"""Exercises of notebook 06: the moving average, what it remembers, and a loss that stops at the targets."""

import torch
import torch.nn.functional as F

from ...method.ijepa import IJEPA, layer_norm
from .engine import exercise

# As they are written: without what torch.no_grad wraps around them.
TARGETS, UPDATE_TARGET = IJEPA.targets.__wrapped__, IJEPA.update_target.__wrapped__

# --- ema_update ---------------------------------------------------------------------------------------


def _update(target, online, momentum):
    return momentum * target + (1 - momentum) * online


def _weights(shape, momentum, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator), momentum


exercise(
    name="ema_update",
    notebook="06",
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


# --- ema_closed_form ----------------------------------------------------------------------------------


def ema_closed_form(history, start, momentum):
    """The target after n updates, without a loop over them: history (n, ...), start (...) -> (...).

    Who was handed in k updates ago has been multiplied by momentum k times since.
    """
    n = len(history)
    shares = (1 - momentum) * momentum ** torch.arange(n - 1, -1, -1.0)  # (n,), the oldest first
    return momentum**n * start + torch.tensordot(shares, history, 1)


def _mixed(shares_of, start_share=lambda m, n: m**n):
    """A wrong `ema_closed_form`, with other shares: `shares_of(m, n)` (n,) and `start_share(m, n)`."""

    def wrong(history, start, momentum):
        n = len(history)
        mixed = torch.tensordot(shares_of(momentum, n).float(), history, 1)
        return start_share(momentum, n) * start + mixed

    return wrong


def _ages(n, oldest):
    return oldest - torch.arange(n)


def _history(n, shape, momentum, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator), torch.randn(shape, generator=generator), momentum


exercise(
    name="ema_closed_form",
    notebook="06",
    answer=ema_closed_form,
    cases=lambda: [_history(5, (3, 2), 0.8, 0), _history(9, (4,), 0.55, 1), _history(2, (2, 3, 4), 0.9, 2)],
    traps=lambda: {
        "After a single update the start's share is momentum, the encoder's 1 - momentum.": _history(
            1, (3,), 0.7, 3
        ),
        "Axes of size 1 are kept.": _history(3, (1, 2, 1), 0.6, 4),
    },
    returns="the target after n updates, in the shape of start",
    hint="Write two updates on paper: m * (m * start + (1 - m) * first) + (1 - m) * second. Now read off "
    "what each of the three is multiplied by. The newest is multiplied by 1 - m alone, and all shares "
    "add up to 1.",
    source=(ema_closed_form, UPDATE_TARGET),
    mistakes=(
        (
            "Newest and oldest are reversed: history[-1] is the latest encoder, whose share no later "
            "update has shrunk.",
            _mixed(lambda m, n: (1 - m) * m ** torch.arange(n)),
        ),
        (
            "The start is left out: the target began as something, and momentum**n of that is still in it.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: 0.0),
        ),
        (
            "The start's share is momentum, as after one update; after n updates it was multiplied n times.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: m),
        ),
        (
            "The start comes in whole, with factor 1; n updates have multiplied it by momentum n times.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: 1.0),
        ),
        (
            "Off by one: the start was multiplied by momentum n times, once by each update.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: m ** (n - 1)),
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: m ** (n + 1)),
        ),
        (
            "The start has the factor 1 - momentum, as if it had been handed in like an encoder: it was "
            "there before, so its share is momentum**n alone.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: (1 - m) * m**n),
        ),
        (
            "momentum and 1 - momentum have changed places: 1 - momentum is the share of what is new.",
            _mixed(lambda m, n: m * (1 - m) ** _ages(n, n - 1), lambda m, n: (1 - m) ** n),
        ),
        (
            "The shares of the encoders are stretched until they sum to 1 on their own; together with the "
            "start's share they already do.",
            _mixed(lambda m, n: (w := m ** _ages(n, n - 1)) / w.sum(), lambda m, n: 0.0),
            _mixed(lambda m, n: (w := m ** _ages(n, n - 1)) / w.sum(), lambda m, n: m**n),
        ),
        (
            "The newest encoder comes in whole: every one of them, the newest as well, has 1 - momentum.",
            _mixed(lambda m, n: torch.where(_ages(n, n - 1) > 0, 1 - m, 1.0) * m ** _ages(n, n - 1)),
        ),
        (
            "This is the newest encoder alone: a target that forgets everything else at once.",
            _mixed(lambda m, n: _ages(n, n - 1) == 0, lambda m, n: 0.0),
        ),
        (
            "This is one update, with the newest encoder: the n - 1 before have left their share, too.",
            _mixed(lambda m, n: (_ages(n, n - 1) == 0) * (1 - m), lambda m, n: m),
        ),
        (
            "All encoders have the same share: each update since has shrunk the older ones once more.",
            _mixed(lambda m, n: torch.full((n,), 1 - m)),
            _mixed(lambda m, n: torch.full((n,), (1 - m**n) / n)),
        ),
        (
            "The shares do not add up to 1: each encoder comes in with 1 - momentum, which is missing.",
            _mixed(lambda m, n: m ** _ages(n, n - 1)),
        ),
        (
            "Off by one: the newest encoder was multiplied by momentum zero times, not once.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n)),
        ),
        (
            "This is the plain mean of all n + 1: it forgets nothing, and a moving average "
            "forgets what is old.",
            _mixed(lambda m, n: torch.full((n,), 1 / (n + 1)), lambda m, n: 1 / (n + 1)),
        ),
    ),
)


# --- stop_gradient_loss -------------------------------------------------------------------------------


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
    notebook="06",
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
