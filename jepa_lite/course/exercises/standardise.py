"""Exercise of notebook 09: standardising by the training set alone."""

import torch
import torch.nn.functional as F

from ...evaluation.probes import _standardise
from .engine import exercise


def _two_sets(n, m, width, seed):
    """Features of uneven scale and centre, the test set's shifted."""
    generator = torch.Generator().manual_seed(seed)
    scale, centre = torch.rand(2, width, generator=generator) * torch.tensor([[3.0], [5.0]]) + 0.5
    train = torch.randn(n, width, generator=generator) * scale + centre
    return train, torch.randn(m, width, generator=generator) * scale * 1.7 + centre + 0.9


def _with_a_constant(train, test):
    train[:, -1] = test[:, -1] = 3.25
    return train, test


def _std(x):
    return x.std(0, correction=0)


def _scaled(mean, std):
    """A wrong `standardise`, with other numbers to scale by: `mean(train, test)` and `std(train, test)`."""
    return lambda train, test: tuple((x - mean(train, test)) / std(train, test) for x in (train, test))


def _of_images(correction):
    return lambda train, test: tuple(
        (x - x.mean(1, keepdim=True)) / x.std(1, correction=correction, keepdim=True) for x in (train, test)
    )


def _mean(train, test):
    return train.mean(0)


exercise(
    name="standardise",
    notebook="09",
    answer=_standardise,
    cases=lambda: [_two_sets(9, 6, 4, 0), _two_sets(7, 11, 5, 1), _two_sets(5, 8, 3, 4)],
    traps=lambda: {
        "A feature that never varies becomes 0 / 0: nan, which no neighbour survives. Make it 0.": (
            _with_a_constant(*_two_sets(6, 5, 3, 2))
        ),
        "A feature that never varies in training becomes 0 in BOTH sets, though it may vary in the test set: "
        "to divide by 1, or by something tiny, is not enough there. Choose by the std (torch.where).": (
            torch.tensor([[1.0, 5.0], [3.0, 5.0]]),
            torch.tensor([[2.0, 7.0], [4.0, 9.0]]),
        ),
        "The test set may be one image, and an image one feature.": _two_sets(5, 1, 1, 3),
    },
    returns="both sets, (n, F) and (m, F)",
    parts=("the training set", "the test set"),
    hint="Two rows of numbers say how to scale, a mean and a std for each feature, and both come from the "
    "training set (correction=0: the std of these very images). Use them on both sets. Where the std is 0 "
    "there is nothing to divide by: torch.where, and let that feature be 0.",
    source=(_standardise,),
    mistakes=(
        (
            "Each set is scaled by its own statistics: a test image's features then depend on which other "
            "images are tested, and a shift between the sets is hidden.",
            lambda train, test: tuple((x - x.mean(0)) / _std(x) for x in (train, test)),
            lambda train, test: tuple((x - x.mean(0)) / x.std(0) for x in (train, test)),
        ),
        (
            "The means are those of the training set, but each set is divided by its own std: that, too, is "
            "the training set's.",
            lambda train, test: tuple((x - train.mean(0)) / _std(x) for x in (train, test)),
        ),
        (
            "The stds are those of the training set, but each set has its own mean taken off: that, too, is "
            "the training set's.",
            lambda train, test: tuple((x - x.mean(0)) / _std(train) for x in (train, test)),
        ),
        (
            "Mean and std are those of both sets together: a small leak, but a leak. The training set alone "
            "may say how to scale.",
            _scaled(
                lambda train, test: torch.cat([train, test]).mean(0),
                lambda train, test: _std(torch.cat([train, test])),
            ),
            _scaled(
                lambda train, test: torch.cat([train, test]).mean(0),
                lambda train, test: torch.cat([train, test]).std(0),
            ),
        ),
        (
            "Mean and std are the test set's: it is the training set that may say how to scale.",
            _scaled(lambda train, test: test.mean(0), lambda train, test: _std(test)),
        ),
        (
            "It centres and does not divide: a feature with large numbers still drowns the others in every "
            "cosine.",
            _scaled(_mean, lambda train, test: 1.0),
        ),
        (
            "It divides and does not centre: the mean is taken off first.",
            _scaled(lambda train, test: 0.0, lambda train, test: _std(train)),
        ),
        (
            "The mean is taken off after the division: it is x minus mean, and all of that over std.",
            lambda train, test: tuple(x / _std(train) - train.mean(0) for x in (train, test)),
        ),
        (
            "The std is the unbiased one, divided by n - 1. Here correction=0 is meant, so that the training "
            "set comes out with a std of exactly 1.",
            _scaled(_mean, lambda train, test: train.std(0)),
        ),
        (
            "It divides by the variance: the std is its root.",
            _scaled(_mean, lambda train, test: train.var(0, correction=0)),
            _scaled(_mean, lambda train, test: train.var(0)),
        ),
        (
            "It multiplies by the std; it divides by it.",
            _scaled(_mean, lambda train, test: 1 / _std(train)),
        ),
        (
            "It scales each image over its own features (dim 1). Here each feature is scaled over the images "
            "(dim 0).",
            _of_images(0),
            _of_images(1),
        ),
        (
            "One mean and one std serve for all features: each feature (column) has its own.",
            _scaled(lambda train, test: train.mean(), lambda train, test: train.std(correction=0)),
            _scaled(lambda train, test: train.mean(), lambda train, test: train.std()),
            _scaled(_mean, lambda train, test: train.std(correction=0)),
            _scaled(lambda train, test: train.mean(), lambda train, test: _std(train)),
        ),
        (
            "It is scaled by the smallest and largest value, from 0 to 1 or the like; wanted are mean 0 and "
            "std 1.",
            _scaled(lambda train, test: train.amin(0), lambda train, test: train.amax(0) - train.amin(0)),
            _scaled(_mean, lambda train, test: train.amax(0) - train.amin(0)),
            _scaled(lambda train, test: 0.0, lambda train, test: train.abs().amax(0)),
        ),
        (
            "The length is divided out, not the std: that is for cosines, and comes after.",
            lambda train, test: (F.normalize(train, dim=1), F.normalize(test, dim=1)),
            lambda train, test: (
                F.normalize(train - train.mean(0), dim=1),
                F.normalize(test - train.mean(0), dim=1),
            ),
            _scaled(_mean, lambda train, test: (train - train.mean(0)).norm(dim=0)),
        ),
        (
            "It takes the median, or absolute distances: asked are the mean and the std.",
            _scaled(lambda train, test: train.median(0).values, lambda train, test: _std(train)),
            _scaled(_mean, lambda train, test: (train - train.mean(0)).abs().mean(0)),
        ),
        (
            "The training set is scaled, the test set came through as it was: the same mean and std are for "
            "both.",
            lambda train, test: (_standardise(train, test)[0], test),
        ),
        (
            "The test set is scaled, the training set came through as it was: the same mean and std are for "
            "both.",
            lambda train, test: (train, _standardise(train, test)[1]),
        ),
    ),
)
