"""The predictor: what is there, at that place? (paper, section 3 and Figure 3)

A narrow ViT. For each target block it reads one sequence, the encoded context and one mask token per
target patch, concatenated. All tokens get their place from the predictor's own positional embedding,
filtered to exactly the context and the target patches. That table is learned by default (our reading
of the paper); "sincos" is the released code's choice.
"""

import torch
from torch import Tensor, nn

from .patches import look_up, sincos_positions
from .vit import Block, init_weights


class Predictor(nn.Module):
    """context_tokens (B, K, D), context_idx (B, K), target_idx (B, M, T) -> (B, M, T, out_width)."""

    def __init__(self, config, out_width: int | None = None) -> None:
        super().__init__()
        E, ratio = config.predictor_width, config.predictor_mlp_ratio or config.mlp_ratio
        self.embed = nn.Linear(config.width, E)
        self.mask_token = nn.Parameter(torch.zeros(E))
        self.positions = nn.Parameter(sincos_positions(config.grid, E), requires_grad=False)  # (N, E)
        self.blocks = nn.ModuleList(
            Block(E, config.predictor_heads, ratio, config.norm_eps) for _ in range(config.predictor_depth)
        )
        self.norm = nn.LayerNorm(E, eps=config.norm_eps)
        self.proj = nn.Linear(E, out_width or config.width)
        init_weights(self)
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        if config.predictor_positions == "learned":
            nn.init.trunc_normal_(self.positions, std=0.02)
            self.positions.requires_grad_(True)

    def sequences(self, context_tokens: Tensor, context_idx: Tensor, target_idx: Tensor) -> Tensor:
        """The input, one sequence a target block: context first, then targets. (B, M, K+T, E)."""
        M = target_idx.shape[1]
        context = self.embed(context_tokens) + look_up(self.positions, context_idx)  # (B, K, E)
        target = self.mask_token + look_up(self.positions, target_idx)  # (B, M, T, E)
        return torch.cat([context.unsqueeze(1).expand(-1, M, -1, -1), target], dim=2)

    def forward(self, context_tokens: Tensor, context_idx: Tensor, target_idx: Tensor,
                context_keep: Tensor | None = None) -> Tensor:  # fmt: skip
        """`context_keep` (B, K): False marks padding. Every block is predicted on its own."""
        B, M, T = target_idx.shape
        x = self.sequences(context_tokens, context_idx, target_idx).flatten(0, 1)  # (B*M, K+T, E)
        keep = None
        if context_keep is not None:
            keep = torch.cat([context_keep, context_keep.new_ones(B, T)], 1).repeat_interleave(M, 0)
        for i, block in enumerate(self.blocks, 1):  # after the last one nobody asks for the context
            x = block(x, keep, last=T if i == len(self.blocks) else 0)
        return self.proj(self.norm(x)).unflatten(0, (B, M))  # (B, M, T, D)
