"""Exercise of notebook 11: rows for every process."""

from collections import Counter

import torch

from ...training.run import Run
from .differences import listed, tensor
from .engine import exercise

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
    notebook="11",
    answer=lambda batch, rank, world: batch[rank::world],
    cases=lambda: list(_shares()),
    judge=_judge_rows,
    returns="the image numbers of this process",
    hint="Deal the batch out like cards: process 0 takes the first, process 1 the second, and after the last "
    "process it is the turn of process 0 again. Python's slices have a step.",
    source=(Run.batch_indices,),
)
