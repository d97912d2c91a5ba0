"""I-JEPA with switches: what keeps it from collapsing? (section 3; BYOL 2020; SimSiam, Chen and He 2021)

Stop-gradient, moving average and predictor stand between the method and its cheapest answer, the same token
everywhere. Each can be taken out here. With the weights t of the encoder, p of the predictor, u of the target
encoder, and the loss L(t, p, u), a step of rate r (and of AdamW, which scales each direction) is

    p <- p - r dL/dp        t <- t - r (dL/dt + g dL/du)        u <- m u + (1 - m) t

g: 0 with stop-gradient, 1 without. m: the momentum, or 0 without EMA, and then u = t, SimSiam's two branches.
All switches on is `IJEPA`, bit for bit. It is for looking, small and quick: no recipe, and no saved runs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..config import ModelConfig
from ..method.ijepa import IJEPA

NORMS = ("place", "layer", "none")


@dataclass(frozen=True)
class Switches:
    """What is left of the method. `target_norm` is that of `ModelConfig`; the others are on or off."""

    stop_gradient: bool = True  # off: dL/du is added to the encoder's gradient
    ema: bool = True  # off: the target encoder is a copy of the encoder at every step, as in SimSiam
    predictor: bool = True  # off: every target is predicted to be the mean token of the context
    target_norm: str = "place"
    addresses: bool = True  # off: the predictor's positions are zero and stay so, for context and target

    def __post_init__(self):
        for name in ("stop_gradient", "ema", "predictor", "addresses"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, not {value!r}")
        if self.target_norm not in NORMS:
            raise ValueError(f"target_norm must be one of {', '.join(NORMS)}, not {self.target_norm!r}")

    def __str__(self) -> str:
        names = {"stop_gradient": "stop-gradient", "ema": "EMA"}
        names |= {name: name for name in ("predictor", "addresses")}
        off = [f"no {words}" for name, words in names.items() if not getattr(self, name)]
        norm = "no norm" if self.target_norm == "none" else f"{self.target_norm} norm"
        return ", ".join([*(off or ["all on"]), norm])


class _MeanOfContext(nn.Module):
    """What stands where the predictor was: every target's answer is the mean of the context's tokens.

    No weights and no places: context_tokens (B, K, D) -> (B, M, T, D).
    """

    def forward(self, context_tokens: Tensor, context_idx: Tensor, target_idx: Tensor,
                context_keep: Tensor | None = None) -> Tensor:  # fmt: skip
        keep = torch.ones_like(context_idx) if context_keep is None else context_keep  # (B, K)
        weights = keep / keep.sum(1, keepdim=True)
        mean = torch.einsum("bk,bkd->bd", weights.to(context_tokens.dtype), context_tokens)  # (B, D)
        return mean[:, None, None].expand(-1, *target_idx.shape[1:], -1)  # (B, M, T, D)


class SwitchedIJEPA(IJEPA):
    """`IJEPA` with `Switches`, for an ordinary `Run(config, images, model=...)`."""

    def __init__(self, config: ModelConfig, switches: Switches) -> None:
        self.switches = switches  # before the networks: make_predictor asks for it
        super().__init__(config)
        if not switches.addresses and switches.predictor:
            self.predictor.positions.requires_grad_(False).zero_()

    def make_predictor(self, config: ModelConfig) -> nn.Module:
        return super().make_predictor(config) if self.switches.predictor else _MeanOfContext()

    def targets(self, images: Tensor, parts: int = 1) -> Tensor:
        """`IJEPA.targets`; without stop-gradient they carry a gradient to the ENCODER's weights. (B, N, D)

        Their values are the target encoder's all the same: each weight is u + t - t, and only t learns.
        Raises ValueError then for more than one part: a batch has one backward pass through its targets.
        """
        if self.switches.stop_gradient or not torch.is_grad_enabled():
            return super().targets(images, parts)
        if parts > 1:
            raise ValueError("without stop-gradient a batch cannot be split: set train.groups=1")
        ours, theirs = self.target_encoder.named_parameters(), self.encoder.parameters()
        weights = {name: u + (t - t.detach()) for (name, u), t in zip(ours, theirs, strict=True)}
        return self.as_targets(functional_call(self.target_encoder, weights, (images,)))

    def update_target(self, momentum: float) -> None:
        super().update_target(momentum if self.switches.ema else 0.0)
