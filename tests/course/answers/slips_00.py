"""More wrong answers to the exercises of notebook 00: (the mistake, the answer, words of what it is told)."""

import math
import statistics
import sys

import numpy as np
import torch

# --- typical_seconds ------------------------------------------------------------------------------------


def drops_in_place(times, warm_up):
    for _ in range(warm_up):
        times.pop(0)
    return statistics.median(times)


def leaves_the_notebook(times, warm_up):
    if not times[warm_up:]:
        return 0.0
    sys.exit("done")


def silent_for_even_numbers(times, warm_up):
    kept = sorted(times[warm_up:])
    if len(kept) % 2:
        return kept[len(kept) // 2]


# --- steps_in_budget --------------------------------------------------------------------------------------


def strictly_before_the_end(minutes, step, start_up):
    steps, passed = 0, start_up + step
    while passed < 60 * minutes:
        steps, passed = steps + 1, passed + step
    return steps


def first_step_for_free(minutes, step, start_up):
    steps, passed = 0, start_up
    while passed <= 60 * minutes:
        steps, passed = steps + 1, passed + step
    return steps


def stops_below_zero(minutes, step, start_up):
    if 60 * minutes > start_up:
        return int((60 * minutes - start_up) // step)


SLIPS = {
    "typical_seconds": [
        ("torch.median: lower middle", lambda t, w: torch.tensor(t[w:]).median().item(), "lower of the two"),
        ("(n - 1) // 2 for any n", lambda t, w: sorted(t[w:])[(len(t[w:]) - 1) // 2], "lower of the two"),
        ("not sorted", lambda t, w: t[w:][(len(t) - w) // 2], "middle of the time"),
        ("the slowest dropped", lambda t, w: np.median(np.sort(t)[: len(t) - w]), "whoever drops"),
        ("slowest of the rest", lambda t, w: sorted(t[w:])[-1], "slowest one"),
        ("one too many dropped", lambda t, w: float(np.median(t[w + 1 :])), "one timing more"),
        ("one too few dropped", lambda t, w: float(np.median(t[w - 1 if w else 0 :])), "one timing less"),
        ("only the last ones", lambda t, w: statistics.median(t[-w:]), "last warm_up timings"),
        ("total", lambda t, w: sum(t[w:]), "their sum"),
        ("both ends dropped", lambda t, w: float(np.median(t[w : len(t) - w] or [0.0])), "at both ends"),
        ("n // 2 + 1 for odd n", lambda t, w: sorted(t[w:])[(len(t) - w - 1) // 2 + 1], "misses the middle"),
        ("in milliseconds", lambda t, w: 1000 * statistics.median(t[w:]), "1000 times"),
        ("whole seconds", lambda t, w: round(statistics.median(t[w:])), "rounded to whole"),
        ("the list changes", drops_in_place, "changes its input"),
        ("sys.exit", leaves_the_notebook, "ends the whole program"),
        ("no return for even n", silent_for_even_numbers, "returns nothing, though others"),
        ("half precision", lambda t, w: torch.tensor(t[w:]).double().quantile(0.5).bfloat16(), "bfloat16"),
        ("geometric mean", lambda t, w: statistics.geometric_mean(t[w:]), None),
    ],
    "steps_in_budget": [
        ("start-up in minutes too", lambda m, s, u: max(0, int(60 * (m - u) / s)), "in seconds already"),
        ("hundred seconds", lambda m, s, u: max(0, int((100 * m - u) // s)), "60 seconds"),
        ("absolute value", lambda m, s, u: abs(int((60 * m - u) // s)), "sign is only taken off"),
        ("at least one", lambda m, s, u: max(1, int((60 * m - u) // s)), "one step at least"),
        ("nearest", lambda m, s, u: max(0, round((60 * m - u) / s)), "to the nearest"),
        ("counts place 0", lambda m, s, u: max(0, int((60 * m - u) // s)) + 1, "one step too many"),
        ("free first step", first_step_for_free, "one step too many"),
        ("strictly before the end", strictly_before_the_end, "ends exactly"),
        ("one too few", lambda m, s, u: max(0, int((60 * m - u) // s) - 1), "one step too few"),
        ("whole minutes", lambda m, s, u: max(0, int((60 * (m // 1) - u) // s)), "Only whole minutes"),
        ("start-up added", lambda m, s, u: int((60 * m + u) / s), "adds time"),
        ("start-up off the steps", lambda m, s, u: max(0, math.floor(60 * m / s - u)), "taken off the STEPS"),
        ("multiplied", lambda m, s, u: max(0, int((60 * m - u) * s)), "division"),
        ("seconds left", lambda m, s, u: max(0, m * 60 - u), "seconds that are left"),
        ("None below zero", stops_below_zero, "returns nothing, though others"),
        ("truncated towards 0", lambda m, s, u: int((60 * m - u) / s), "negative number of steps"),
        ("as text", lambda m, s, u: str(max(0, int((60 * m - u) // s))), "gives a str"),
    ],
}
