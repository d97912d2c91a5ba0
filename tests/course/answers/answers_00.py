"""Answers to the exercises of notebook 00: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

# --- patch_at -------------------------------------------------------------------------------------------


def patch_at(y, x, patch_size, columns):
    row, column = y // patch_size, x // patch_size
    return row * columns + column


def by_counting(y, x, patch_size, columns):
    before = 0
    while y >= patch_size:
        y, before = y - patch_size, before + columns
    while x >= patch_size:
        x, before = x - patch_size, before + 1
    return before


def by_a_map_of_numbers(y, x, patch_size, columns):
    rows = y // patch_size + 1
    numbers = torch.arange(rows * columns).view(rows, columns)
    return numbers.repeat_interleave(patch_size, 0).repeat_interleave(patch_size, 1)[y, x]


def by_numpy(y, x, patch_size, columns):
    return np.ravel_multi_index((y // patch_size, x // patch_size), (y // patch_size + 1, columns))


def swapped(y, x, patch_size, columns):
    row, column = x // patch_size, y // patch_size
    return row * columns + column


def of_pixels(y, x, patch_size, columns):
    return y * columns * patch_size + x


def from_one(y, x, patch_size, columns):
    return y // patch_size * columns + x // patch_size + 1


def exact(y, x, patch_size, columns):
    return y / patch_size * columns + x / patch_size


def row_of_patch_size(y, x, patch_size, columns):
    return patch_size * (y // patch_size) + x // patch_size


def only_the_column(y, x, patch_size, columns):
    return x // patch_size


def within_the_patch(y, x, patch_size, columns):
    return (y % patch_size) * columns + x % patch_size


# --- most_alike -----------------------------------------------------------------------------------------


def most_alike(tokens, patch):
    centred = tokens - tokens.mean(0)
    unit = centred / centred.norm(dim=1, keepdim=True)
    cosine = unit @ unit[patch]
    cosine[patch] = -2
    return int(cosine.argmax())


def in_loops(tokens, patch):
    middle, best, found = sum(tokens) / len(tokens), -2.0, None
    mine = tokens[patch] - middle
    for number, token in enumerate(tokens):
        other = token - middle
        cosine = float((mine * other).sum() / (mine.square().sum() * other.square().sum()).sqrt())
        if number != patch and cosine > best:
            best, found = cosine, number
    return found


def in_numpy(tokens, patch):
    rows = tokens.numpy() - tokens.numpy().mean(0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    order = np.argsort(rows @ rows[patch])
    return [number for number in order if number != patch][-1]


def by_angles(tokens, patch):
    centred = (tokens - tokens.mean(0)).double()
    angles = torch.arccos(torch.cosine_similarity(centred, centred[patch : patch + 1]).clamp(-1, 1))
    return angles.index_fill(0, torch.tensor([patch]), 9.0).argmin()


def itself(tokens, patch):
    centred = tokens - tokens.mean(0)
    return torch.cosine_similarity(centred, centred[patch : patch + 1]).argmax()


def with_the_mean(tokens, patch):
    cosine = torch.cosine_similarity(tokens, tokens[patch : patch + 1])
    cosine[patch] = -2
    return cosine.argmax()


def by_product(tokens, patch):
    centred = tokens - tokens.mean(0)
    product = centred @ centred[patch]
    product[patch] = -torch.inf
    return product.argmax()


def by_distance(tokens, patch):
    distance = torch.cdist(tokens[None], tokens[None])[0, patch]
    distance[patch] = torch.inf
    return distance.argmin()


def least(tokens, patch):
    centred = tokens - tokens.mean(0)
    return torch.cosine_similarity(centred, centred[patch : patch + 1]).argmin()


def changes_the_tokens(tokens, patch):
    tokens -= tokens.mean(0)
    return in_loops(tokens, patch)


RIGHT = {
    "patch_at": [patch_at, by_counting, by_a_map_of_numbers, by_numpy],
    "most_alike": [most_alike, in_loops, in_numpy, by_angles],
}
WRONG = {
    "patch_at": [
        (swapped, "Rows and columns are swapped"),
        (of_pixels, "numbers the pixels"),
        (from_one, "counts from 1"),
        (exact, "patch and a bit"),
        (row_of_patch_size, "here it holds patch_size"),
        (only_the_column, "column alone"),
        (within_the_patch, "place WITHIN"),
    ],
    "most_alike": [
        (itself, "the patch itself, which"),
        (with_the_mean, "what every patch has"),
        (by_product, "long tokens win"),
        (by_distance, "nearest token by distance"),
        (least, "LEAST alike"),
        (changes_the_tokens, "changes its input"),
    ],
}
