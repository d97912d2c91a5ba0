"""The Vision Transformer, in full: attention, block, encoder (paper, section 3; Dosovitskiy et al. 2021).

Pre-norm blocks, no class token, fixed 2-D sin-cos positions. `Encoder` can be given a subset of the
patches: the rest is dropped before the first layer, so nothing of it can leak.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .patches import grid_size, patchify, sincos_positions, take

FEW = 100  # tokens, up to which a CPU is quicker with matrices of weights than with the fused kernel
EMBEDDINGS = {"linear": nn.Linear}  # additions/whitened_patches.py has another


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def _heads(self, x):
        return self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, h, N, D/h)

    def forward(self, x: Tensor, keep: Tensor | None = None, last: int = 0) -> Tensor:
        """x (B, N, D); keep (B, N) is True for real tokens and False for padding -> (B, N, D).

        `last`: only that many tokens at the end have queries, and attend to all -> (B, last, D)."""
        q, k, v = self._heads(x)
        q, mask = q[:, :, -last:], None if keep is None else keep[:, None, None, :]  # (B, 1, 1, N)
        if x.device.type == "cpu" and x.shape[1] <= FEW:
            y = _weights(q, k, mask) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # the same, fused
        return self.proj(y.transpose(1, 2).flatten(2))  # (B, N, D)

    def maps(self, x: Tensor) -> Tensor:
        """The attention weights: (B, h, N, N); each row sums to 1."""
        q, k, _ = self._heads(x)
        return _weights(q, k)


def _weights(q, k, mask=None):
    """Softmax of q.k / sqrt(d), for (B, h, N, d); a key whose `mask` is False gets the weight 0."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # there are fewer queries than scores to scale
    return (scores if mask is None else scores.add_(torch.where(mask, 0.0, -torch.inf))).softmax(-1)


class MLP(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention, then MLP, each on a normalised copy and added back."""

    def __init__(self, width: int, heads: int, mlp_ratio: float = 4.0, norm_eps: float = 1e-6) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = MLP(width, round(width * mlp_ratio))

    def forward(self, x: Tensor, keep: Tensor | None = None, last: int = 0) -> Tensor:
        """`last`: only that many tokens at the end are returned, having attended to all."""
        x = x[:, -last:] + self.attn(self.norm1(x), keep, last)
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    """ViT encoder: images (B, C, H, W) -> tokens (B, N, D), or (B, K, D) for chosen patches.

    Works at any resolution that the patch divides: positions are recomputed for the grid at hand."""

    def __init__(self, config) -> None:
        super().__init__()
        self.patch_size, self.grid = config.patch_size, config.grid
        self.embed = EMBEDDINGS[config.patch_embedding](config.channels * config.patch_size**2, config.width)
        self.register_buffer("positions", sincos_positions(config.grid, config.width))  # (N, D)
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_ratio, config.norm_eps) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        init_weights(self)

    def tokens(self, images: Tensor, idx: Tensor | None = None) -> Tensor:
        """Embedded patches with their positions, before the first block: (B, N or K, D)."""
        patches = patchify(images, self.patch_size)  # (B, N, C*P*P)
        if patches.is_floating_point():  # so that an encoder of half precision takes what `normalize` gives
            patches = patches.to(self.embed.weight.dtype)
        positions = self.positions_for(images.shape[-2:])  # (N, D)
        if idx is None:
            return self.embed(patches) + positions
        return self.embed(take(patches, idx)) + positions[idx]

    def forward(self, images: Tensor, idx: Tensor | None = None, keep: Tensor | None = None) -> Tensor:
        """`idx` (B, K): the patches to see, all when None; `keep` (B, K): False marks padding."""
        x = self.tokens(images, idx)
        for block in self.blocks:
            x = block(x, keep)
        return self.norm(x)  # (B, K, D)

    def positions_for(self, image_size: tuple[int, int]) -> Tensor:
        """The position table of an image of (H, W) pixels: (N, D).

        Raises ValueError for another grid if this encoder's table was loaded and is not sin-cos."""
        grid = grid_size(image_size, self.patch_size)
        if grid == self.grid:
            return self.positions
        width = self.positions.shape[1]
        made, wanted = (sincos_positions(g, width).to(self.positions) for g in (self.grid, grid))
        if not torch.allclose(self.positions, made, atol=0.004):  # bfloat16 rounds by 0.002
            raise ValueError(
                f"this encoder's positions were learned for a {self.grid[0]} x {self.grid[1]} grid and "
                f"cannot be recomputed for {grid[0]} x {grid[1]}; resize the images"
            )
        return wanted

    def stages(self, images: Tensor) -> list[Tensor]:
        """The tokens after each block, the last one normalised: a list of `depth` tensors (B, N, D)."""
        x = self.tokens(images)
        stages = [x := block(x) for block in self.blocks]
        return stages[:-1] + [self.norm(x)]

    def attention_maps(self, images: Tensor) -> Tensor:
        """Who looks at whom, in every block: (B, depth, heads, N, N); each row sums to 1."""
        x, maps = self.tokens(images), []
        for block in self.blocks:
            maps.append(block.attn.maps(block.norm1(x)))
            x = block(x)
        return torch.stack(maps, 1)


def init_weights(module: nn.Module) -> None:
    """Xavier for every linear layer, zero biases: it keeps the size of signals at any width. At width 64 the
    usual normal(0.02) leaves the blocks almost silent, and patches 4 times fainter than their positions."""
    for m in module.modules():
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
