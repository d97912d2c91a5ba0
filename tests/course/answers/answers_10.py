"""Answers to the exercises of notebook 10: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

# --- rank_of_true -----------------------------------------------------------------------------------


def rank_of_true(similarities, index):
    own = similarities[index]
    before = (similarities > own).sum()
    tied = (similarities == own).sum() - 1  # without itself
    return 1 + before + tied / 2


def rank_in_a_loop(similarities, index):
    rank = 1.0
    for i, value in enumerate(similarities.tolist()):
        if i != index:
            own = similarities.tolist()[index]
            rank += 1.0 if value > own else 0.5 if value == own else 0.0
    return rank


def rank_as_a_mean_of_places(similarities, index):
    ordered = np.sort(similarities.numpy())[::-1]
    return 1 + np.flatnonzero(ordered == similarities[index].item()).mean()


def from_zero(similarities, index):
    own = similarities[index]
    return (similarities > own).sum() + ((similarities == own).sum() - 1) / 2


def from_the_other_end(similarities, index):
    own = similarities[index]
    return 1 + (similarities < own).sum() + ((similarities == own).sum() - 1) / 2


def where_the_best_is(similarities, index):
    return torch.argmax(similarities)


def sorted_once(similarities, index):
    order = torch.sort(similarities, descending=True, stable=True).indices
    return order[index] + 1


def ties_for_it(similarities, index):
    return 1 + sum(value > similarities[index] for value in similarities)


def ties_against_it(similarities, index):
    return sum(value >= similarities[index] for value in similarities)


def itself_a_rival(similarities, index):
    own = similarities[index]
    return 1 + (similarities > own).sum() + (similarities == own).sum() / 2


# --- best_smooth_l1 ---------------------------------------------------------------------------------


def best_smooth_l1(targets, odds, beta):
    share = (odds / odds.sum()).view(-1, *[1] * (targets.ndim - 1))
    low, high = targets.amin(0), targets.amax(0)
    for _ in range(60):
        middle = (low + high) / 2
        slope = (share * ((middle - targets) / beta).clamp(-1, 1)).sum(0)
        low, high = torch.where(slope < 0, middle, low), torch.where(slope < 0, high, middle)
    return middle


def best_by_going_down(targets, odds, beta):
    share = (odds / odds.sum()).double().view(-1, *[1] * (targets.ndim - 1))
    answer = targets[odds.argmax()].double()
    for _ in range(5000):
        answer = answer - beta * (share * ((answer - targets) / beta).clamp(-1, 1)).sum(0)
    return answer


def best_where_the_slope_bends(targets, odds, beta):
    """The slope is straight between two bends, targets +- beta: its zero lies between two of them."""
    flat = targets.numpy().reshape(len(targets), -1).astype(float)
    share, out = (odds / odds.sum()).numpy().astype(float), []
    for column in flat.T:
        bends = np.sort(np.concatenate([column - beta, column + beta]))
        slopes = [(share * np.clip((bend - column) / beta, -1, 1)).sum() for bend in bends]
        out.append(np.interp(0.0, slopes, bends))
    return np.reshape(out, tuple(targets.shape[1:]))


def _weighted(odds, values):
    return torch.tensordot(odds / odds.sum(), values, 1)


def the_mean(targets, odds, beta):
    return _weighted(odds, targets)


def the_median(targets, odds, beta):
    values, order = targets.sort(0)
    below = (odds / odds.sum())[order].cumsum(0)
    return values.gather(0, (below < 0.5).sum(0)[None])[0]


def of_equal_odds(targets, odds, beta):
    return best_smooth_l1(targets, torch.ones(len(odds)), beta)


def without_beta(targets, odds, beta):
    return best_smooth_l1(targets, odds, 1.0)


def the_likeliest(targets, odds, beta):
    return targets[odds.argmax()]


def the_loss_itself(targets, odds, beta):
    d = (best_smooth_l1(targets, odds, beta) - targets).abs()
    return _weighted(odds, torch.where(d < beta, d.square() / (2 * beta), d - beta / 2))


def halved_once(targets, odds, beta):
    return (targets.amin(0) + targets.amax(0)) / 2


RIGHT = {
    "rank_of_true": [rank_of_true, rank_in_a_loop, rank_as_a_mean_of_places],
    "best_smooth_l1": [best_smooth_l1, best_by_going_down, best_where_the_slope_bends],
}
WRONG = {
    "rank_of_true": [
        (from_zero, "counts from 0"),
        (from_the_other_end, "from the other end"),
        (where_the_best_is, "place of the best"),
        (sorted_once, "Sort a second time"),
        (ties_for_it, "counted for the true one"),
        (ties_against_it, "counted against"),
        (itself_a_rival, "its own rival"),
    ],
    "best_smooth_l1": [
        (the_mean, "This is the mean"),
        (the_median, "This is the median"),
        (of_equal_odds, "count alike"),
        (without_beta, "beta is left out"),
        (the_likeliest, "most likely target"),
        (the_loss_itself, "least loss itself"),
        (halved_once, "middle between the smallest"),
    ],
}
