"""The table of controls: every encoder on every probe, beside its controls (paper, section 4).

Chance says what the labels alone give, raw pixels what the images give without a network, random weights
what the network gives without training. A number of an encoder means something only above all three.
"""

import math
from functools import partial

import torch

from ..config import ModelConfig
from ..data import MEMORY_SHARE, Images
from ..field_checks import plain
from ..limits import require
from ..method.patches import grid_size, patchify
from ..method.vit import Encoder
from ..system.memory import free_memory
from . import probes


def table_of_controls(
    config: ModelConfig, encoders: dict[str, Encoder], train: Images, test: Images, *, seed: int,
    last: int = 1, attentive: bool = False, k: int = 20, device: str | torch.device | None = None,
    controls: bool = True,
) -> list[dict]:  # fmt: skip
    """Every encoder on every probe, beside chance, raw pixels and random weights: a list of rows.

    config: the `ModelConfig` that random weights are drawn for, from `seed`; encoders: {name: Encoder};
    train, test: `Images`. A row is {"name", "linear", "knn", "n_train", "n_test"}, accuracies from 0 to 1,
    with "attentive" where asked for. With `last` 1 and encoders of at least 4 blocks, the networks' rows also
    have "linear_last4", a linear probe on the mean tokens of the last four blocks, joined. "chance" always
    predicts the most frequent training class. Without `controls` there are only the encoders' rows.
    Raises ValueError, before any fit, for data on which a probe would mean nothing.
    """
    _check_sets(config, encoders, train, test, last, k)
    if attentive:
        _check_tokens(config, encoders, train.images, test.images)
    columns = ("linear", "knn", "attentive") if attentive else ("linear", "knn")
    counts = {"n_train": len(train.labels), "n_test": len(test.labels)}
    chance = probes.accuracy(train.labels.mode().values, test.labels)
    rows = [{"name": "chance"} | dict.fromkeys(columns, chance) | counts] if controls else []
    four = last == 1 and _least_depth(config, encoders) >= 4
    last = 4 if four else last
    for name, (pool, cut) in _views(config, encoders, train.images, seed, last, device, controls).items():
        x, z, row = pool(train.images), pool(test.images), {"name": name}
        if four and name != "pixels":
            row["linear_last4"] = probes.linear(x, train.labels, z, test.labels)
            x, z = (features.unflatten(1, (4, -1))[:, -1] for features in (x, z))
        row["linear"] = probes.linear(x, train.labels, z, test.labels)
        row["knn"] = probes.knn(x, train.labels, z, test.labels, k)
        if attentive:
            row["attentive"] = _attend(cut, train, test, seed)
        rows.append(row | counts)
    return rows


def _views(config, encoders, images, seed, last, device, controls):
    """What each row looks at: {name: (images -> pooled features, images -> tokens)}."""
    views = {}
    if controls:
        views["pixels"] = probes.pixels, partial(_pixel_tokens, patch_size=config.patch_size)
        encoders = {"random": probes.random_encoder(config, seed, images)} | encoders
    for name, encoder in encoders.items():
        pool = partial(probes.features, encoder, last=last, device=device)
        views[name] = pool, partial(probes.tokens, encoder, device=device)
    return views


def _attend(cut, train, test, seed):
    generator = torch.Generator().manual_seed(plain(seed))
    return probes.attentive(
        cut(train.images), train.labels, cut(test.images), test.labels, generator=generator
    )


def _pixel_tokens(images, patch_size):
    parts = (patchify(part.cpu().float() / 255, patch_size) for part in images.split(256))
    return probes.joined(parts, len(images))  # (n, N, C*P*P)


def _check_sets(config, encoders, train, test, last, k):
    require(len(test.labels), f"the test set of {test.name} is empty")
    probes.check_classes(train.labels, train.name)
    probes.check_k(len(train.labels), k, "use more of them")
    one, other = tuple(train.images.shape[1:]), tuple(test.images.shape[1:])
    require(one == other, f"training images are {one} and test images {other}; load both at one image_size")
    same = train.classes == test.classes
    require(same, f"{train.name} and {test.name} have different classes, so their labels do not match")
    taken = ", ".join({"chance", "pixels", "random"} & set(encoders))
    require(not taken, f"the table of controls has a row {taken} of its own; give that encoder another name")
    probes.check_last(_least_depth(config, encoders), last)


def _least_depth(config, encoders):
    return min([config.depth, *(len(encoder.blocks) for encoder in encoders.values())])


def _check_tokens(config, encoders, train, test):
    """An attentive probe holds every token of both sets, in float32; the next row takes their place."""
    P = config.patch_size
    kinds = [(P, config.width), (P, 3 * P**2)]  # random weights, pixels
    kinds += [(encoder.patch_size, encoder.positions.shape[1]) for encoder in encoders.values()]
    values = max(math.prod(grid_size(train.shape[-2:], side)) * width for side, width in kinds)
    need, have = 4 * values * (len(train) + len(test)), free_memory()
    require(
        need <= MEMORY_SHARE * have,
        f"attentive would take {need / 1e9:.3g} GB (all tokens of {len(train) + len(test):,} images) "
        f"of the {have / 1e9:.3g} GB of memory that are free; take fewer images with limit, or none",
    )
