"""Answers to the exercises of notebook 04: RIGHT ones in several ways, WRONG ones with what each is told."""

import math

import numpy as np
import torch
import torch.nn.functional as F

# --- attention --------------------------------------------------------------------------------------


def attention(q, k, v, keep):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (B, h, N, N)
    scores = scores.masked_fill(~keep[:, None, None, :], float("-inf"))
    return scores.softmax(-1) @ v  # (B, h, N, d)


def attention_in_loops(q, k, v, keep):
    B, h, N, d = q.shape
    y = torch.zeros_like(v)
    for b in range(B):
        real = [n for n in range(N) if keep[b, n]]
        for head in range(h):
            for i in range(N):
                raw = [math.exp(float(q[b, head, i] @ k[b, head, j]) / math.sqrt(d)) for j in real]
                for weight, j in zip(raw, real, strict=True):
                    y[b, head, i] += weight / sum(raw) * v[b, head, j]
    return y


def attention_by_einsum(q, k, v, keep):
    scores = torch.einsum("bhid,bhjd->bhij", q.double(), k.double()) / np.sqrt(q.shape[-1])
    scores = scores + (~keep[:, None, None, :]).double() * -1e9
    return torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v.double())


def attention_in_numpy(q, k, v, keep):
    scores = q.numpy() @ k.numpy().swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True)) * keep.numpy()[:, None, None, :]
    return weights / weights.sum(-1, keepdims=True) @ v.numpy()


def attention_by_pytorch(q, k, v, keep):
    allowed = keep[:, None, None].expand(-1, q.shape[1], q.shape[2], -1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)


def _softmaxed(scores, v, keep):
    return scores.masked_fill(~keep[:, None, None, :], float("-inf")).softmax(-1) @ v


def unscaled(q, k, v, keep):
    return _softmaxed(torch.matmul(q, k.mT), v, keep)


def scaled_by_d(q, k, v, keep):
    return _softmaxed(torch.matmul(q, k.mT) / q.size(-1), v, keep)


def softmax_over_queries(q, k, v, keep):
    scores = torch.matmul(q, k.mT) / q.size(-1) ** 0.5
    return torch.softmax(scores + torch.where(keep, 0.0, -torch.inf)[:, None, None], dim=2) @ v


def keys_ask_queries(q, k, v, keep):
    return _softmaxed(torch.matmul(k, q.mT) / q.size(-1) ** 0.5, v, keep)


def padding_looked_at(q, k, v, keep):
    return F.scaled_dot_product_attention(q, k, v)


def mask_upside_down(q, k, v, keep):
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=torch.where(keep, -torch.inf, 0.0)[:, None, None]
    )


def masked_with_zero(q, k, v, keep):
    scores = torch.matmul(q, k.mT) / q.size(-1) ** 0.5 * keep[:, None, None, :]
    return scores.softmax(-1) @ v


def masked_after_softmax(q, k, v, keep):
    weights = (torch.matmul(q, k.mT) / q.size(-1) ** 0.5).softmax(-1)
    return (weights * keep[:, None, None, :].float()) @ v


def mask_on_the_queries(q, k, v, keep):
    return F.scaled_dot_product_attention(q, k, v).masked_fill(~keep[:, None, :, None], torch.nan)


def weights_not_outputs(q, k, v, keep):
    return (torch.matmul(q, k.mT) / q.size(-1) ** 0.5).softmax(-1)


def queries_masked_too(q, k, v, keep):
    return attention(q, k, v, keep) * keep[:, None, :, None]


# --- kept_tokens ------------------------------------------------------------------------------------


def kept_tokens(patches, positions, weight, idx):
    image = torch.arange(len(patches))[:, None]  # (B, 1)
    return patches[image, idx] @ weight.T + positions[idx]  # (B, K, D)


def tokens_in_loops(patches, positions, weight, idx):
    rows = []
    for b in range(len(patches)):
        rows.append(torch.stack([weight @ patches[b, n] + positions[n] for n in idx[b].tolist()]))
    return torch.stack(rows)


def tokens_embedded_then_picked(patches, positions, weight, idx):
    every = F.linear(patches, weight) + positions  # (B, N, D)
    return every.gather(1, idx[..., None].expand(-1, -1, every.shape[-1]))


def tokens_by_one_hot(patches, positions, weight, idx):
    picked = F.one_hot(idx, patches.shape[1]).double()  # (B, K, N)
    return (
        torch.einsum("bkn,bnf,df->bkd", picked, patches.double(), weight.double())
        + picked @ positions.double()
    )


def without_positions(patches, positions, weight, idx):
    return torch.stack([p[i] for p, i in zip(patches, idx, strict=True)]) @ weight.mT


def pushed_together(patches, positions, weight, idx):
    return without_positions(patches, positions, weight, idx) + positions[torch.arange(idx.shape[1])]


def positions_twice(patches, positions, weight, idx):
    every = patches @ weight.mT + positions
    return torch.stack([e[i] for e, i in zip(every, idx, strict=True)]) + positions[idx]


def the_first_images_patches(patches, positions, weight, idx):
    return (patches @ weight.mT + positions)[:, idx[0]]


def the_first_images_positions(patches, positions, weight, idx):
    return without_positions(patches, positions, weight, idx) + positions[idx[0]][None]


def centred_on_all_patches(patches, positions, weight, idx):
    return kept_tokens(patches - patches.mean(dim=1)[:, None], positions, weight, idx)


def blanks_kept(patches, positions, weight, idx):
    blank = torch.zeros_like(patches)
    for b in range(len(patches)):
        blank[b, idx[b]] = patches[b, idx[b]]
    return F.linear(blank, weight) + positions


def in_ascending_order(patches, positions, weight, idx):
    return kept_tokens(patches, positions, weight, idx.sort(1).values)


RIGHT = {
    "attention": [
        attention,
        attention_in_loops,
        attention_by_einsum,
        attention_in_numpy,
        attention_by_pytorch,
    ],
    "kept_tokens": [kept_tokens, tokens_in_loops, tokens_embedded_then_picked, tokens_by_one_hot],
}
WRONG = {
    "attention": [
        (unscaled, "scores are not scaled"),
        (scaled_by_d, "ROOT of d"),
        (softmax_over_queries, "over the queries"),
        (keys_ask_queries, "Queries and keys are swapped"),
        (padding_looked_at, "Padding is looked at"),
        (mask_upside_down, "upside down"),
        (masked_with_zero, "the score 0"),
        (masked_after_softmax, "taken out after softmax"),
        (mask_on_the_queries, "lies on the queries"),
        (weights_not_outputs, "and what the queries get (B, h, N, d) is"),
        (queries_masked_too, "A padded query gets 0"),
    ],
    "kept_tokens": [
        (without_positions, "positions are forgotten"),
        (pushed_together, "positions 0 to K - 1"),
        (positions_twice, "added twice"),
        (the_first_images_patches, "keep the first image's patches"),
        (the_first_images_positions, "positions of the first image's"),
        (centred_on_all_patches, "It leaks"),
        (blanks_kept, "as blanks"),
        (in_ascending_order, "ascending order"),
    ],
}
