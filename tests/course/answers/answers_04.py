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


# --- pre_norm_block ---------------------------------------------------------------------------------


def pre_norm_block(x, norm1, attn, norm2, mlp):
    x = x + attn(norm1(x))
    return x + mlp(norm2(x))


def block_step_by_step(x, norm1, attn, norm2, mlp):
    gathered = attn(norm1(x))
    between = torch.add(x, gathered)
    thought = mlp(norm2(between))
    return between + thought


def block_as_a_loop(x, norm1, attn, norm2, mlp):
    for norm, part in ((norm1, attn), (norm2, mlp)):
        x = torch.stack([x, part(norm(x))]).sum(0)
    return x


def block_in_numpy(x, norm1, attn, norm2, mlp):
    y = x.numpy().astype(np.float64) + attn(norm1(x)).numpy()
    return y + mlp(norm2(torch.from_numpy(y).float())).numpy()


def post_norm(x, norm1, attn, norm2, mlp):
    x = norm1(x + attn(x))
    return norm2(x + mlp(x))


def no_residual(x, norm1, attn, norm2, mlp):
    x = attn(norm1(x))
    return mlp(norm2(x))


def one_norm_for_both(x, norm1, attn, norm2, mlp):
    x = x + attn(norm1(x))
    return x + mlp(norm1(x))


def both_read_the_input(x, norm1, attn, norm2, mlp):
    return x + mlp(norm2(x)) + attn(norm1(x))


def adds_the_normalised_copy(x, norm1, attn, norm2, mlp):
    x = norm1(x)
    x = x + attn(x)
    x = norm2(x)
    return x + mlp(x)


def no_norm_at_all(x, norm1, attn, norm2, mlp):
    x = x + attn(x)
    return x + mlp(x)


def mlp_first(x, norm1, attn, norm2, mlp):
    x = x + mlp(norm2(x))
    return x + attn(norm1(x))


def writes_into_its_input(x, norm1, attn, norm2, mlp):
    x += attn(norm1(x))
    x += mlp(norm2(x))
    return x


def only_the_attention(x, norm1, attn, norm2, mlp):
    return x + attn(norm1(x))


RIGHT = {
    "attention": [
        attention,
        attention_in_loops,
        attention_by_einsum,
        attention_in_numpy,
        attention_by_pytorch,
    ],
    "kept_tokens": [kept_tokens, tokens_in_loops, tokens_embedded_then_picked, tokens_by_one_hot],
    "pre_norm_block": [pre_norm_block, block_step_by_step, block_as_a_loop, block_in_numpy],
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
    "pre_norm_block": [
        (post_norm, "post-norm"),
        (no_residual, "Nothing is added back"),
        (one_norm_for_both, "One norm is used for both"),
        (both_read_the_input, "from before attention"),
        (adds_the_normalised_copy, "The normalised copy"),
        (no_norm_at_all, "read x as it is"),
        (mlp_first, "wrong order"),
        (writes_into_its_input, "changes its input"),
        (only_the_attention, "Only attention"),
    ],
}
