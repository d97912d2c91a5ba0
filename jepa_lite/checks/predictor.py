"""Exercises of notebook 05: the predictor's input, and which addresses a batch uses."""

import torch

from ..patches import look_up
from ..predictor import Predictor
from .engine import exercise

# --- predictor_input --------------------------------------------------------------------------------


def _parts(B, K, M, T, N, E, seed):
    """Embedded context (B, K, E), context_idx (B, K), target_idx (B, M, T), mask token (E,), table (N, E)."""
    generator = torch.Generator().manual_seed(seed)
    context_idx, target_idx = [], []
    for _ in range(B):
        order = torch.randperm(N, generator=generator)
        context_idx.append(order[:K].sort().values)
        block = order[K:]  # what is no context; blocks may overlap
        picks = [torch.randperm(len(block), generator=generator)[:T] for _ in range(M)]
        target_idx.append(torch.stack([block[pick].sort().values for pick in picks]))
    context, mask_token = torch.randn(B, K, E, generator=generator), torch.randn(E, generator=generator)
    table = torch.randn(N, E, generator=generator)
    return context, torch.stack(context_idx), torch.stack(target_idx), mask_token, table


def predictor_input(context, context_idx, target_idx, mask_token, positions):
    """`Predictor.sequences` with its weights as arguments, for a context that is embedded already."""
    return _joined(context + look_up(positions, context_idx), mask_token + look_up(positions, target_idx))


def _joined(context, target, targets_first=False):
    context = context.unsqueeze(1).expand(-1, target.shape[1], -1, -1)  # (B, M, K, E)
    return torch.cat([target, context] if targets_first else [context, target], 2)


def _swapped(context, context_idx, target_idx, mask_token, positions):
    context, target = context + positions[context_idx], mask_token + positions[target_idx]
    return _joined(context, target, targets_first=True)


def _without_context_positions(context, context_idx, target_idx, mask_token, positions):
    return _joined(context, mask_token + positions[target_idx])


def _without_target_positions(context, context_idx, target_idx, mask_token, positions):
    same = mask_token.expand(*target_idx.shape, -1)
    return _joined(context + positions[context_idx], same)


def _positions_twice(context, context_idx, target_idx, mask_token, positions):
    return predictor_input(context, context_idx, target_idx, mask_token, 2 * positions)


def _first_rows(context, context_idx, target_idx, mask_token, positions):
    x = _joined(context, mask_token.expand(*target_idx.shape, -1))
    return x + positions[: x.shape[2]]


def _one_block(context, context_idx, target_idx, mask_token, positions):
    first = target_idx[:, :1].expand_as(target_idx)
    return predictor_input(context, context_idx, first, mask_token, positions)


def _one_image(context, context_idx, target_idx, mask_token, positions):
    ours = context_idx[:1].expand_as(context_idx), target_idx[:1].expand_as(target_idx)
    return predictor_input(context, *ours, mask_token, positions)


def _without_mask_token(context, context_idx, target_idx, mask_token, positions):
    return predictor_input(context, context_idx, target_idx, torch.zeros_like(mask_token), positions)


exercise(
    name="predictor_input",
    notebook="05",
    answer=predictor_input,
    # No two sizes are equal, and every image and block has patches of its own.
    cases=lambda: [_parts(2, 5, 3, 4, 13, 6, 0), _parts(3, 7, 2, 5, 20, 4, 1)],
    returns="the sequences (B, M, K+T, E)",
    hint="positions[idx] filters the table: it has the shape of idx and one axis more. Add it to the context "
    "and to the mask token, each with its own idx. Then give the context an axis of blocks (unsqueeze, "
    "expand) and concatenate along the tokens.",
    source=(Predictor.sequences, look_up),
    mistakes=(
        (
            "The mask tokens come before the context. Attention would not mind, but whoever reads the "
            "answers does: they are taken from the last T tokens.",
            _swapped,
        ),
        (
            "The context has no address here. Its tokens must say where they are in the same language as the "
            "mask tokens: add the table's rows of context_idx.",
            _without_context_positions,
        ),
        (
            "The mask tokens have no address, so all T of a block are the same token and get the same "
            "answer: add the table's rows of target_idx.",
            _without_target_positions,
        ),
        (
            "Every address is added twice. Once, before or after the concatenation, is enough.",
            _positions_twice,
        ),
        (
            "The table is cut and not filtered: token 0 of the sequence gets row 0. A row belongs to a place "
            "of the image, whatever the token's place in the sequence: positions[context_idx].",
            _first_rows,
        ),
        (
            "All blocks ask for the patches of the first one: block m wants target_idx[:, m].",
            _one_block,
        ),
        (
            "All images get the addresses of the first one: each has its own row of context_idx and of "
            "target_idx.",
            _one_image,
        ),
        (
            "The mask token is missing: a target's token is the mask token plus its address.",
            _without_mask_token,
        ),
    ),
)


# --- rows_used --------------------------------------------------------------------------------------


def _batch(B, K, M, T, N, seed):
    """Context indices padded with 0, their keep, targets, N: patch 0 itself is neither context nor target."""
    _, context_idx, target_idx, _, _ = _parts(B, K, M, T, N - 1, 1, seed)
    keep = torch.arange(K) < torch.arange(K, K - B, -1)[:, None]  # each image has one token less
    return (context_idx + 1) * keep, keep, target_idx + 1, N


def rows_used(context_idx, context_keep, target_idx, N):
    """Which rows of a table of N positions these masks look up, and so which ones a step trains: bool (N,).

    context_idx and context_keep (B, K), False for padding; target_idx (B, M, T).
    """
    used = torch.zeros(N, dtype=torch.bool)
    used[context_idx[context_keep]] = True
    used[target_idx.flatten()] = True
    return used


def _everything_named(context_idx, context_keep, target_idx, N):
    return rows_used(context_idx, torch.ones_like(context_keep), target_idx, N)


def _counted(context_idx, context_keep, target_idx, N):
    return torch.bincount(torch.cat([context_idx[context_keep], target_idx.flatten()]), minlength=N)


exercise(
    name="rows_used",
    notebook="05",
    answer=rows_used,
    cases=lambda: [_batch(2, 5, 2, 3, 23, 0), _batch(3, 6, 1, 4, 31, 1)],
    returns="a bool for each row (N,)",
    hint="Begin with N times False. Put True where the table is looked up: at every target, and at every "
    "context index whose context_keep is True. Indexing with a boolean mask picks those.",
    source=(rows_used,),
    mistakes=(
        (
            "Only the targets' rows are here. The context gets addresses from the same table, so its rows "
            "learn as well.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx, torch.zeros_like(context_keep), target_idx, N
            ),
        ),
        (
            "Only the context's rows are here. The mask tokens get their addresses from the same table.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx, context_keep, target_idx[:, :0], N
            ),
        ),
        (
            "Padding is counted as patch 0. It is looked up, but nobody attends to it and nobody reads it, "
            "so no gradient comes back: filter by context_keep.",
            _everything_named,
        ),
        (
            "All rows are called used. The table is filtered: a row that is looked up by no image of the "
            "batch gets no gradient.",
            lambda context_idx, context_keep, target_idx, N: torch.ones(N, dtype=torch.bool),
        ),
        (
            "This says how often a row is used. Wanted is whether it is: True or False.",
            _counted,
        ),
        (
            "This looks at the first image only: a row learns if any image of the batch uses it.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx[:1], context_keep[:1], target_idx[:1], N
            ),
        ),
    ),
)
