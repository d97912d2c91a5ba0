"""More wrong answers to the exercises of notebook 09: (the mistake, the answer, words of what it is told)."""

import torch
import torch.nn.functional as F

# --- standardise --------------------------------------------------------------------------------------


def _by(mean, std):
    """Both sets minus `mean(train, test)`, over `std(train, test)`."""
    return lambda a, b: ((a - mean(a, b)) / std(a, b), (b - mean(a, b)) / std(a, b))


def _m(a, b):
    return a.mean(0)


def _s(a, b=None):
    return a.std(0, correction=0)


def _choose(a, b):
    varies = _s(a) > 0
    return tuple(torch.where(varies, (x - a.mean(0)) / torch.where(varies, _s(a), 1), 0) for x in (a, b))


def ones_for_zeros(a, b):
    std = _s(a)
    std[std == 0] = 1
    return (a - a.mean(0)) / std, (b - a.mean(0)) / std


def _nan_to_num(a, b):
    return tuple(x.nan_to_num(0.0) for x in _by(_m, _s)(a, b))


def centres_in_place(a, b):
    mean = a.mean(0)
    a -= mean
    return a / _s(a), (b - mean) / _s(a)


def _silent_without_spread(a, b):
    if _s(a).min() > 0:
        return _by(_m, _s)(a, b)


# --- knn_predict --------------------------------------------------------------------------------------


def _cosine(a, b):
    return F.normalize(b, dim=1) @ F.normalize(a, dim=1).T


def _vote(weigh=lambda c, t: (c / t).exp(), near=_cosine, many=lambda k, n: k, vote=None):
    def predict(x, y, z, k, t):
        c, i = near(x, z).topk(many(k, len(x)), dim=1)
        classes = y.unique()
        one_hot = y[i][..., None] == classes  # (m, k, classes)
        w = weigh(c, t)
        votes = vote(w, one_hot) if vote else (w[..., None] * one_hot).sum(1)
        return classes[votes.argmax(1)]

    return predict


def by_one_hot(x, y, z, k, t):
    c, i = _cosine(x, z).topk(k, dim=1)
    return ((c / t).exp()[..., None] * F.one_hot(y)[i]).sum(1).argmax(1)


def by_bincount(x, y, z, k, t):
    c, i = _cosine(x, z).topk(k, dim=1)
    return torch.stack([torch.bincount(y[j], (d / t).exp()).argmax() for d, j in zip(c, i, strict=True)])


def loses_votes(x, y, z, k, t):
    c, i = _cosine(x, z).topk(k, dim=1)
    classes, place = y.unique(return_inverse=True)
    votes = torch.zeros(len(z), len(classes))
    votes[torch.arange(len(z))[:, None], place[i]] += (c / t).exp()
    return classes[votes.argmax(1)]


def normalises_in_place(x, y, z, k, t):
    x /= x.norm(dim=1, keepdim=True)
    return _vote()(x, y, z, k, t)


def average_label(x, y, z, k, t):
    c, i = _cosine(x, z).topk(k, dim=1)
    w = (c / t).exp()
    return ((w * y[i]).sum(1) / w.sum(1)).round().long()


def by_distance(x, y, z, k, t):
    i = torch.cdist(z, x).topk(k, largest=False).indices
    c = _cosine(x, z)
    return _vote(near=lambda a, b: torch.full_like(c, -9.0).scatter(1, i, c.gather(1, i)))(x, y, z, k, t)


SLIPS = {
    "standardise": [
        ("std[std == 0] = 1", ones_for_zeros, "in BOTH sets"),
        ("clamp", _by(_m, lambda a, b: _s(a).clamp(min=1e-6)), "in BOTH sets"),
        ("eps", _by(_m, lambda a, b: _s(a) + 1e-8), "in BOTH sets"),
        ("nan_to_num", _nan_to_num, "in BOTH sets"),
        ("nothing over nothing", _by(_m, _s), "0 / 0"),
        ("own std", lambda a, b: ((a - a.mean(0)) / _s(a), (b - a.mean(0)) / _s(b)), "by its own std"),
        ("own mean", lambda a, b: ((a - a.mean(0)) / _s(a), (b - b.mean(0)) / _s(a)), "its own mean"),
        ("the test set's", _by(lambda a, b: b.mean(0), lambda a, b: _s(b)), "are the test set's"),
        ("not centred", lambda a, b: (a / _s(a), b / _s(a)), "does not centre"),
        ("mean after division", lambda a, b: (a / _s(a) - a.mean(0), b / _s(a) - a.mean(0)),
         "after the division"),
        ("variance", _by(_m, lambda a, b: _s(a) ** 2), "variance"),
        ("times std", lambda a, b: ((a - a.mean(0)) * _s(a), (b - a.mean(0)) * _s(a)),
         "multiplies by the std"),
        ("one std for all", _by(lambda a, b: a.mean(), lambda a, b: a.std(correction=0)),
         "One mean and one std"),
        ("0 to 1", _by(lambda a, b: a.min(0)[0], lambda a, b: a.max(0)[0] - a.min(0)[0]),
         "smallest and largest"),
        ("length 1", lambda a, b: (F.normalize(a), F.normalize(b)), "length is divided out"),
        ("median", _by(lambda a, b: a.median(0)[0], _s), "takes the median"),
        ("test as it was", lambda a, b: (_choose(a, b)[0], b), "test set came through"),
        ("train as it was", lambda a, b: (a, _choose(a, b)[1]), "training set came through"),
        ("n - 1", _by(_m, lambda a, b: a.std(0)), "unbiased"),
        ("swapped", lambda a, b: _choose(a, b)[::-1], "wrong order"),
        ("one tensor", lambda a, b: torch.cat(_choose(a, b)), "2 things are wanted"),
        ("squeezed", lambda a, b: tuple(x.squeeze() for x in _choose(a, b)), "may be one image"),
        ("in place", centres_in_place, "changes its input"),
        ("silent", _silent_without_spread, "Here it returns nothing"),
        ("half precision", lambda a, b: tuple(x.half() for x in _choose(a, b)), "float16"),
        ("twice the test set", lambda a, b: (_choose(a, b)[0], 2 * _choose(a, b)[1]),
         "2 times the right one"),
    ],
    "knn_predict": [
        ("no temperature", _vote(lambda c, t: c.exp()), "temperature is left out"),
        ("times temperature", _vote(lambda c, t: (c * t).exp()), "multiplied by the temperature"),
        ("minus in exp", _vote(lambda c, t: (-c / t).exp()), "sign in exp"),
        ("temperature squared", _vote(lambda c, t: (c / t / t).exp()), "squared"),
        ("averaged", _vote(vote=lambda w, o: (w[..., None] * o).sum(1) / o.sum(1).clamp(min=1)),
         "averaged over"),
        ("lost in +=", loses_votes, "overwrite each other"),
        ("largest vote", _vote(vote=lambda w, o: (w[..., None] * o).amax(1)), "Only the nearest"),
        ("k + 1", _vote(many=lambda k, n: min(k + 1, n)), "not what was asked"),
        ("all vote", _vote(many=lambda k, n: n), "All training images vote"),
        ("nearest skipped", lambda x, y, z, k, t: _vote(near=lambda a, b: (c := _cosine(a, b)).masked_fill(
            c == c.amax(1, keepdim=True), -2))(x, y, z, k, t), "nearest one is left out"),
        ("test not normed", _vote(near=lambda a, b: b @ F.normalize(a, dim=1).T),
         "Only the training vectors"),
        ("train not normed", _vote(near=lambda a, b: F.normalize(b, dim=1) @ a.T), "Only the test vectors"),
        ("normalised over images", _vote(near=lambda a, b: F.normalize(b, dim=0) @ F.normalize(a, dim=0).T),
         "over the images"),
        ("argmin", _vote(vote=lambda w, o: -(w[..., None] * o).sum(1)), "least likely class"),
        ("labels averaged", average_label, "labels themselves are averaged"),
        ("distance first", by_distance, "Euclidean"),
        ("cosine over T", _vote(lambda c, t: c / t), "cosine itself"),
        ("one vote each", _vote(lambda c, t: torch.ones_like(c)), "one vote"),
        ("one_hot(labels)", by_one_hot, "Labels may be any numbers"),
        ("bincount(labels)", by_bincount, "Labels may be any numbers"),
        ("squeezed", lambda x, y, z, k, t: _vote()(x, y, z, k, t).squeeze(), "may be one image"),
        ("in place", normalises_in_place, "changes its input"),
        ("a column", lambda x, y, z, k, t: _vote()(x, y, z, k, t)[:, None], "axis of size 1 is too many"),
        ("softmax of bools", lambda x, y, z, k, t: (y[:, None] == y.unique()).softmax(1), "for 'Bool'"),
        ("random", lambda x, y, z, k, t: y[: len(z)], None),
    ],
}  # fmt: skip
