"""Exercise of notebook 13: VICReg's covariance term."""

import torch

from ..neighbours import covariance_term
from .engine import exercise


def _embeddings(n, D, seed):
    """Correlated embeddings (n, D) of unequal spread, far from the origin."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, D, generator=generator) @ torch.randn(D, D, generator=generator)
    return mixed + 2 * torch.randn(D, generator=generator) + 1


def _off_diagonal(matrix):
    return matrix - matrix.diagonal().diag()


def _term(centre=True, less=1, power=torch.square, count=_off_diagonal, over=lambda n, D: D):
    """A wrong `covariance_term`: other centring, divisors or power, or another part of the matrix counted."""

    def term(z):
        n, D = z.shape
        x = z - z.mean(0) if centre else z
        return count(power(x.T @ x / (n - less))).sum() / over(n, D)

    return term


def _correlation(z):
    x = (z - z.mean(0)) / z.std(0)
    squares = (x.T @ x / (len(z) - 1)).square()
    return (squares.sum() - squares.diagonal().sum()) / z.shape[1]


def _of_samples(z):
    x = z - z.mean(0)
    gram = (x @ x.T / (len(z) - 1)).square()  # (n, n)
    return (gram.sum() - gram.diagonal().sum()) / z.shape[1]


def _row_centred(z):
    x = z - z.mean(1, keepdim=True)
    squares = (x.T @ x / (len(z) - 1)).square()
    return (squares.sum() - squares.diagonal().sum()) / z.shape[1]


def _to_identity(z):
    covariance = torch.cov(z.T)
    return (covariance - torch.eye(len(covariance))).square().sum() / len(covariance)


exercise(
    name="covariance_term",
    notebook="13",
    answer=covariance_term,
    cases=lambda: [(_embeddings(9, 4, 0),), (_embeddings(6, 7, 1),), (_embeddings(30, 3, 2),)],
    traps=lambda: {
        "Two samples of two values are enough for a covariance.": (_embeddings(2, 2, 3),),
        "Values that do not vary covary with nothing: the term is 0.": (torch.full((5, 3), 2.5),),
    },
    returns="the term, one number without axes,",
    hint="Subtract the batch mean of each of the D values; centred.T @ centred / (n - 1) is their covariance "
    "matrix (D, D). Square it entry by entry, and leave its diagonal out of the sum.",
    source=(covariance_term,),
    mistakes=(
        (
            "The diagonal is counted as well. It holds the variances, which another term looks after: here "
            "they would be pushed to zero.",
            _term(count=lambda squares: squares),
        ),
        (
            "The embeddings are not centred. Subtract the mean over the batch first, because otherwise a "
            "common offset counts as covariance.",
            _term(centre=False),
        ),
        (
            "The covariance is divided by n. One degree of freedom went into the mean, so it is n - 1.",
            _term(less=0),
        ),
        (
            "Nothing is divided by D: the term would grow with the width of the embedding.",
            _term(over=lambda n, D: 1),
        ),
        (
            "This is a mean over the entries of the matrix; the paper adds them up and divides by D.",
            _term(over=lambda n, D: D * (D - 1)),
            _term(over=lambda n, D: D * D),
        ),
        (
            "The sum is divided by the number of samples; it is the number of values, D.",
            _term(over=lambda n, D: n),
        ),
        (
            "Each pair is counted once. The sum runs over all i that differ from j, so it counts both halves "
            "of the matrix.",
            _term(count=lambda squares: squares.triu(1)),
        ),
        (
            "The covariances are not squared: those of opposite sign cancel.",
            _term(power=lambda covariance: covariance),
        ),
        (
            "These are absolute values of the covariances; the term adds up their squares.",
            _term(power=torch.abs),
        ),
        (
            "This is the diagonal alone, the variances: wanted is all but the diagonal.",
            lambda z: torch.cov(z.T).diagonal().square().sum() / z.shape[1],
        ),
        (
            "The values are divided by their std, which makes it a correlation. That is Barlow Twins' "
            "measure; VICReg leaves the sizes to its variance term.",
            _correlation,
        ),
        (
            "This compares samples with each other: the matrix is to be (D, D), one row for each value.",
            _of_samples,
        ),
        (
            "The mean of each sample is subtracted; it is the mean of each value over the batch.",
            _row_centred,
        ),
        (
            "This is the distance to the identity matrix, which also drives variances to 1. The covariance "
            "term leaves the diagonal alone.",
            _to_identity,
        ),
    ),
)
