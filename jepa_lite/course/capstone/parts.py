"""What each part of notebook 14's file must do: a probe that runs it, what it uses, and a hint.

A probe runs a module's part on inputs that cannot hide a mistake (no square grid, biases that are not 0) and
returns tensors. Right is what equals the probe of the reference solution; what equals the probe of one of
faults.py is told that fault. Weights are loaded by name, so that equal code gives equal numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn

from ...config import Config, MaskConfig, ModelConfig, TrainConfig
from .. import ijepa_in_one_file as reference
from ..exercises.differences import same, tensor
from .faults import FAULTS, variant
from .masks_check import judge_masks

CONFIG = Config(
    ModelConfig(image_size=(16, 24), patch_size=4, width=12, depth=2, heads=3, predictor_width=8,
                predictor_depth=2, predictor_heads=2, target_norm="place"),
    MaskConfig(num_targets=2, context_scale=(0.5, 0.7), min_keep=3),
    TrainConfig(steps=5, lr=0.02, warmup=0.3, start_lr=0.1, final_lr=0.05, weight_decay=(0.1, 0.3),
                momentum=(0.8, 0.95), clip_grad=0.5),
)  # fmt: skip
GRID = CONFIG.model.grid  # 4 x 6


@dataclass(frozen=True)
class Part:
    """A part of the file. probe: module -> tensors, or None where `judge_masks` judges; uses: other parts."""

    name: str
    hint: str
    probe: Callable[[ModuleType], tuple] | None
    uses: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()  # what the reference defines for it


class Misnamed(Exception):
    """A module's weights do not have the names, or the shapes, of the specification."""


def judge(part: Part, module: ModuleType) -> str | None:
    """What is wrong with a module's part: None if nothing is, "" if it returns nothing."""
    if part.probe is None:
        return judge_masks(getattr(module, part.name))
    try:
        got = part.probe(module)
    except Misnamed as error:
        return str(error)
    if any(one is None or one is ... for one in got):
        return ""
    right = part.probe(reference)
    if _alike(got, right):
        return None
    for fault in FAULTS.get(part.name, ()):
        if _alike(got, part.probe(variant(part.name, fault)), nan=True):
            return fault.message
    return _difference(got, right)


def _alike(one, two, nan=False):
    return len(one) == len(two) and all(same(a, b, 1e-4, nan) for a, b in zip(one, two, strict=True))


def _difference(got, right):
    for number, (mine, wanted) in enumerate(zip(got, right, strict=False), 1):
        mine, which = tensor(mine), f"Output {number} of {len(right)}: " if len(right) > 1 else ""
        if mine is None:
            return f"{which}it gives no tensor, and a tensor {tuple(torch.as_tensor(wanted).shape)} is right."
        wanted = tensor(wanted)
        if mine.shape != wanted.shape:
            return f"{which}it gives the shape {tuple(mine.shape)}, and {tuple(wanted.shape)} is right."
        if mine.isnan().any():
            return f"{which}the shape is right, but there are values that are nan."
        if not same(mine, wanted, 1e-4):
            off = (mine - wanted).abs().max().item()
            return f"{which}the shape is right, but values differ, by up to {off:.3g}."
    return f"It gives {len(got)} outputs, and {len(right)} are right."


# --- inputs and weights -----------------------------------------------------------------------------


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def filled(mine: nn.Module, theirs: nn.Module, seed: int = 0) -> nn.Module:
    """`mine`, with weights like those of `theirs`, drawn anew. Raises `Misnamed` if they do not fit."""
    generator, wanted = torch.Generator().manual_seed(seed), theirs.state_dict()
    for name, weights in theirs.named_parameters():
        drawn = 0.3 * torch.randn(weights.shape, generator=generator)
        wanted[name] = drawn + 1 if _is_gain(name) else drawn
    if not isinstance(mine, nn.Module):
        raise Misnamed("It is no torch.nn.Module.")
    have = {name: tuple(value.shape) for name, value in mine.state_dict().items()}
    if lost := [name for name in wanted if name not in have]:
        raise Misnamed(
            f"It has no weights named {_some(lost)}; {_has(have)}. Take the specification's names."
        )
    if more := [name for name in have if name not in wanted]:
        raise Misnamed(f"It has weights that the specification does not name: {_some(more)}.")
    for name, value in wanted.items():
        if have[name] != tuple(value.shape):
            raise Misnamed(f"{name} has the shape {have[name]}, and {tuple(value.shape)} is right.")
    mine.load_state_dict(wanted)
    return mine


def _is_gain(name):
    return "norm" in name and name.endswith("weight")


def _some(names):
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _has(have):
    return f"it has {_some(list(have))}" if have else "it has none"


def _masks(seed=3, B=4):
    return reference.sample_masks(GRID, B, CONFIG.masks, torch.Generator().manual_seed(seed))


# --- probes -----------------------------------------------------------------------------------------


def _patchify(m):
    return m.patchify(random(2, 3, 6, 9), 3), m.patchify(random(1, 3, 8, 4, seed=1), 2)


def _positions(m):
    return m.sincos_positions((2, 3), 8), m.sincos_positions((5, 4), 12)


def _layer(m, name):
    layer = filled(getattr(m, name)(12, 3), getattr(reference, name)(12, 3))
    x, keep = random(2, 5, 12), torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]).bool()
    return layer(x), layer(x, keep)[0, :4], layer(x, keep)[1, :3]  # not what padding gets


def _encoder(m):
    encoder = filled(m.Encoder(CONFIG.model), reference.Encoder(CONFIG.model))
    images, (idx, keep, _) = random(4, 3, 16, 24), _masks()
    return encoder(images), encoder(images, idx, keep)[keep]


def _predictor(m):
    predictor = filled(m.Predictor(CONFIG.model), reference.Predictor(CONFIG.model))
    context_idx, keep, target_idx = _masks()
    return (predictor(random(4, context_idx.shape[1], 12), context_idx, target_idx, keep),)


def _model(m):
    return filled(m.IJEPA(CONFIG.model), reference.IJEPA(CONFIG.model))


def _ijepa(m):
    """First weights, what learns, targets, loss, where the gradient goes, and the moving average."""
    fresh, model, images = m.IJEPA(CONFIG.model), _model(m), random(4, 3, 16, 24)
    pairs = zip(fresh.encoder.state_dict().values(), fresh.target_encoder.state_dict().values(), strict=True)
    copied = all(torch.equal(a, b) for a, b in pairs)
    frozen = not any(p.requires_grad for p in model.target_encoder.parameters())
    targets, loss = model.targets(images), model.loss(images, *_masks())
    if targets is None or loss is None:
        return (None,)
    loss.backward()
    reached = [part.embed.weight.grad is not None for part in (model.encoder, model.predictor)]
    flags = torch.tensor([copied, frozen, not targets.requires_grad, *reached]).float()
    gradient = torch.cat([p.grad.flatten() for _, p in _sorted(model) if p.grad is not None])
    model.update_target(0.7)
    return flags, targets, loss, gradient, _weights(model.target_encoder)


def _rates(m):
    progress = (0.0, 0.12, 0.29, 0.3, 0.45, 0.8, 1.0)
    return (torch.tensor([list(m.rates(CONFIG.train, p)) for p in progress], dtype=torch.float64),)


def _train_step(m):
    """Three steps, with the masks of the reference, so that a sampler may draw in another order."""
    model, images = _model(m), random(3, 4, 3, 16, 24)
    decayed = [p for n, p in _sorted(model) if p.requires_grad and p.ndim > 1 and not n.endswith("positions")]
    others = [p for n, p in _sorted(model) if p.requires_grad and not any(p is q for q in decayed)]
    optimizer = torch.optim.SGD([{"params": decayed}, {"params": others}], lr=1.0, momentum=0.5)
    own, m.sample_masks = m.sample_masks, reference.sample_masks
    try:
        losses = [
            m.train_step(model, optimizer, x, CONFIG, p, torch.Generator().manual_seed(9))
            for x, p in zip(images, (0.1, 0.4, 0.9), strict=True)
        ]
    finally:
        m.sample_masks = own
    if any(loss is None for loss in losses):
        return (None,)
    set_to = [[group["lr"], group["weight_decay"]] for group in optimizer.param_groups]
    return torch.tensor([float(loss) for loss in losses]), torch.tensor(set_to), _weights(model)


def _sorted(model):
    return sorted(model.named_parameters())


def _weights(model):
    return torch.cat([p.detach().flatten() for _, p in _sorted(model)])


HINTS = {
    "patchify": "reshape to (B, C, H/P, P, W/P, P), move the two axes of the grid to the front, and reshape "
    "again. Within a patch the order is channel, row, column.",
    "sincos_positions": "An angle is a coordinate times a frequency, 10000 ** -(i / (width / 4)). Four "
    "tables of width / 4 columns stand side by side, and the column's two come first.",
    "Attention": "One linear layer makes q, k and v: unflatten its last axis to (3, heads, D / heads). A "
    "score of -inf before the softmax becomes a weight of 0.",
    "Block": "x = x + attention(norm1(x)), then x = x + mlp(norm2(x)). An OrderedDict gives the layers of an "
    "nn.Sequential their names.",
    "Encoder": "Pick patches AND their positions before the first block. `register_buffer` keeps a table "
    "that is no parameter.",
    "sample_masks": "Draw two sizes, then places for the M targets and for the context of each image. A "
    "place is a number below (rows - h + 1) * (columns - w + 1). Work with bool (B, M, N), and turn that "
    "into indices at the end, with nonzero().",
    "Predictor": "Each of the B * M sequences holds the context, then T mask tokens with their positions. "
    "Of the output only the last T tokens count. Extend `keep` by True for the targets.",
    "IJEPA": "copy.deepcopy and requires_grad_(False) make the target encoder. Normalise the targets of the "
    "whole batch first, and take those of the blocks afterwards.",
    "rates": "There are two cases: a line while progress < warmup, then half a cosine of the share of the "
    "REST that is done. Weight decay and momentum are lines.",
    "train_step": "Rates, masks, loss, zero_grad, backward, clip, step, moving average, in this order. The "
    "last group of the optimiser must not decay.",
}
_PROBES = {  # the probe, the other parts that are used, and what the reference defines for it
    "patchify": (_patchify, (), ()),
    "sincos_positions": (_positions, (), ()),
    "Attention": (lambda m: _layer(m, "Attention"), (), ()),
    "Block": (lambda m: _layer(m, "Block"), ("Attention",), ()),
    "Encoder": (_encoder, ("patchify", "sincos_positions", "Block"), ("take",)),
    "sample_masks": (None, (), ("draw_size", "draw_blocks")),
    "Predictor": (_predictor, ("Block",), ()),
    "IJEPA": (_ijepa, ("Encoder", "Predictor"), ("take",)),
    "rates": (_rates, (), ()),
    "train_step": (_train_step, ("IJEPA", "sample_masks", "rates"), ()),
}
PARTS = {name: Part(name, HINTS[name], *rest) for name, rest in _PROBES.items()}
