"""Exercise of notebook 00: the patch that is most like another one."""

import torch
import torch.nn.functional as F

from ..first_look import most_alike
from .engine import exercise

# (N, D, seed, patch), chosen so that every mistake comes out differently twice or more
CASES = [(15, 6, 18, 8), (12, 3, 51, 1), (15, 6, 4, 7), (13, 4, 4, 5), (15, 6, 32, 5), (10, 8, 1, 3)]


def _tokens(N, D, seed, patch):
    """Tokens that share a large mean and differ in length, so that neither may be left in."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(N, D, generator=generator) * (0.4 + 2 * torch.rand(N, 1, generator=generator))
    return tokens + 2 * torch.randn(D, generator=generator), patch


def _by(score, tokens, patch, centre=True, own=False, worst=False):
    """The patch of the highest (or lowest) `score(tokens, token)`, its own kept in or left out."""
    tokens = tokens - tokens.mean(0) if centre else tokens
    scores = score(tokens, tokens[patch]).clone()
    if not own:
        scores[patch] = torch.inf if worst else -torch.inf
    return int(scores.argmin() if worst else scores.argmax())


def _cosine(tokens, token):
    return F.cosine_similarity(tokens, token[None])


def _product(tokens, token):
    return tokens @ token


def _near(tokens, token):
    return -(tokens - token).norm(dim=1)


def _second(tokens, patch):
    scores = _cosine(tokens - tokens.mean(0), (tokens - tokens.mean(0))[patch])
    return int(scores.topk(3).indices[2])


exercise(
    name="most_alike",
    notebook="00",
    answer=most_alike,
    cases=lambda: [_tokens(*case) for case in CASES],
    traps=lambda: {
        "The first patch has the number 0 and can be asked for.": _tokens(9, 4, 11, 0),
        "The last patch can be asked for as well.": _tokens(8, 5, 12, 7),
    },
    returns="one whole number",
    hint="Take the mean token away from all of them, divide each by its length, and multiply all with the "
    "one of the patch: these are the cosines. Its own cosine is 1 and would win, so leave it out.",
    source=(most_alike,),
    mistakes=(
        (
            "This is the patch itself, which nothing is more like: leave it out.",
            lambda tokens, patch: patch,
        ),
        (
            "The mean of all tokens is still in: what every patch has makes every patch alike.",
            lambda tokens, patch: _by(_cosine, tokens, patch, centre=False),
        ),
        (
            "This is the largest product, which long tokens win: a cosine is divided by both lengths.",
            lambda tokens, patch: _by(_product, tokens, patch),
        ),
        (
            "This is the largest product of tokens with their mean still in them: take the mean out, and "
            "divide by the lengths.",
            lambda tokens, patch: _by(_product, tokens, patch, centre=False),
        ),
        (
            "This is the nearest token by distance; asked for is the largest cosine, for which length does "
            "not count.",
            lambda tokens, patch: _by(_near, tokens, patch),
        ),
        (
            "This is the LEAST alike: the largest cosine is wanted.",
            lambda tokens, patch: _by(_cosine, tokens, patch, worst=True),
        ),
        (
            "The mean is taken over the values of each token; wanted is that over all tokens, dim 0.",
            lambda tokens, patch: _by(_cosine, tokens - tokens.mean(1, keepdim=True), patch, centre=False),
        ),
        (
            "Opposite counts as alike here: a cosine of -1 is not 1, so take no absolute value.",
            lambda tokens, patch: _by(lambda *two: _cosine(*two).abs(), tokens, patch),
        ),
        (
            "This is the second most alike: the patch itself was left out already, or twice.",
            lambda tokens, patch: _second(tokens, patch),
        ),
        (
            "Lengths are taken along the wrong axis: each TOKEN is divided by its own length, dim 1.",
            lambda tokens, patch: _by(
                _product, F.normalize(tokens - tokens.mean(0), dim=0), patch, centre=False
            ),
        ),
        (
            "Off by one: patches are numbered from 0.",
            lambda tokens, patch: most_alike(tokens, patch) + 1,
        ),
        (
            "The patch was taken OUT of the list, so the numbers after it have moved by one: keep its place.",
            lambda tokens, patch: most_alike(tokens, patch) - (most_alike(tokens, patch) > patch),
        ),
    ),
)
