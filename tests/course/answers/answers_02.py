"""Answers to the exercises of notebook 02: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

from jepa_lite.method.patches import sincos_positions as library_positions

# --- unpatchify -------------------------------------------------------------------------------------


def unpatchify(patches, patch_size, grid):
    B, P, (rows, columns) = len(patches), patch_size, grid
    x = patches.reshape(B, rows, columns, -1, P, P)  # (B, rows, columns, C, P, P)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(B, -1, rows * P, columns * P)  # (B, C, H, W)


def unpatchify_in_loops(patches, patch_size, grid):
    P, C = patch_size, patches.shape[2] // patch_size**2
    images = torch.zeros(len(patches), C, grid[0] * P, grid[1] * P)
    for b in range(len(patches)):
        for n in range(patches.shape[1]):
            top, left = n // grid[1] * P, n % grid[1] * P
            images[b, :, top : top + P, left : left + P] = patches[b, n].reshape(C, P, P)
    return images


def unpatchify_by_einsum(patches, patch_size, grid):
    B, P = len(patches), patch_size
    x = patches.double().reshape(B, *grid, -1, P, P)
    return torch.einsum("brcCyx->bCrycx", x).reshape(B, -1, grid[0] * P, grid[1] * P)


def unpatchify_by_fold(patches, patch_size, grid):
    size = grid[0] * patch_size, grid[1] * patch_size
    return torch.nn.functional.fold(patches.transpose(1, 2), size, patch_size, stride=patch_size)


def unpatchify_in_numpy(patches, patch_size, grid):
    P = patch_size
    x = patches.numpy().reshape(len(patches), *grid, -1, P, P)
    return np.transpose(x, (0, 3, 1, 4, 2, 5)).reshape(len(patches), -1, grid[0] * P, grid[1] * P)


def grid_transposed(patches, patch_size, grid):
    P, C = patch_size, patches.shape[2] // patch_size**2
    images = torch.zeros(len(patches), C, grid[0] * P, grid[1] * P)
    for n in range(patches.shape[1]):
        top, left = n % grid[0] * P, n // grid[0] * P
        images[:, :, top : top + P, left : left + P] = patches[:, n].reshape(-1, C, P, P)
    return images


def patch_transposed(patches, patch_size, grid):
    P, C = patch_size, patches.shape[2] // patch_size**2
    images = torch.zeros(len(patches), C, grid[0] * P, grid[1] * P)
    for n in range(patches.shape[1]):
        top, left = n // grid[1] * P, n % grid[1] * P
        images[:, :, top : top + P, left : left + P] = patches[:, n].reshape(-1, C, P, P).transpose(2, 3)
    return images


def channels_last(patches, patch_size, grid):
    P, C = patch_size, patches.shape[2] // patch_size**2
    images = torch.zeros(len(patches), C, grid[0] * P, grid[1] * P)
    for n in range(patches.shape[1]):
        top, left = n // grid[1] * P, n % grid[1] * P
        images[:, :, top : top + P, left : left + P] = patches[:, n].reshape(-1, P, P, C).permute(0, 3, 1, 2)
    return images


def only_reshaped(patches, patch_size, grid):
    return patches.reshape(len(patches), -1, grid[0] * patch_size, grid[1] * patch_size)


def without_the_images_axis(patches, patch_size, grid):
    return unpatchify(patches, patch_size, grid)[0]


def off_by_a_patch(patches, patch_size, grid):
    return unpatchify(patches.roll(1, 1), patch_size, grid)


def writes_into_its_input(patches, patch_size, grid):
    images = unpatchify(patches, patch_size, grid)
    patches.zero_()
    return images


# --- address_table -------------------------------------------------------------------------------


def address_table(grid, width):
    rows, columns = grid
    frequency = 10000.0 ** -(torch.arange(width // 4) / (width // 4))
    row = torch.arange(rows).repeat_interleave(columns)[:, None] * frequency  # (N, width/4)
    column = torch.arange(columns).repeat(rows)[:, None] * frequency
    return torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], 1)  # (N, width)


def positions_in_loops(grid, width):
    table = []
    for row in range(grid[0]):
        for column in range(grid[1]):
            one = []
            for place in (column, row):
                angles = [place / 10000 ** (4 * i / width) for i in range(width // 4)]
                one += [np.sin(a) for a in angles] + [np.cos(a) for a in angles]
            table.append(one)
    return table


def positions_by_meshgrid(grid, width):
    y, x = torch.meshgrid(torch.arange(grid[0]).double(), torch.arange(grid[1]).double(), indexing="ij")
    frequency = torch.exp(-np.log(10000) * torch.arange(width // 4).double() / (width // 4))
    halves = [torch.einsum("n,f->nf", place.flatten(), frequency) for place in (x, y)]
    return torch.cat([f(half) for half in halves for f in (torch.sin, torch.cos)], 1)


def rows_first(grid, width):
    right = positions_by_meshgrid(grid, width)
    return torch.cat([right[:, width // 2 :], right[:, : width // 2]], 1)


def numbered_by_column(grid, width):
    right = positions_by_meshgrid(grid, width).view(*grid, width)
    return right.transpose(0, 1).reshape(-1, width)


def alternating(grid, width):
    right = positions_by_meshgrid(grid, width).view(-1, 2, 2, width // 4)
    return right.transpose(2, 3).reshape(-1, width)


def in_one_line(grid, width):
    N, half = grid[0] * grid[1], width // 2
    angles = torch.arange(N)[:, None] / 10000 ** (torch.arange(half) / half)
    return torch.cat([angles.sin(), angles.cos()], 1)


def slow_frequencies(grid, width):
    rows, columns = grid
    frequency = 10000.0 ** -(torch.arange(width // 4) / (width // 2))
    row = torch.arange(rows).repeat_interleave(columns)[:, None] * frequency
    column = torch.arange(columns).repeat(rows)[:, None] * frequency
    return torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], 1)


def one_too_large(grid, width):
    return library_positions(grid, width + 4)


# --- pick_tokens -------------------------------------------------------------------------------------------


def pick_tokens(tokens, idx):
    rows = torch.arange(len(tokens)).view(-1, *[1] * (idx.ndim - 1))  # (B, 1, ...)
    return tokens[rows, idx]  # (B, ..., D)


def take_in_loops(tokens, idx):
    return torch.stack([tokens[b][idx[b]] for b in range(len(tokens))])


def take_by_one_hot(tokens, idx):
    one_hot = torch.nn.functional.one_hot(idx, tokens.shape[1]).double()
    return torch.einsum("b...n,bnd->b...d", one_hot, tokens.double())


def the_first_images_picks(tokens, idx):
    return torch.stack([token[idx[0]] for token in tokens])


def for_every_pair(tokens, idx):
    return tokens[:, idx]


def values_not_tokens(tokens, idx):
    flat = tokens.gather(1, idx.flatten(1).unsqueeze(-1))
    return flat.view(*idx.shape, 1)


def in_ascending_order(tokens, idx):
    return torch.stack(
        [t[i.flatten().sort().values].view(*i.shape, -1) for t, i in zip(tokens, idx, strict=True)]
    )


def as_if_it_were_a_mask(tokens, idx):
    return tokens[idx]


RIGHT = {
    "unpatchify": [
        unpatchify,
        unpatchify_in_loops,
        unpatchify_by_einsum,
        unpatchify_by_fold,
        unpatchify_in_numpy,
    ],
    "address_table": [address_table, positions_in_loops, positions_by_meshgrid],
    "pick_tokens": [pick_tokens, take_in_loops, take_by_one_hot],
}
WRONG = {
    "unpatchify": [
        (grid_transposed, "Rows and columns of the grid are swapped"),
        (patch_transposed, "transposed inside"),
        (channels_last, "channel order"),
        (only_reshaped, "No axis was moved"),
        (without_the_images_axis, "and the images (B, C, H, W) is"),
        (off_by_a_patch, "wrong places"),
        (writes_into_its_input, "changes its input"),
    ],
    "address_table": [
        (rows_first, "halves are swapped"),
        (numbered_by_column, "numbered column by column"),
        (alternating, "alternate"),
        (in_one_line, "in one line"),
        (slow_frequencies, "too slowly"),
        (one_too_large, "and the table (N, width) is"),
    ],
    "pick_tokens": [
        (the_first_images_picks, "picks of the first one"),
        (for_every_pair, "every pair"),
        (values_not_tokens, "values, not tokens"),
        (in_ascending_order, "ascending order"),
        (as_if_it_were_a_mask, "IndexError"),
    ],
}
