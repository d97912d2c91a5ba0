"""Exercise of notebook 05: the address gain over all shuffles, without shuffling."""

import torch
from torch import Tensor

from .engine import exercise


def expected_gain(predictions: Tensor, targets: Tensor) -> Tensor:
    """The address gain with a squared error, on average over all S! ways to shuffle the places of an image.

    predictions, targets (B, S, D), S hidden places of each of B images -> a number. Over all shuffles each
    answer meets each target of its image equally often, so the loss is the mean over all pairs.
    """
    pairs = (predictions.unsqueeze(2) - targets.unsqueeze(1)).square()  # (B, S, S, D)
    return pairs.mean() / (predictions - targets).square().mean()


def _case(B, S, D, seed, bias=0.4):
    """Predictions that are partly right, whose errors depend on what is predicted, and with a bias."""
    generator = torch.Generator().manual_seed(seed)
    image, place, noise = (torch.randn(B, n, D, generator=generator, dtype=torch.float64) for n in (1, S, S))
    size = 1 + torch.arange(B, dtype=torch.float64)[:, None, None]  # no image is like another
    targets = 3 * image + size * place + noise
    return 2 * image + 0.7 * size * place + 0.2 * noise.roll(1, 0) + bias, targets


def _loss(p, t):
    return (p - t).square().mean()


def _ratio(change):
    """The loss after `change(p, t) -> (p, t)` over the loss."""
    return lambda p, t: _loss(*change(p, t)) / _loss(p, t)


def _variance(x, correction=0):
    return x.var(1, correction=correction).mean()


def _offset(p, t):
    return (p.mean(1) - t.mean(1)).square().mean()


def _every(p, t):
    """The loss over all pairs of places."""
    return expected_gain(p, t) * _loss(p, t)


exercise(
    name="expected_gain",
    notebook="05",
    answer=expected_gain,
    cases=lambda: [_case(3, 5, 4, 0), _case(2, 4, 7, 1), _case(4, 6, 3, 2)],
    traps=lambda: {
        "With one hidden place there is nothing to shuffle, and the gain is 1.": _case(3, 1, 4, 3),
        "A batch may hold one image.": _case(1, 5, 4, 4),
        "A vector may have one number (D = 1).": _case(3, 4, 1, 5),
    },
    returns="one number",
    hint="Take one place of one image. Over all shuffles, how often does it get the answer for each of the S "
    "places, its own included? So you need the squared error of every answer with every target of the SAME "
    "image, and the mean of those.",
    source=(expected_gain,),
    mistakes=(
        (
            "The right answer is left out: over all shuffles a place keeps its own answer once in S times.",
            lambda p, t: (_every(p, t) * p.shape[1] - _loss(p, t)) / (p.shape[1] - 1) / _loss(p, t),
        ),
        (
            "Answers go to places of other images: addresses are shuffled within an image.",
            lambda p, t: expected_gain(p.flatten(0, 1)[None], t.flatten(0, 1)[None]),
        ),
        (
            "Images are shuffled, at the same place: shuffle the places of one image.",
            lambda p, t: expected_gain(p.transpose(0, 1), t.transpose(0, 1)),
        ),
        (
            "The ratio is upside down: the loss of shuffled addresses is divided by that of the right ones.",
            lambda p, t: 1 / expected_gain(p, t),
        ),
        (
            "This is one shuffle, by one place: wanted is the mean over all of them.",
            _ratio(lambda p, t: (p.roll(1, 1), t)),
            _ratio(lambda p, t: (p.roll(-1, 1), t)),
        ),
        (
            "This is one shuffle, back to front: wanted is the mean over all of them.",
            _ratio(lambda p, t: (p.flip(1), t)),
        ),
        (
            "The answers are averaged before the error is taken: then the error of a mean is measured, and "
            "not the mean of the errors.",
            _ratio(lambda p, t: (p.mean(1, keepdim=True).expand_as(p), t)),
        ),
        (
            "The targets are averaged before the error is taken: then the error of a mean is measured, and "
            "not the mean of the errors.",
            _ratio(lambda p, t: (p, t.mean(1, keepdim=True).expand_as(t))),
        ),
        (
            "Distances are averaged, and not their squares.",
            lambda p, t: torch.cdist(p, t).mean() / (p - t).norm(dim=-1).mean(),
        ),
        (
            "The absolute error is taken: here the error is squared.",
            lambda p, t: (p[:, :, None] - t[:, None]).abs().mean() / (p - t).abs().mean(),
        ),
        (
            "The mean over pairs is not divided by D, but the loss is: the gain is D times too large.",
            lambda p, t: expected_gain(p, t) * p.shape[-1],
        ),
        (
            "This is the loss of shuffled addresses. The gain is its ratio to the loss of the right ones.",
            _every,
        ),
        (
            "This is a difference of the two losses. The gain is their ratio.",
            lambda p, t: _every(p, t) - _loss(p, t),
        ),
        (
            "This is by how much the loss grows, as a share. The gain counts all of it, so it is 1 more.",
            lambda p, t: expected_gain(p, t) - 1,
        ),
        (
            "Ratios are taken image by image and then averaged: both losses are means over the whole batch.",
            lambda p, t: torch.stack(
                [expected_gain(*one) for one in zip(p[:, None], t[:, None], strict=True)]
            ).mean(),
        ),
        (
            "There is a ratio for each image: both losses are means over the whole batch.",
            lambda p, t: torch.stack(
                [expected_gain(*one) for one in zip(p[:, None], t[:, None], strict=True)]
            ),
        ),
        (
            "This is 1 + 2V / L, with V the variance of the answers. It holds where errors do not depend on "
            "the answers; here they are not.",
            lambda p, t: 1 + 2 * _variance(p) / _loss(p, t),
        ),
        (
            "This is 1 + V / L, with V the variance of the answers: two answers differ by 2V, and errors may "
            "depend on answers.",
            lambda p, t: 1 + _variance(p) / _loss(p, t),
        ),
        (
            "The means are forgotten: the answers of an image differ from its targets on average, too.",
            lambda p, t: (_variance(p) + _variance(t)) / _loss(p, t),
        ),
        (
            "The variances are divided by S - 1: the pairs are all there, so divide by S.",
            lambda p, t: (_variance(p, 1) + _variance(t, 1) + _offset(p, t)) / _loss(p, t),
        ),
        (
            "The answers are compared with each other: compare them with the targets.",
            lambda p, t: 2 * _variance(p) / _loss(p, t),
        ),
        (
            "The targets are compared with each other: compare the answers with them.",
            lambda p, t: 2 * _variance(t) / _loss(p, t),
        ),
    ),
)
