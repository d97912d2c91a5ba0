"""Exercises of notebook 06: the moving average, what it remembers, and a loss that stops at the targets."""

import torch
import torch.nn.functional as F

from ..ijepa import IJEPA, layer_norm
from .engine import exercise, outcome, same, tensor

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


LOSS_MISTAKES = (
    (
        "This adds the values up; take their mean, or twice the patches would take twice the step.",
        lambda p, t: F.smooth_l1_loss(p, layer_norm(t), reduction="sum"),
    ),
    (
        "The targets are not normed: layer-norm each token over its own D values first.",
        lambda p, t: F.smooth_l1_loss(p, t),
    ),
    (
        "The predictions are normed, too; only the targets are, and the predictor has to "
        "come up with their size.",
        lambda p, t: F.smooth_l1_loss(layer_norm(p), layer_norm(t)),
    ),
    (
        "This is the squared distance that the paper writes; here the released code's smooth-L1 is wanted.",
        lambda p, t: F.mse_loss(p, layer_norm(t)),
    ),
    (
        "This is plain L1. Smooth-L1 is d * d / 2 where the distance d is below 1, and d - 1/2 beyond.",
        lambda p, t: F.l1_loss(p, layer_norm(t)),
    ),
)


def _judged(function):
    """None, or what is wrong: first the value, then where its gradient goes."""
    for shape, seed in (((3, 2, 5, 7), 0), ((2, 4, 3, 6), 1)):
        generator = torch.Generator().manual_seed(seed)
        predictions = (1.5 * torch.randn(shape, generator=generator)).requires_grad_()
        targets = (0.6 + 2 * torch.randn(shape, generator=generator)).requires_grad_()
        _, found = outcome(lambda p, t: ((p, t), function(p, t)), (predictions, targets))
        if isinstance(found, Exception):
            return f"It stops with {type(found).__name__}: {found}"
        (mine, hers), loss = found
        wanted = stop_gradient_loss(predictions, targets)
        problem = _value(loss, wanted, predictions, targets) or _gradient(loss, mine, hers)
        if problem:
            return problem
    return None


def _value(loss, wanted, predictions, targets):
    number = tensor(loss)
    if number is None or number.ndim:
        what = f"a {type(loss).__name__}" if number is None else f"the shape {tuple(number.shape)}"
        return f"It gives {what}, and the loss is one number, a tensor without axes."
    if same(loss, wanted, 1e-4):
        return None
    for message, wrong in LOSS_MISTAKES:
        if same(loss, wrong(predictions, targets), 1e-4):
            return message
    return f"It gives {number.item():.5g}, and {wanted.item():.5g} is right."


def _gradient(loss, predictions, targets):
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return "The value is right, but no gradient reaches the predictions: nothing would ever learn."
    into = torch.autograd.grad(loss, (predictions, targets), allow_unused=True)
    if into[0] is None or not into[0].any():
        return (
            "The value is right, but the gradient runs into the targets ALONE: it is the other one to detach."
        )
    if into[1] is not None and into[1].any():
        return (
            "The value is right, but a gradient runs into the targets as well: they would come to meet the "
            "prediction, and with a layer norm alone that is the complete collapse of this notebook."
        )
    return None


exercise(
    name="stop_gradient_loss",
    notebook="06",
    answer=stop_gradient_loss,
    judge=_judged,
    returns="the loss, one number",
    hint="Three parts: F.layer_norm of the targets over their last axis; F.smooth_l1_loss, which takes the "
    "mean; and one .detach(). Ask yourself which of the two tensors may still learn from the loss.",
    source=(TARGETS, IJEPA.loss, layer_norm),
)
