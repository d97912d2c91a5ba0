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


# --- still_decided ----------------------------------------------------------------------------------------


def still_decided(differences):
    m, n = differences.shape
    t = differences.mean(1) / differences.std(1) * math.sqrt(n)
    p = torch.from_numpy(2 * stats.t.sf(t.abs().numpy(), n - 1))
    decided = torch.zeros(m, dtype=torch.bool)
    for rank, row in enumerate(p.argsort()):
        if p[row] > 0.05 / (m - rank):
            break
        decided[row] = True
    return decided


def decided_one_by_one(differences):
    p = list(stats.ttest_1samp(differences.numpy(), 0, axis=1).pvalue)
    left, decided = sorted(p), []
    while left and left[0] * len(left) <= 0.05:
        decided.append(left.pop(0))
    return [chance in decided for chance in p]


def decided_by_adjusted_chances(differences):
    p = stats.ttest_1samp(differences.numpy(), 0, axis=1).pvalue
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    decided = np.empty(len(p), bool)
    decided[order] = adjusted <= 0.05
    return decided


def _chances(differences):
    return stats.ttest_1samp(differences.numpy(), 0, axis=1).pvalue


def each_alone(differences):
    return torch.tensor([abs(row.mean()) > interval(row)[1] for row in differences])


def bonferroni(differences):
    p = _chances(differences)
    return p < 0.05 / len(p)


def never_stopping(differences):
    p = _chances(differences)
    rank = np.argsort(np.argsort(p))
    return p <= 0.05 / (len(p) - rank)


def in_the_order_of_chance(differences):
    decided = still_decided(differences)
    return decided[np.argsort(_chances(differences)).copy()]


def turned_round(differences):
    return ~still_decided(differences)


def of_one_direction(differences):
    p = stats.ttest_1samp(differences.numpy(), 0, axis=1, alternative="less").pvalue
    return _step_down(p)


def _step_down(p):
    adjusted = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))
    return (adjusted <= 0.05)[np.argsort(np.argsort(p))]


def by_the_normal_table(differences):
    n = differences.shape[1]
    t = differences.mean(1) / differences.std(1) * n**0.5
    return _step_down(2 * stats.norm.sf(t.abs().numpy()))


def false_discovery_rate(differences):
    p = _chances(differences)
    return stats.false_discovery_control(p) <= 0.05


RIGHT = {
    "mend_the_sampler": [mend_the_sampler, mended_in_torch, mended_in_numpy],
    "interval": [interval, interval_by_statistics, interval_by_scipy],
    "still_decided": [still_decided, decided_one_by_one, decided_by_adjusted_chances],
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
    "still_decided": [
        (each_alone, "tested alone"),
        (bonferroni, "Bonferroni"),
        (never_stopping, "goes on after the first"),
        (in_the_order_of_chance, "in the order of the p values"),
        (turned_round, "are exchanged"),
        (of_one_direction, "one-sided"),
        (by_the_normal_table, "normal distribution"),
        (false_discovery_rate, "share of false"),
    ],
}
