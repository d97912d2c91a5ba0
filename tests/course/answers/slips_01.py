"""More wrong answers to the exercises of notebook 01: (the mistake, the answer, words of what it is told)."""

import numpy as np
import torch


def _shares(worlds, odds):
    return (odds / odds.sum()).reshape(-1, *[1] * (worlds.ndim - 1))


def _mean(worlds, odds):
    return (_shares(worlds, odds) * worlds).sum(0)


def _expected(errors, odds):
    return (_shares(errors, odds) * errors).sum(0)


def normalises_in_place(worlds, odds):
    odds.div_(odds.sum())
    return torch.einsum("n,n...->...", odds, worlds)


def scales_the_worlds_in_place(worlds, odds):
    worlds *= _shares(worlds, odds)
    return worlds.sum(0)


def _median(worlds, odds, step=0, total=1.0):
    values, order = worlds.sort(0)
    below = (odds / odds.sum() if total == 1.0 else odds)[order].cumsum(0)
    first = ((below < 0.5).sum(0) + step).clamp(0, len(worlds) - 1)
    return values.gather(0, first[None])[0]


def sorts_in_place(worlds, odds):
    worlds.copy_(worlds.sort(0).values)
    return worlds[len(worlds) // 2]


SLIPS = {
    "l2_minimiser": [
        ("divided by n", lambda w, o: torch.tensordot(o, w, 1) / len(o), "divided by their SUM"),
        ("divided by the largest", lambda w, o: torch.tensordot(o / max(o), w, 1), "divided by their SUM"),
        ("unit length", lambda w, o: torch.tensordot(o / o.norm(), w, 1), "divided by their SUM"),
        ("softmax", lambda w, o: torch.tensordot(torch.softmax(o, 0), w, 1), "EXPONENTIALS"),
        ("squared odds", lambda w, o: _mean(w, o * o), "squared"),
        ("odds inverted", lambda w, o: _mean(w, 1 / o), "upside down"),
        ("least likely", lambda w, o: w[o.argmin()], "least likely"),
        ("over the values too", lambda w, o: _mean(w, o).mean(), "averages over the values"),
        ("sum forgotten", lambda w, o: _shares(w, o) * w, "not added up"),
        ("midrange", lambda w, o: (w.min(0).values + w.max(0).values) / 2, "lowest and the highest"),
        ("squeezed", lambda w, o: _mean(w, o).squeeze(), "axes are kept"),
        ("kept axis", lambda w, o: _mean(w, o)[None], "axis of size 1 is too many"),
        ("odds changed", normalises_in_place, "changes its input"),
        ("worlds changed", scales_the_worlds_in_place, "changes its input"),
        ("negative", lambda w, o: -_mean(w, o), "wrong sign"),
        ("whole numbers", lambda w, o: _mean(w, o).round(), "rounded to whole"),
        ("half precision", lambda w, o: _mean(w, o).half(), "float16"),
        ("0 / 0", lambda w, o: _mean(w, o) * (o - o).sum() / (o - o).sum(), "nothing but nan"),
        ("first world", lambda w, o: w[0], None),
    ],
    "least_loss": [
        ("absolute", lambda w, o: _expected((w - _mean(w, o)).abs(), o).mean(), "absolute errors"),
        ("errors unweighted", lambda w, o: ((w - _mean(w, o)) ** 2).mean(), "averaged plainly"),
        ("odds as they come", lambda w, o: _expected((w - _mean(w, o)) ** 2, o).mean() * o.sum(),
         "as they come"),
        ("sum over worlds", lambda w, o: ((w - _mean(w, o)) ** 2).sum(0).mean(), "sums over the worlds"),
        ("median's loss", lambda w, o: _expected((w - _median(w, o)) ** 2, o).mean(), "loss of a median"),
        ("n - 1", lambda w, o: w.flatten(1).var(0).mean(), "n - 1"),
        ("half", lambda w, o: 0.5 * _expected((w - _mean(w, o)) ** 2, o).mean(), "halved"),
        ("errors cancel", lambda w, o: _expected(w - w.mean(0), o).pow(2).mean(), "cancel"),
        ("mean of squares", lambda w, o: _expected(w**2, o).mean(), "mean of the squares alone"),
        ("one guess for all", lambda w, o: _expected((w - _mean(w, o).mean()) ** 2, o).mean(),
         "one number as"),
        ("for each value", lambda w, o: _expected((w - _mean(w, o)) ** 2, o), "error of each value"),
        ("for each world", lambda w, o: ((w - _mean(w, o)) ** 2).flatten(1).mean(1), "it gives (4,), and"),
        ("of the likeliest", lambda w, o: ((w[o.argmax()] - w) ** 2).flatten(1).mean(1) @ (o / o.sum()),
         "most likely world as a guess"),
        ("kept axes", lambda w, o: _expected((w - _mean(w, o)) ** 2, o).mean().view(1, 1),
         "size 1 is too many"),
        ("odds changed", lambda w, o: normalises_in_place((w - _mean(w, o)) ** 2, o).mean(),
         "changes its input"),
        ("negative", lambda w, o: -_expected((w - _mean(w, o)) ** 2, o).mean(), "wrong sign"),
        ("largest value", lambda w, o: _expected((w - _mean(w, o)) ** 2, o).max(), None),
    ],
    "l1_minimiser": [
        ("one further", lambda w, o: _median(w, o, 1), "value after the one"),
        ("one before", lambda w, o: _median(w, o, -1), "BEFORE half"),
        ("odds as they come", lambda w, o: _median(w, o, total=None), "half of their SUM"),
        ("odds times values", lambda w, o: (w * _shares(w, o)).median(0).values, "multiply the VALUES"),
        ("lowest", lambda w, o: torch.from_numpy(np.min(w.numpy(), 0)), "extreme"),
        ("highest", lambda w, o: w.max(0)[0], "extreme"),
        ("odds sorted apart",
         lambda w, o: w.sort(0).values[((o.sort().values / o.sum()).cumsum(0) < 0.5).sum()], "on their own"),
        ("halfway", lambda w, o: (_median(w, o) + _median(w, o, -1)) / 2, "halfway between"),
        ("upper of the plain", lambda w, o: w.sort(0).values[len(w) // 2], "not half of the worlds"),
        ("mean of the middle two", lambda w, o: w.quantile(0.5, dim=0), "not half of the worlds"),
        ("weighted mean", lambda w, o: _mean(w, o), "best under the squared"),
        ("squeezed", lambda w, o: _median(w, o).squeeze(), "axes are kept"),
        ("kept axis", lambda w, o: _median(w, o)[None], "axis of size 1 is too many"),
        ("worlds sorted in place", sorts_in_place, "changes its input"),
        ("the index", lambda w, o: (w == _median(w, o)).int().argmax(0), None),
        ("half precision", lambda w, o: _median(w, o).bfloat16(), "bfloat16"),
    ],
}  # fmt: skip
