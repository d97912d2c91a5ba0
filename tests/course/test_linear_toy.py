"""What must hold of the linear toy.

1. Its gradients are those that autograd finds for its loss, with and without stop-gradient; and the loss is
   the mean over samples of what it says.
2. With stop-gradient no direction of the encoder is lost and the predictor's eigenvalues become the
   correlations, from any start; without it, or without a predictor that learns, all directions are lost.
3. With weight decay the eigenvalues end at `rest_points`.
4. A cross-covariance that is not symmetric is refused.
"""

import pytest
import torch

from jepa_lite.course.linear_toy import flow, gradients, loss, rest_points, rotated

CORRELATIONS = torch.tensor([0.25, 0.5, 0.7, 0.9])
COUNT = len(CORRELATIONS)


def drawn(seed):
    """Cross-covariance, encoder and predictor (D, D)."""
    generator = torch.Generator().manual_seed(seed)
    encoder, change = torch.randn(2, COUNT, COUNT, generator=generator)
    return rotated(CORRELATIONS, generator), 0.4 * encoder, 0.1 * torch.eye(COUNT) + 0.02 * change


# 1 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_gradient", (True, False))
def test_its_gradients_are_autograds(stop_gradient):
    cross, encoder, predictor = drawn(0)
    encoder.requires_grad_(), predictor.requires_grad_()
    target = encoder.detach() if stop_gradient else encoder
    loss(encoder, predictor, target, cross).backward()
    ours = gradients(encoder.detach(), predictor.detach(), cross, stop_gradient)
    torch.testing.assert_close(ours, (encoder.grad, predictor.grad))


def test_its_loss_is_a_mean_over_samples():
    cross, encoder, predictor = drawn(1)
    n, generator = 400_000, torch.Generator().manual_seed(2)
    first, noise = torch.randn(2, n, COUNT, generator=generator)
    left = torch.eye(COUNT) - cross @ cross  # what is left of the covariance of the second view
    values, vectors = torch.linalg.eigh(left)
    second = first @ cross + noise @ (vectors * values.sqrt()) @ vectors.T
    target = encoder.flip(0)
    sampled = (first @ (predictor @ encoder).T - second @ target.T).square().sum(1).mean() / 2
    torch.testing.assert_close(loss(encoder, predictor, target, cross), sampled, rtol=0.01, atol=0)


# 2, 3 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_with_stop_gradient_the_predictor_finds_the_correlations(seed):
    cross, encoder, predictor = drawn(seed)
    found = flow(cross, encoder, predictor, steps=8000)
    torch.testing.assert_close(found.eigenvalues()[-1], CORRELATIONS, atol=0.02, rtol=0)
    assert found.gains()[-1].min() > 0.5 * found.gains()[0].min()


@pytest.mark.parametrize("how", ({"stop_gradient": False}, {"learns": False}))
def test_without_either_everything_is_lost(how):
    cross, encoder, predictor = drawn(3)
    predictor = predictor if how.get("learns", True) else torch.eye(COUNT)
    found = flow(cross, encoder, predictor, **how)
    assert found.gains()[-1].max() < 1e-3 < found.gains()[0].min()


@pytest.mark.parametrize("decay", (0.03, 0.1))
def test_weight_decay_decides_which_directions_survive(decay):
    cross, encoder, predictor = drawn(4)
    rest = rest_points(CORRELATIONS, decay)
    assert 0 < (rest > 0).sum() < COUNT
    found = flow(cross, encoder, 8 * predictor, decay=decay, steps=6000)
    torch.testing.assert_close(found.eigenvalues()[-1], rest, atol=0.02, rtol=0)


# 4 ----------------------------------------------------------------------------------------------------


def test_a_cross_covariance_is_symmetric():
    cross, encoder, predictor = drawn(5)
    with pytest.raises(ValueError, match="symmetric"):
        flow(cross + torch.eye(COUNT).roll(1, 0), encoder, predictor)
