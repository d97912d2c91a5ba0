"""More wrong answers to the exercises of notebook 10: (the mistake, the answer, words of what it is told)."""

import numpy as np
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


# --- pca_to_colour ----------------------------------------------------------------------------------


def _stretch(x):
    return (x - x.min(0).values) / (x.max(0).values - x.min(0).values)


def _svd(x):
    return torch.linalg.svd(x, full_matrices=False)


def _centred(x):
    return x - x.mean(0)


def _colours(change=_centred, pick=lambda vh: vh[:3].T):
    return lambda x: _stretch((y := change(x)) @ pick(_svd(y)[2]))


def centres_in_place(x):
    x -= x.mean(0)
    return _stretch(x @ _svd(x)[2][:3].T)


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
    "pca_to_colour": [
        ("V for Vh", _colours(pick=lambda vh: vh[:, :3]), "COLUMNS of Vh"),
        ("eigh's first", lambda x: _stretch((y := _centred(x)) @ torch.linalg.eigh(y.T @ y)[1][:, :3]),
         "vary LEAST"),

                ("eigh's last, rising",
         lambda x: _stretch((y := _centred(x)) @ torch.linalg.eigh(y.T @ y)[1][:, -3:]),
         "order is not"),
        ("second to fourth", _colours(pick=lambda vh: vh[1:4].T), "strongest component is left out"),
        ("grey", _colours(pick=lambda vh: vh[[0, 0, 0]].T), "grey"),
        ("token by token", _colours(lambda x: x - x.mean(1, keepdim=True)), "own mean is taken off"),
        ("one mean", _colours(lambda x: x - x.mean()), "One number is taken off"),
        ("standardised", _colours(lambda x: _centred(x) / x.std(0)), "divided by its std"),
        ("length 1", _colours(lambda x: _centred(x / x.norm(dim=1, keepdim=True))), "length 1"),
        ("largest variance", lambda x: _stretch(x[:, x.var(0).topk(3).indices]), "DIRECTIONS"),
        ("transposed", lambda x: _colours()(x).T, "transposed"),
        ("from -1 to 1", lambda x: 2 * _colours()(x) - 1, "scale is not"),
        ("bytes", lambda x: (255 * _colours()(x)).round(), "scale is not"),
        ("sigmoid", lambda x: torch.sigmoid(_colours()(x)), None),
        ("not stretched", lambda x: (y := _centred(x)) @ _svd(y)[2][:3].T, "scale is not"),
        ("two components", lambda x: _colours()(x)[:, :2], "the colours (N, 3) are"),
        ("third column 0", lambda x: _colours()(x) * torch.tensor([1.0, 1.0, 0.0]), "only 0, 1 is right"),
        ("0 / 0", lambda x: _colours()(x) / 0.0, "no numbers"),
        ("not centred", _colours(lambda x: x), "not centred"),
        ("in place", centres_in_place, "changes its input"),
        ("as a list of text", lambda x: ["red"] * len(x), "no array of numbers"),
        ("numpy's svd of x", lambda x: np.linalg.svd(x.numpy())[2][:3], "components themselves"),
    ],
}  # fmt: skip
