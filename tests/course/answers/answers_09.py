"""Answers to the exercises of notebook 09: RIGHT ones in several ways, WRONG ones with what each is told."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

# --- standardise --------------------------------------------------------------------------------------


def standardise(train, test):
    mean, std = train.mean(0), train.std(0, correction=0)  # (F,)
    scale = torch.where(std > 1e-6, 1 / std, 0.0)
    return (train - mean) * scale, (test - mean) * scale  # (n, F), (m, F)


def standardise_in_loops(train, test):
    n, width = train.shape
    out = [torch.zeros(x.shape, dtype=torch.float64) for x in (train, test)]
    for f in range(width):
        column = train[:, f].tolist()
        mean = sum(column) / n
        std = math.sqrt(sum((v - mean) ** 2 for v in column) / n)
        for x, scaled in zip((train, test), out, strict=True):
            for i in range(len(x)):
                scaled[i, f] = (x[i, f].item() - mean) / std if std > 1e-9 else 0.0
    return out


def standardise_in_numpy(train, test):
    train, test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
    std = train.std(0)
    std[std < 1e-9] = np.inf
    return (train - train.mean(0)) / std, (test - train.mean(0)) / std


def _safe(std):
    return torch.where(std > 1e-6, std, 1.0)


def each_by_its_own(train, test):
    return tuple((x - x.mean(0)) / _safe(x.std(0, correction=0)) for x in (train, test))


def by_both_sets(train, test):
    both = torch.vstack([train, test])
    mean, std = both.mean(0), _safe(both.std(0, unbiased=False))
    return (train - mean) / std, (test - mean) / std


def without_std(train, test):
    mean = train.mean(0, keepdim=True)
    return train - mean, test - mean


def by_the_unbiased_std(train, test):
    return tuple((x - train.mean(0)) / _safe(train.std(0)) for x in (train, test))


def image_by_image(train, test):
    return tuple(((x.T - x.mean(1)) / x.std(1, correction=0)).T for x in (train, test))


def divided_by_zero(train, test):
    centred = train - train.mean(0)
    std = centred.square().mean(0).sqrt()
    return centred / std, (test - train.mean(0)) / std


def only_the_test_set(train, test):
    return standardise(train, test)[1]


def in_place(train, test):
    one, two = standardise(train, test)
    train.copy_(one)
    test.copy_(two)
    return train, test


# --- probe_without_peeking ----------------------------------------------------------------------------


def probe_without_peeking(train_x, train_y, test_x, penalties):
    def scores(x, y, z, penalty):
        mean, std = x.mean(0), x.std(0, correction=0)  # (F,)
        scale = torch.where(std > 1e-6, 1 / std, 0.0)
        x, z = (x - mean) * scale, (z - mean) * scale
        one_hot = F.one_hot(y).to(x)  # (n, C)
        bias = one_hot.mean(0)
        system = x.T @ x + penalty * torch.eye(x.shape[1])
        return z @ torch.linalg.solve(system, x.T @ (one_hot - bias)) + bias

    held = torch.arange(len(train_x)) % 5 == 4
    best, chosen = -1.0, None
    for penalty in sorted(penalties, reverse=True):  # of equals, the first is the largest
        found = scores(train_x[~held], train_y[~held], train_x[held], penalty).argmax(1)
        accuracy = (found == train_y[held]).double().mean().item()
        if accuracy > best:
            best, chosen = accuracy, penalty
    return chosen, scores(train_x, train_y, test_x, chosen)


def _ridge(x, y, z, penalty):
    """scikit-learn's, in double precision."""
    scaler = StandardScaler().fit(x.double().numpy())
    one_hot = np.eye(int(y.max()) + 1)[y.numpy()]
    model = Ridge(alpha=penalty).fit(scaler.transform(x.double().numpy()), one_hot)
    return model.predict(scaler.transform(z.double().numpy()))


def probe_by_sklearn(train_x, train_y, test_x, penalties):
    rows = np.arange(len(train_x))
    fit, held = rows[rows % 5 != 4], rows[4::5]
    right = {
        p: (_ridge(train_x[fit], train_y[fit], train_x[held], p).argmax(1) == train_y[held].numpy()).sum()
        for p in penalties
    }
    chosen = max(right, key=lambda p: (right[p], p))
    return chosen, _ridge(train_x, train_y, test_x, chosen)


def probe_by_duals(train_x, train_y, test_x, penalties):
    """The same map from the n x n matrix of dot products: X' (X X' + penalty)^-1 Y."""

    def scores(x, y, z, penalty):
        mean, std = x.double().mean(0), x.double().std(0, correction=0)
        x, z = (x - mean) / std, (z - mean) / std
        one_hot = F.one_hot(y).double()
        centred = one_hot - one_hot.mean(0)
        gram = x @ x.T + penalty * torch.eye(len(x), dtype=x.dtype)
        return z @ (x.T @ torch.linalg.solve(gram, centred)) + one_hot.mean(0)

    fit = [i for i in range(len(train_x)) if i % 5 != 4]
    held = [i for i in range(len(train_x)) if i % 5 == 4]
    right = []
    for penalty in penalties:
        found = scores(train_x[fit], train_y[fit], train_x[held], penalty).argmax(1)
        right.append((int((found == train_y[held]).sum()), penalty))
    chosen = max(right)[1]
    return [chosen, scores(train_x, train_y, test_x, chosen)]


def _pick(x, y, penalties, held, fit=None):
    fit = ~held if fit is None else fit
    right = {p: int((torch.from_numpy(_ridge(x[fit], y[fit], x[held], p)).argmax(1) == y[held]).sum())
             for p in penalties}  # fmt: skip
    return max(right, key=lambda p: (right[p], p))


def _fifth(x):
    return torch.arange(len(x)) % 5 == 4


def not_fitted_again(x, y, z, penalties):
    held = _fifth(x)
    chosen = _pick(x, y, penalties, held)
    return chosen, _ridge(x[~held], y[~held], z, chosen)


def judged_where_fitted(x, y, z, penalties):
    all_of_them = torch.ones(len(x), dtype=torch.bool)
    chosen = _pick(x, y, penalties, all_of_them, all_of_them)
    return chosen, _ridge(x, y, z, chosen)


def held_out_and_fitted(x, y, z, penalties):
    chosen = _pick(x, y, penalties, _fifth(x), torch.ones(len(x), dtype=torch.bool))
    return chosen, _ridge(x, y, z, chosen)


def the_largest(x, y, z, penalties):
    return max(penalties), _ridge(x, y, z, max(penalties))


def the_first_fifth(x, y, z, penalties):
    chosen = _pick(x, y, penalties, torch.arange(len(x)) < len(x) // 5)
    return chosen, _ridge(x, y, z, chosen)


def labels_for_scores(x, y, z, penalties):
    chosen = _pick(x, y, penalties, _fifth(x))
    return chosen, _ridge(x, y, z, chosen).argmax(1)


def scores_alone(x, y, z, penalties):
    return _ridge(x, y, z, _pick(x, y, penalties, _fifth(x)))


RIGHT = {
    "standardise": [standardise, standardise_in_loops, standardise_in_numpy],
    "probe_without_peeking": [probe_without_peeking, probe_by_sklearn, probe_by_duals],
}
WRONG = {
    "standardise": [
        (each_by_its_own, "its own statistics"),
        (by_both_sets, "both sets together"),
        (without_std, "does not divide"),
        (by_the_unbiased_std, "unbiased"),
        (image_by_image, "over its own features"),
        (divided_by_zero, "0 / 0"),
        (only_the_test_set, "2 things are wanted"),
        (in_place, "changes its input"),
    ],
    "probe_without_peeking": [
        (not_fitted_again, "four fifths alone"),
        (judged_where_fitted, "was fitted to. There the weakest"),
        (held_out_and_fitted, "not held out then"),
        (the_largest, "this is the strongest penalty"),
        (the_first_fifth, "Another fifth"),
        (labels_for_scores, "the scores is (40, 3)"),
        (scores_alone, "2 things are wanted"),
    ],
}
