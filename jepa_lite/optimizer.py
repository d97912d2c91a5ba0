"""AdamW, and the rates that a step is made with (paper, appendix A.1; the curves are in schedules.py)."""

import torch

from . import schedules


def parameter_groups(model, weight_decay):
    """Matrices decay; biases, norms, the mask token and the positions do not (the usual ViT practice)."""
    matrices, vectors = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.endswith("positions")
            (matrices if decays else vectors).append(parameter)
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def make_optimizer(model, config, device):
    """AdamW; the fused kernel where torch has one for the device."""
    groups = parameter_groups(model, config.weight_decay[0])
    return torch.optim.AdamW(
        groups, lr=config.lr, betas=(0.9, 0.95), fused=torch.device(device).type in ("cpu", "cuda")
    )


def set_rates(optimizer, config, progress):
    """Set learning rate and weight decay for `progress` from 0 to 1; returns them, and the momentum."""
    rates = {
        "lr": schedules.learning_rate(config, progress),
        "weight_decay": schedules.weight_decay(config, progress),
        "momentum": schedules.momentum(config, progress),
    }
    for group, decays in zip(optimizer.param_groups, (True, False), strict=True):
        group["lr"], group["weight_decay"] = rates["lr"], rates["weight_decay"] if decays else 0.0
    return rates
