"""Answers to the exercises of notebook 11: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

# --- tokens_per_step --------------------------------------------------------------------------------


def tokens_per_step(image_size, patch_size, batch, K, M, T):
    N = (image_size[0] // patch_size) * (image_size[1] // patch_size)
    return batch * N, batch * K, batch * M * (K + T)


def tokens_in_loops(image_size, patch_size, batch, K, M, T):
    target = context = predictor = 0
    for _ in range(batch):
        for _ in range(0, image_size[0], patch_size):
            target += len(range(0, image_size[1], patch_size))
        context += K
        for _ in range(M):
            predictor += K + T
    return [target, context, predictor]


def tokens_in_numpy(image_size, patch_size, batch, K, M, T):
    return tuple(batch * np.array([np.prod(np.array(image_size) // patch_size), K, M * K + M * T]))


def context_read_once(image_size, patch_size, batch, K, M, T):
    N = image_size[0] * image_size[1] // patch_size**2
    return batch * N, batch * K, batch * K + batch * M * T


def mask_tokens_alone(image_size, patch_size, batch, K, M, T):
    N = image_size[0] * image_size[1] // patch_size**2
    return batch * N, batch * K, batch * M * T


def targets_alone(image_size, patch_size, batch, K, M, T):
    return T * M * batch, batch * K, batch * M * (K + T)


def context_of_everything(image_size, patch_size, batch, K, M, T):
    N = image_size[0] * image_size[1] // patch_size**2
    return batch * N, batch * N, batch * M * (K + T)


def as_if_square(image_size, patch_size, batch, K, M, T):
    side = image_size[0] // patch_size
    return batch * side * side, batch * K, batch * M * (K + T)


def of_one_image(image_size, patch_size, batch, K, M, T):
    return image_size[0] * image_size[1] // patch_size**2, K, M * (K + T)


def all_in_one_number(image_size, patch_size, batch, K, M, T):
    return sum(tokens_per_step(image_size, patch_size, batch, K, M, T))


# --- rows_of_rank -----------------------------------------------------------------------------------


def rows_of_rank(batch, rank, world):
    return batch[rank::world]


def rows_in_a_loop(batch, rank, world):
    return [image for place, image in enumerate(batch.tolist()) if place % world == rank]


def rows_in_one_piece(batch, rank, world):
    return batch.tensor_split(world)[rank]


def rows_in_numpy(batch, rank, world):
    return np.array_split(batch.numpy(), world)[rank]


def all_the_same(batch, rank, world):
    return batch


def remainder_dropped(batch, rank, world):
    share = len(batch) // world
    return batch[rank * share : (rank + 1) * share]


def remainder_to_the_last(batch, rank, world):
    share = len(batch) // world
    return batch[rank * share : (rank + 1) * share if rank < world - 1 else None]


def padded_to_equal_shares(batch, rank, world):
    share = -(-len(batch) // world)
    padded = torch.cat([batch, batch])[: share * world]
    return padded[rank::world]


def places_not_images(batch, rank, world):
    return torch.arange(len(batch))[rank::world]


def on_an_axis_of_its_own(batch, rank, world):
    return batch[None, rank::world]


RIGHT = {
    "tokens_per_step": [tokens_per_step, tokens_in_loops, tokens_in_numpy],
    "rows_of_rank": [rows_of_rank, rows_in_a_loop, rows_in_one_piece, rows_in_numpy],
}
WRONG = {
    "tokens_per_step": [
        (context_read_once, "once for EACH target block"),
        (mask_tokens_alone, "more than its mask tokens"),
        (targets_alone, "the WHOLE image"),
        (context_of_everything, "its K patches and no other"),
        (as_if_square, "need not be square"),
        (of_one_image, "tokens of one image"),
        (all_in_one_number, "3 things are wanted"),
    ],
    "rows_of_rank": [
        (all_the_same, "do the work of one"),
        (remainder_dropped, "seen by nobody"),
        (remainder_to_the_last, "wait for the slowest"),
        (padded_to_equal_shares, "weigh those images twice"),
        (places_not_images, "places in the batch"),
        (on_an_axis_of_its_own, "one axis"),
    ],
}
