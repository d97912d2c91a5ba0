"""Exercise of notebook 11: what each micro-batch weighs, so that processes make one gradient."""

import torch

from ...training.run import Run
from .engine import exercise


def weigh_groups(counts):
    """counts (R, G): images in each micro-batch of each process -> (R, G), the factor of its mean loss."""
    counts = torch.as_tensor(counts).double()
    return counts * len(counts) / counts.sum()  # DistributedDataParallel divides by R again


def _weighed(factor):
    """A wrong `weigh_groups`: factor(counts (R, G) in double precision, R, G)."""
    return lambda counts: factor(torch.as_tensor(counts).double(), *counts.shape)


exercise(
    name="weigh_groups",
    notebook="11",
    answer=weigh_groups,
    # R and G differ from each other and from 1, and no two micro-batches of a case are alike.
    cases=lambda: [
        (torch.tensor([[5, 3, 7], [4, 9, 2]]),),
        (torch.tensor([[8, 1], [6, 10], [3, 11], [2, 12]]),),
        (torch.tensor([[3, 6, 2, 9], [10, 5, 1, 4], [8, 13, 11, 7]]),),
    ],
    traps=lambda: {
        "A micro-batch without images weighs nothing.": (torch.tensor([[4, 0], [3, 5]]),),
        "A process may have no images at all.": (torch.tensor([[4, 6], [0, 0]]),),
        "One process may do everything.": (torch.tensor([[4, 9, 5]]),),
    },
    returns="a factor for each micro-batch, (R, G),",
    hint="Write down what you want first: the mean over all images. In it a micro-batch counts as much as it "
    "has images, divided by the images of the whole batch. Then see what happens to your factors later: "
    "gradients of a process are added, and over the R processes a mean is taken.",
    source=(Run._backward,),
    mistakes=(
        (
            "R is missing: the mean over processes divides by R once more, so every step would be R times "
            "too small.",
            _weighed(lambda c, R, G: c / c.sum()),
        ),
        (
            "R stands below the line, as if a sum over processes followed. A mean follows, which divides by "
            "R already.",
            _weighed(lambda c, R, G: c / c.sum() / R),
        ),
        (
            "Each process counts alike here, whatever it has of the batch: the images of a small share weigh "
            "more than others. Divide by the images of ALL processes.",
            _weighed(lambda c, R, G: c / c.sum(1, keepdim=True)),
            _weighed(lambda c, R, G: c / c.sum(1, keepdim=True) / R),
            _weighed(lambda c, R, G: c / c.sum(1, keepdim=True) * R),
        ),
        (
            "Every micro-batch counts alike here, so an image weighs more the fewer others are with it.",
            _weighed(lambda c, R, G: torch.full_like(c, 1 / G)),
            _weighed(lambda c, R, G: torch.full_like(c, 1 / (R * G))),
            _weighed(lambda c, R, G: torch.full_like(c, 1 / R)),
            _weighed(lambda c, R, G: torch.ones_like(c)),
        ),
        (
            "The loss of a micro-batch is a mean over its images, so it has to be multiplied by how many "
            "they are.",
            _weighed(lambda c, R, G: torch.full_like(c, R) / c.sum()),
            _weighed(lambda c, R, G: torch.full_like(c, 1) / c.sum()),
            _weighed(lambda c, R, G: 1 / c),
        ),
        (
            "It divides by the images of one COLUMN, the micro-batches that run at the same time. All of "
            "them belong to one batch.",
            _weighed(lambda c, R, G: c / c.sum(0)),
            _weighed(lambda c, R, G: c * R / c.sum(0)),
            _weighed(lambda c, R, G: c / c.sum(0) / G),
        ),
        (
            "The factor is the number of micro-batches, not of processes. The gradients of one process are "
            "added, so G has no part in it.",
            _weighed(lambda c, R, G: c * G / c.sum()),
        ),
        (
            "Both R and G stand above the line. Over processes a mean is taken, and within one a sum, so R "
            "alone has to be undone.",
            _weighed(lambda c, R, G: c * R * G / c.sum()),
        ),
        (
            "The count itself makes a sum over images of what should be a mean: divide by the whole batch.",
            _weighed(lambda c, R, G: c),
            _weighed(lambda c, R, G: c * R),
        ),
        (
            "It divides by the largest micro-batch, and what is wanted is a share of the whole batch.",
            _weighed(lambda c, R, G: c / c.max()),
            _weighed(lambda c, R, G: c * R / c.max()),
        ),
        (
            "This is the weight of each process, and asked is that of each micro-batch.",
            _weighed(lambda c, R, G: (c.sum(1, keepdim=True) * R / c.sum()).expand_as(c)),
            _weighed(lambda c, R, G: (c.sum(1, keepdim=True) / c.sum()).expand_as(c)),
        ),
    ),
)
