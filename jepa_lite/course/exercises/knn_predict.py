"""Exercise of notebook 09: a weighted vote of the nearest neighbours."""

import torch
import torch.nn.functional as F

from ...evaluation.probes import _standardise, predict_knn
from .engine import exercise

LABELS = torch.tensor([4, 9, 2])  # not 0, 1, 2: a place in a list is no label


def _neighbours(n, m, width, k, temperature, seed, labels=LABELS):
    """Three overlapping classes of uneven size; features with mean 0 and std 1, lengths that differ."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(3, width, generator=generator) * 0.5
    kind = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), n + m, True, generator=generator)
    x = centre[kind] + torch.randn(n + m, width, generator=generator)
    x = x * (0.3 + 2 * torch.rand(n + m, 1, generator=generator))
    train, test = _standardise(x[:n], x[n:])
    return train, labels[kind[:n]], test, k, temperature


def _voted(
    near=None, weigh=None, name=None, count=lambda votes, place, weight: votes.scatter_add(1, place, weight)
):
    """`predict_knn` with a part replaced: `near` scores, `weigh(scores, T)`, `name(place)`, `count`."""
    near = near or _cosines
    weigh = weigh or (lambda score, temperature: (score / temperature).exp())

    def wrong(train_x, train_y, test_x, k, temperature):
        score, idx = near(train_x, test_x).topk(k, dim=1)  # (m, k)
        classes, place = train_y.unique(return_inverse=True)
        votes = torch.zeros(len(test_x), len(classes))
        best = count(votes, place[idx], weigh(score, temperature)).argmax(1)
        return best if name else classes[best]

    return wrong


def _cosines(train, test):
    return F.normalize(test, dim=1) @ F.normalize(train, dim=1).T


def _mean_vote(votes, place, weight):
    one = torch.zeros_like(votes).scatter_add(1, place, torch.ones_like(weight))
    return torch.where(one > 0, votes.scatter_add(1, place, weight) / one.clamp(min=1), -torch.inf)


def _mean_label(train_x, train_y, test_x, k, temperature):
    score, idx = _cosines(train_x, test_x).topk(k, dim=1)
    return ((score / temperature).softmax(1) * train_y[idx]).sum(1).round()


def _by_distance_then_cosine(train_x, train_y, test_x, k, temperature):
    idx = torch.cdist(test_x, train_x).topk(k, largest=False).indices
    score = _cosines(train_x, test_x)
    return _voted(near=lambda train, test: (score - 9).scatter(1, idx, score.gather(1, idx)))(
        train_x, train_y, test_x, k, temperature
    )


def _with_k(change):
    return lambda x, y, z, k, t: _voted()(x, y, z, change(k, len(x)), t)


def _farthest(train_x, train_y, test_x, k, temperature):
    return _voted(near=lambda train, test: -_cosines(train, test))(train_x, train_y, test_x, k, temperature)


exercise(
    name="knn_predict",
    notebook="09",
    answer=predict_knn,
    cases=lambda: [_neighbours(90, 80, 5, 20, 3.0, 4), _neighbours(90, 80, 5, 30, 0.26, 8)],
    traps=lambda: {
        "Labels may be any numbers, negative ones and large ones too: count the votes of each CLASS there "
        "is (unique), and then look up its label.": _neighbours(
            30, 20, 4, 5, 0.3, 2, torch.tensor([-3, 1000, 7])
        ),
        "A test set may be one image.": _neighbours(30, 1, 4, 5, 0.3, 3),
        "k may be 1: then the nearest decides.": _neighbours(30, 12, 4, 1, 0.3, 4),
        "k may be all there are.": _neighbours(14, 12, 4, 14, 0.3, 5),
    },
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
            "The temperature is left out: a vote weighs exp(cosine / temperature), and a low one lets "
            "the nearest decide.",
            _voted(weigh=lambda score, temperature: score.exp()),
        ),
        (
            "The cosine is multiplied by the temperature: it is divided.",
            _voted(weigh=lambda score, temperature: (score * temperature).exp()),
        ),
        (
            "The sign in exp is wrong: the farther of the neighbours have more to say.",
            _voted(weigh=lambda score, temperature: (-score / temperature).exp()),
        ),
        (
            "The temperature is squared, or its root is taken: it is exp(cosine / temperature).",
            _voted(weigh=lambda score, temperature: (score / temperature**2).exp()),
            _voted(weigh=lambda score, temperature: (score / temperature**0.5).exp()),
        ),
        (
            "Votes are averaged over the neighbours of a class: they add up, so that many weigh more.",
            _voted(count=_mean_vote),
        ),
        (
            "Votes overwrite each other: each class keeps ONE. They add up; with += "
            "a repeated index counts once, so use scatter_add_ or a sum over one-hot rows.",
            _voted(count=lambda votes, place, weight: votes.scatter(1, place, weight)),
        ),
        (
            "k is not what was asked: one neighbour more, or less, votes.",
            _with_k(lambda k, n: k + 1),
            _with_k(lambda k, n: k - 1),
        ),
        (
            "All training images vote: only the k nearest may.",
            _with_k(lambda k, n: n),
        ),
        (
            "The nearest one is left out, as if it were the test image itself; the sets are different.",
            lambda x, y, z, k, t: _voted(
                near=lambda train, test: (c := _cosines(train, test)).scatter(
                    1, c.argmax(1, keepdim=True), -2.0
                )
            )(x, y, z, k, t),
        ),
        (
            "Only the training vectors are brought to length 1; the test vectors' length then acts on the "
            "temperature. F.normalize both.",
            _voted(near=lambda train, test: test @ F.normalize(train, dim=1).T),
        ),
        (
            "Only the test vectors are brought to length 1, so long training vectors win everywhere. "
            "F.normalize both.",
            _voted(near=lambda train, test: F.normalize(test, dim=1) @ train.T),
        ),
        (
            "F.normalize runs over the images (dim 0): each image (dim 1) is brought to length 1.",
            _voted(near=lambda train, test: F.normalize(test, dim=0) @ F.normalize(train, dim=0).T),
        ),
        (
            "The votes are for the least likely class: argmin where argmax is meant.",
            _voted(count=lambda votes, place, weight: -votes.scatter_add(1, place, weight)),
        ),
        (
            "The labels themselves are averaged: labels are names. Let each class collect its votes.",
            _mean_label,
        ),
        (
            "A vote weighs the cosine itself, which hardly differs between neighbours; exp(cosine / "
            "temperature) does.",
            _voted(weigh=lambda score, temperature: score),
            _voted(weigh=lambda score, temperature: score.clamp(min=0)),
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
            _voted(near=lambda train, test: -torch.cdist(test, train).square()),
            _voted(near=lambda train, test: -torch.cdist(test, train), weigh=lambda s, t: torch.ones_like(s)),
            lambda x, y, z, k, t: _by_distance_then_cosine(x, y, z, k, t),
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
