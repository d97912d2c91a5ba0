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


# --- probe_without_peeking ----------------------------------------------------------------------------


def _scores(x, y, z, penalty, scale=_choose, bias=True):
    x, z = scale(x, z)
    one_hot = F.one_hot(y).float()
    mean = one_hot.mean(0) * bias
    return z @ torch.linalg.inv(x.T @ x + penalty * torch.eye(x.shape[1])) @ x.T @ (one_hot - mean) + mean


def _probe(held=lambda n: torch.arange(n) % 5 == 4, score=_scores, last=_scores, sort=None):
    """A probe with other rows held out, another score to choose by, another last fit, another order."""

    def probe(x, y, z, penalties):
        out = held(len(x))
        right = {p: (score(x[~out], y[~out], x[out], p).argmax(1) == y[out]).sum() for p in penalties}
        chosen = max(right, key=sort(right) if sort else lambda p: (right[p], p))
        return chosen, last(x, y, z, chosen)

    return probe


def scaled_first(x, y, z, penalties):
    a, b = _choose(x, z)
    return _probe(score=lambda *args: _scores(*args, scale=lambda *both: both))(a, y, b, penalties)


def weighed_by_n(x, y, z, penalties):
    chosen, _ = _probe()(x, y, z, penalties)
    return chosen, _scores(x, y, z, chosen * len(x))


def changes_the_images(x, y, z, penalties):
    x[:] = _choose(x, x)[0]
    return _probe()(x, y, z, penalties)


def _swapped(x, y, z, penalties):
    return _probe()(x, y, z, penalties)[::-1]


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
    "probe_without_peeking": [
        ("weakest of equals", _probe(sort=lambda right: lambda p: (right[p], -p)), "weakest is taken"),
        ("worst", _probe(sort=lambda right: lambda p: (-right[p], p)), "WORST"),
        ("smallest", _probe(sort=lambda right: lambda p: -p), "this is the weakest penalty"),
        ("rows 0, 5, 10", _probe(held=lambda n: torch.arange(n) % 5 == 0), "Another fifth"),
        ("the last fifth", _probe(held=lambda n: torch.arange(n) >= n - n // 5), "Another fifth"),
        ("four fifths held out", _probe(held=lambda n: torch.arange(n) % 5 != 4), "changed places"),
        ("standardised before the split", scaled_first, "before the split"),
        ("own scale", _probe(last=lambda *a: _scores(*a, scale=lambda x, z: (_choose(x, x)[0],
         _choose(z, z)[0]))), "their own mean and std"),
        ("not standardised at last", _probe(last=lambda *a: _scores(*a, scale=lambda *both: both)),
         "not standardised"),
        ("no bias in the scores", _probe(last=lambda x, y, z, p: _scores(x, y, z, p)
         - F.one_hot(y).float().mean(0)), "lack their offset"),
        ("labels not centred", _probe(last=lambda *a: _scores(*a, bias=False)), "lack their offset"),
        ("no penalty at last", _probe(last=lambda x, y, z, p: _scores(x, y, z, 0.0)), "has no penalty"),
        ("penalty times n", weighed_by_n, "Wrong: the scores."),
        ("swapped", _swapped, "wrong order"),
        ("in place", changes_the_images, "changes its input"),
        ("transposed", lambda *a: (_probe()(*a)[0], _probe()(*a)[1].T), "last two axes are swapped"),
        ("scores twice as large", lambda *a: (_probe()(*a)[0], 2 * _probe()(*a)[1]),
         "2 times the right one"),
        ("penalty alone", lambda *a: _probe()(*a)[0], "2 things are wanted"),
    ],
}  # fmt: skip
