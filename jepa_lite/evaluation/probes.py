"""How good are frozen features? kNN, linear and attentive probe, beside their controls (paper, section 4).

Features are the mean over tokens of the last layer, or of the last four, joined (appendix A.2). A number
means something only beside chance, raw pixels and random weights (comparison.py). Nothing is fitted to the
test set, and no image's prediction depends on which others are tested.
"""

import math
import warnings
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..additions.whitened_patches import fit_whitening
from ..config import ModelConfig
from ..data import check_finite, normalize
from ..data.image_forms import many_images
from ..data.images import AnyImages
from ..data.readers import sample
from ..field_checks import plain
from ..limits import require
from ..method.ijepa import INITS
from ..method.optim import cosine
from ..method.vit import Encoder
from .measures import NotFinite

Array = Tensor | np.ndarray | list  # features, tokens or labels
# Penalties that `predict_linear` tries: half the squared weights, against the mean loss of an image.
PENALTIES = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
WEAK = 0.01  # all penalties down to it are tried: accuracy may fall and then rise again by far more
TOLERANCE = 1e-4  # slope at which a fit is done: at 3e-3 four blocks, nearly collinear, end points too low
PIXELS = 3 * 64 * 64  # the most values an image has as "raw pixels"; larger ones are shrunk


# --- features -------------------------------------------------------------------------------------


def features(
    encoder: Encoder, images: AnyImages, *, last: int = 1, batch: int = 256,
    device: str | torch.device | None = None,
) -> Tensor:  # fmt: skip
    """Pooled features of images (n, C, H, W): (n, D), or (n, last * D) with the last `last` stages joined.

    uint8 images are normalised; float images are taken as they are; arrays and PIL images do as well
    (image_forms.py). The encoder may be of half precision. Runs where the encoder is, or moves
    it to `device`; returns float32 on the CPU. Raises ValueError for `last` beyond the encoder's depth.
    """
    check_last(len(encoder.blocks), last)

    def pooled(x):
        stages = encoder.stages(x)[-last:] if last > 1 else [encoder(x)]
        return torch.cat([stage.float().mean(1) for stage in stages], 1)  # (batch, last * D)

    return _encode(encoder, pooled, images, batch, device)


def tokens(
    encoder: Encoder, images: AnyImages, *, batch: int = 256, device: str | torch.device | None = None
) -> Tensor:
    """The tokens of images (n, C, H, W), for `attentive`: (n, N, D) float32, on the CPU, all in memory."""
    return _encode(encoder, encoder, images, batch, device)


def pixels(images: AnyImages) -> Tensor:
    """Raw pixels of uint8 images as features: (n, C*H*W), from 0 to 1.

    Images of more than 3 x 64 x 64 values are averaged over squares first: the control stays affordable.
    """
    images = many_images(images)
    side = next(s for s in range(1, max(images.shape[-2:]) + 1) if images[0].numel() <= PIXELS * s**2)
    return torch.cat([F.avg_pool2d(part.float() / 255, side).flatten(1).cpu() for part in images.split(1024)])


def random_encoder(config: ModelConfig, seed: int, images: AnyImages | None = None) -> Encoder:
    """An encoder of a `ModelConfig` with untrained weights, drawn from `seed`. Whitened patches are fitted to
    `images` (training images); without, they are left as they are."""
    with torch.random.fork_rng(devices=[]):  # torch's own initialisers know only the global generator
        torch.default_generator.manual_seed(plain(seed))  # the CPU's alone: fork_rng restores no other here
        encoder = Encoder(config)
        INITS[config.init](encoder, config)
    if images is not None:
        fit_whitening(encoder, lambda count: normalize(sample(images, count)))
    return encoder


@torch.no_grad()
def _encode(encoder, function, images, batch, device):
    images = many_images(images)
    if images.is_floating_point():
        check_finite(images, "the images")
    device = torch.device(device) if device is not None else encoder.positions.device
    encoder.to(device)
    parts = (part.to(device) for part in images.split(plain(batch)))
    ready = (normalize(part) if part.dtype == torch.uint8 else part for part in parts)
    return joined((function(part).float().cpu() for part in ready), len(images))


def joined(parts: Iterable[Tensor], n: int) -> Tensor:
    """Parts of n rows in all as one tensor; torch.cat would hold them twice."""
    out, begin = None, 0
    for part in parts:
        out = part.new_empty(n, *part.shape[1:]) if out is None else out
        out[begin : begin + len(part)] = part
        begin += len(part)
    return out


# --- the three probes -----------------------------------------------------------------------------


def knn(train_x: Array, train_y: Array, test_x: Array, test_y: Array, k: int = 20) -> float:
    """Accuracy of `predict_knn`, from 0 to 1."""
    return accuracy(predict_knn(train_x, train_y, test_x, k), test_y)


def linear(train_x: Array, train_y: Array, test_x: Array, test_y: Array) -> float:
    """Accuracy of `predict_linear`, from 0 to 1."""
    return accuracy(predict_linear(train_x, train_y, test_x), test_y)


def attentive(
    train_tokens: Array, train_y: Array, test_tokens: Array, test_y: Array, *,
    generator: torch.Generator, heads: int = 4, epochs: int = 20,
) -> float:  # fmt: skip
    """Accuracy of `predict_attentive`, from 0 to 1."""
    how = {"generator": generator, "heads": heads, "epochs": epochs}
    return accuracy(predict_attentive(train_tokens, train_y, test_tokens, **how), test_y)


def predict_knn(
    train_x: Array, train_y: Array, test_x: Array, k: int = 20, temperature: float = 0.07
) -> Tensor:
    """Labels (m,) of test_x (m, F) by a vote of the k nearest of train_x (n, F), train_y (n,).

    Nearest by cosine, after standardising; a vote weighs exp(cosine / temperature) (Wu et al. 2018, section
    3.4). Raises ValueError for fewer than k training images, a single class, NaN or infinity.
    """
    (train_x, train_y, test_x), k = _check_features(train_x, train_y, test_x), plain(k)
    check_k(len(train_x), k)
    train, test = (F.normalize(x, dim=1) for x in _standardise(train_x, test_x))
    classes, label = train_y.unique(return_inverse=True)
    predicted = []
    for part in test.split(max(1, 2**24 // len(train))):  # at most 64 MB of cosines at a time
        cosine, near = (part @ train.T).topk(k, dim=1)  # (m, k)
        votes = torch.zeros(len(part), len(classes))
        votes.scatter_add_(1, label[near], ((cosine - cosine[:, :1]) / temperature).exp())
        predicted.append(classes[votes.argmax(1)])
    return torch.cat(predicted)


def predict_linear(train_x: Array, train_y: Array, test_x: Array) -> Tensor:
    """Labels (m,) of test_x (m, F) by logistic regression on standardised train_x (n, F), train_y (n,). The
    L2 penalty is chosen on every fifth image of each training class, held out; then all are fitted.
    Raises ValueError for a single class, NaN or infinity."""
    from sklearn.exceptions import ConvergenceWarning  # late: a run that is not probed need not wait for it
    from sklearn.linear_model import LogisticRegression

    train_x, train_y, test_x = _check_features(train_x, train_y, test_x)
    train, test = (x.numpy() for x in _standardise(train_x, test_x))
    label = train_y.numpy()
    # lbfgs, sklearn's default, needs 10 times longer here: neighbouring pixels are nearly collinear.
    model = LogisticRegression(solver="newton-cg", tol=TOLERANCE, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="(?i).*line search.*")  # says that rounding ended the fit
        penalty = _choose_penalty(model, train, label, _held_out(train_y).numpy())
        model.set_params(C=1 / (penalty * len(label)), warm_start=False).fit(train, label)
    return torch.from_numpy(model.predict(test))


def predict_attentive(
    train_tokens: Array, train_y: Array, test_tokens: Array, *,
    generator: torch.Generator, heads: int = 4, epochs: int = 20, lr: float = 1e-2,
) -> Tensor:  # fmt: skip
    """Labels (m,) of test_tokens (m, N, D) by an attentive probe trained on train_tokens (n, N, D).

    It can find a class that sits in a few patches, which the mean over tokens drowns. AdamW on a fixed
    schedule, last weights: nothing is selected on any held-out set. All randomness from `generator`.
    Raises ValueError for a single class, NaN or infinity.
    """
    train_tokens, train_y, test_tokens = _check_features(train_tokens, train_y, test_tokens)
    mean, scale = _standards(train_tokens)  # applied batch by batch: all at once would be another copy
    classes, label = train_y.unique(return_inverse=True)
    probe = _AttentiveProbe(train_tokens.shape[-1], len(classes), heads, generator)
    batch = max(1, min(128, len(train_tokens) // 8))
    total = epochs * math.ceil(len(train_tokens) / batch)
    rates = (cosine(lr, 0.0, i / total) for i in range(total))
    optimizer = torch.optim.AdamW(probe.parameters(), lr=lr, weight_decay=0.05)
    for _ in range(epochs):
        for rows in torch.randperm(len(train_tokens), generator=generator).split(batch):
            loss = F.cross_entropy(probe((train_tokens[rows].float() - mean) * scale), label[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = next(rates)
            optimizer.step()
    with torch.no_grad():
        scores = [probe((part.float() - mean) * scale) for part in test_tokens.split(256)]
    return classes[torch.cat(scores).argmax(1)]


class _AttentiveProbe(torch.nn.Module):
    """One learned query attends to the tokens with several heads; a linear layer reads the result.

    With a single query the key matrix folds into one vector a head, and the value and output matrices
    into the classifier: the same cross-attention, without a product of D x D for every token.
    """

    def __init__(self, width: int, classes: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        std = width**-0.5
        self.query = torch.nn.Parameter(torch.randn(width, heads, generator=generator) * std * 0.1)
        self.weight = torch.nn.Parameter(torch.randn(heads * width, classes, generator=generator) * std * 0.1)
        self.bias = torch.nn.Parameter(torch.zeros(classes))

    def forward(self, tokens: Tensor) -> Tensor:
        attention = (tokens @ self.query).softmax(1)  # (B, N, h); near the mean at first
        pooled = attention.transpose(1, 2) @ tokens  # (B, h, D)
        return pooled.flatten(1) @ self.weight + self.bias  # (B, classes)


def _choose_penalty(model, x, y, held_out):
    """The penalty with the best accuracy on `held_out` (n,) bool, the stronger one of equals."""
    fit_x, fit_y, held_x, held_y = x[~held_out], y[~held_out], x[held_out], y[held_out]
    if not len(held_y):
        return 1.0  # one image a class: nothing to choose on
    model.set_params(warm_start=True)
    best, chosen, worse = -1.0, None, 0
    for penalty in PENALTIES:
        accuracy = model.set_params(C=1 / (penalty * len(fit_y))).fit(fit_x, fit_y).score(held_x, held_y)
        worse = 0 if accuracy > best else worse + 1
        best, chosen = (accuracy, penalty) if worse == 0 else (best, chosen)
        error = (best * (1 - best) / len(held_y)) ** 0.5
        if penalty <= WEAK and accuracy < best - (error if worse > 1 else 2 * error + 0.01):
            break  # weaker penalties overfit more still, and take ever longer
    return chosen


def _held_out(labels):
    """Every fifth image of each class, never a class's first: (n,) bool."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        held[(labels == label).nonzero()[1::5, 0]] = True
    return held


def _standardise(train, test):
    """Both with the TRAINING set's mean and std per feature; a feature that never varies becomes 0."""
    mean, scale = _standards(train)
    return (train.float() - mean) * scale, (test.float() - mean) * scale


def _standards(train):
    """The mean of each feature, and what to multiply it by: one over its std, or 0 where it never varies."""
    train, dims = train.float(), tuple(range(train.ndim - 1))
    mean, std = train.mean(dims), train.std(dims, correction=0)
    varies = std > 1e-6 * mean.abs() + 1e-12  # else rounding would be blown up to a feature
    return mean, torch.where(varies, 1 / std, 0.0)


def accuracy(predicted: Tensor, labels: Array) -> float:
    return (predicted == torch.as_tensor(labels)).double().mean().item()


# --- what is refused ------------------------------------------------------------------------------


def check_last(depth: int, last: int) -> None:
    require(1 <= last <= depth, f"last must be from 1 to {depth}, the encoder's depth, not {last}")


def check_k(n: int, k: int, way_out: str = "take a smaller k or more images") -> None:
    require(1 <= k <= n, f"kNN with k = {k} needs at least {k} training images, not {n}; {way_out}")


def check_classes(labels: Tensor, name: str) -> None:
    several = len(labels.unique()) > 1
    require(several, f"{name} holds fewer than two classes, so there is nothing to tell apart")


def _check_features(train_x, train_y, test_x):
    """The three as tensors, once they are found to belong together."""
    train_x, train_y, test_x = map(torch.as_tensor, (train_x, train_y, test_x))
    require(
        len(train_x) == len(train_y) and train_x.shape[1:] == test_x.shape[1:] and len(test_x),
        f"training features {tuple(train_x.shape)} with {len(train_y)} labels and test features "
        f"{tuple(test_x.shape)} do not belong together",
    )
    check_classes(train_y, "the training set")
    for x, name in ((train_x, "training"), (test_x, "test")):
        parts = (~torch.isfinite(part).flatten(1).all(1) for part in x.split(1024))
        bad = torch.cat(list(parts)).nonzero()[:, 0].tolist()
        if bad:
            raise NotFinite(
                f"the features of {len(bad)} of {len(x)} {name} images hold NaN or infinity (numbers "
                f"{bad[:8]}): the encoder has diverged, or those images are broken"
            )
    return train_x, train_y, test_x
