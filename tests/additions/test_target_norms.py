"""Claims about the norms of targets over a batch (jepa_lite/additions/target_norms.py).

1. Whitened targets have mean 0 at each place and, over all tokens, uncorrelated channels of equal variance.
2. A channel that copies another is given less, where place norm gives it as much as any.
3. ZCA changes tokens least: whitened channels point where they came from, and white tokens hardly change.
4. Directions that hardly vary are not blown up, and tokens that do not vary at all give zeros, not NaN.
5. The statistics are computed in float32 also under autocast, and are those of a plain loop.
"""

import pytest
import torch

from jepa_lite.additions.target_norms import EPS, place_norm, whiten, zca


def tokens(B=64, N=12, D=6, seed=0, correlated=True):
    """Tokens that differ in mean from place to place, with correlated channels of unlike size."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(B, N, D, generator=g)
    mix = 0.6 * torch.randn(D, D, generator=g) + 1.5 * torch.eye(D) if correlated else torch.eye(D)
    return x @ mix + 5 * torch.randn(1, N, D, generator=g)


def covariance(x):
    flat = x.double().flatten(0, 1)
    return (flat - flat.mean(0)).T @ (flat - flat.mean(0)) / len(flat)


def test_whitened_targets_are_white():
    x = whiten(tokens())
    assert x.mean(0).abs().max() < 1e-5, "a place has a mean of its own"
    white, before = covariance(x), covariance(place_norm(tokens()))
    off = (white - white.diag().diag()).abs().max()
    assert off < 0.15 < 0.5 < (before - before.diag().diag()).abs().max(), f"correlations of {off}"
    assert white.diag() == pytest.approx(torch.ones(6), abs=0.25), f"{white.diag()}"


def test_a_copy_gets_no_second_vote():
    x = tokens(correlated=False)
    copied = torch.cat([x, x[..., :1].expand(-1, -1, 4)], -1)  # channel 0 five times
    white, place = whiten(copied), place_norm(copied)
    group = [0, 6, 7, 8, 9]
    assert place[..., group].square().sum(-1).mean() == pytest.approx(5, rel=1e-3)
    assert white[..., group].square().sum(-1).mean() < 1.05, "five copies weigh as much as one channel"


def test_channels_keep_their_direction():
    x = tokens(correlated=False)
    x = x - x.mean(0)
    assert torch.cosine_similarity(whiten(x), x, dim=-1).min() > 0.95, "white tokens were turned"
    matrix = zca(covariance(tokens()), EPS)
    assert torch.equal(matrix, matrix.T) or torch.allclose(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0, "not a stretch along axes alone"


def test_what_hardly_varies_is_not_blown_up():
    x = tokens(correlated=False)
    x[..., 0] *= 1e-4
    assert whiten(x)[..., 0].std() < 0.01 and whiten(x)[..., 1].std() > 0.8
    assert (whiten(torch.ones(4, 3, 5)) == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_statistics_keep_their_digits_under_autocast(dtype):
    x = tokens().to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = whiten(x)
    assert found.dtype == torch.float32
    centred = (x - x.mean(0)).double()
    total = torch.zeros(6, 6, dtype=torch.float64)
    for row in centred.flatten(0, 1):
        total += torch.outer(row, row)
    values, vectors = torch.linalg.eigh(total / (64 * 12))
    values = values + EPS * values.mean()
    expected = centred @ vectors @ (values**-0.5).diag() @ vectors.T
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
