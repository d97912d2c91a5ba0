"""Answers to the exercises of notebook 09: RIGHT ones in several ways, WRONG ones with what each is told."""

import math
from collections import defaultdict

import numpy as np
import torch

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


# --- knn_predict --------------------------------------------------------------------------------------


def knn_predict(train_x, train_y, test_x, k, temperature):
    train, test = (x / x.norm(dim=1, keepdim=True) for x in (train_x, test_x))
    cosine, near = (test @ train.T).topk(k, dim=1)  # (m, k)
    classes = train_y.unique()
    one_hot = (train_y[near][..., None] == classes).float()  # (m, k, classes)
    votes = ((cosine / temperature).exp()[..., None] * one_hot).sum(1)  # (m, classes)
    return classes[votes.argmax(1)]  # (m,)


def knn_in_loops(train_x, train_y, test_x, k, temperature):
    labels = []
    for query in test_x:
        cosines = [torch.cosine_similarity(query, x, dim=0).item() for x in train_x]
        votes = defaultdict(float)
        for i in sorted(range(len(cosines)), key=cosines.__getitem__, reverse=True)[:k]:
            votes[int(train_y[i])] += math.exp(cosines[i] / temperature)
        labels.append(max(votes, key=votes.get))
    return labels


def knn_in_numpy(train_x, train_y, test_x, k, temperature):
    train, test, y = train_x.double().numpy(), test_x.double().numpy(), train_y.numpy()
    cosine = test @ train.T / np.linalg.norm(test, axis=1)[:, None] / np.linalg.norm(train, axis=1)
    near = np.argsort(-cosine, axis=1)[:, :k]
    weight = np.exp((np.take_along_axis(cosine, near, 1) - 1) / temperature)
    classes = np.unique(y)
    votes = np.stack([(weight * (y[near] == label)).sum(1) for label in classes], 1)
    return classes[votes.argmax(1)]


def _vote(weight, labels, classes):
    return classes[torch.stack([(weight * (labels == c)).sum(1) for c in classes], 1).argmax(1)]


def _cosine(train_x, test_x):
    return torch.cosine_similarity(test_x[:, None], train_x[None], dim=-1)


def one_vote_each(train_x, train_y, test_x, k, temperature):
    near = _cosine(train_x, test_x).topk(k).indices
    return _vote(torch.ones(near.shape), train_y[near], train_y.unique())


def weighed_by_the_cosine(train_x, train_y, test_x, k, temperature):
    cosine, near = _cosine(train_x, test_x).topk(k)
    return _vote(cosine, train_y[near], train_y.unique())


def dot_products(train_x, train_y, test_x, k, temperature):
    dot, near = (test_x @ train_x.T).topk(k)
    return _vote((dot / temperature).exp(), train_y[near], train_y.unique())


def by_euclid(train_x, train_y, test_x, k, temperature):
    distance, near = torch.cdist(test_x, train_x).topk(k, largest=False)
    return _vote((-distance / temperature).exp(), train_y[near], train_y.unique())


def the_farthest(train_x, train_y, test_x, k, temperature):
    cosine, near = _cosine(train_x, test_x).topk(k, largest=False)
    return _vote((-cosine / temperature).exp(), train_y[near], train_y.unique())


def among_the_test_images(train_x, train_y, test_x, k, temperature):
    return knn_predict(test_x, train_y[: len(test_x)], test_x, k, temperature)


def the_column(train_x, train_y, test_x, k, temperature):
    return torch.searchsorted(train_y.unique(), knn_predict(train_x, train_y, test_x, k, temperature))


def the_nearest_alone(train_x, train_y, test_x, k, temperature):
    return train_y[_cosine(train_x, test_x).argmax(1)]


def the_places(train_x, train_y, test_x, k, temperature):
    return _cosine(train_x, test_x).topk(k).indices


RIGHT = {
    "standardise": [standardise, standardise_in_loops, standardise_in_numpy],
    "knn_predict": [knn_predict, knn_in_loops, knn_in_numpy],
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
    "knn_predict": [
        (one_vote_each, "one vote"),
        (weighed_by_the_cosine, "the cosine itself"),
        (dot_products, "dot product"),
        (by_euclid, "Euclidean"),
        (the_farthest, "FARTHEST"),
        (among_the_test_images, "among the test images"),
        (the_column, "winning column"),
        (the_nearest_alone, "Only the nearest"),
        (the_places, "is (80,)"),
    ],
}
