"""Answers to the exercises of notebook 00: RIGHT ones in several ways, WRONG ones with what each is told."""

import statistics

import numpy as np
import torch

# --- typical_seconds ------------------------------------------------------------------------------------


def typical_seconds(times, warm_up):
    kept = sorted(times[warm_up:])
    middle = len(kept) // 2
    return kept[middle] if len(kept) % 2 else (kept[middle - 1] + kept[middle]) / 2


def by_statistics(times, warm_up):
    return statistics.median(times[warm_up:])


def by_numpy(times, warm_up):
    return np.median(np.asarray(times[warm_up:], dtype=np.float32))


def by_quantile(times, warm_up):
    return torch.tensor(times[warm_up:], dtype=torch.float64).quantile(0.5)


def by_taking_both_ends_away(times, warm_up):
    kept = list(times[warm_up:])
    while len(kept) > 2:
        kept.remove(max(kept))
        kept.remove(min(kept))
    return sum(kept) / len(kept)


def average(times, warm_up):
    kept = times[warm_up:]
    return sum(kept) / len(kept)


def all_of_them(times, warm_up):
    return float(np.median(times))


def the_record(times, warm_up):
    return sorted(times[warm_up:])[0]


def without_the_end(times, warm_up):
    return float(np.median(times[:-warm_up] if warm_up else times))


def sorted_too_early(times, warm_up):
    return float(np.median(sorted(times)[warm_up:]))


def upper_of_two(times, warm_up):
    kept = sorted(times[warm_up:])
    return kept[len(kept) // 2]


def middle_in_time(times, warm_up):
    kept = times[warm_up:]
    return kept[len(kept) // 2]


def sorts_the_callers_list(times, warm_up):
    del times[:warm_up]
    times.sort()
    return statistics.median(times)


def all_that_count(times, warm_up):
    return sorted(times[warm_up:])


# --- steps_in_budget --------------------------------------------------------------------------------------


def steps_in_budget(minutes, step_seconds, start_up):
    left = 60 * minutes - start_up
    return max(0, int(left // step_seconds))


def by_counting(minutes, step_seconds, start_up):
    passed, steps = start_up + step_seconds, 0
    while passed <= minutes * 60:
        passed += step_seconds
        steps += 1
    return steps


def in_minutes(minutes, step_seconds, start_up):
    left = torch.tensor(minutes - start_up / 60, dtype=torch.float64)
    return torch.floor(left / (step_seconds / 60)).clamp(min=0)


def in_numpy(minutes, step_seconds, start_up):
    return np.maximum(0, np.floor_divide(minutes * 60.0 - start_up, step_seconds)).astype(int)


def minutes_for_seconds(minutes, step_seconds, start_up):
    return max(0, int((minutes - start_up) / step_seconds))


def rounded_up(minutes, step_seconds, start_up):
    return max(0, int(-(-(minutes * 60 - start_up) // step_seconds)))


def started_for_free(minutes, step_seconds, start_up):
    return int(minutes * 60 / step_seconds)


def started_at_every_step(minutes, step_seconds, start_up):
    return int(minutes * 60 // (step_seconds + start_up))


def not_whole(minutes, step_seconds, start_up):
    return max(0, (minutes * 60 - start_up) / step_seconds)


def fewer_than_none(minutes, step_seconds, start_up):
    return (minutes * 60 - start_up) // step_seconds


def steps_a_second(minutes, step_seconds, start_up):
    return (minutes * 60 - start_up) * step_seconds


RIGHT = {
    "typical_seconds": [typical_seconds, by_statistics, by_numpy, by_quantile, by_taking_both_ends_away],
    "steps_in_budget": [steps_in_budget, by_counting, in_minutes, in_numpy],
}
WRONG = {
    "typical_seconds": [
        (average, "pulls it up"),
        (all_of_them, "warm-up is still in it"),
        (the_record, "best moment"),
        (without_the_end, "last timings instead of the first"),
        (sorted_too_early, "sorts before it drops"),
        (upper_of_two, "upper of the two"),
        (middle_in_time, "middle of the time"),
        (sorts_the_callers_list, "changes its input"),
        (all_that_count, "and one number of seconds is"),
    ],
    "steps_in_budget": [
        (minutes_for_seconds, "factor of 60"),
        (rounded_up, "rounds up"),
        (started_for_free, "Starting is free"),
        (started_at_every_step, "paid again at every step"),
        (not_whole, "whole steps"),
        (fewer_than_none, "negative number of steps"),
        (steps_a_second, "division"),
    ],
}
