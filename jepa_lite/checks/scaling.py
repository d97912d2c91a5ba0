"""Exercises of notebook 10: the tokens of a step, and rows for every process."""

import torch

from ..cost import tokens_read
from ..patches import grid_size
from ..train import Run
from .engine import exercise

# --- tokens_per_step --------------------------------------------------------------------------------


def tokens_per_step(image_size, patch_size, batch, K, M, T):
    """Tokens that (target encoder, context encoder, predictor) read in a step, without padding."""
    rows, columns = grid_size(image_size, patch_size)
    return batch * rows * columns, batch * K, batch * M * (K + T)


def _changed(place, change):
    """`tokens_per_step` with one of its three numbers made otherwise."""

    def wrong(image_size, patch_size, batch, K, M, T):
        right = list(tokens_per_step(image_size, patch_size, batch, K, M, T))
        N = right[0] // batch
        right[place] = change(image_size, patch_size, batch, K, M, T, N)
        return tuple(right)

    return wrong


exercise(
    name="tokens_per_step",
    notebook="10",
    answer=tokens_per_step,
    # No two counts are equal, no image is square, and K + M*T is never N: targets overlap.
    cases=lambda: [((64, 96), 8, 5, 40, 4, 17), ((48, 32), 4, 7, 51, 3, 16), ((28, 70), 7, 2, 11, 5, 6)],
    returns="(target encoder, context encoder, predictor)",
    hint="Ask of each network what it is shown, for one image, then multiply by the batch. The target "
    "encoder sees the whole image, the context encoder K patches. The predictor answers each of the M blocks "
    "in a sequence of its own: the context, and a mask token for each patch asked for.",
    source=(tokens_per_step, tokens_read),
    mistakes=(
        (
            "The predictor reads the context once for EACH target block: M sequences of K + T tokens. That "
            "is why it is narrow.",
            _changed(2, lambda size, P, B, K, M, T, N: B * (K + M * T)),
        ),
        (
            "The predictor reads more than its mask tokens: without the context it would have nothing to "
            "answer from.",
            _changed(2, lambda size, P, B, K, M, T, N: B * M * T),
        ),
        (
            "The target encoder reads the WHOLE image and is asked for the targets afterwards: its input is "
            "never masked (the paper measured that, too: 56.1 against 67.3).",
            _changed(0, lambda size, P, B, K, M, T, N: B * M * T),
        ),
        (
            "The context encoder reads its K patches and no other: that is what makes a step cheap, and "
            "keeps the answer out of the question.",
            _changed(1, lambda size, P, B, K, M, T, N: B * N),
        ),
        (
            "The image need not be square: rows are height / P, columns are width / P.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[0] // P) ** 2),
        ),
        (
            "These are the tokens of one image: a step shows the networks a whole batch.",
            lambda size, P, B, K, M, T: tokens_per_step(size, P, 1, K, M, T),
        ),
    ),
)


# --- rows_of_rank -----------------------------------------------------------------------------------

SPLITS = [(11, 2), (12, 4), (11, 4), (5, 5), (9, 1)]  # images, processes: some do not divide


def _judge_rows(rows_of_rank):
    """None, or what is wrong with how a batch is shared out."""
    for images, world in SPLITS:
        batch = 100 + torch.randperm(50, generator=torch.Generator().manual_seed(images))[:images]
        parts = [torch.as_tensor(rows_of_rank(batch.clone(), rank, world)) for rank in range(world)]
        if problem := _unfair(batch, parts, f"{images} images and {world} processes"):
            return problem
    return None


def _unfair(batch, parts, where):
    if any(part.ndim != 1 or part.is_floating_point() for part in parts):
        return f"With {where}: a share is a tensor of image numbers with one axis, like the batch itself."
    given, wanted = sorted(torch.cat(parts).tolist()), sorted(batch.tolist())
    sizes = [len(part) for part in parts]
    if set(given) - set(wanted):
        return (
            f"With {where}: these are places in the batch, or other numbers that are not in it. Return the "
            "images themselves, which the batch holds."
        )
    if len(parts) > 1 and all(torch.equal(part, parts[0]) for part in parts) and len(batch) > 1:
        return (
            f"With {where}: every process gets the same images, so {len(parts)} of them do the work of one."
        )
    if len(given) > len(set(given)):
        return (
            f"With {where}: some images are seen by two processes. Padding to equal shares is a habit of "
            "data loaders; here it would weigh those images twice."
        )
    if len(given) < len(wanted):
        lost = len(wanted) - len(given)
        return f"With {where}: {lost} of the batch are seen by nobody. The remainder needs a home, too."
    if max(sizes) - min(sizes) > 1:
        return (
            f"With {where}: the shares have {', '.join(map(str, sizes))} images. All wait for the slowest, "
            "so they should differ by one at most."
        )
    return None


exercise(
    name="rows_of_rank",
    notebook="10",
    answer=lambda batch, rank, world: batch[rank::world],
    judge=_judge_rows,
    returns="the image numbers of this process",
    hint="Deal the batch out like cards: process 0 takes the first, process 1 the second, and after the last "
    "process it is the turn of process 0 again. Python's slices have a step.",
    source=(Run.batch_indices,),
)
