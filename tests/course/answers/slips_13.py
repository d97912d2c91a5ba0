"""More wrong answers to the exercises of notebook 13: (the mistake, the answer, words of what it is told)."""

import math

import torch
import torch.nn.functional as F

# --- covariance_term ----------------------------------------------------------------------------------


def _off(matrix):
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


def _of(matrix):
    return lambda z: _off(matrix(z)).square().sum() / z.shape[1]


def _row_centred(z):
    x = z - z.mean(1, keepdim=True)
    return x.T @ x / (len(z) - 1)


def centres_in_place(z):
    z -= z.mean(0)
    return _off(z.T @ z / (len(z) - 1)).square().sum() / z.shape[1]


# --- centred_targets ----------------------------------------------------------------------------------


def _next(y, c, m):
    return m * c + (1 - m) * y.mean(0)


def _sharp(y, c, t):
    return F.softmax((y - c) / t, -1)


def _logits(logits):
    return lambda y, c, t, m: (F.softmax(logits(y, c, t), -1), _next(y, c, m))


def _then(after):
    return lambda y, c, t, m: (_sharp(y, c, t), after(y, c, t, m))


# --- epps_pulley --------------------------------------------------------------------------------------


def _integral(values, times=len, points=(-5, 5, 17), total=torch.trapezoid):
    def statistic(x):
        t = torch.linspace(*points, dtype=x.dtype)
        return times(x) * total(values(torch.exp(1j * x[:, None] * t), t), t)

    return statistic


def _gaussian(t, width=2):
    return torch.exp(-t.square() / width)


def _apart(phi, t, wanted=None):
    return (phi.mean(0) - (_gaussian(t) if wanted is None else wanted)).abs().square()


def _weighted(phi, t):
    return _apart(phi, t) * _gaussian(t)


SLIPS = {
    "covariance_term": [
        ("over n", lambda z: _off(torch.cov(z.T)).square().sum() / len(z), "number of samples"),
        ("each pair once", lambda z: torch.cov(z.T).triu(1).square().sum() / z.shape[1], "counted once"),
        ("absolute", lambda z: _off(torch.cov(z.T)).abs().sum() / z.shape[1], "absolute values"),
        ("diagonal alone", lambda z: torch.cov(z.T).diagonal().square().sum() / z.shape[1], "all but the"),
        ("of samples", lambda z: _off((x := z - z.mean(0)) @ x.T / (len(z) - 1)).square().sum() / z.shape[1],
         "samples with each other"),
        ("row means", _of(_row_centred), "each sample is subtracted"),
        ("to the identity", lambda z: (torch.cov(z.T) - torch.eye(z.shape[1])).square().sum() / z.shape[1],
         "identity matrix"),
        ("mean of all", lambda z: (torch.cov(z.T).square() * (1 - torch.eye(z.shape[1]))).mean(),
         "mean over the entries"),
        ("divided by n", _of(lambda z: torch.cov(z.T, correction=0)), "divided by n."),
        ("not centred", _of(lambda z: z.T @ z / (len(z) - 1)), "not centred"),
        ("correlation", _of(lambda z: torch.corrcoef(z.T)), "Barlow Twins"),
        ("signed sum", lambda z: _off(torch.cov(z.T)).sum() / z.shape[1], "opposite sign"),
        ("in place", centres_in_place, "changes its input"),
        ("of each value", lambda z: (c := torch.cov(z.T).fill_diagonal_(0)).square().sum(0) / len(c),
         "it gives (4,)"),
        ("root", lambda z: _of(lambda z: torch.cov(z.T))(z).sqrt(), None),
    ],
    "centred_targets": [
        ("batch mean alone", _logits(lambda y, c, t: (y - y.mean(0)) / t), "mean of this batch, and"),
        ("centre not divided", _logits(lambda y, c, t: y / t - c), "Only the outputs"),
        ("multiplied", _logits(lambda y, c, t: (y - c) * t), "multiplies by the temperature"),
        ("logits", lambda y, c, t, m: ((y - c) / t, _next(y, c, m)), "softmax is missing"),
        ("log", lambda y, c, t, m: (_sharp(y, c, t).log(), _next(y, c, m)), "logarithms"),
        ("centre kept", _then(lambda y, c, t, m: c + 0), "stays as it was"),
        ("of centred", _then(lambda y, c, t, m: _next(y - c, c, m)), "centred already"),
        ("of targets", _then(lambda y, c, t, m: _next(_sharp(y, c, t), c, m)), "average of the targets"),
        ("one mean", _then(lambda y, c, t, m: m * c + (1 - m) * y.mean()), "one mean for all"),
        ("added up", _then(lambda y, c, t, m: m * c + (1 - m) * y.sum(0)), "added up over the batch"),
        ("in whole", _then(lambda y, c, t, m: m * c + y.mean(0)), "comes in whole"),
        ("centre added", _logits(lambda y, c, t: (y + c) / t), "centre is added"),
        ("wrong order", lambda y, c, t, m: (_next(y, c, m), _sharp(y, c, t)), "wrong order"),
        ("targets alone", lambda y, c, t, m: _sharp(y, c, t), "2 things are wanted"),
        ("centre added to", _then(lambda y, c, t, m: c + (1 - m) * y.mean(0)), "Right: the targets"),
    ],
    "epps_pulley": [
        ("each alone", _integral(lambda phi, t: (phi - _gaussian(t)).abs().square().mean(0) * _gaussian(t)),
         "compared with the Gaussian alone"),
        ("root of n", _integral(_weighted, times=lambda x: len(x) ** 0.5), "square root of n"),
        ("narrow weight", _integral(lambda phi, t: _apart(phi, t) * _gaussian(t, 1)), "narrower"),
        ("normal density", _integral(lambda phi, t: _weighted(phi, t) / math.tau**0.5), "sqrt(2 pi)"),
        ("of 2", _integral(lambda phi, t: _apart(phi, t, _gaussian(t, 1)) * _gaussian(t)), "variance 2"),
        ("density", _integral(lambda phi, t: _apart(phi, t, _gaussian(t) / math.tau**0.5) * _gaussian(t)),
         "DENSITY"),
        ("mean over t", _integral(_weighted, total=lambda v, t: v.mean()), "mean over t"),
        ("half", _integral(_weighted, points=(0, 5, 17)), "positive t alone"),
        ("absolute parts", _integral(lambda phi, t: ((d := phi.mean(0) - _gaussian(t)).real.abs()
                                                     + d.imag.abs()) * _gaussian(t)), "absolute values"),
        ("not squared", _integral(lambda phi, t: (phi.mean(0) - _gaussian(t)).abs() * _gaussian(t)),
         "not squared"),
        ("real alone", _integral(lambda phi, t: (phi.mean(0).real - _gaussian(t)).square() * _gaussian(t)),
         "imaginary part"),
        ("weight squared", _integral(lambda phi, t: _weighted(phi, t) * _gaussian(t)), "narrower"),
        ("no weight", _integral(_apart), "weight is missing"),
        ("a value each t", _integral(_weighted, total=lambda v, t: v), "it gives (17,)"),
        ("n squared", _integral(_weighted, times=lambda x: len(x) ** 2), None),
    ],
}  # fmt: skip
