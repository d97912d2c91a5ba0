"""Exercises of notebook 08: standardising by the training set alone, and a weighted vote of neighbours."""

import torch
import torch.nn.functional as F

from ..probe import _standardise, predict_knn
from .engine import exercise

# --- standardise --------------------------------------------------------------------------------------


def _two_sets(n, m, width, seed):
    """Features of uneven scale and centre, the test set's shifted; the last feature never varies."""
    generator = torch.Generator().manual_seed(seed)
    scale, centre = torch.rand(2, width, generator=generator) * torch.tensor([[3.0], [5.0]]) + 0.5
    train = torch.randn(n, width, generator=generator) * scale + centre
    test = torch.randn(m, width, generator=generator) * scale * 1.7 + centre + 0.9
    train[:, -1] = test[:, -1] = 3.25
    return train, test


def _scaled(train, test, mean, std):
    def one(x):
        return torch.where(train.std(0) > 0, (x - mean) / std.clamp(min=1e-12), 0.0)

    return one(train), one(test)


def _each_by_itself(train, test):
    own = [(x - x.mean(0)) / x.std(0, correction=0).clamp(min=1e-12) for x in (train, test)]
    return tuple(own)


def _together(train, test):
    both = torch.cat([train, test])
    return _scaled(train, test, both.mean(0), both.std(0, correction=0))


def _centred(train, test):
    return train - train.mean(0), test - train.mean(0)


def _of_images(train, test):
    return tuple((x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True) for x in (train, test))


def _nothing_over_nothing(train, test):
    mean, std = train.mean(0), train.std(0, correction=0)
    return (train - mean) / std, (test - mean) / std


exercise(
    name="standardise",
    notebook="08",
    answer=_standardise,
    cases=lambda: [_two_sets(9, 6, 4, 0), _two_sets(7, 11, 5, 1)],
    returns="both sets, (n, F) and (m, F)",
    hint="Two rows of numbers say how to scale, a mean and a std for each feature, and both come from the "
    "training set (correction=0: the std of these very images). Use them on both sets. Where the std is 0 "
    "there is nothing to divide by: torch.where, and let that feature be 0.",
    source=(_standardise,),
    mistakes=(
        (
            "Each set is scaled by its own statistics: a test image's features then depend on which other "
            "images are tested, and a shift between the sets is hidden.",
            _each_by_itself,
        ),
        (
            "Mean and std are those of both sets together: a small leak, but a leak. The training set alone "
            "may say how to scale.",
            _together,
        ),
        (
            "It centres and does not divide: a feature with large numbers still drowns the others in every "
            "cosine.",
            _centred,
        ),
        (
            "The std is the unbiased one, divided by n - 1. Here correction=0 is meant, so that the training "
            "set comes out with a std of exactly 1.",
            lambda train, test: _scaled(train, test, train.mean(0), train.std(0)),
        ),
        (
            "It scales each image over its own features (dim 1). Here each feature is scaled over the images "
            "(dim 0).",
            _of_images,
        ),
        (
            "A feature that never varies becomes 0 / 0: nan, which no neighbour survives. Make it 0.",
            _nothing_over_nothing,
        ),
    ),
)


# --- knn_predict --------------------------------------------------------------------------------------


LABELS = torch.tensor([4, 9, 2])  # not 0, 1, 2: a place in a list is no label


def _neighbours(n, m, width, k, temperature, seed):
    """Three overlapping classes of uneven size; features with mean 0 and std 1, lengths that differ."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(3, width, generator=generator) * 0.8
    kind = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), n + m, True, generator=generator)
    x = centre[kind] + torch.randn(n + m, width, generator=generator)
    x = x * (0.3 + 2 * torch.rand(n + m, 1, generator=generator))
    train, test = _standardise(x[:n], x[n:])
    return train, LABELS[kind[:n]], test, k, temperature


def _voted(near=None, weigh=None, name=None):
    """`predict_knn` with a part replaced: `near(train, test)` scores, `weigh(scores, T)`, `name(place)`."""
    near = near or _cosines
    weigh = weigh or (lambda score, temperature: (score / temperature).exp())

    def wrong(train_x, train_y, test_x, k, temperature):
        score, idx = near(train_x, test_x).topk(k, dim=1)  # (m, k)
        classes, place = train_y.unique(return_inverse=True)
        votes = torch.zeros(len(test_x), len(classes))
        votes.scatter_add_(1, place[idx], weigh(score, temperature))
        best = votes.argmax(1)
        return best if name else classes[best]

    return wrong


def _cosines(train, test):
    return F.normalize(test, dim=1) @ F.normalize(train, dim=1).T


def _farthest(train_x, train_y, test_x, k, temperature):
    return _voted(near=lambda train, test: -_cosines(train, test))(train_x, train_y, test_x, k, temperature)


exercise(
    name="knn_predict",
    notebook="08",
    answer=predict_knn,
    cases=lambda: [_neighbours(60, 50, 5, 9, 0.4, 0), _neighbours(48, 40, 7, 14, 0.6, 1)],
    returns="the labels (m,)",
    hint="Four steps: F.normalize both sets; test @ train.T gives all cosines (m, n); topk gives the k best "
    "and their places; then votes (m, classes), to which each neighbour adds exp(cosine / temperature) in "
    "its class's column (one-hot and a sum, or scatter_add_). The winner is a column: which label is it?",
    source=(predict_knn,),
    mistakes=(
        (
            "Every neighbour has one vote. Here a vote weighs exp(cosine / temperature): the nearest should "
            "have the most to say.",
            _voted(weigh=lambda score, temperature: torch.ones_like(score)),
        ),
        (
            "A vote weighs the cosine itself, which hardly differs between neighbours; exp(cosine / "
            "temperature) does.",
            _voted(weigh=lambda score, temperature: score),
        ),
        (
            "The lengths were not divided out: this is the dot product, and long training vectors win "
            "everywhere.",
            _voted(near=lambda train, test: test @ train.T),
        ),
        (
            "Neighbours are chosen by Euclidean distance, so a vector's length counts; a cosine compares "
            "directions only.",
            _voted(near=lambda train, test: -torch.cdist(test, train)),
        ),
        ("These are the k FARTHEST: topk returns the largest, and a large cosine is near.", _farthest),
        (
            "The neighbours are sought among the test images themselves; they must come from the training "
            "set, whose labels vote.",
            lambda x, y, z, k, t: _voted()(z, y[: len(z)], z, k, t),
        ),
        (
            "It returns the number of the winning column, not the label that stands for it: classes need not "
            "be called 0, 1, 2.",
            _voted(name=True),
        ),
        (
            "Only the nearest one decides: the other k - 1 have no vote.",
            lambda x, y, z, k, t: _voted()(x, y, z, 1, t),
        ),
    ),
)
