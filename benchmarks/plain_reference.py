"""A training step of I-JEPA written the plain way, as the yardstick of step.py.

Same networks, weights, masks and loss as the library, and none of its savings. The contexts of a batch are
padded to the longest of them, and every predictor block computes all tokens of every sequence. Attention is
`explicit`, a softmax over masked scores, or PyTorch's `fused` kernel with a mask of the padding: step.py
measures both. Nothing here uses the code of `jepa_lite.method`, only its weights.
"""

import torch
import torch.nn.functional as F


def loss(model, images, masks, attention):
    """The loss of `jepa_lite.method.ijepa.IJEPA` for target_norm "layer" and smooth L1: a scalar."""
    config, keep = model.config, masks.context_keep
    B, M, T = masks.target_idx.shape
    patches = cut(images, config.patch_size)  # (B, N, C*P*P)

    with torch.no_grad():
        target = encode(model.target_encoder, patches, None, None, attention)
        target = F.layer_norm(target, target.shape[-1:])
        target = target[torch.arange(B)[:, None, None], masks.target_idx]  # (B, M, T, D)

    context = encode(model.encoder, patches, masks.context_idx, keep, attention)  # (B, K, D)
    predictor = model.predictor
    context = predictor.embed(context) + predictor.positions[masks.context_idx]
    asked = predictor.mask_token + predictor.positions[masks.target_idx]  # (B, M, T, E)
    x = torch.cat([context[:, None].repeat(1, M, 1, 1), asked], 2).flatten(0, 1)  # (B*M, K+T, E)
    keep = torch.cat([keep.repeat_interleave(M, 0), torch.ones(B * M, T, dtype=torch.bool)], 1)
    for layer in predictor.blocks:
        x = block(layer, x, keep, attention)
    prediction = predictor.proj(predictor.norm(x)[:, -T:])
    return F.smooth_l1_loss(prediction.unflatten(0, (B, M)), target)


def cut(images, P):
    B, C, H, W = images.shape
    return images.view(B, C, H // P, P, W // P, P).permute(0, 2, 4, 1, 3, 5).reshape(B, -1, C * P * P)


def encode(encoder, patches, idx, keep, attention):
    x = encoder.embed(patches) + encoder.positions
    if idx is not None:
        x = x[torch.arange(len(idx))[:, None], idx]  # (B, K, D)
    for layer in encoder.blocks:
        x = block(layer, x, keep, attention)
    return encoder.norm(x)


def block(layer, x, keep, attention):
    B, N, D = x.shape
    qkv = layer.attn.qkv(layer.norm1(x)).view(B, N, 3, layer.attn.heads, -1)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, h, N, d)
    mask = None if keep is None else keep[:, None, None, :]
    x = x + layer.attn.proj(attention(q, k, v, mask).transpose(1, 2).reshape(B, N, D))
    return x + layer.mlp.fc2(F.gelu(layer.mlp.fc1(layer.norm2(x))))


def explicit(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v


def fused(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def step(model, optimizer, images, masks, momentum, attention):
    """One update of all weights. Returns the loss."""
    value = loss(model, images, masks, attention)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    with torch.no_grad():
        for ours, theirs in zip(model.target_encoder.parameters(), model.encoder.parameters(), strict=True):
            ours.mul_(momentum).add_(theirs, alpha=1 - momentum)
    return value.item()


ATTENTIONS = {"explicit": explicit, "fused": fused}
