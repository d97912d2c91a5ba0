"""More wrong answers to the exercises of notebook 08: (the mistake, the answer, words of what it is told)."""

import math

import torch

# --- warmup_cosine ------------------------------------------------------------------------------------


def _rates(rise=None, fall=None):
    """Rates of `rise(p, w, start)` up to the warm-up's end and `fall(p, w, final)` after it, times lr."""
    rise = rise or (lambda p, w, start: start + (1 - start) * p / w)
    fall = fall or (lambda p, w, final: _half(1.0, final, (p - w) / (1 - w)))

    def rates(p, lr, w, start, final):
        return lr * torch.where(p < w, rise(p, max(w, 1e-12), start), fall(p, w, final))

    return rates


def _half(top, end, q):
    return end + (top - end) * (torch.cos(math.pi * q) + 1) / 2


def _q(p, w):
    return (p - w) / (1 - w)


def sorts_in_place(p, lr, w, start, final):
    p.copy_(p.sort().values)
    return _rates()(p, lr, w, start, final)


def one_if_for_all(p, lr, w, start, final):
    if p < w:
        return lr * (start + (1 - start) * p / w)
    return lr * _half(1.0, final, _q(p, w))


def absolute_start(p, lr, w, start, final):
    return torch.where(p < w, start + (lr - start) * p / max(w, 1e-9), lr * _half(1.0, final, _q(p, w)))


def divides_by_warmup(p, lr, w, start, final):
    share = (p / w).clamp(max=1)
    return lr * torch.where(~(share >= 1), start + (1 - start) * share, _half(1.0, final, _q(p, w)))


# --- decay_groups -------------------------------------------------------------------------------------


def _split(model, weight_decay, pulled, learns=lambda p: p.requires_grad):
    groups = [{"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
    for name, p in model.named_parameters():
        if learns(p):
            groups[not pulled(name, p)]["params"].append(p)
    return groups


def _right(name, p):
    return p.ndim > 1 and not name.endswith("positions")


def freezes(model, weight_decay):
    for p in model.parameters():
        if p.ndim < 2:
            p.requires_grad_(False)
    return _split(model, weight_decay, _right)


def zeroes(model, weight_decay):
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 - weight_decay)
    return _split(model, weight_decay, _right)


def _second_only(model, weight_decay):
    return _split(model, weight_decay, _right)[:1]


def _pairs(model, weight_decay):
    named = [x for x in model.named_parameters() if x[1].requires_grad]
    return [{"params": named, "weight_decay": weight_decay}]


def _copies(model, weight_decay):
    groups = _split(model, weight_decay, _right)
    return groups + [{"params": [torch.zeros(3)], "weight_decay": 0.0}]


SLIPS = {
    "warmup_cosine": [
        ("not halved", _rates(fall=lambda p, w, f: f + (1 - f) * (1 + torch.cos(torch.pi * _q(p, w)))),
         "not halved"),
        ("no 1 +", _rates(fall=lambda p, w, f: f + (1 - f) * torch.cos(torch.pi * _q(p, w))),
         "no 1 + before"),
        ("two pi", _rates(fall=lambda p, w, f: _half(1.0, f, 2 * _q(p, w))), "whole cosine"),
        ("pi / 2", _rates(fall=lambda p, w, f: f + (1 - f) * torch.cos(math.pi / 2 * _q(p, w))), "quarter"),
        ("final on top", _rates(fall=lambda p, w, f: f + _half(1.0, 0.0, _q(p, w))), "added on top"),
        ("cut at final", _rates(fall=lambda p, w, f: _half(1.0, 0.0, _q(p, w)).clamp(min=f)), "cuts it off"),
        ("start absolute", absolute_start, "start is taken as a learning rate"),
        ("final absolute", lambda p, lr, w, s, f: _rates()(p, lr, w, s, f / lr),
         "final is taken as a learning"),
        ("swapped", lambda p, lr, w, s, f: _rates()(p, lr, w, f, s), "are swapped"),
        ("start on top", _rates(rise=lambda p, w, s: s + p / w), "then ends at 1 + start"),
        ("warm-up times", _rates(rise=lambda p, w, s: s + (1 - s) * p), "steeper or flatter"),
        ("warm-up as a cosine", _rates(rise=lambda p, w, s: _half(s, 1.0, p / w)), "is a curve"),
        ("constant", _rates(fall=lambda p, w, f: torch.ones_like(p)), "cosine is missing"),
        ("not divided by 1 - warmup", _rates(fall=lambda p, w, f: _half(1.0, f, p - w)), "from 0 to 1"),
        ("branches swapped", lambda p, lr, w, s, f: lr * torch.where(
            p < w, _half(1.0, f, _q(p, w)), s + (1 - s) * p / max(w, 1e-9)), "changed places"),
        ("lr forgotten", lambda p, lr, w, s, f: _rates()(p, 1.0, w, s, f), "multiply by lr"),
        ("exponential", _rates(fall=lambda p, w, f: f ** _q(p, w)), "exponentially"),
        ("linear", _rates(fall=lambda p, w, f: 1 - (1 - f) * _q(p, w)), "straight line"),
        ("divides by no warm-up", divides_by_warmup, "Without a warm-up"),
        ("one if", one_if_for_all, "ambiguous"),
        ("in place", sorts_in_place, "changes its input"),
        ("squeezed", lambda p, lr, w, s, f: _rates()(p, lr, w, s, f).squeeze(), "single step"),
        ("degrees", _rates(fall=lambda p, w, f: f + (1 - f) * (1 + torch.cos(180 * _q(p, w))) / 2), None),
        ("half precision", lambda p, lr, w, s, f: _rates()(p, lr, w, s, f).bfloat16(), "bfloat16"),
    ],
    "decay_groups": [
        ("nothing decays", lambda m, d: _split(m, d, lambda n, p: False), "Nothing decays"),

                ("biases and norms", lambda m, d: _split(m, d, lambda n,
         p: (p.ndim < 2 and "token" not in n) or _right(n, p)),
         "gains of layer norms decay"),
        ("everything named weight", lambda m, d: _split(m, d, lambda n, p: n.endswith("weight")),
         "gains of layer"),
        ("by dimension", lambda m, d: _split(m, d, lambda n, p: p.dim() > 1), "list of addresses"),
        ("only attention", lambda m, d: _split(m, d, lambda n, p: _right(n, p) and "attn" in n),
         "are matrices"),
        ("model decays wholly", lambda m, d: [{"params": [p for p in m.parameters() if p.requires_grad],
                                               "weight_decay": d}], "Everything decays"),
        ("target encoder too", lambda m, d: _split(m, d, _right, lambda p: True), "without a gradient"),
        ("parameters()", lambda m, d: [{"params": m.parameters(), "weight_decay": d}], "without a gradient"),
        ("second group missing", _second_only, "in no group"),
        ("names and parameters", _pairs, "not their names or pairs"),

                ("rate as text", lambda m,
         d: [g | {"weight_decay": str(g["weight_decay"])} for g in _split(m, d, _right)],
         "should be a number"),
        ("half the rate", lambda m, d: _split(m, d / 2, _right), "was asked for"),
        ("other keys", lambda m, d: [{"parameters": g["params"], "decay": 0.0} for g in _split(m, d, _right)],
         "list of dicts"),
        ("one dict", lambda m, d: _split(m, d, _right)[0], "list of dicts"),
        ("an optimiser", lambda m, d: torch.optim.AdamW(_split(m, d, _right)), "list of dicts"),
        ("foreign tensors", _copies, "no parameters of the model"),
        ("freezes", freezes, "changes its input"),
        ("shrinks", zeroes, "changes its input"),
        ("mirror image", lambda m, d: _split(m, d, lambda n, p: not _right(n, p)), "wrong way round"),
    ],
}  # fmt: skip
