"""The losses of I-JEPA's neighbours, and a toy small enough to train them all side by side (notebook 13).

Written from the papers: BYOL (arXiv 2006.07733, equation 2), SimSiam (2011.10566, equations 1 to 4), VICReg
(2105.04906, section 4.1), DINO (2104.14294, section 3.1), LeJEPA (2511.08544, section 4). A loss takes
embeddings (n, D) of n samples. The toy is not the papers': its encoder is a small perceptron without
projection head and batch normalisation, and its samples are vectors.
"""

import copy
import functools
import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONTENT, NUISANCE, INPUTS, WIDTH = 4, 4, 32, 16  # values that views share, that they do not; C and D below
BATCH, STEPS, RATE, MOMENTUM = 128, 400, 2e-3, 0.95  # of every run; the momentum is the target encoder's

# --- losses -----------------------------------------------------------------------------------------


def view_distance(z: Tensor, w: Tensor) -> Tensor:
    """Mean squared distance of z and w (n, D), brought to length 1: 2 - 2 cos, from 0 to 4 (BYOL, eq. 2)."""
    return (F.normalize(z, dim=-1) - F.normalize(w, dim=-1)).square().sum(-1).mean()


def variance_term(z: Tensor, wanted: float = 1.0, eps: float = 1e-4) -> Tensor:
    """By how much the std of a value of z (n, D) over the batch is below `wanted` (VICReg, eq. 1)."""
    return F.relu(wanted - (z.var(0) + eps).sqrt()).mean()


def covariance_term(z: Tensor) -> Tensor:
    """Squared covariances of different values of z (n, D), added up and divided by D (VICReg, eq. 4)."""
    centred = z - z.mean(0)
    covariance = centred.T @ centred / (len(z) - 1)  # (D, D)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]


def centred_targets(
    outputs: Tensor, centre: Tensor, temperature: float, momentum: float = 0.9
) -> tuple[Tensor, Tensor]:
    """DINO's targets: (a distribution (n, D) for each sample, the next centre (D,)), both without gradient.

    outputs (n, D) of the target encoder; centre (D,), a moving average of their mean over earlier batches.
    The centre is subtracted before the softmax; a low temperature sharpens it.
    """
    outputs = outputs.detach()
    targets = F.softmax((outputs - centre) / temperature, dim=-1)
    return targets, momentum * centre + (1 - momentum) * outputs.mean(0)


def cross_entropy(outputs: Tensor, targets: Tensor, temperature: float = 0.1) -> Tensor:
    """DINO's loss from outputs (n, D) of the context encoder to targets (n, D), which are distributions."""
    return -(targets * F.log_softmax(outputs / temperature, dim=-1)).sum(-1).mean()


def epps_pulley(x: Tensor) -> Tensor:
    """How unlike a standard Gaussian the n samples x (n,) are, or each column of x (n, S): a number, or (S,).

    n times the integral over t of |mean of exp(i t x) - exp(-t^2 / 2)|^2 exp(-t^2 / 2), by the trapezoidal
    rule on 17 points from -5 to 5 (Epps and Pulley 1983; LeJEPA, section 4.2). exp(-t^2 / 2) is the standard
    Gaussian's characteristic function and is taken as the weight as well.
    """
    t = torch.linspace(-5, 5, 17, dtype=x.dtype, device=x.device)
    gaussian = torch.exp(-t.square() / 2)  # (17,)
    angles = x[..., None] * t  # (n, 17) or (n, S, 17)
    apart = (angles.cos().mean(0) - gaussian).square() + angles.sin().mean(0).square()
    return len(x) * torch.trapezoid(apart * gaussian, t, dim=-1)


def sigreg(z: Tensor, generator: torch.Generator, directions: int = 16) -> Tensor:
    """LeJEPA's regulariser: mean `epps_pulley` of z (n, D) projected on random directions of length 1."""
    axes = F.normalize(torch.randn(z.shape[1], directions, generator=generator), dim=0)  # (D, directions)
    return epps_pulley(z @ axes).mean()


# --- the toy ----------------------------------------------------------------------------------------


@functools.cache
def _mixing():
    """One fixed matrix (CONTENT + NUISANCE, INPUTS) for all runs: how causes become an observation."""
    size = CONTENT + NUISANCE, INPUTS
    return torch.randn(size, generator=torch.Generator().manual_seed(99)) * 2 / math.sqrt(size[0])


def two_views(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Two views of n samples and what they share: (n, INPUTS), (n, INPUTS), (n, CONTENT).

    A view mixes the content, which both views share, with a nuisance of twice its size, which each view draws
    anew, by one fixed matrix and a tanh.
    """
    content = (2 * torch.rand(n, CONTENT, generator=generator) - 1) * math.sqrt(3)  # of variance 1
    mixing = _mixing()
    views = []
    for _ in range(2):
        nuisance = 2 * torch.randn(n, NUISANCE, generator=generator)
        views.append(torch.tanh(torch.cat([content, nuisance], 1) @ mixing))
    return *views, content


def _mlp(widths, generator):
    """A perceptron with ReLU between its layers, drawn from the generator alone."""
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = nn.Linear(inputs, outputs)
        nn.init.normal_(layer.weight, std=math.sqrt(2 / inputs), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Toy:
    """One run's networks, all drawn from its seed: `encoder` (n, INPUTS) -> (n, WIDTH), `target_encoder`, its
    moving average, `predictor` (n, WIDTH) -> (n, WIDTH), `decoder` (n, WIDTH) -> (n, INPUTS). `centre` is
    DINO's, and `generator` draws what is random in a loss.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.encoder = _mlp((INPUTS, 64, 64, WIDTH), self.generator)
        self.predictor = _mlp((WIDTH, 64, WIDTH), self.generator)
        self.decoder = _mlp((WIDTH, 64, INPUTS), self.generator)
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)
        self.centre = torch.zeros(WIDTH)

    def parameters(self) -> list[Tensor]:
        """What learns by gradient; a loss that does not use a network leaves it as it was."""
        return [p for net in (self.encoder, self.predictor, self.decoder) for p in net.parameters()]


def train(loss: Callable[[Toy, Tensor, Tensor], Tensor], seed: int, steps: int = STEPS) -> Toy:
    """A `Toy` trained by loss(toy, v, w) of two views. Equal seeds get equal first weights."""
    toy = Toy(seed)
    optimizer = torch.optim.Adam(toy.parameters(), lr=RATE)
    for _ in range(steps):
        v, w, _ = two_views(BATCH, toy.generator)
        optimizer.zero_grad()
        loss(toy, v, w).backward()
        optimizer.step()
        with torch.no_grad():
            for mean, now in zip(toy.target_encoder.parameters(), toy.encoder.parameters(), strict=True):
                mean.lerp_(now, 1 - MOMENTUM)
    return toy


# --- measures ---------------------------------------------------------------------------------------


def energies(z: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """1 - cos, from 0 to 2, of z and w (n, D), a sample's views, and of z with the next sample's w."""
    return 1 - F.cosine_similarity(z, w), 1 - F.cosine_similarity(z, w.roll(1, 0))


def readout(features: Tensor, content: Tensor, labelled: int = 100, penalty: float = 1e-3) -> float:
    """R^2 of a ridge regression from features (n, D) to content (n, CONTENT): fitted to the first `labelled`
    samples, measured on the others. 1 is perfect, 0 is always answering the mean."""
    x, y = features.double(), content.double()
    mean, std = x[:labelled].mean(0), x[:labelled].std(0).clamp(min=1e-12)
    x = torch.cat([(x - mean) / std, torch.ones(len(x), 1)], 1)  # (n, D + 1)
    known, rest = x[:labelled], slice(labelled, None)
    ridge = known.T @ known + penalty * labelled * torch.eye(x.shape[1])
    missed = y[rest] - x[rest] @ torch.linalg.solve(ridge, known.T @ y[:labelled])
    return 1 - (missed.square().sum() / (y[rest] - y[:labelled].mean(0)).square().sum()).item()
