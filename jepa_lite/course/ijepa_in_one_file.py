"""I-JEPA in one file, with PyTorch alone (Assran et al. 2023, section 3 and appendix A.1).

It is what notebook 08 builds, cell by cell, and the answer to notebook 14. Its weights have the names of
those in jepa_lite/method, so each model can load the other's weights, and then both give the same numbers.
It leaves out speed, other resolutions, and messages about settings that cannot work.

Shapes: B images, C channels, N patches of side P, K context patches, M target blocks of T patches, D and E
the widths of encoder and predictor. `config` holds the settings, as jepa_lite.Config does.
"""

import copy
import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import clip_grad_norm_


def patchify(images, P):  # (B, C, H, W), row by row over the grid
    B, C, H, W = images.shape
    x = images.reshape(B, C, H // P, P, W // P, P)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(B, -1, C * P * P)  # (B, N, C*P*P)


def sincos_positions(grid, width):  # sines and cosines of the column, then those of the row
    frequency = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    row = torch.arange(grid[0]).repeat_interleave(grid[1])[:, None] * frequency  # (N, width/4)
    column = torch.arange(grid[1]).repeat(grid[0])[:, None] * frequency
    return torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], 1).float()  # (N, width)


def take(tokens, idx):  # tokens (B, N, D) and indices (B, ...), image by image
    return torch.stack([own[i] for own, i in zip(tokens, idx, strict=True)])  # (B, ..., D)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, keep=None):  # x (B, L, D); keep (B, L) is False for padding
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, h, L, D/h)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, h, L, L)
        if keep is not None:  # no token attends to padding
            scores = scores.masked_fill(~keep[:, None, None], -torch.inf)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))  # (B, L, D)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        layers = {"fc1": nn.Linear(width, 4 * width), "gelu": nn.GELU(), "fc2": nn.Linear(4 * width, width)}
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, x, keep=None):
        x = x + self.attn(self.norm1(x), keep)
        return x + self.mlp(self.norm2(x))  # (B, L, D)


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.patch_size, D = config.patch_size, config.width
        self.embed = nn.Linear(3 * config.patch_size**2, D)
        self.register_buffer("positions", sincos_positions(config.grid, D))  # (N, D)
        self.blocks = nn.ModuleList(Block(D, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(D, eps=1e-6)

    def forward(self, images, idx=None, keep=None):  # idx (B, K): the patches to see, all if None
        patches, positions = patchify(images, self.patch_size), self.positions
        if idx is not None:  # the others are dropped before the first layer, so that nothing can leak
            patches, positions = take(patches, idx), positions[idx]
        x = self.embed(patches) + positions
        for block in self.blocks:
            x = block(x, keep)
        return self.norm(x)  # (B, N or K, D)


def draw_size(grid, scale, aspect, generator):  # scale and aspect ratio: uniform and independent
    u, v = torch.rand(2, generator=generator).tolist()
    area = (scale[0] + u * (scale[1] - scale[0])) * grid[0] * grid[1]
    height = math.sqrt(area * (aspect[0] + v * (aspect[1] - aspect[0])))
    height = min(max(height, area / grid[1]), grid[0])  # where the grid is too narrow, the shape is bent
    return max(int(height + 0.5), 1), max(int(area / height + 0.5), 1)  # (rows, columns)


def draw_blocks(grid, size, shape, generator):  # blocks of one size, anywhere on the grid
    across = grid[1] - size[1] + 1
    place = torch.randint((grid[0] - size[0] + 1) * across, shape, generator=generator)[..., None]
    top, left = place // across, place % across
    row, column = torch.arange(grid[0] * grid[1]) // grid[1], torch.arange(grid[0] * grid[1]) % grid[1]
    return (top <= row) & (row < top + size[0]) & (left <= column) & (column < left + size[1])  # (..., N)


def sample_masks(grid, B, config, generator=None):
    size = draw_size(grid, config.target_scale, config.target_aspect, generator)  # one for the whole batch
    context_size = draw_size(grid, config.context_scale, (1.0, 1.0), generator)
    M, N, again = config.num_targets, grid[0] * grid[1], torch.arange(B)
    target, context = torch.zeros(B, M, N).bool(), torch.zeros(B, N).bool()
    while len(again):  # at first all images, then those whose context was too small
        target[again] = draw_blocks(grid, size, (len(again), M), generator)
        block = draw_blocks(grid, context_size, (len(again),), generator)
        context[again] = block & ~target[again].any(1)
        again = (context.sum(1) < config.min_keep).nonzero()[:, 0]
    count = context.sum(1, keepdim=True)
    keep = torch.arange(int(count.max())) < count  # (B, K)
    context_idx = torch.zeros(keep.shape, dtype=torch.long)  # padding repeats patch 0
    context_idx[keep] = context.nonzero()[:, 1]
    return context_idx, keep, target.nonzero()[:, 2].view(B, M, -1)  # (B, K), (B, K), (B, M, T)


class Predictor(nn.Module):
    def __init__(self, config):
        super().__init__()
        E = config.predictor_width
        self.embed, self.proj = nn.Linear(config.width, E), nn.Linear(E, config.width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(E))
        self.positions = nn.Parameter(0.02 * torch.randn(math.prod(config.grid), E))  # learned
        blocks = (Block(E, config.predictor_heads) for _ in range(config.predictor_depth))
        self.blocks, self.norm = nn.ModuleList(blocks), nn.LayerNorm(E, eps=1e-6)

    def forward(self, context, context_idx, target_idx, keep):
        B, M, T = target_idx.shape
        given = self.embed(context) + self.positions[context_idx]  # (B, K, E)
        asked = self.mask_token + self.positions[target_idx]  # (B, M, T, E)
        x = torch.cat([given[:, None].expand(-1, M, -1, -1), asked], 2).flatten(0, 1)  # (B*M, K+T, E)
        keep = torch.cat([keep, keep.new_ones(B, T)], 1).repeat_interleave(M, 0)  # (B*M, K+T)
        for block in self.blocks:
            x = block(x, keep)
        return self.proj(self.norm(x[:, -T:])).unflatten(0, (B, M))  # (B, M, T, D)


class IJEPA(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.encoder, self.predictor = Encoder(config), Predictor(config)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)

    @torch.no_grad()
    def targets(self, images):  # of the whole images, normalised over the batch at each place
        tokens = self.target_encoder(images)  # (B, N, D)
        return (tokens - tokens.mean(0)) / (tokens.std(0, correction=0) + 1e-5)

    def loss(self, images, context_idx, keep, target_idx):
        context = self.encoder(images, context_idx, keep)  # (B, K, D)
        predictions = self.predictor(context, context_idx, target_idx, keep)  # (B, M, T, D)
        return F.smooth_l1_loss(predictions, take(self.targets(images), target_idx))

    @torch.no_grad()
    def update_target(self, momentum):
        for target, ours in zip(self.target_encoder.parameters(), self.encoder.parameters(), strict=True):
            target.lerp_(ours, 1 - momentum)


def rates(train, progress):  # progress: 0 at the first step, 1 after the last
    share = train.start_lr + (1 - train.start_lr) * progress / max(train.warmup, 1e-9)
    if progress >= train.warmup:
        q = (progress - train.warmup) / max(1 - train.warmup, 1e-9)
        share = train.final_lr + (1 - train.final_lr) * (1 + math.cos(math.pi * q)) / 2
    decay, momentum = (a + (b - a) * progress for a, b in (train.weight_decay, train.momentum))
    return train.lr * share, decay, momentum


def train_step(model, optimizer, images, config, progress, generator=None):
    lr, decay, momentum = rates(config.train, progress)
    for group in optimizer.param_groups:
        group.update(lr=lr, weight_decay=decay)
    group["weight_decay"] = 0.0  # the last group: biases, norms, the mask token, positions
    masks = sample_masks(config.model.grid, len(images), config.masks, generator)
    loss = model.loss(images, *masks)
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(model.parameters(), config.train.clip_grad or math.inf)
    optimizer.step()
    model.update_target(momentum)
    return loss.item()
