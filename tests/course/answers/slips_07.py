"""More wrong answers to the exercises of notebook 07: (the mistake, the answer, words of what it is told)."""

import torch
import torch.nn.functional as F

# --- ema_closed_form ----------------------------------------------------------------------------------


def _sum(shares_of, start_share=lambda m, n: m**n):
    """`shares_of(m, age)` of an encoder that was handed in `age` updates ago."""

    def mixed(history, start, momentum):
        n = len(history)
        shares = [shares_of(momentum, n - 1 - i) for i in range(n)]
        return start_share(momentum, n) * start + sum(s * h for s, h in zip(shares, history, strict=True))

    return mixed


def _renormalised(history, start, momentum):
    shares = momentum ** torch.arange(len(history) - 1, -1, -1.0)
    return torch.tensordot(shares / shares.sum(), history, 1)


def mixes_in_place(history, start, momentum):
    for i in range(1, len(history)):
        history[i] = momentum * history[i - 1] + (1 - momentum) * history[i]
    return history[-1]


# --- stop_gradient_loss -------------------------------------------------------------------------------


def _norm(t):
    return F.layer_norm(t, t.shape[-1:])


def _loss(norm=_norm, distance=F.smooth_l1_loss, ours=lambda p: p, **how):
    return lambda p, t: distance(ours(p), norm(t).detach(), **how)


def _branches(below, beyond):
    return lambda p, t: torch.where((d := (p - _norm(t.detach())).abs()) < 1, below(d), beyond(d)).mean()


def detaches_in_place(p, t):
    return F.smooth_l1_loss(p, _norm(t.detach_()))


def centres_in_place(p, t):
    t.data -= t.data.mean(-1, keepdim=True)
    return F.smooth_l1_loss(p, _norm(t).detach())


def loss_item(p, t):
    return F.smooth_l1_loss(p, _norm(t)).item()


def without_gradient(p, t):
    with torch.no_grad():
        return F.smooth_l1_loss(p, _norm(t))


# --- eigenvalues_at_rest ------------------------------------------------------------------------------


def _rest(r, d, inside=lambda r, d: r * r / 4 - d, sign=1, middle=0.5):
    under = inside(r, d)
    return torch.where(under > 0, middle * r + sign * under.clamp(min=0).sqrt(), 0.0)


def survives_above_the_decay(r, d):
    return torch.where(r > d, r, 0.0)


def decays_in_place(r, d):
    r[r * r < 4 * d] = 0.0
    return r / 2 + (r * r / 4 - d).clamp(min=0).sqrt()


SLIPS = {
    "eigenvalues_at_rest": [
        ("minus", lambda r, d: _rest(r, d, sign=-1), "smaller root"),
        ("d over 4", lambda r, d: _rest(r, d, lambda r, d: (r * r - d) / 4), "r * r / 4 under the root"),
        ("half a square", lambda r, d: _rest(r, d, lambda r, d: r * r / 2 - d), "r * r / 4 under the root"),
        ("not halved", lambda r, d: _rest(r, d, lambda r, d: r * r - 4 * d, middle=1), "halves are missing"),
        ("plus d", lambda r, d: _rest(r, d, lambda r, d: r * r / 4 + d), "wrong sign of the decay"),
        ("top", lambda r, d: torch.where(r * r > 4 * d, _rest(r, d), r / 2), "has its top"),
        ("r - d", lambda r, d: r - d, "taken off the correlation"),
        ("clamped r - d", lambda r, d: torch.relu(r - d), "taken off the correlation"),
        ("thresholded", lambda r, d: r * (r * r > 4 * d), "keep less than their correlation"),
        ("survivors", lambda r, d: (r * r > 4 * d).double(), "where a direction survives"),
        ("squares", lambda r, d: _rest(r, d) ** 2, "w * w is the size"),
        ("r", lambda r, d: r.double(), "These are the correlations"),
        ("mean decay", lambda r, d: r / (1 + d), "lost its factor p"),
        ("above the decay", survives_above_the_decay, "These are the correlations"),
        ("in place", decays_in_place, "changes its input"),
        ("divides by d", lambda r, d: (r + (r * r - 4 * d).clamp(min=0).sqrt()) / 2 * (r * r > 4 * d) / d * d,
         "Without weight decay"),
        ("nan", lambda r, d: r / 2 + (r * r / 4 - d).sqrt(), "nan"),
    ],
    "ema_closed_form": [
        ("start whole", _sum(lambda m, k: (1 - m) * m**k, lambda m, n: 1), "start comes in whole"),
        ("start n - 1 times", _sum(lambda m, k: (1 - m) * m**k, lambda m, n: m ** (n - 1)),
         "once by each update"),
        ("start like an encoder", _sum(lambda m, k: (1 - m) * m**k, lambda m, n: (1 - m) * m**n),
         "handed in like"),
        ("m and 1 - m swapped", _sum(lambda m, k: m * (1 - m) ** k, lambda m, n: (1 - m) ** n),
         "changed places"),
        ("renormalised", _renormalised, "on their own"),
        ("newest whole", _sum(lambda m, k: (1 - m if k else 1) * m**k), "newest encoder comes in whole"),
        ("newest alone", lambda h, s, m: h[-1] * 1, "newest encoder alone"),
        ("one update", lambda h, s, m: m * s + (1 - m) * h[-1], "This is one update"),
        ("equal shares", _sum(lambda m, k: 1 - m), "same share"),
        ("one too old", _sum(lambda m, k: (1 - m) * m ** (k + 1)), "Off by one: the newest"),
        ("no 1 - m", _sum(lambda m, k: m**k), "do not add up to 1"),
        ("reversed", lambda h, s, m: _sum(lambda m, k: (1 - m) * m**k)(h.flip(0), s, m), "reversed"),
        ("no start", _sum(lambda m, k: (1 - m) * m**k, lambda m, n: 0), "start is left out"),
        ("in place", mixes_in_place, "changes its input"),
        ("squeezed", lambda h, s, m: _sum(lambda m, k: (1 - m) * m**k)(h, s, m).squeeze(), "size 1 are kept"),
        ("all updates", lambda h, s, m: torch.stack([_sum(lambda m, k: (1 - m) * m**k)(h[: i + 1], s, m)
                                                     for i in range(len(h))]), "it gives (5, 3, 2)"),
        ("negative", lambda h, s, m: -_sum(lambda m, k: (1 - m) * m**k)(h, s, m), "wrong sign"),
        ("latest two", lambda h, s, m: _sum(lambda m, k: (1 - m) * m**k)(h[-2:], s, m), None),
    ],
    "stop_gradient_loss": [
        ("sum over D", lambda p, t: _loss()(p, t) * p.shape[-1], "over some axes"),
        ("per image", lambda p, t: _loss()(p, t) * p[0].numel(), "over some axes"),
        ("norm on the predictions", _loss(norm=lambda t: t, ours=_norm), "wrong side"),
        ("beta one half", _loss(beta=0.5), "place of its bend"),
        ("d * d below 1", _branches(lambda d: d * d, lambda d: d - 0.5), "do not meet"),
        ("d beyond 1", _branches(lambda d: d * d / 2, lambda d: d), "do not meet"),
        ("batch norm", _loss(norm=lambda t: (t - t.mean((0, 1, 2))) / t.std((0, 1, 2), correction=0)),
         "another axis"),
        ("unit length", _loss(norm=lambda t: F.normalize(t, dim=-1)), "length 1"),
        ("D - 1", _loss(norm=lambda t: (t - t.mean(-1, True)) / t.std(-1, keepdim=True)), "D - 1"),
        ("centred alone", _loss(norm=lambda t: t - t.mean(-1, True)), "does not divide"),
        ("variance", _loss(norm=lambda t: (t - t.mean(-1, True)) / t.var(-1, correction=0, keepdim=True)),
         "variance"),
        ("cosine", lambda p, t: 1 - F.cosine_similarity(p, _norm(t).detach(), dim=-1).mean(), "directions"),
        ("token by token", lambda p, t: _loss(reduction="none")(p, t).mean(-1), "not their mean"),
        ("squared", lambda p, t: ((p - _norm(t).detach()) ** 2).mean(), "squared distance"),
        ("half of it", lambda p, t: _loss()(p, t) / 2, "0.5 times"),
        ("no detach", lambda p, t: F.smooth_l1_loss(p, _norm(t)), "as well"),
        ("predictions detached", lambda p, t: F.smooth_l1_loss(p.detach(), _norm(t)), "ALONE"),
        ("no_grad", without_gradient, "no gradient reaches"),
        (".item()", loss_item, "no gradient reaches"),
        ("detach_ in place", detaches_in_place, "changes its input"),
        ("centred in place", centres_in_place, "changes its input"),
        ("with an axis", lambda p, t: _loss()(p, t)[None], "axis of size 1 is too many"),
        ("numpy", lambda p, t: F.smooth_l1_loss(torch.from_numpy(p.numpy()), _norm(t)),
         "RuntimeError, in the line"),
    ],
}  # fmt: skip
