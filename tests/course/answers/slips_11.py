"""More wrong answers to the exercises of notebook 11: (the mistake, the answer, words of what it is told)."""

import torch

# --- tokens_per_step --------------------------------------------------------------------------------


def _tokens(target=None, context=None, predictor=None):
    """Right numbers, less those that are replaced by functions of (size, P, B, K, M, T)."""
    target = target or (lambda s, P, B, K, M, T: B * (s[0] // P) * (s[1] // P))
    context = context or (lambda s, P, B, K, M, T: B * K)
    predictor = predictor or (lambda s, P, B, K, M, T: B * M * (K + T))
    return lambda *sizes: (target(*sizes), context(*sizes), predictor(*sizes))


# --- rows_of_rank -----------------------------------------------------------------------------------


def one_piece(batch, rank, world):
    share = -(-len(batch) // world)
    return batch[rank * share : (rank + 1) * share]


def overlapping(batch, rank, world):
    share = len(batch) // world
    return batch[rank * share : (rank + 1) * share + 1]


def shuffled(batch, rank, world):
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(rank))
    return batch[order][rank::world]


def sorts_in_place(batch, rank, world):
    batch.copy_(batch.sort().values)
    return batch[rank::world]


def from_one(batch, rank, world):
    return batch[rank - 1 :: world] if rank else batch[world - 1 :: world]


def silent_at_rank_zero(batch, rank, world):
    if rank:
        return batch[rank::world]


# --- weigh_groups -----------------------------------------------------------------------------------


def weighs_in_place(counts):
    counts[0, 0] += 1
    return counts / counts.sum() * len(counts)


SLIPS = {
    "tokens_per_step": [
        ("one block", _tokens(predictor=lambda s, P, B, K, M, T: B * (K + T)), "answers M blocks"),
        ("brackets", _tokens(predictor=lambda s, P, B, K, M, T: B * M * K + T), "Brackets"),
        ("K * T", _tokens(predictor=lambda s, P, B, K, M, T: B * M * K * T), "not K * T"),

                ("N in the predictor", _tokens(predictor=lambda s, P, B, K, M,
         T: B * M * ((s[0] // P) * (s[1] // P) + T)),
         "not all N"),
        ("context M times", _tokens(context=lambda s, P, B, K, M, T: B * K * M), "its tokens are reused"),
        ("target M times", _tokens(target=lambda s, P, B, K, M, T: B * M * (s[0] // P) * (s[1] // P)),
         "not once for each block."),
        ("targets off the context", _tokens(context=lambda s, P, B, K, M, T: B * (K - M * T)),
         "take nothing off"),
        ("context off the target", _tokens(target=lambda s, P, B, K, M, T: B * (s[0] // P * (s[1] // P) - K)),
         "nothing is taken off"),
        ("pixels", _tokens(target=lambda s, P, B, K, M, T: B * s[0] * s[1]), "not a pixel"),
        ("P once", _tokens(target=lambda s, P, B, K, M, T: B * s[0] * s[1] // P), "not a pixel"),
        ("sides added", _tokens(target=lambda s, P, B, K, M, T: B * (s[0] // P + s[1] // P)), "not added"),
        ("class token", _tokens(target=lambda s, P, B, K, M, T: B * ((s[0] // P) * (s[1] // P) + 1)),
         "class token"),
        ("width for both", _tokens(target=lambda s, P, B, K, M, T: B * (s[1] // P) ** 2),
         "need not be square"),
        ("target of one image", _tokens(target=lambda s, P, B, K, M, T: s[0] // P * (s[1] // P)),
         "target encoder's number is of one"),
        ("context of one image", _tokens(context=lambda s, P, B, K, M, T: K),
         "context encoder's number is of one"),
        ("predictor of one image", _tokens(predictor=lambda s, P, B, K, M, T: M * (K + T)),
         "predictor's number is of one"),
        ("context first", lambda *sizes: tuple(_tokens()(*sizes)[i] for i in (1, 0, 2)),
         "Right: the predictor's"),
        ("backwards", lambda *sizes: _tokens()(*sizes)[::-1], "wrong order"),
        ("two numbers", lambda *sizes: _tokens()(*sizes)[:2], "3 things are wanted"),
        ("twice", _tokens(predictor=lambda s, P, B, K, M, T: 2 * B * M * (K + T)), "2 times the right one"),
    ],
    "rows_of_rank": [
        ("torch.chunk", lambda b, r, w: b.chunk(w)[r], "wait for the slowest"),
        ("rounded up", one_piece, "nothing to do"),
        ("one too many", overlapping, "seen more than once"),
        ("windows of world", lambda b, r, w: b[r * w : (r + 1) * w], "seen by nobody"),
        ("own shuffle", shuffled, "seen more than once"),
        ("by number", lambda b, r, w: b[b % w == r], "NUMBER decides"),
        ("from rank on", lambda b, r, w: b[r:], "seen more than once"),
        ("a mask", lambda b, r, w: torch.arange(len(b)) % w == r, "True and False"),
        ("places", lambda b, r, w: torch.arange(r, len(b), w), "places in the batch"),
        ("first of each", lambda b, r, w: b[r : r + 1], "seen by nobody"),
        ("without the first", lambda b, r, w: b[1 + r :: w], "those at place 0"),
        ("step one too large", lambda b, r, w: b[r :: w + 1], "those at place"),
        ("one number", lambda b, r, w: b[r] if r < len(b) else b[0], "with one axis"),
        ("sorted in place", sorts_in_place, "changes its input"),
        ("silent rank 0", silent_at_rank_zero, "returns nothing, though others"),
        ("other images", lambda b, r, w: b[r::w] + 1, "not in the batch"),
        ("padded", lambda b, r, w: b.repeat(2)[: -(-len(b) // w) * w][r::w], "weigh those images twice"),
        ("halves of the range", lambda b, r, w: b[len(b) // w * r : len(b) // w * (r + 1)], "remainder"),
    ],
    "weigh_groups": [
        ("a sum over processes", lambda c: c / c.sum() / c.shape[0], "below the line"),
        ("no R", lambda c: c / c.sum(), "R is missing"),
        ("own images", lambda c: c / c.sum(1)[:, None], "Each process counts alike"),
        ("own images, R", lambda c: c / c.sum(1)[:, None] * len(c), "Each process counts alike"),
        ("1 / G", lambda c: torch.full(c.shape, 1 / c.shape[1]), "Every micro-batch counts alike"),
        ("ones", lambda c: torch.ones(c.shape), "Every micro-batch counts alike"),
        ("1 / images", lambda c: torch.full(c.shape, 1.0) / c.sum(), "multiplied by how many"),
        ("one over count", lambda c: 1 / c, "multiplied by how many"),
        ("column", lambda c: c * len(c) / c.sum(0), "one COLUMN"),
        ("G for R", lambda c: c * c.shape[1] / c.sum(), "not of processes"),
        ("R and G", lambda c: c * c.numel() / c.sum(), "Both R and G"),
        ("the count", lambda c: c + 0, "The count itself"),
        ("count times R", lambda c: c * len(c), "The count itself"),
        ("of the largest", lambda c: c / c.max(), "largest micro-batch"),
        ("of a process", lambda c: (c.sum(1) * len(c) / c.sum())[:, None].expand_as(c), "each process, and"),
        ("of a process, as a column", lambda c: (c.sum(1) * len(c) / c.sum())[:, None], "it gives"),
        ("turned", lambda c: (c * len(c) / c.sum()).T, "swapped"),
        ("in place", weighs_in_place, "changes its input"),
        ("twice", lambda c: 2 * c * len(c) / c.sum(), "2 times the right one"),
    ],
}  # fmt: skip
