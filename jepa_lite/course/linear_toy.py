"""Why a stop-gradient works: encoder and predictor as two matrices (notebook 07).

After SimSiam (Chen and He 2021, arXiv 2011.10566) and Tian, Chen and Ganguli (2021, arXiv 2102.06810), who
study the same flow. Two views x1 and x2 of a sample have the covariance 1 (they are whitened) and the
cross-covariance C, whose eigenvalues are the correlations r of the views. The loss is half the mean squared
distance of predictor @ encoder @ x1 and encoder @ x2. No layer norm, no moving average, no batches: the means
are exact.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

RATE, STEPS = 0.05, 2000  # gradient descent in small steps stands for gradient flow; RATE * STEPS is the time


@dataclass(frozen=True)
class Flow:
    """What a `flow` left at each of its steps: encoder and predictor, (steps + 1, D, D)."""

    encoder: Tensor
    predictor: Tensor

    def gains(self) -> Tensor:
        """The encoder's singular values at each step, the smallest first: (steps + 1, D)."""
        return torch.linalg.svdvals(self.encoder).flip(1)

    def eigenvalues(self) -> Tensor:
        """The real parts of the predictor's eigenvalues at each step, the smallest first: (steps + 1, D)."""
        return torch.linalg.eigvals(self.predictor).real.sort(dim=1).values


def loss(encoder: Tensor, predictor: Tensor, target: Tensor, cross: Tensor) -> Tensor:
    """Half the mean of |predictor @ encoder @ x1 - target @ x2|^2, all arguments (D, D); `cross` is C."""
    predicted = predictor @ encoder  # (D, D)
    apart = predicted @ predicted.T - 2 * predicted @ cross @ target.T + target @ target.T
    return apart.trace() / 2


def gradients(
    encoder: Tensor, predictor: Tensor, cross: Tensor, stop_gradient: bool = True
) -> tuple[Tensor, Tensor]:
    """What descent follows: the gradients (D, D) of `loss` for encoder and predictor, where target = encoder.

    Without stop-gradient the encoder's has a second part, from the target.
    """
    missed = predictor @ encoder - encoder @ cross  # (D, D)
    for_encoder = predictor.T @ missed
    if not stop_gradient:
        for_encoder = for_encoder + encoder - predictor @ encoder @ cross
    return for_encoder, missed @ encoder.T


def flow(
    cross: Tensor, encoder: Tensor, predictor: Tensor, stop_gradient: bool = True, learns: bool = True,
    decay: float = 0.0, steps: int = STEPS,
) -> Flow:  # fmt: skip
    """Train from encoder and predictor (D, D) for `steps` of RATE. `learns`: whether the predictor does.

    `decay` is the weight decay, of both. Raises ValueError for a `cross` that is not symmetric.
    """
    if not torch.allclose(cross, cross.T):
        raise ValueError("the views have the same distribution, so their cross-covariance is symmetric")
    encoders, predictors = [encoder], [predictor]
    for _ in range(steps):
        for_encoder, for_predictor = gradients(encoder, predictor, cross, stop_gradient)
        if learns:
            predictor = predictor - RATE * (for_predictor + decay * predictor)
        encoder = encoder - RATE * (for_encoder + decay * encoder)
        encoders.append(encoder)
        predictors.append(predictor)
    return Flow(torch.stack(encoders), torch.stack(predictors))


def rest_points(correlations: Tensor, decay: float) -> Tensor:
    """Where the predictor's eigenvalues come to rest with stop-gradient and weight decay: (D,) -> (D,).

    With decay d, p is at rest where p (r - p) = d. The larger root attracts; where there is none, p falls to
    0. Correlations r from 0 to 1.
    """
    inside = correlations.square() / 4 - decay
    return torch.where(inside > 0, correlations / 2 + inside.clamp(min=0).sqrt(), 0.0)


def rotated(correlations: Tensor, generator: torch.Generator) -> Tensor:
    """A symmetric matrix (D, D) with these eigenvalues (D,), along random directions."""
    directions = torch.linalg.qr(torch.randn(len(correlations), len(correlations), generator=generator)).Q
    return directions @ correlations.diag() @ directions.T
