"""More wrong answers to the exercises of notebook 12: (the mistake, the answer, words of what it is told)."""

import math

import torch
from scipy import stats

# --- mend_the_sampler ---------------------------------------------------------------------------------


def _pick(ends, u):
    return ends[0] + (ends[1] - ends[0]) * float(u)


def _sides(size, pick=_pick):
    return lambda grid, scale, aspect, u: size(*grid, pick(scale, u[0]), pick(aspect, u[1]))


def _bent(rows, columns, s, a, tall=True, wide=True, whole=round):
    area = s * rows * columns
    h = math.sqrt(area * a)
    h = max(h, area / columns) if wide else h
    h = min(h, rows) if tall else h
    return whole(h), whole(area / h)


def _height_first(rows, columns, s, a):
    area = s * rows * columns
    h = max(round(min(max(math.sqrt(area * a), area / columns), rows)), 1)
    return h, round(area / h)


def draws_in_place(grid, scale, aspect, u):
    u[0], u[1] = _pick(scale, u[0]), _pick(aspect, u[1])
    return _bent(*grid, float(u[0]), float(u[1]))


# --- interval ------------------------------------------------------------------------------------------


def _t(n, q=0.975, less=1):
    return stats.t.ppf(q, n - less)


def _half(half, mean=lambda v: v.mean()):
    return lambda v: (mean(v), half(v, len(v)))


def _interval(v):
    return v.mean(), _t(len(v)) * v.std() / len(v) ** 0.5


# --- paired_effect ----------------------------------------------------------------------------------------


def _differences(half):
    return lambda a, b: ((a - b).mean(), half(a - b, len(a)))


def subtracts_in_place(a, b):
    a -= b
    return _interval(a)


SLIPS = {
    "mend_the_sampler": [
        ("rounded up", _sides(lambda r, c, s, a: _bent(r, c, s, a, whole=math.ceil)), "rounded up"),
        ("height rounded first", _sides(_height_first), "Round both last"),
        ("bent only when too tall", _sides(lambda r, c, s, a: _bent(r, c, s, a, wide=False)),
         "only where a block is too TALL"),
        ("bent only when too wide", _sides(lambda r, c, s, a: _bent(r, c, s, a, tall=False)),
         "only where a block is too WIDE"),
        ("never bent", _sides(lambda r, c, s, a: _bent(r, c, s, a, False, False)), "Nothing is bent"),
        ("u backwards", _sides(_bent, lambda ends, u: _pick(ends[::-1], u)), "backwards"),
        ("share of the sides", _sides(lambda r, c, s, a: (round(s * r), round(s * c))), "grid's SIDES"),
        ("square grid", _sides(lambda r, c, s, a: _bent(r, c, s * r / c, a)), "square grid"),
        ("always square", _sides(lambda r, c, s, a: _bent(r, c, s, 1.0)), "left out"),
        ("always the middle", _sides(_bent, lambda ends, u: sum(ends) / 2), "whatever u is"),
        ("u times the high end", _sides(_bent, lambda ends, u: float(u) * ends[1]), "overshoots"),
        ("not rounded", _sides(lambda r, c, s, a: _bent(r, c, s, a, whole=float)), "Wrong: the rows"),
        ("columns first", lambda g, s, a, u: _sides(_bent)(g, s, a, u)[::-1], "wrong order"),
        ("one number", lambda g, s, a, u: math.prod(_sides(_bent)(g, s, a, u)), "2 things are wanted"),
        ("cut off", _sides(lambda r, c, s, a: (min(round((s * r * c * a) ** 0.5), r),
                                              min(round((s * r * c / a) ** 0.5), c))), "bend the shape"),
        ("one column less", lambda g, s, a, u: ((m := _sides(_bent)(g, s, a, u))[0], m[1] - 1),
         "1 too small"),
        ("in place", draws_in_place, "changes its input"),
        ("whole u", _sides(_bent, lambda ends, u: _pick(ends, round(float(u)))), None),
    ],
    "interval": [
        ("n - 1 twice", _half(lambda v, n: _t(n) * v.std() / (n - 1) ** 0.5), "twice"),
        ("over n", _half(lambda v, n: _t(n) * v.std() / n), "divides by n"),
        ("variance", _half(lambda v, n: _t(n) * v.var() / n**0.5), "variance stands"),
        ("lower quantile", _half(lambda v, n: _t(n, 0.025) * v.std() / n**0.5), "comes out negative"),
        ("std alone", _half(lambda v, n: v.std()), "std of the runs"),
        ("two", _half(lambda v, n: 2 * v.std() / n**0.5), "2 standard errors"),
        ("half the range", _half(lambda v, n: (v.max() - v.min()) / 2), "half the range"),
        ("n - 2", _half(lambda v, n: _t(n, less=2) * v.std() / n**0.5), "two less"),
        ("median", lambda v: (v.median(), _interval(v)[1]), "median stands"),
        ("99%", _half(lambda v, n: _t(n, 0.995) * v.std() / n**0.5), "another confidence"),
        ("cdf", _half(lambda v, n: stats.t.cdf(0.975, n - 1) * v.std() / n**0.5), "cdf"),
        ("wrong order", lambda v: _interval(v)[::-1], "wrong order"),
        ("1.96 and n", _half(lambda v, n: 1.96 * v.std(correction=0) / n**0.5), "1.96"),
        ("the ends", lambda v: (_interval(v)[0] - _interval(v)[1], sum(_interval(v))), "two ends"),
        ("three things", lambda v: (*_interval(v), len(v)), "2 things are wanted"),
        ("sorted in place", lambda v: _interval(v.copy_(v.sort().values)), "changes its input"),
        ("half precision", lambda v: tuple(torch.as_tensor(x).half() for x in _interval(v)), "float16"),
        ("n is 3", _half(lambda v, n: _t(3) * v.std() / n**0.5), None),
        ("mean of the ends", _half(lambda v, n: _t(n) * v.std() / n**0.5, lambda v: (v[0] + v[-1]) / 2),
         "Right: the half width"),
    ],
    "paired_effect": [
        ("2n - 2", _differences(lambda d, n: _t(2 * n, less=2) * d.std() / n**0.5), "not 2n - 2"),
        ("of one row", lambda a, b: ((a - b).mean(), _interval(a)[1]), "ONE of the two rows"),
        ("the changed row", lambda a, b: _interval(a), "interval of one row"),
        ("both rows", lambda a, b: _interval(torch.cat([a, b])), "both rows together"),
        ("without signs", lambda a, b: _interval((a - b).abs()), "lost their signs"),
        ("to the mean", lambda a, b: _interval(a - b.mean()), "ONE of the two rows"),
        ("every pair", lambda a, b: _interval((a[:, None] - b[None]).flatten()), "wrong seeds"),
        ("reversed", lambda a, b: _interval(a - b.flip(0)), "wrong seeds"),
        ("1.96", _differences(lambda d, n: 1.96 * d.std() / n**0.5), "half width is not"),
        ("std", _differences(lambda d, n: d.std()), "half width is not"),
        ("n in std", _differences(lambda d, n: _t(n) * d.std(correction=0) / n**0.5), "half width is not"),
        ("wrong order", lambda a, b: _interval(a - b)[::-1], "wrong order"),
        ("the ends", lambda a, b: ((m := _interval(a - b))[0] - m[1], m[0] + m[1]), "two ends"),
        ("reference first", lambda a, b: _interval(b - a), "sign is reversed"),
        ("ratio", lambda a, b: _interval(a / b), "percent of the reference"),
        ("Welch", lambda a, b: ((a - b).mean(), (a.var() / len(a) + b.var() / len(b)) ** 0.5
                                * stats.norm.ppf(0.975)), "pairs are forgotten"),
        ("halves added", lambda a, b: ((a - b).mean(), _interval(a)[1] + _interval(b)[1]), "are added"),
        ("in place", subtracts_in_place, "changes its input"),
        ("each difference", lambda a, b: a - b, "2 things are wanted"),
        ("median", lambda a, b: ((a - b).quantile(0.5), _interval(a - b)[1]), "Right: the half width"),
    ],
}  # fmt: skip
