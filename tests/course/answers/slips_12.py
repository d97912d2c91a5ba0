"""More wrong answers to the exercises of notebook 12: (the mistake, the answer, words of what it is told)."""

import math

import numpy as np
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


# --- still_decided ----------------------------------------------------------------------------------------


def _p(d):
    return stats.ttest_1samp(d.numpy(), 0, axis=1).pvalue


def _down(p, threshold=lambda rank, m: 0.05 / (m - rank)):
    """Step down, whatever the thresholds: p (m,) -> bool (m,)."""
    decided = np.zeros(len(p), bool)
    for rank, row in enumerate(np.argsort(p)):
        if p[row] > threshold(rank, len(p)):
            break
        decided[row] = True
    return decided


def _up(p):
    decided = np.zeros(len(p), bool)
    order = np.argsort(p)
    for rank in reversed(range(len(p))):
        if p[order[rank]] <= 0.05 / (len(p) - rank):
            decided[order[: rank + 1]] = True
            break
    return decided


def _abs_t(d):
    return (d.mean(1) / d.std(1) * d.shape[1] ** 0.5).abs().numpy()


def subtracts_in_place(d):
    d -= d.mean()
    return _down(_p(d))


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
    "still_decided": [
        ("alone", lambda d: _p(d) < 0.05, "tested alone"),
        ("Bonferroni", lambda d: _p(d) * len(d) < 0.05, "Bonferroni"),
        ("Hochberg", lambda d: _up(_p(d)), "Hochberg's method, which"),
        ("Benjamini", lambda d: stats.false_discovery_control(_p(d)) < 0.05, "share of false"),
        ("10%", lambda d: _down(_p(d), lambda r, m: 0.1 / (m - r)), "The level is 0.1"),
        ("one direction's p", lambda d: _down(_p(d) / 2), "The level is 0.1"),
        ("1%", lambda d: _down(_p(d), lambda r, m: 0.01 / (m - r)), "stricter"),
        ("2.5%", lambda d: _down(_p(d), lambda r, m: 0.025 / (m - r)), "stricter"),
        ("greater", lambda d: _down(stats.ttest_1samp(d.numpy(), 0, axis=1, alternative="greater").pvalue),
         "one-sided"),
        ("normal", lambda d: _down(2 * stats.norm.sf(_abs_t(d))), "normal distribution"),
        ("n degrees", lambda d: _down(2 * stats.t.sf(_abs_t(d), d.shape[1])), "has n degrees"),
        ("std by n", lambda d: _down(2 * stats.t.sf(
            (d.mean(1) / d.std(1, correction=0) * d.shape[1] ** 0.5).abs().numpy(), d.shape[1] - 1)),
         "goes by n and not"),
        ("m - 1", lambda d: _down(_p(d), lambda r, m: 0.05 / max(m - r - 1, 1)), "count ranks from 0"),
        ("thresholds backwards", lambda d: _down(_p(d), lambda r, m: 0.05 / (r + 1)), "the wrong way"),
        ("no break", lambda d: _p(d) <= 0.05 / (len(d) - np.argsort(np.argsort(_p(d)))), "goes on after"),
        ("sorted", lambda d: _down(np.sort(_p(d))), "in the order of the p values"),
        ("exchanged", lambda d: ~_down(_p(d)), "are exchanged"),
        ("how many", lambda d: int(_down(_p(d)).sum()), "it gives"),
        ("names of rows", lambda d: np.flatnonzero(_down(_p(d))), "it gives"),
        ("in place", subtracts_in_place, "changes its input"),
    ],
}  # fmt: skip
