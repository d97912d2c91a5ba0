"""Answers to the exercises of notebook 07: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch
import torch.nn.functional as F

# --- ema_closed_form ----------------------------------------------------------------------------------


def ema_closed_form(history, start, momentum):
    n = len(history)
    shares = (1 - momentum) * momentum ** (n - 1 - torch.arange(n))  # (n,)
    return momentum**n * start + (shares.view(-1, *[1] * start.ndim) * history).sum(0)


def ema_step_by_step(history, start, momentum):
    target = start
    for online in history:
        target = momentum * target + (1 - momentum) * online
    return target


def ema_by_einsum(history, start, momentum):
    every = torch.cat([start[None], history]).double()
    shares = momentum ** torch.arange(len(history), -1, -1).double()
    shares[1:] *= 1 - momentum
    return torch.einsum("n,n...->...", shares, every)


def ema_in_numpy(history, start, momentum):
    n = len(history)
    shares = [(1 - momentum) * momentum ** (n - 1 - i) for i in range(n)]
    return momentum**n * start.numpy() + np.tensordot(shares, history.numpy(), 1)


def reversed_in_time(history, start, momentum):
    return ema_step_by_step(history.flip(0), start, momentum)


def start_forgotten(history, start, momentum):
    return ema_step_by_step(history, torch.zeros_like(start), momentum)


def start_shrunk_once(history, start, momentum):
    return start_forgotten(history, start, momentum) + momentum * start


def shares_above_one(history, start, momentum):
    target = start
    for online in history:
        target = momentum * target + online
    return target


def one_too_old(history, start, momentum):
    later = start_forgotten(history, start, momentum) * momentum
    return later + momentum ** len(history) * start


def plain_mean(history, start, momentum):
    return torch.cat([start[None], history]).mean(0)


def the_last_one(history, start, momentum):
    return history[-1]


def shares_themselves(history, start, momentum):
    return (1 - momentum) * momentum ** torch.arange(len(history) - 1, -1, -1)


def through_the_start(history, start, momentum):
    for online in history:
        start.lerp_(online, 1 - momentum)
    return start


# --- stop_gradient_loss -------------------------------------------------------------------------------


def stop_gradient_loss(predictions, targets):
    targets = torch.nn.functional.layer_norm(targets, targets.shape[-1:]).detach()
    return torch.nn.functional.smooth_l1_loss(predictions, targets)


def normed(tokens):
    centred = tokens - tokens.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def loss_without_grad_mode(predictions, targets):
    with torch.no_grad():
        wanted = normed(targets)
    d = (predictions - wanted).abs()
    return torch.where(d < 1, d * d / 2, d - 0.5).mean()


def loss_by_huber(predictions, targets):
    return F.huber_loss(predictions.double(), normed(targets.detach()).double())


def loss_in_loops(predictions, targets):
    wanted, total = normed(targets.detach()).flatten(), 0.0
    for p, t in zip(predictions.flatten(), wanted, strict=True):
        d = (p - t).abs()
        total = total + (d * d / 2 if d < 1 else d - 0.5)
    return total / len(wanted)


def adds_up(predictions, targets):
    return stop_gradient_loss(predictions, targets) * predictions.numel()


def not_normed(predictions, targets):
    return F.smooth_l1_loss(predictions, targets.detach())


def both_normed(predictions, targets):
    return F.smooth_l1_loss(normed(predictions), normed(targets).detach())


def squared(predictions, targets):
    return (predictions - normed(targets).detach()).square().mean()


def absolute(predictions, targets):
    return (predictions - normed(targets).detach()).abs().mean()


def nothing_learns(predictions, targets):
    return F.smooth_l1_loss(predictions.detach(), normed(targets).detach())


def a_plain_number(predictions, targets):
    return stop_gradient_loss(predictions, targets).item()


def detaches_the_other(predictions, targets):
    return F.smooth_l1_loss(predictions.detach(), normed(targets))


def no_detach(predictions, targets):
    return F.smooth_l1_loss(predictions, normed(targets))


def a_value_each(predictions, targets):
    return F.smooth_l1_loss(predictions, normed(targets).detach(), reduction="none")


def normed_over_the_block(predictions, targets):
    return F.smooth_l1_loss(predictions, F.layer_norm(targets, targets.shape[-2:]).detach())


# --- eigenvalues_at_rest ------------------------------------------------------------------------------


def eigenvalues_at_rest(correlations, decay):
    inside = correlations**2 / 4 - decay
    return torch.where(inside > 0, correlations / 2 + inside.clamp(min=0).sqrt(), torch.zeros_like(inside))


def rest_in_loops(correlations, decay):
    found = []
    for r in correlations.tolist():
        inside = r * r - 4 * decay
        found.append((r + inside**0.5) / 2 if inside > 0 else 0.0)
    return torch.tensor(found)


def rest_by_waiting(correlations, decay):
    p = torch.full_like(correlations, 1.0, dtype=torch.double)
    for _ in range(20_000):  # w * w = p * p at rest
        p = p + 0.05 * (p * p * (correlations - p) - decay * p)
    return torch.where(p > 1e-3, p, 0.0)


def rest_by_numpy_roots(correlations, decay):
    roots = [np.roots([-1.0, r, -decay]) for r in correlations.double().tolist()]
    return np.array([root.real.max() if abs(root.imag).max() < 1e-9 else 0.0 for root in roots])


def the_smaller_root(correlations, decay):
    inside = correlations**2 / 4 - decay
    return torch.where(inside > 0, correlations / 2 - inside.clamp(min=0).sqrt(), 0.0)


def the_top(correlations, decay):
    return correlations / 2 + (correlations**2 / 4 - decay).clamp(min=0).sqrt()


def no_quarter(correlations, decay):
    inside = correlations**2 - decay
    return torch.where(inside > 0, correlations / 2 + inside.clamp(min=0).sqrt(), 0.0)


def the_correlations(correlations, decay):
    return correlations * 1


def shifted_down(correlations, decay):
    return (correlations - decay).clamp(min=0)


def linear_decay(correlations, decay):
    return correlations / (1 + decay)


def root_of_negatives(correlations, decay):
    return correlations / 2 + (correlations**2 / 4 - decay).sqrt()


RIGHT = {
    "ema_closed_form": [ema_closed_form, ema_step_by_step, ema_by_einsum, ema_in_numpy],
    "eigenvalues_at_rest": [eigenvalues_at_rest, rest_in_loops, rest_by_waiting, rest_by_numpy_roots],
    "stop_gradient_loss": [stop_gradient_loss, loss_without_grad_mode, loss_by_huber, loss_in_loops],
}
WRONG = {
    "eigenvalues_at_rest": [
        (the_smaller_root, "smaller root"),
        (the_top, "has its top"),
        (no_quarter, "r * r / 4 under the root"),
        (the_correlations, "These are the correlations"),
        (shifted_down, "taken off the correlation"),
        (linear_decay, "lost its factor p"),
        (root_of_negatives, "nan"),
    ],
    "ema_closed_form": [
        (reversed_in_time, "reversed"),
        (start_forgotten, "start is left out"),
        (start_shrunk_once, "as after one update"),
        (shares_above_one, "do not add up to 1"),
        (one_too_old, "Off by one"),
        (plain_mean, "plain mean"),
        (the_last_one, "newest encoder alone"),
        (shares_themselves, "it gives (5,)"),
        (through_the_start, "changes its input"),
    ],
    "stop_gradient_loss": [
        (adds_up, "adds the values up"),
        (not_normed, "are not normed"),
        (both_normed, "predictions are normed, too"),
        (squared, "squared distance"),
        (absolute, "plain L1"),
        (nothing_learns, "no gradient reaches"),
        (detaches_the_other, "targets ALONE"),
        (no_detach, "as well"),
        (a_value_each, "not their mean"),
        (normed_over_the_block, "another axis"),
    ],
}
