"""Muon (Jordan et al. 2024) for the matrices within blocks, AdamW for the rest: train.optimizer "muon".

Muon makes the momentum of a matrix orthogonal before it steps, so that every direction moves by the same
amount, because the few directions that dominate a gradient would otherwise starve the rest. PyTorch has it
since 2.9, with a factor that gives its steps AdamW's size, so that one learning rate serves both (Liu et al.
2025, "Muon is scalable").
"""

import torch
from torch import nn

from ..method.optim import OPTIMIZERS, make_adamw, parameter_groups


class MuonAndAdamW:
    """Two optimisers that look like one: `step`, `zero_grad`, `param_groups`, `state_dict` and back."""

    def __init__(self, muon: torch.optim.Optimizer, adamw: torch.optim.Optimizer) -> None:
        self.parts = {"muon": muon, "adamw": adamw}

    @property
    def param_groups(self) -> list[dict]:
        return [group for part in self.parts.values() for group in part.param_groups]

    @property
    def state(self) -> dict:
        return {parameter: state for part in self.parts.values() for parameter, state in part.state.items()}

    def step(self) -> None:
        for part in self.parts.values():
            part.step()

    def zero_grad(self) -> None:
        for part in self.parts.values():
            part.zero_grad()

    def state_dict(self) -> dict:
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def make_muon(model: nn.Module, config, device: torch.device | str) -> MuonAndAdamW:
    """The optimiser of a model whose blocks are called `blocks`."""
    inside = {id(p) for name, p in model.named_parameters() if ".blocks." in name and p.ndim == 2}
    decay = config.weight_decay[0]
    decayed, rest = parameter_groups(model, decay)
    matrices = [p for p in decayed["params"] if id(p) in inside]
    decayed["params"] = [p for p in decayed["params"] if id(p) not in inside]
    muon = torch.optim.Muon(matrices, lr=config.lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return MuonAndAdamW(muon, make_adamw(model, config, device, [decayed, rest]))


OPTIMIZERS["muon"] = make_muon
