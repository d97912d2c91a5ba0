"""Answers to the exercises of notebook 03: RIGHT ones in several ways, WRONG ones with what each is told."""

import random

import numpy as np
import torch

# --- place_block ------------------------------------------------------------------------------------


def place_block(grid, size, generator):
    (rows, columns), (h, w) = grid, size
    top = torch.randint(rows - h + 1, (), generator=generator)
    left = torch.randint(columns - w + 1, (), generator=generator)
    inside = torch.arange(h)[:, None] * columns + torch.arange(w)  # (h, w)
    return (top * columns + left + inside).flatten()


def place_in_loops(grid, size, generator):
    top = int(torch.rand(1, generator=generator) * (grid[0] - size[0] + 1))
    left = int(torch.rand(1, generator=generator) * (grid[1] - size[1] + 1))
    patches = []
    for row in range(top, top + size[0]):
        for column in range(left, left + size[1]):
            patches.append(row * grid[1] + column)
    return patches


def place_by_slicing_numbers(grid, size, generator):
    numbers = np.arange(grid[0] * grid[1]).reshape(grid)
    windows = np.lib.stride_tricks.sliding_window_view(numbers, size)
    places = windows.reshape(-1, size[0] * size[1])
    return places[torch.randperm(len(places), generator=generator)[0].item()].copy()


def place_by_painting(grid, size, generator):
    inside = torch.zeros(grid, dtype=torch.bool)
    left = torch.randint(0, grid[1] - size[1] + 1, (1,), generator=generator).item()
    top = torch.randint(0, grid[0] - size[0] + 1, (1,), generator=generator).item()
    inside[top : top + size[0], left : left + size[1]] = True
    return inside.flatten().nonzero()[:, 0].int()


def never_at_the_last_border(grid, size, generator):
    top = torch.randint(0, max(grid[0] - size[0], 1), (1,), generator=generator).item()
    left = torch.randint(0, max(grid[1] - size[1], 1), (1,), generator=generator).item()
    return [(top + y) * grid[1] + left + x for y in range(size[0]) for x in range(size[1])]


def a_seed_of_its_own(grid, size, generator):
    return place_block(grid, size, torch.Generator().manual_seed(3))


def rows_and_columns_swapped(grid, size, generator):
    return place_block(grid, size[::-1], generator)


def around_the_border(grid, size, generator):
    top = torch.randint(grid[0] - size[0] + 1, (), generator=generator).item()
    left = torch.randint(grid[1], (), generator=generator).item()
    return [(top + y) * grid[1] + (left + x) % grid[1] for y in range(size[0]) for x in range(size[1])]


def by_everyones_randomness(grid, size, generator):
    top, left = random.randint(0, grid[0] - size[0]), random.randint(0, grid[1] - size[1])
    return [(top + y) * grid[1] + left + x for y in range(size[0]) for x in range(size[1])]


def pushed_back(grid, size, generator):
    top = min(torch.randint(grid[0], (), generator=generator).item(), grid[0] - size[0])
    left = min(torch.randint(grid[1], (), generator=generator).item(), grid[1] - size[1])
    return [(top + y) * grid[1] + left + x for y in range(size[0]) for x in range(size[1])]


def one_number_for_both(grid, size, generator):
    u = torch.rand((), generator=generator).item()
    top, left = int(u * (grid[0] - size[0] + 1)), int(u * (grid[1] - size[1] + 1))
    return [(top + y) * grid[1] + left + x for y in range(size[0]) for x in range(size[1])]


def never_the_first_row(grid, size, generator):
    top = torch.randint(1, max(grid[0] - size[0] + 1, 2), (), generator=generator).item()
    left = torch.randint(grid[1] - size[1] + 1, (), generator=generator).item()
    return [(top + y) * grid[1] + left + x for y in range(size[0]) for x in range(size[1])]


def out_of_the_grid(grid, size, generator):
    top = torch.randint(grid[0], (), generator=generator).item()
    return [(top + y) * grid[1] + x for y in range(size[0]) for x in range(size[1])]


def scattered(grid, size, generator):
    return torch.randperm(grid[0] * grid[1], generator=generator)[: size[0] * size[1]]


def only_the_corner(grid, size, generator):
    return place_block(grid, size, generator)[:1]


def a_mask_not_numbers(grid, size, generator):
    return torch.rand(grid, generator=generator)


# --- context_left -----------------------------------------------------------------------------------


def context_left(context, target_idx):
    hidden = torch.zeros_like(context).scatter_(1, target_idx.flatten(1), True)  # (B, N)
    return context & ~hidden


def left_in_loops(context, target_idx):
    left = context.clone()
    for b in range(len(context)):
        for target in target_idx[b]:
            for patch in target:
                left[b, patch] = False
    return left


def left_by_one_hot(context, target_idx):
    hits = torch.nn.functional.one_hot(target_idx, context.shape[1]).sum((1, 2))
    return context.double() * (hits == 0)


def left_in_numpy(context, target_idx):
    rows = [
        np.setdiff1d(np.flatnonzero(c), t) for c, t in zip(context.numpy(), target_idx.numpy(), strict=True)
    ]
    return np.stack([np.isin(np.arange(context.shape[1]), row) for row in rows])


def nothing_taken_out(context, target_idx):
    return context.clone()


def the_first_target_only(context, target_idx):
    left = context.clone()
    for b in range(len(context)):
        left[b, target_idx[b][0]] = False
    return left


def what_is_hidden_of_the_block(context, target_idx):
    return context & ~left_in_loops(context, target_idx)


def the_targets(context, target_idx):
    marked = torch.zeros_like(context)
    for b in range(len(context)):
        marked[b, target_idx[b].flatten()] = True
    return marked


def outside_of_the_block_too(context, target_idx):
    return ~the_targets(context, target_idx)


def exclusive_or(context, target_idx):
    return torch.logical_xor(context, the_targets(context, target_idx))


def the_first_images_targets(context, target_idx):
    left = context.clone()
    left[:, target_idx[0].flatten()] = False
    return left


def writes_into_the_context(context, target_idx):
    for b in range(len(context)):
        context[b, target_idx[b].flatten()] = False
    return context


def numbers_of_one_image(context, target_idx):
    return left_in_loops(context, target_idx)[0].nonzero()[:, 0]


# --- patch_rate -------------------------------------------------------------------------------------


def patch_rate(idx, keep, grid):
    used = torch.zeros(len(idx), grid[0] * grid[1])  # (B, N)
    image, slot = keep.nonzero(as_tuple=True)
    used[image, idx[image, slot]] = 1.0
    return used.mean(0).view(grid)  # (rows, columns)


def rate_in_loops(idx, keep, grid):
    rate = np.zeros(grid)
    for numbers, real in zip(idx.tolist(), keep.tolist(), strict=True):
        for patch in {number for number, is_real in zip(numbers, real, strict=True) if is_real}:
            rate[divmod(patch, grid[1])] += 1 / len(idx)
    return rate


def rate_by_one_hot(idx, keep, grid):
    hits = torch.nn.functional.one_hot(idx, grid[0] * grid[1]) * keep[..., None]
    return torch.einsum("bn->n", hits.amax(1).double()).div(len(idx)).unflatten(0, grid)


def padding_counted(idx, keep, grid):
    used = torch.zeros(len(idx), grid[0] * grid[1]).scatter_(1, idx, 1.0)
    return used.mean(0).view(grid)


def divided_by_patches(idx, keep, grid):
    counts = torch.zeros(grid[0] * grid[1])
    for patch in idx[keep]:
        counts[patch] += 1
    return (counts / counts.sum()).view(grid)


def overlaps_counted_twice(idx, keep, grid):
    used = torch.zeros(len(idx), grid[0] * grid[1]).scatter_add_(1, idx, keep.float())
    return used.mean(0).view(grid)


def in_one_line(idx, keep, grid):
    return patch_rate(idx, keep, grid).flatten()


def numbered_by_column(idx, keep, grid):
    return patch_rate(idx, keep, grid).flatten().reshape(grid[1], grid[0]).transpose(0, 1)


def counts_not_shares(idx, keep, grid):
    used = torch.zeros(len(idx), grid[0] * grid[1])
    for b in range(len(idx)):
        used[b, idx[b, keep[b]]] = 1
    return used.sum(0).view(grid)


def only_the_padding(idx, keep, grid):
    return patch_rate(idx, ~keep, grid)


RIGHT = {
    "place_block": [place_block, place_in_loops, place_by_slicing_numbers, place_by_painting],
    "context_left": [context_left, left_in_loops, left_by_one_hot, left_in_numpy],
    "patch_rate": [patch_rate, rate_in_loops, rate_by_one_hot],
}
WRONG = {
    "place_block": [
        (never_at_the_last_border, "never touches the last row"),
        (a_seed_of_its_own, "Every draw gives the same block"),
        (rows_and_columns_swapped, "Height and width are swapped"),
        (around_the_border, "wraps around the border"),
        (by_everyones_randomness, "Two generators of one seed"),
        (pushed_back, "not equally often"),
        (one_number_for_both, "hang together"),
        (never_the_first_row, "never the corner's"),
        (out_of_the_grid, "numbered from 0 to 34"),
        (scattered, "no rectangle"),
        (only_the_corner, "this gives 1 numbers"),
        (a_mask_not_numbers, "must give patch numbers"),
    ],
    "context_left": [
        (nothing_taken_out, "still in the context"),
        (the_first_target_only, "Only the first target"),
        (what_is_hidden_of_the_block, "turn it round"),
        (the_targets, "marks the targets themselves"),
        (outside_of_the_block_too, "outside the context block"),
        (exclusive_or, "is ADDED"),
        (the_first_images_targets, "first image's targets"),
        (writes_into_the_context, "changes its input"),
        (numbers_of_one_image, "and the patches that are left (B, N), True or False is"),
    ],
    "patch_rate": [
        (padding_counted, "Padding is counted"),
        (divided_by_patches, "divides by patches"),
        (overlaps_counted_twice, "counted twice"),
        (in_one_line, "still in one line"),
        (numbered_by_column, "Rows and columns are mixed up"),
        (counts_not_shares, "These are counts"),
        (only_the_padding, "keep is turned round"),
    ],
}
