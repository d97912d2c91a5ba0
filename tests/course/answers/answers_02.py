"""Answers to the exercises of notebook 02: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

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


# --- shift_matrix -----------------------------------------------------------------------------------


def shift_matrix(down, right, width):
    frequency = 10000.0 ** -(torch.arange(width // 4) / (width // 4))  # (width/4,)
    halves = []
    for step in (right, down):  # the column's half, then the row's
        cos, sin = torch.diag(torch.cos(step * frequency)), torch.diag(torch.sin(step * frequency))
        halves.append(torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)]))
    return torch.block_diag(*halves)  # (width, width)


def shift_in_loops(down, right, width):
    quarter, matrix = width // 4, [[0.0] * width for _ in range(width)]
    for start, step in ((0, right), (width // 2, down)):
        for i in range(quarter):
            angle = step / 10000 ** (i / quarter)
            sine, cosine = start + i, start + quarter + i
            matrix[sine][sine] = matrix[cosine][cosine] = np.cos(angle)
            matrix[sine][cosine], matrix[cosine][sine] = np.sin(angle), -np.sin(angle)
    return matrix


def shift_by_exponential(down, right, width):
    """The exponential of a generator: a place moves its sine and its cosine at the speed of the frequency."""
    frequency = torch.exp(-np.log(10000) * torch.arange(width // 4).double() / (width // 4)).diag()
    turn = torch.cat([torch.cat([0 * frequency, frequency], 1), torch.cat([-frequency, 0 * frequency], 1)])
    return torch.linalg.matrix_exp(torch.block_diag(right * turn, down * turn))


def shift_from_a_table(down, right, width):
    """Solved from addresses themselves, in double precision: each of a large grid beside the shifted one."""

    def table(rows, columns):
        f = 10000.0 ** -(torch.arange(width // 4).double() / (width // 4))
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        x, y = x.flatten()[:, None] * f, y.flatten()[:, None] * f
        return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], 1)

    side = 3000 * torch.arange(40).double()  # far apart, so that slow waves have turned as well
    here, there = table(side, side), table(side + down, side + right)
    return torch.linalg.lstsq(here, there).solution.T


def backwards(down, right, width):
    return shift_matrix(down, right, width).T


def rows_with_the_column(down, right, width):
    return shift_matrix(right, down, width)


def without_the_minus(down, right, width):
    matrix = torch.tensor(shift_in_loops(down, right, width))
    return torch.where(matrix.diag().diag() != 0, matrix, matrix.triu() + matrix.triu(1).T)


def side_by_side(down, right, width):
    quarter, blocks = width // 4, []
    for step in (right, down):
        for i in range(quarter):
            a = torch.tensor(step / 10000 ** (i / quarter))
            blocks.append(torch.stack([torch.stack([a.cos(), a.sin()]), torch.stack([-a.sin(), a.cos()])]))
    return torch.block_diag(*blocks)


def slow_frequencies(down, right, width):
    quarter, blocks = width // 4, []
    for step in (right, down):
        a = step * 10000.0 ** -(torch.arange(quarter) / (width // 2))
        cos, sin = a.cos().diag(), a.sin().diag()
        blocks.append(torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)]))
    return torch.block_diag(*blocks)


def the_column_alone(down, right, width):
    return shift_matrix(0, right, width)


def an_address_not_a_matrix(down, right, width):
    return shift_matrix(down, right, width) @ torch.ones(width)


RIGHT = {
    "unpatchify": [
        unpatchify,
        unpatchify_in_loops,
        unpatchify_by_einsum,
        unpatchify_by_fold,
        unpatchify_in_numpy,
    ],
    "pick_tokens": [pick_tokens, take_in_loops, take_by_one_hot],
    "shift_matrix": [shift_matrix, shift_in_loops, shift_by_exponential, shift_from_a_table],
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
    "pick_tokens": [
        (the_first_images_picks, "picks of the first one"),
        (for_every_pair, "every pair"),
        (values_not_tokens, "values, not tokens"),
        (in_ascending_order, "ascending order"),
        (as_if_it_were_a_mask, "IndexError"),
    ],
    "shift_matrix": [
        (backwards, "steps the other way"),
        (rows_with_the_column, "halves are swapped"),
        (without_the_minus, "has a minus"),
        (side_by_side, "alternate here"),
        (slow_frequencies, "too slowly"),
        (the_column_alone, "Only the column moves"),
        (an_address_not_a_matrix, "and the matrix (width, width) is"),
    ],
}
