"""Answers to the exercises of notebook 13: RIGHT ones in several ways, WRONG ones with what each is told."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

# --- covariance_term ----------------------------------------------------------------------------------


def covariance_term(z):
    centred = z - z.mean(0)
    covariance = centred.T @ centred / (len(z) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]


def covariance_in_loops(z):
    n, D = z.shape
    means, total = z.double().mean(0), 0.0
    for i in range(D):
        for j in range(D):
            if i != j:
                c = ((z[:, i].double() - means[i]) * (z[:, j].double() - means[j])).sum() / (n - 1)
                total += float(c) ** 2
    return total / D


def covariance_by_torch(z):
    covariance = torch.cov(z.double().T)
    return covariance.fill_diagonal_(0).square().sum() / len(covariance)


def covariance_in_numpy(z):
    covariance = np.cov(z.double().numpy(), rowvar=False)
    return 2 * np.square(np.triu(covariance, 1)).sum() / len(covariance)


def with_the_diagonal(z):
    return torch.cov(z.T).square().sum() / z.shape[1]


def not_centred(z):
    second = z.T @ z / (len(z) - 1)
    return (second.square().sum() - second.diagonal().square().sum()) / z.shape[1]


def biased(z):
    return covariance_by_torch(z) * ((len(z) - 1) / len(z)) ** 2


def not_divided(z):
    return covariance_by_torch(z) * z.shape[1]


def mean_of_the_entries(z):
    D = z.shape[1]
    return torch.cov(z.T)[~torch.eye(D, dtype=torch.bool)].square().mean()


def signed(z):
    covariance = torch.cov(z.T)
    return (covariance.sum() - covariance.trace()) / z.shape[1]


def of_correlations(z):
    correlation = torch.corrcoef(z.T)
    return (correlation.square().sum() - correlation.diagonal().square().sum()) / z.shape[1]


def the_matrix(z):
    return torch.cov(z.T)


# --- centred_targets ----------------------------------------------------------------------------------


def centred_targets(outputs, centre, temperature, momentum):
    targets = torch.softmax((outputs - centre) / temperature, dim=-1)
    return targets, momentum * centre + (1 - momentum) * outputs.mean(0)


def targets_by_exp(outputs, centre, temperature, momentum):
    logits = ((outputs - centre) / temperature).double()
    weights = (logits - logits.max(1, keepdim=True).values).exp()
    return weights / weights.sum(1, keepdim=True), torch.lerp(outputs.mean(0), centre, momentum)


def targets_in_loops(outputs, centre, temperature, momentum):
    rows = [F.softmax((row - centre) / temperature, 0) for row in outputs]
    return torch.stack(rows), centre + (1 - momentum) * (outputs.mean(0) - centre)


def targets_by_log_softmax(outputs, centre, temperature, momentum):
    sharp = F.log_softmax(outputs / temperature - centre / temperature, -1).exp()
    return sharp.detach(), outputs.mean(0) * (1 - momentum) + momentum * centre


def nothing_centred(outputs, centre, temperature, momentum):
    return F.softmax(outputs / temperature, -1), centred_targets(outputs, centre, temperature, momentum)[1]


def centre_added(outputs, centre, temperature, momentum):
    return centred_targets(outputs + 2 * centre, centre, temperature, momentum)[0], centred_targets(
        outputs, centre, temperature, momentum
    )[1]


def new_centre_first(outputs, centre, temperature, momentum):
    new = momentum * centre + (1 - momentum) * outputs.mean(0)
    return F.softmax((outputs - new) / temperature, -1), new


def not_sharpened(outputs, centre, temperature, momentum):
    return centred_targets(outputs, centre, 1.0, momentum)


def over_the_batch(outputs, centre, temperature, momentum):
    _, new = centred_targets(outputs, centre, temperature, momentum)
    return F.softmax((outputs - centre) / temperature, 0), new


def wrong_way_round(outputs, centre, temperature, momentum):
    targets, _ = centred_targets(outputs, centre, temperature, momentum)
    return targets, (1 - momentum) * centre + momentum * outputs.mean(0)


def no_running_mean(outputs, centre, temperature, momentum):
    return centred_targets(outputs, centre, temperature, 0.0)


def in_place(outputs, centre, temperature, momentum):
    targets = F.softmax((outputs - centre) / temperature, -1)
    return targets, centre.mul_(momentum).add_((1 - momentum) * outputs.mean(0))


def unstable(outputs, centre, temperature, momentum):
    weights = (outputs / temperature).exp() / (centre / temperature).exp()
    _, new = centred_targets(outputs, centre, temperature, momentum)
    return weights / weights.sum(1, keepdim=True), new


# --- epps_pulley --------------------------------------------------------------------------------------


def epps_pulley(x):
    t = torch.linspace(-5, 5, 17, dtype=x.dtype)
    gaussian = torch.exp(-t.square() / 2)
    angles = x[:, None] * t
    apart = (angles.cos().mean(0) - gaussian).square() + angles.sin().mean(0).square()
    return len(x) * torch.trapezoid(apart * gaussian, t)


def statistic_of_complex_numbers(x):
    t = torch.linspace(-5, 5, 17, dtype=torch.float64)
    gaussian = torch.exp(-t * t / 2)
    apart = (torch.exp(1j * x.double()[:, None] * t).mean(0) - gaussian).abs().square()
    return len(x) * torch.trapezoid(apart * gaussian, t)


def statistic_in_loops(x):
    n, ts, values = len(x), [-5 + 10 * k / 16 for k in range(17)], []
    for t in ts:
        real = sum(math.cos(t * float(one)) for one in x) / n
        imaginary = sum(math.sin(t * float(one)) for one in x) / n
        gaussian = math.exp(-t * t / 2)
        values.append(((real - gaussian) ** 2 + imaginary**2) * gaussian)
    return n * sum((a + b) / 2 * 10 / 16 for a, b in itertools.pairwise(values))


def statistic_in_closed_form(x):
    n, apart = len(x), x[:, None] - x
    pairs = torch.exp(-apart.square() / 2).sum() / n
    alone = math.sqrt(2) * torch.exp(-x.square() / 4).sum()
    return math.sqrt(2 * math.pi) * (pairs - alone + n / math.sqrt(3))


def _wrong(apart, x, weight=True, times=None):
    t = torch.linspace(-5, 5, 17, dtype=x.dtype)
    gaussian, angles = torch.exp(-t.square() / 2), x[:, None] * t
    values = apart(angles.cos().mean(0), angles.sin().mean(0), gaussian)
    return (len(x) if times is None else times) * torch.trapezoid(values * gaussian if weight else values, t)


def real_part_alone(x):
    return _wrong(lambda c, s, g: (c - g).square(), x)


def moduli_alone(x):
    return _wrong(lambda c, s, g: (torch.complex(c, s).abs() - g).square(), x)


def without_n(x):
    return epps_pulley(x) / len(x)


def without_weight(x):
    return _wrong(lambda c, s, g: (c - g).square() + s.square(), x, weight=False)


def standardised(x):
    return epps_pulley((x - x.mean()) / x.std())


def centred(x):
    return epps_pulley(x - x.mean())


def not_squared(x):
    return _wrong(lambda c, s, g: torch.complex(c - g, s).abs(), x)


def without_the_step(x):
    t = torch.linspace(-5, 5, 17, dtype=x.dtype)
    gaussian = torch.exp(-t * t / 2)
    apart = (torch.exp(1j * x[:, None] * t).mean(0) - gaussian).abs().square()
    return len(x) * (apart * gaussian).sum()


def at_each_t(x):
    return torch.linspace(-5, 5, 17) * len(x)


RIGHT = {
    "covariance_term": [covariance_term, covariance_in_loops, covariance_by_torch, covariance_in_numpy],
    "centred_targets": [centred_targets, targets_by_exp, targets_in_loops, targets_by_log_softmax],
    "epps_pulley": [
        epps_pulley,
        statistic_of_complex_numbers,
        statistic_in_loops,
        statistic_in_closed_form,
    ],
}
WRONG = {
    "covariance_term": [
        (with_the_diagonal, "diagonal is counted"),
        (not_centred, "not centred"),
        (biased, "divided by n."),
        (not_divided, "Nothing is divided by D"),
        (mean_of_the_entries, "mean over the entries"),
        (signed, "opposite sign cancel"),
        (of_correlations, "Barlow Twins"),
        (the_matrix, "it gives (4, 4)"),
    ],
    "centred_targets": [
        (nothing_centred, "Nothing is centred"),
        (centre_added, "centre is added"),
        (new_centre_first, "NEW centre"),
        (not_sharpened, "temperature is missing"),
        (over_the_batch, "runs over the batch"),
        (wrong_way_round, "wrong way round"),
        (no_running_mean, "running average is lost"),
        (in_place, "changes its input"),
        (unstable, "must not overflow"),
    ],
    "epps_pulley": [
        (real_part_alone, "imaginary part is left out"),
        (moduli_alone, "Only the moduli"),
        (without_n, "factor n is missing"),
        (without_weight, "weight is missing"),
        (standardised, "standardised first"),
        (centred, "centred first"),
        (not_squared, "modulus is not squared"),
        (without_the_step, "distance between two points"),
        (at_each_t, "it gives (17,)"),
    ],
}
