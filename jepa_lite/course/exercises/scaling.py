"""Exercises of notebook 10: the tokens of a step, and rows for every process."""

from collections import Counter

import torch

from ...method.patches import grid_size
from ...training.cost import tokens_read
from ...training.run import Run
from .differences import listed, tensor
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


def _one_image(place):
    def wrong(image_size, patch_size, batch, K, M, T):
        right = list(tokens_per_step(image_size, patch_size, batch, K, M, T))
        right[place] //= batch
        return tuple(right)

    return wrong


exercise(
    name="tokens_per_step",
    notebook="10",
    answer=tokens_per_step,
    traps=lambda: {
        "A batch may be one image.": ((24, 16), 8, 1, 3, 2, 2),
        "There may be one block of one patch.": ((24, 16), 8, 3, 4, 1, 1),
    },
    parts=("the target encoder's", "the context encoder's", "the predictor's"),
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
            "The predictor answers M blocks, each in a sequence of its own: K + T tokens, M times.",
            _changed(2, lambda size, P, B, K, M, T, N: B * (K + T)),
        ),
        (
            "Brackets are missing: each of the M blocks has a sequence of K + T, so it is M * (K + T).",
            _changed(2, lambda size, P, B, K, M, T, N: B * (M * K + T)),
            _changed(2, lambda size, P, B, K, M, T, N: B * M * K + T),
            _changed(2, lambda size, P, B, K, M, T, N: B * M * K),
            _changed(2, lambda size, P, B, K, M, T, N: B * K + M * T),
        ),
        (
            "The predictor's sequence holds K and T tokens one after the other: K + T, not K * T.",
            _changed(2, lambda size, P, B, K, M, T, N: B * M * K * T),
        ),
        (
            "The predictor is given the context encoder's K tokens, not all N of the image.",
            _changed(2, lambda size, P, B, K, M, T, N: B * M * (N + T)),
            _changed(2, lambda size, P, B, K, M, T, N: B * M * N),
            _changed(2, lambda size, P, B, K, M, T, N: B * N),
        ),
        (
            "The context encoder runs once for each image, not once for each block: its tokens are reused.",
            _changed(1, lambda size, P, B, K, M, T, N: B * K * M),
        ),
        (
            "The target encoder runs once for each image, not once for each block.",
            _changed(0, lambda size, P, B, K, M, T, N: B * N * M),
        ),
        (
            "Targets are already out of the context: K patches are what it has, so take nothing off.",
            _changed(1, lambda size, P, B, K, M, T, N: B * (K - M * T)),
            _changed(1, lambda size, P, B, K, M, T, N: B * (N - M * T)),
            _changed(1, lambda size, P, B, K, M, T, N: B * (N - K)),
        ),
        (
            "The target encoder sees context and targets alike: all N patches, nothing is taken off.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (N - K)),
            _changed(0, lambda size, P, B, K, M, T, N: B * (N - M * T)),
            _changed(0, lambda size, P, B, K, M, T, N: B * (K + M * T)),
        ),
        (
            "A token is a patch, not a pixel: divide height AND width by P.",
            _changed(0, lambda size, P, B, K, M, T, N: B * size[0] * size[1]),
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[0] * size[1] // P)),
            _changed(0, lambda size, P, B, K, M, T, N: B * size[0] * size[1] * 3),
        ),
        (
            "Rows and columns of the grid are multiplied, not added.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[0] // P + size[1] // P)),
        ),
        (
            "There is one token too many for each image, as if there were a class token. I-JEPA has none.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (N + 1)),
            lambda size, P, B, K, M, T: (
                B * (size[0] * size[1] // P**2 + 1),
                B * (K + 1),
                B * M * (K + T + 1),
            ),
        ),
        *(
            (f"{who} number is of one image: a step shows it a whole batch.", _one_image(place))
            for place, who in enumerate(("The target encoder's", "The context encoder's", "The predictor's"))
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
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[1] // P) ** 2),
        ),
        (
            "These are the tokens of one image: a step shows the networks a whole batch.",
            lambda size, P, B, K, M, T: tokens_per_step(size, P, 1, K, M, T),
        ),
    ),
)


# --- rows_of_rank -----------------------------------------------------------------------------------

# Images, processes: some do not divide, and some processes may have nothing to do.
SPLITS = [(11, 2), (12, 4), (11, 4), (9, 4), (10, 3), (5, 5), (9, 1), (1, 2), (3, 5)]


def _shares():
    """The cases of `rows_of_rank`: every rank of every split, with the same batch."""
    for images, world in SPLITS:
        batch = 100 + torch.randperm(50, generator=torch.Generator().manual_seed(images))[:images]
        yield from ((batch, rank, world) for rank in range(world))


def _judge_rows(calls):
    """None, or what is wrong with how a batch is shared out."""
    for images, world in SPLITS:
        mine, calls = calls[:world], calls[world:]
        if len(mine) < world:
            break
        where = f"With {images} images and {world} processes"
        if problem := _unfair(mine[0].case[0].tolist(), [one.result for one in mine], where):
            return problem
    return None


def _unfair(batch, results, where):
    parts = [tensor(result) for result in results]
    if any(part is None or part.ndim != 1 or bool((part != part.round()).any()) for part in parts):
        return f"{where}: a share is a tensor of image numbers with one axis, like the batch itself."
    if any(torch.as_tensor(listed(r)).dtype == torch.bool for r in results if len(r)):
        return f"{where}: it gives True and False. Return the images themselves: batch[mask]."
    parts = [part.long().tolist() for part in parts]
    given = Counter(image for part in parts for image in part)
    lost = [image for image in batch if image not in given]
    if set(given) - set(batch):
        return _strangers(batch, parts, where)
    if len(parts) > 1 and all(part == parts[0] for part in parts) and len(batch) > 1:
        return f"{where}: every process gets the same images, so {len(parts)} of them do the work of one."
    if max(given.values()) > 1:
        return _twice(batch, parts, lost, where)
    if lost:
        return _nobody(batch, parts, lost, where)
    return _uneven(batch, parts, where)


def _strangers(batch, parts, where):
    if sorted(image for part in parts for image in part) == list(range(len(batch))):
        return f"{where}: these are places in the batch. Return the images themselves, which the batch holds."
    return f"{where}: there are images in a share that are not in the batch."


def _twice(batch, parts, lost, where):
    """What is said when an image is in two shares, or twice in one."""
    share = -(-len(batch) // len(parts))
    doubled = {image for part in parts for image in part if sum(p.count(image) for p in parts) > 1}
    extra = share * len(parts) - len(batch)
    padded = doubled <= set(batch[:extra]) or doubled <= set(batch[len(batch) - extra :])
    if not lost and padded and all(len(part) == share for part in parts):
        return (
            f"{where}: some images are seen by two processes. Padding to equal shares is a habit of "
            "data loaders; here it would weigh those images twice."
        )
    seen = next(image for image in batch if image in doubled)
    who = [rank for rank, part in enumerate(parts) if seen in part]
    also = f" And {len(lost)} of the batch are seen by nobody." if lost else ""
    return (
        f"{where}: image {seen} is seen more than once, by rank {' and '.join(map(str, who))}. Where does "
        f"one share end, and where does the next begin?{also}"
    )


def _nobody(batch, parts, lost, where):
    """What is said when images are in no share."""
    if lost == batch[len(batch) - len(batch) % len(parts) :]:
        return f"{where}: {len(lost)} of the batch are seen by nobody. The remainder needs a home, too."
    places = ", ".join(str(batch.index(image)) for image in lost[:4])
    return (
        f"{where}: {len(lost)} of the batch are seen by nobody, those at place {places}"
        f"{' and further' if len(lost) > 4 else ''}. Ranks and places count from 0."
    )


def _uneven(batch, parts, where):
    sizes = [len(part) for part in parts]
    if max(sizes) - min(sizes) <= 1:
        return None
    why = "All wait for the slowest, so they should differ by one at most."
    if all(len({image % len(parts) for image in part}) < 2 for part in parts):
        why = "An image's NUMBER decides here who gets it, and it is its PLACE in the batch that should."
    elif 0 in sizes:
        why = "Some have nothing to do, as where shares are rounded up (torch.chunk): " + why
    return f"{where}: the shares have {', '.join(map(str, sizes))} images. {why}"


exercise(
    name="rows_of_rank",
    notebook="10",
    answer=lambda batch, rank, world: batch[rank::world],
    cases=lambda: list(_shares()),
    judge=_judge_rows,
    returns="the image numbers of this process",
    hint="Deal the batch out like cards: process 0 takes the first, process 1 the second, and after the last "
    "process it is the turn of process 0 again. Python's slices have a step.",
    source=(Run.batch_indices,),
)
