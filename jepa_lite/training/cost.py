"""What a step costs, counted without making one: parameters, tokens, FLOPs, memory.

Counted, not guessed: FLOPs and activations come from the real networks on tensors without numbers, under
masks that were really drawn, so that ViT-H/14 takes seconds and no memory. Seconds are for plan.py.
"""

import functools
import math
import statistics
from dataclasses import replace

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from ..baselines.pixel_target import make_model
from ..config import Config, ModelConfig, TrainConfig
from ..method.ijepa import IJEPA
from ..method.masks import Masks, sample_masks
from ..method.optim import make_optimizer
from ..randomness import generator_for

Draws = list[list[tuple[int, Masks]]]  # of each step its micro-batches, as (images, masks)
DRAWS = 32  # batches of masks to average over: their block sizes differ from step to step


# --- parameters and tokens ------------------------------------------------------------------------


def bare(model: ModelConfig) -> IJEPA:
    """The network of a ModelConfig, shapes and no numbers: on the meta device."""
    with torch.device("meta"):
        return make_model(model)


def _size(module):
    return sum(p.numel() for p in module.parameters())


def parameters(model: ModelConfig) -> dict[str, int]:
    """Parameter counts of a ModelConfig's networks."""
    network = bare(model)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return {
        "encoder": _size(network.encoder), "predictor": _size(network.predictor),
        "trained": trained, "averaged": _size(network.target_encoder),
    }  # fmt: skip


def draw_groups(config: Config, batch: int, count: int = DRAWS) -> Draws:
    """The micro-batches of `count` steps: for each step a list of (images, masks)."""
    generators = (generator_for(config.train.seed, i) for i in range(count))
    masks = (sample_masks(config.model.grid, batch, config.masks, g) for g in generators)
    return [[(len(rows), part) for rows, part in m.groups(config.train.groups)] for m in masks]


def tokens(model: ModelConfig, draws: Draws) -> dict[str, float]:
    """Mean tokens of an image, and the share of those read that is padding."""
    parts = [group for step in draws for group in step]
    images = sum(B for B, _ in parts)
    context = sum(int(part.context_keep.sum()) for _, part in parts) / images
    target = sum(B * part.target_idx.shape[2] for B, part in parts) / images
    read, real = count_tokens(model, parts)
    return {
        "context_tokens": context, "target_tokens": target,
        "predictor_tokens": real / images - context, "padding": 1 - real / read,
    }  # fmt: skip


def tokens_read(model: ModelConfig, draws: Draws) -> float:
    """Mean tokens that context encoder and predictor read in a step, padding and all."""
    return count_tokens(model, [group for step in draws for group in step])[0] / len(draws)


def count_tokens(model: ModelConfig, groups: list) -> tuple[int, int]:
    """Tokens that context encoder and predictor read of groups [(any, Masks)]: (all, less padding)."""
    read = real = 0
    for _, part in groups:
        (B, K), (M, T) = part.context_idx.shape, part.target_idx.shape[1:]
        contexts = M if model.predictor_sequences == "per_target" else 1  # in the predictor's sequences
        read += B * K + B * (contexts * K + M * T)  # by the context encoder, and by the predictor
        real += int(part.context_keep.sum()) * (1 + contexts) + B * M * T
    return read, real


# --- FLOPs ----------------------------------------------------------------------------------------


def mean_flops(config: Config, draws: Draws) -> float:
    """FLOPs of a step: target encoder, forward, backward; a mean over the draws.

    Products of matrices alone, as FlopCounterMode counts them. What a fused attention computes a
    second time in its backward pass is not counted.
    """
    targets = draws[0][0][1].target_idx.shape[1]  # M is the rule's affair, not always num_targets
    polynomial = _flops_polynomial(config.model, targets)
    steps = [
        sum(B * _terms(part.context_idx.shape[1], part.target_idx.shape[2]) @ polynomial for B, part in step)
        for step in draws
    ]
    return float(statistics.mean(steps))


def _terms(K, T):
    return np.array([1, K, T, K * K, K * T, T * T], dtype=float)


@functools.lru_cache(maxsize=32)
def _flops_polynomial(model, targets):
    """FLOPs of an image as a polynomial in K and T: attention makes it quadratic, nothing more.

    Six small counts fix it exactly, and a thousand micro-batches then cost nothing.
    """
    points = [(1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (2, 2)]
    counts = [_by_depth(_count_flops, model, _blank_masks(model.grid, targets, *point)) for point in points]
    return np.linalg.solve([_terms(*point) for point in points], counts)


def _by_depth(count, model, *arguments):
    """`count(model, *arguments)` from thin slices: blocks are alike, so each adds what the second adds."""
    one, encoder, predictor = (
        count(replace(model, depth=d, predictor_depth=p), *arguments) for d, p in ((1, 1), (2, 1), (1, 2))
    )
    return one + (model.depth - 1) * (encoder - one) + (model.predictor_depth - 1) * (predictor - one)


def _blank_masks(grid, M, K, T):
    """Masks of one image that have a size and no numbers."""
    with torch.device("meta"):
        index = [torch.empty(1, *size, dtype=torch.long) for size in ((K,), (M, T))]
        return Masks(grid, index[0], torch.empty(1, K, dtype=torch.bool), index[1], (1, T), padded=False)


def _count_flops(model, masks):
    images = torch.empty(1, model.channels, *model.image_size, device="meta")
    with FlopCounterMode(display=False) as counter:
        bare(model).loss(images, masks).backward()
    return counter.get_total_flops()


# --- memory ---------------------------------------------------------------------------------------


def static_memory(model: ModelConfig, optimizer: str = "adamw") -> dict[str, int]:
    """Bytes of what a run holds all the time: weights, gradients, moments, moving average.

    optimizer: `TrainConfig.optimizer`. AdamW keeps two moments of every weight, Muon one of its matrices."""
    network = bare(model)
    groups = make_optimizer(network, TrainConfig(optimizer=optimizer), "meta").param_groups
    moments = sum(p.nbytes * (2 if "betas" in group else 1) for group in groups for p in group["params"])
    weights = sum(p.nbytes for p in network.parameters() if p.requires_grad)
    average = sum(p.nbytes for p in network.target_encoder.parameters())
    return {"weights": weights, "gradients": weights, "moments": moments, "average": average}


def batch_bytes(config: Config, batch: int) -> int:
    """Bytes of a whole batch: images, as read and as cropped; target tokens, before and after their norm."""
    model = config.model
    pixels, tokens = model.channels * math.prod(model.image_size), math.prod(model.grid) * model.width
    return 4 * batch * 2 * (pixels + tokens)


def activation_bytes(config: Config, draws: Draws) -> int:
    """Bytes that the largest micro-batch of the draws saves for the backward pass."""
    groups = [group for step in draws for group in step]
    _, part = max(groups, key=lambda g: g[1].context_idx.numel() + g[1].target_idx.numel())
    return _by_depth(_saved_bytes, config.model, part, config.train.amp)


def _saved_bytes(model, masks, amp):
    """Bytes that autograd saves in `loss`, without making one: every storage once, weights left out.

    On fake tensors, which know their storages but hold nothing.
    """
    network = bare(model)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        network = network.to_empty(device="cpu")
        images = torch.empty(len(masks), model.channels, *model.image_size)
        idx = [fake.from_tensor(t) for t in (masks.context_idx, masks.context_keep, masks.target_idx)]
        masks = Masks(masks.grid, *idx, masks.target_size, masks.padded)
        return _bytes_saved_by(network, images, masks, amp)


def _bytes_saved_by(network, images, masks, amp):
    """Bytes of the distinct storages that autograd saves in `network.loss`, less the weights."""
    weights = {p.untyped_storage()._cdata for p in network.parameters()}
    saved = []  # keeps them alive, so that no address is used twice

    def keep(tensor):
        saved.append(tensor)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, torch.autocast(images.device.type, torch.bfloat16, enabled=amp):
        loss = network.loss(images, masks)
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in saved}
    del loss
    return sum(size for storage, size in storages.items() if storage not in weights)
