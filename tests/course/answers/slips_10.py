"""More wrong answers to the exercises of notebook 10: (the mistake, the answer, words of what it is told)."""

import torch

# --- rank_of_true -----------------------------------------------------------------------------------


def _rank(s, i):
    return 1 + (s > s[i]).sum().item() + ((s == s[i]).sum().item() - 1) / 2


def argsort_twice(s, i):
    return s.argsort(descending=True, stable=True).argsort()[i] + 1


def sorts_in_place(s, i):
    own = s[i].clone()
    s.copy_(s.sort(descending=True).values)
    return (s == own).nonzero().double().mean() + 1


def silent_when_tied(s, i):
    if (s == s[i]).sum() == 1:
        return int((s > s[i]).sum()) + 1


# --- best_smooth_l1 ---------------------------------------------------------------------------------


def _share(odds, like):
    return (odds / odds.sum()).view(-1, *[1] * (like.ndim - 1))


def _descend(targets, share, beta, steps=4000, begin=None):
    answer = (share * targets).sum(0) if begin is None else begin
    for _ in range(steps):
        answer = answer - beta * (share * ((answer - targets) / beta).clamp(-1, 1)).sum(0)
    return answer


def _right(targets, odds, beta):
    return _descend(targets, _share(odds, targets), beta, begin=targets[odds.argmax()])


def _halfway(targets, odds, beta):
    order = targets.sort(0)
    below = (odds / odds.sum())[order.indices].cumsum(0)
    median = order.values.gather(0, (below < 0.5).sum(0)[None])[0]
    return (median + (_share(odds, targets) * targets).sum(0)) / 2


def _losses(targets, odds, beta):
    d = (targets[:, None] - targets[None]).abs()  # (answer, target, ...)
    loss = torch.where(d < beta, d.square() / (2 * beta), d - beta / 2)
    return (loss * _share(odds, targets)[None]).sum(1)  # (answer, ...)


def best_values(targets, odds, beta):
    return targets.gather(0, _losses(targets, odds, beta).argmin(0)[None])[0]


def best_target(targets, odds, beta):
    return targets[_losses(targets, odds, beta).flatten(1).mean(1).argmin()]


def clamps_in_place(targets, odds, beta):
    best = _right(targets, odds, beta)
    targets.clamp_(-beta, beta)
    return best


def silent_when_alone(targets, odds, beta):
    if len(targets) > 1:
        return _right(targets, odds, beta)


SLIPS = {
    "rank_of_true": [
        ("half a place too many", lambda s, i: _rank(s, i) + 0.5, "its own rival"),
        ("ties halved and cut", lambda s, i: int(_rank(s, i)), "rounded"),
        ("ties halved and raised", lambda s, i: -(-_rank(s, i) // 1), "rounded"),
        ("argsort twice", argsort_twice, "Sorting twice"),
        ("dense rank", lambda s, i: 1 + len({v for v in s.tolist() if v > s[i]}), "dense rank"),
        ("share of n", lambda s, i: _rank(s, i) / len(s), "share of n"),
        ("without signs", lambda s, i: _rank(s.abs(), i), "without their signs"),
        ("the similarity", lambda s, i: s[i], "similarity of the true one"),
        ("the index", lambda s, i: i, "number `index`"),
        ("ascending, ties for it", lambda s, i: int((s < s[i]).sum()) + 1, "from the other end"),
        ("argsort once, ascending", lambda s, i: s.argsort()[i] + 1, "Sorting once"),
        ("from 0, ties for it", lambda s, i: int((s > s[i]).sum()), "counts from 0"),
        ("place of the best", lambda s, i: int(s.argmax()) + 1, "place of the best"),
        ("sorts in place", sorts_in_place, "changes its input"),
        ("silent when tied", silent_when_tied, "returns nothing, though others"),
        ("with an axis", lambda s, i: torch.tensor([_rank(s, i)]), "axis of size 1 is too many"),
        ("negative", lambda s, i: -_rank(s, i), "wrong sign"),
        ("reciprocal", lambda s, i: 1 / _rank(s, i), "1 over"),
        ("best is never first", lambda s, i: max(_rank(s, i), 1.5), "only candidate"),
    ],
    "best_smooth_l1": [
        ("half way", _halfway, "no rule"),
        ("1 / beta", lambda t, o, b: _right(t, o, 1 / b), "upside down: the loss"),
        ("2 * beta", lambda t, o, b: _right(t, o, 2 * b), "half as far, or twice"),
        ("beta / 2", lambda t, o, b: _right(t, o, b / 2), "half as far, or twice"),
        ("best values", best_values, "value by value"),
        ("best target", best_target, "one whole target"),
        ("1 / odds", lambda t, o, b: _right(t, 1 / o, b), "LESS likely target"),
        ("softmax", lambda t, o, b: _right(t, o.softmax(0), b), "Softmax"),
        ("one step", lambda t, o, b: _descend(t, _share(o, t), b, 1), "goes one step"),
        ("smallest", lambda t, o, b: t.min(0).values, "climbs"),
        ("largest", lambda t, o, b: t.max(0).values, "climbs"),
        ("mean of the values", lambda t, o, b: _right(t, o, b).mean(), "one number for all"),
        ("plain mean", lambda t, o, b: t.mean(0), None),
        ("twice", lambda t, o, b: 2 * _right(t, o, b), "2 times the right one"),
        ("negative", lambda t, o, b: -_right(t, o, b), "wrong sign"),
        ("an axis too many", lambda t, o, b: _right(t, o, b)[None], "axis of size 1 is too many"),
        ("in place", clamps_in_place, "changes its input"),
        ("silent when alone", silent_when_alone, "Here it returns nothing"),
    ],
}  # fmt: skip
