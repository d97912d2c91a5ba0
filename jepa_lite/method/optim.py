"""AdamW, and what changes during a run, as pure functions of progress (paper, appendix A.1).

`progress` is 0 at the first step and 1 after the last, whatever ends the run: steps, epochs or time.
"""

import math

import torch


def cosine(start: float, end: float, progress: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def linear(start: float, end: float, progress: float) -> float:
    """From `start` to `end` in a straight line."""
    return start + (end - start) * min(progress, 1.0)


def learning_rate(config, progress: float) -> float:
    """Linear warm-up from `start_lr * lr` to `lr`, then half a cosine down to `final_lr * lr`."""
    if progress < config.warmup:
        return config.lr * linear(config.start_lr, 1.0, progress / config.warmup)
    return config.lr * cosine(1.0, config.final_lr, (progress - config.warmup) / max(1 - config.warmup, 1e-9))


def weight_decay(config, progress: float) -> float:
    """A line from the first to the second value of `config.weight_decay` (the released code: a cosine)."""
    return linear(*config.weight_decay, progress)


def momentum(config, progress: float) -> float:
    """A line from the first to the second value of `config.momentum`."""
    return linear(*config.momentum, progress)


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Matrices decay; biases, norms, the mask token and the positions do not (the usual ViT practice)."""
    matrices, vectors = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.endswith("positions")
            (matrices if decays else vectors).append(parameter)
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def make_adamw(model, config, device: torch.device | str, groups=None) -> torch.optim.AdamW:
    """AdamW for a model, or for `groups` of its parameters; the fused kernel where torch has one."""
    groups = groups or parameter_groups(model, config.weight_decay[0])
    fused = torch.device(device).type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=fused)


OPTIMIZERS = {"adamw": make_adamw}  # additions/muon.py has another


def make_optimizer(model: torch.nn.Module, config, device: torch.device | str) -> torch.optim.Optimizer:
    """The optimiser that `config.optimizer` names. The last of its groups never decays."""
    return OPTIMIZERS[config.optimizer](model, config, device)


def set_rates(optimizer: torch.optim.Optimizer, config, progress: float) -> dict[str, float]:
    """Set learning rate and weight decay for `progress` from 0 to 1; returns them, and the momentum."""
    lr, decay = learning_rate(config, progress), weight_decay(config, progress)
    for group in optimizer.param_groups:
        group.update(lr=lr, weight_decay=decay)
    group["weight_decay"] = 0.0  # biases, norms, mask token, positions
    return {"lr": lr, "weight_decay": decay, "momentum": momentum(config, progress)}
