"""Answers to the exercises of notebook 12: RIGHT ones in several ways, WRONG ones with what each is told."""

import math
import statistics

import numpy as np
import torch
from scipy import stats

# --- mend_the_sampler ---------------------------------------------------------------------------------


def mend_the_sampler(grid, scale, aspect, u):
    s = scale[0] + (scale[1] - scale[0]) * float(u[0])
    a = aspect[0] + (aspect[1] - aspect[0]) * float(u[1])
    area = s * grid[0] * grid[1]
    height = math.sqrt(area * a)
    height = min(max(height, area / grid[1]), grid[0])  # the area is kept, the shape is bent
    return max(round(height), 1), max(round(area / height), 1)


def mended_in_torch(grid, scale, aspect, u):
    ends = torch.tensor([scale, aspect], dtype=torch.float64)  # (2, 2)
    s, a = torch.lerp(ends[:, 0], ends[:, 1], u.double())
    rows, columns = (torch.tensor(float(n), dtype=torch.float64) for n in grid)
    height = (s * rows * columns * a).sqrt().clamp(min=s * rows, max=rows)
    sides = torch.stack([height, s * rows * columns / height])
    return tuple((sides + 0.5).floor().int().clamp(min=1).tolist())


def mended_in_numpy(grid, scale, aspect, u):
    s, a = (np.interp(x, [0, 1], ends) for x, ends in zip(u.numpy(), (scale, aspect), strict=True))
    area = s * np.prod(grid)
    width = np.clip(np.sqrt(area / a), area / grid[0], grid[1])
    return [int(np.rint(area / width)), int(np.rint(width))]


def one_number(grid, scale, aspect, u):
    return mend_the_sampler(grid, scale, aspect, [u[0], u[0]])


def exchanged_numbers(grid, scale, aspect, u):
    return mend_the_sampler(grid, scale, aspect, [u[1], u[0]])


def swapped_sides(grid, scale, aspect, u):
    s, a = (low + (high - low) * x for (low, high), x in zip((scale, aspect), u.tolist(), strict=True))
    area = s * grid[0] * grid[1]
    height = min(max(math.sqrt(area / a), area / grid[1]), grid[0])
    return round(height), round(area / height)


def without_the_root(grid, scale, aspect, u):
    s, a = (low + (high - low) * x for (low, high), x in zip((scale, aspect), u.tolist(), strict=True))
    area = s * grid[0] * grid[1]
    height = min(max(area**0.5 * a, area / grid[1]), grid[0])
    return round(height), round(area / height)


def rounded_down(grid, scale, aspect, u):
    s, a = (low + (high - low) * x for (low, high), x in zip((scale, aspect), u.tolist(), strict=True))
    area = s * grid[0] * grid[1]
    height = min(max(math.sqrt(area * a), area / grid[1]), grid[0])
    return max(math.floor(height), 1), max(math.floor(area / height), 1)


def smaller_than_the_grid(grid, scale, aspect, u):
    s, a = (low + (high - low) * x for (low, high), x in zip((scale, aspect), u.tolist(), strict=True))
    area = s * grid[0] * grid[1]
    h, w = round(math.sqrt(area * a)), round(math.sqrt(area / a))
    return min(h, grid[0] - 1), min(w, grid[1] - 1)


def cut_off(grid, scale, aspect, u):
    s, a = (low + (high - low) * x for (low, high), x in zip((scale, aspect), u.tolist(), strict=True))
    area = s * grid[0] * grid[1]
    return min(round(math.sqrt(area * a)), grid[0]), min(round(math.sqrt(area / a)), grid[1])


def overshooting(grid, scale, aspect, u):
    s, a = scale[0] + scale[1] * u[0], aspect[0] + aspect[1] * u[1]
    return mend_the_sampler(grid, (float(s), float(s)), (float(a), float(a)), u)


def one_size_for_all(grid, scale, aspect, u):
    return 3, 4


# --- interval ------------------------------------------------------------------------------------------


def interval(values):
    n, mean = len(values), values.mean()
    error = math.sqrt(((values - mean) ** 2).sum() / (n - 1)) / math.sqrt(n)
    return mean, stats.t.ppf(0.975, n - 1) * error


def interval_by_statistics(values):
    values = values.tolist()
    error = statistics.stdev(values) / len(values) ** 0.5
    return statistics.mean(values), -error * stats.t.ppf(0.025, len(values) - 1)


def interval_by_scipy(values):
    low, high = stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values.numpy()), scale=stats.sem(values.numpy())
    )
    return [(low + high) / 2, (high - low) / 2]


def spread_of_the_population(values):
    n = len(values)
    return values.mean(), stats.t.ppf(0.975, n - 1) * values.std(correction=0) / math.sqrt(n)


def from_the_normal_table(values):
    return values.mean(), stats.norm.ppf(0.975) * values.std() / math.sqrt(len(values))


def of_a_single_run(values):
    return values.mean(), stats.t.ppf(0.975, len(values) - 1) * values.std()


def one_standard_error(values):
    return values.mean(), values.std() / len(values) ** 0.5


def one_sided(values):
    return values.mean(), stats.t.isf(0.05, len(values) - 1) * values.std() / len(values) ** 0.5


def one_degree_too_many(values):
    return values.mean(), stats.t.ppf(0.975, len(values)) * values.std() / len(values) ** 0.5


def whole_width(values):
    mean, half = interval(values)
    return mean, 2 * half


def both_ends(values):
    mean, half = interval(values)
    return mean - half, mean + half


def only_the_half_width(values):
    return interval(values)[1]


# --- paired_effect ----------------------------------------------------------------------------------------


def paired_effect(changed, reference):
    difference = changed - reference  # (n,)
    n = len(difference)
    return difference.mean(), stats.t.ppf(0.975, n - 1) * difference.std() / math.sqrt(n)


def paired_in_loops(changed, reference):
    pairs = [float(a) - float(b) for a, b in zip(changed, reference, strict=True)]
    return interval_by_statistics(torch.tensor(pairs, dtype=torch.float64))


def paired_by_covariance(changed, reference):
    n, both = len(changed), np.cov(changed.numpy(), reference.numpy())
    spread = both[0, 0] + both[1, 1] - 2 * both[0, 1]
    return changed.numpy().mean() - reference.numpy().mean(), stats.t.ppf(0.975, n - 1) * (spread / n) ** 0.5


def unrelated_rows(changed, reference):
    n = len(changed)
    error = ((changed.var() + reference.var()) / n).sqrt()
    return changed.mean() - reference.mean(), stats.t.ppf(0.975, 2 * n - 2) * error


def reversed_sign(changed, reference):
    mean, half = paired_effect(changed, reference)
    return -mean, half


def halves_added(changed, reference):
    return changed.mean() - reference.mean(), interval(changed)[1] + interval(reference)[1]


def halves_subtracted(changed, reference):
    return changed.mean() - reference.mean(), interval(changed)[1] - interval(reference)[1]


def halves_squared(changed, reference):
    half = math.sqrt(interval(changed)[1] ** 2 + interval(reference)[1] ** 2)
    return changed.mean() - reference.mean(), half


def sorted_first(changed, reference):
    return paired_effect(changed.sort().values, reference.sort().values)


def in_percent(changed, reference):
    return interval(100 * (changed / reference - 1))


def without_an_interval(changed, reference):
    return (changed - reference).mean()


RIGHT = {
    "mend_the_sampler": [mend_the_sampler, mended_in_torch, mended_in_numpy],
    "interval": [interval, interval_by_statistics, interval_by_scipy],
    "paired_effect": [paired_effect, paired_in_loops, paired_by_covariance],
}
WRONG = {
    "mend_the_sampler": [
        (one_number, "One random number sets scale AND aspect ratio"),
        (exchanged_numbers, "changed places"),
        (swapped_sides, "Height and width are swapped"),
        (without_the_root, "without its square root"),
        (rounded_down, "rounded down"),
        (smaller_than_the_grid, "kept smaller than the grid"),
        (cut_off, "bend the shape"),
        (overshooting, "overshoots"),
        (one_size_for_all, "Wrong: the rows"),
    ],
    "interval": [
        (spread_of_the_population, "the population's"),
        (from_the_normal_table, "1.96"),
        (of_a_single_run, "square root of n is missing"),
        (one_standard_error, "one standard error"),
        (one_sided, "90% interval"),
        (one_degree_too_many, "one went into the mean"),
        (whole_width, "whole width"),
        (both_ends, "two ends"),
        (only_the_half_width, "2 things are wanted"),
    ],
    "paired_effect": [
        (unrelated_rows, "pairs are forgotten"),
        (reversed_sign, "sign is reversed"),
        (halves_added, "are added"),
        (halves_subtracted, "never cancel like that"),
        (halves_squared, "root of the squared"),
        (sorted_first, "sorted before"),
        (in_percent, "in percent"),
        (without_an_interval, "2 things are wanted"),
    ],
}
