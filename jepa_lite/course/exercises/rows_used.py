"""Exercise of notebook 05: which addresses a batch uses."""

import torch

from .engine import exercise
from .predictor_input import _parts


def _batch(B, K, M, T, N, seed, spare=0):
    """Context indices padded with 0, their keep, targets, N: patch 0 itself is neither context nor target.

    Nor are the `spare` last rows.
    """
    _, context_idx, target_idx, _, _ = _parts(B, K, M, T, N - 1, 1, seed)
    keep = torch.arange(K) < torch.arange(K, K - B, -1)[:, None]  # each image has one token less
    return (context_idx + 1) * keep, keep, target_idx + 1, N + spare


def rows_used(context_idx, context_keep, target_idx, N):
    """Which rows of a table of N positions these masks look up, and so which ones a step trains: bool (N,).

    context_idx and context_keep (B, K), False for padding; target_idx (B, M, T).
    """
    used = torch.zeros(N, dtype=torch.bool)
    used[context_idx[context_keep]] = True
    used[target_idx.flatten()] = True
    return used


def _small(context_idx, keep, target_idx):
    return torch.tensor(context_idx), torch.tensor(keep), torch.tensor(target_idx), 6


def _everything_named(context_idx, context_keep, target_idx, N):
    return rows_used(context_idx, torch.ones_like(context_keep), target_idx, N)


def _each(context_idx, context_keep, target_idx, N):
    """The rows of each image by itself."""
    for b in range(len(context_idx)):
        yield rows_used(context_idx[b : b + 1], context_keep[b : b + 1], target_idx[b : b + 1], N)


def _counted(context_idx, context_keep, target_idx, N):
    return torch.bincount(torch.cat([context_idx[context_keep], target_idx.flatten()]), minlength=N)


exercise(
    name="rows_used",
    notebook="05",
    answer=rows_used,
    cases=lambda: [_batch(2, 5, 2, 3, 23, 0), _batch(3, 6, 2, 4, 31, 1), _batch(4, 7, 3, 3, 40, 2, spare=2)],
    traps=lambda: {
        "Row 0 is a row like any other, and here a context keeps it: index 0 is padding only where "
        "context_keep is False.": _small([[0, 2]], [[True, True]], [[[3]]]),
        "Row 0 is a row like any other, and here a target asks for it.": _small(
            [[2, 3], [4, 0]], [[True, True], [True, False]], [[[0, 1]], [[1, 0]]]
        ),
        "Row 0 is padding in one image and kept in another: then it is used.": _small(
            [[0, 3], [4, 0]], [[True, True], [True, False]], [[[1]], [[2]]]
        ),
        "The last row may be used.": _small([[1, 5]], [[True, True]], [[[2, 3]]]),
    },
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
            lambda context_idx, context_keep, target_idx, N: torch.bincount(
                torch.cat([context_idx.flatten(), target_idx.flatten()]), minlength=N
            ),
        ),
        (
            "This looks at the first image only: a row learns if any image of the batch uses it.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx[:1], context_keep[:1], target_idx[:1], N
            ),
        ),
        (
            "This looks at the last image only: a row learns if any image of the batch uses it.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx[-1:], context_keep[-1:], target_idx[-1:], N
            ),
        ),
        (
            "Of each image only the first target block is here: it has M of them.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx, context_keep, target_idx[:, :1], N
            ),
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx, context_keep, target_idx[:, -1:], N
            ),
        ),
        (
            "These are the rows that are NOT used: True and False are exchanged.",
            lambda *batch: ~rows_used(*batch),
        ),
        (
            "These are the numbers of the rows that are used. Wanted is True or False for each of the N.",
            lambda *batch: rows_used(*batch).nonzero()[:, 0],
            lambda *batch: rows_used(*batch).nonzero(),
        ),
        (
            "Only rows that are context AND target, in different images, are here: either is enough.",
            lambda context_idx, context_keep, target_idx, N: (
                rows_used(context_idx, context_keep, target_idx[:, :0], N)
                & rows_used(context_idx[:, :0], context_keep[:, :0], target_idx, N)
            ),
        ),
        (
            "Rows that are both context and target drop out, as by exclusive or: either is enough.",
            lambda context_idx, context_keep, target_idx, N: (
                rows_used(context_idx, context_keep, target_idx[:, :0], N)
                ^ rows_used(context_idx[:, :0], context_keep[:, :0], target_idx, N)
            ),
        ),
        (
            "context_keep is turned round: True stands for a patch that is there.",
            lambda context_idx, context_keep, target_idx, N: rows_used(
                context_idx, ~context_keep, target_idx, N
            ),
        ),
        (
            "Only rows that ALL images use are here: one image is enough.",
            lambda *batch: torch.stack([one for one in _each(*batch)]).all(0),
        ),
        (
            "There is a row for each image: a row of the table is used if ANY image uses it, so (N,).",
            lambda *batch: torch.stack([one for one in _each(*batch)]),
        ),
        (
            "Off by one: row n is for patch n, from 0 on.",
            lambda *batch: rows_used(*batch).roll(1),
            lambda *batch: rows_used(*batch).roll(-1),
            lambda *batch: torch.cat([torch.tensor([False]), rows_used(*batch)[:-1]]),
        ),
    ),
)
