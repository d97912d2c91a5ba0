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


# --- weigh_groups -----------------------------------------------------------------------------------


def weigh_groups(counts):
    processes, whole = len(counts), counts.sum()
    return counts / whole * processes


def weights_in_loops(counts):
    whole = sum(int(count) for row in counts for count in row)
    return [[int(count) / (whole / len(counts)) for count in row] for row in counts]


def weights_in_numpy(counts):
    shares = counts.numpy() / counts.numpy().sum()
    return shares.shape[0] * shares


def without_the_processes(counts):
    return counts / counts.sum()


def divided_twice(counts):
    return counts / counts.sum() / len(counts)


def of_its_own_process(counts):
    return counts / counts.sum(1, keepdim=True)


def all_alike(counts):
    return torch.ones_like(counts) / counts.numel()


def without_the_images(counts):
    return torch.ones_like(counts) * len(counts) / counts.sum()


def of_the_column(counts):
    return counts / counts.sum(0)


def by_the_groups(counts):
    return counts * counts.shape[1] / counts.sum()


def the_count_itself(counts):
    return counts * 1.0


RIGHT = {
    "tokens_per_step": [tokens_per_step, tokens_in_loops, tokens_in_numpy],
    "rows_of_rank": [rows_of_rank, rows_in_a_loop, rows_in_one_piece, rows_in_numpy],
    "weigh_groups": [weigh_groups, weights_in_loops, weights_in_numpy],
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
    "weigh_groups": [
        (without_the_processes, "R is missing"),
        (divided_twice, "below the line"),
        (of_its_own_process, "Each process counts alike"),
        (all_alike, "Every micro-batch counts alike"),
        (without_the_images, "multiplied by how many"),
        (of_the_column, "one COLUMN"),
        (by_the_groups, "number of micro-batches, not of processes"),
        (the_count_itself, "The count itself"),
    ],
}
