"""More wrong answers to the exercises of notebook 07: (the mistake, the answer, words of what it is told)."""

import torch
import torch.nn.functional as F

# --- ema_update ---------------------------------------------------------------------------------------


def _ema(t, o, m):
    return torch.lerp(o, t, m)


def lerps_in_place(t, o, m):
    return t.lerp_(o, 1 - m)


def scales_the_encoder(t, o, m):
    o *= 1 - m
    return m * t + o


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


SLIPS = {
    "ema_update": [
        ("encoder's part alone", lambda t, o, m: (1 - m) * o, "encoder's part alone"),
        ("minus", lambda t, o, m: m * t - (1 - m) * o, "changed signs"),
        ("away from the encoder", lambda t, o, m: t - (1 - m) * (o - t), "changed signs"),
        ("both with momentum", lambda t, o, m: m * (t + o), "Both come in"),
        ("beyond", lambda t, o, m: t + m * (t - o), "beyond the mean"),
        ("plain mean", lambda t, o, m: torch.stack([t, o]).mean(0), "plain mean of the two"),
        ("unchanged", lambda t, o, m: t * 1, "unchanged"),
        ("squared", lambda t, o, m: _ema(t, o, m * m), "momentum is squared"),
        ("keeps the variance", lambda t, o, m: m * t + (1 - m * m) ** 0.5 * o, "root of 1"),
        ("divides by momentum", lambda t, o, m: (t + o * (1 - m) / m) * m, "Momentum may be 0"),
        ("momentum 1 refused", lambda t, o, m: _ema(t, o, m) / (1 - m) * (1 - m), "Momentum may be 1"),
        ("lerp the wrong way", lambda t, o, m: t.lerp(o, m), "wrong way round"),
        ("in place", lerps_in_place, "changes its input"),
        ("encoder in place", scales_the_encoder, "changes its input"),
        ("squeezed", lambda t, o, m: _ema(t, o, m).squeeze(), "size 1 are kept"),
        ("a row of it", lambda t, o, m: torch.stack([_ema(a, b, m) for a, b in zip(t, o, strict=True)]),
         "TypeError"),
        ("half precision", lambda t, o, m: _ema(t, o, m).half(), "float16"),
        ("mean of it", lambda t, o, m: _ema(t, o, m).mean(), "it gives ()"),
        ("bias corrected", lambda t, o, m: _ema(t, o, m) / (1 - m**2), "up to a factor"),
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
