"""Answers to the exercises of notebook 10: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

# --- rank_of_true -----------------------------------------------------------------------------------


def rank_of_true(similarities, index):
    own = similarities[index]
    before = (similarities > own).sum()
    tied = (similarities == own).sum() - 1  # without itself
    return 1 + before + tied / 2


def rank_in_a_loop(similarities, index):
    rank = 1.0
    for i, value in enumerate(similarities.tolist()):
        if i != index:
            own = similarities.tolist()[index]
            rank += 1.0 if value > own else 0.5 if value == own else 0.0
    return rank


def rank_as_a_mean_of_places(similarities, index):
    ordered = np.sort(similarities.numpy())[::-1]
    return 1 + np.flatnonzero(ordered == similarities[index].item()).mean()


def from_zero(similarities, index):
    own = similarities[index]
    return (similarities > own).sum() + ((similarities == own).sum() - 1) / 2


def from_the_other_end(similarities, index):
    own = similarities[index]
    return 1 + (similarities < own).sum() + ((similarities == own).sum() - 1) / 2


def where_the_best_is(similarities, index):
    return torch.argmax(similarities)


def sorted_once(similarities, index):
    order = torch.sort(similarities, descending=True, stable=True).indices
    return order[index] + 1


def ties_for_it(similarities, index):
    return 1 + sum(value > similarities[index] for value in similarities)


def ties_against_it(similarities, index):
    return sum(value >= similarities[index] for value in similarities)


def itself_a_rival(similarities, index):
    own = similarities[index]
    return 1 + (similarities > own).sum() + (similarities == own).sum() / 2


# --- pca_to_colour ----------------------------------------------------------------------------------


def pca_to_colour(tokens):
    x = tokens - tokens.mean(0)  # (N, D)
    _, _, directions = torch.linalg.svd(x, full_matrices=False)
    scores = x @ directions[:3].T  # (N, 3)
    low, high = scores.min(0).values, scores.max(0).values
    return (scores - low) / (high - low)


def colours_by_eigh(tokens):
    x = tokens.numpy().astype(float)
    x = x - x.mean(0)
    vectors = np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :3]
    scores = x @ vectors
    return (scores - scores.min(0)) / np.ptp(scores, axis=0)


def colours_from_u(tokens):
    u = torch.linalg.svd(tokens.double() - tokens.double().mean(0), full_matrices=False)[0][:, :3]
    u = -u  # any sign is right
    return torch.stack([(c - c.min()) / (c.max() - c.min()) for c in u.T], 1)


def colours_clipped(tokens):
    from jepa_lite.figures.encoder import pca_colours

    return pca_colours(tokens[None])[0][0]


def not_centred(tokens):
    scores = tokens @ torch.linalg.svd(tokens, full_matrices=False)[2][:3].T
    return (scores - scores.min(0).values) / (scores.max(0).values - scores.min(0).values)


def first_features(tokens):
    first = tokens[:, :3]
    return (first - first.min(0).values) / (first.max(0).values - first.min(0).values)


def weakest_components(tokens):
    x = tokens - tokens.mean(0)
    scores = x @ torch.linalg.eigh(x.T @ x)[1][:, :3]
    return (scores - scores.min(0).values) / (scores.max(0).values - scores.min(0).values)


def standardised(tokens):
    x = (tokens - tokens.mean(0)) / tokens.std(0)
    scores = x @ torch.linalg.svd(x, full_matrices=False)[2][:3].T
    return (scores - scores.min(0).values) / (scores.max(0).values - scores.min(0).values)


def one_scale_for_all(tokens):
    x = tokens - tokens.mean(0)
    scores = x @ torch.linalg.svd(x, full_matrices=False)[2][:3].T
    return (scores - scores.min()) / (scores.max() - scores.min())


def directions_not_tokens(tokens):
    x = tokens - tokens.mean(0)
    return torch.linalg.svd(x, full_matrices=False)[2][:3].T


def four_components(tokens):
    x = tokens - tokens.mean(0)
    return x @ torch.linalg.svd(x, full_matrices=False)[2][:4].T


def centred_per_token(tokens):
    x = tokens - tokens.mean(1, keepdim=True)
    scores = x @ torch.linalg.svd(x, full_matrices=False)[2][:3].T
    return (scores - scores.min(0).values) / (scores.max(0).values - scores.min(0).values)


RIGHT = {
    "rank_of_true": [rank_of_true, rank_in_a_loop, rank_as_a_mean_of_places],
    "pca_to_colour": [pca_to_colour, colours_by_eigh, colours_from_u, colours_clipped],
}
WRONG = {
    "rank_of_true": [
        (from_zero, "counts from 0"),
        (from_the_other_end, "from the other end"),
        (where_the_best_is, "place of the best"),
        (sorted_once, "Sort a second time"),
        (ties_for_it, "counted for the true one"),
        (ties_against_it, "counted against"),
        (itself_a_rival, "its own rival"),
    ],
    "pca_to_colour": [
        (not_centred, "not centred"),
        (first_features, "happens to number them"),
        (weakest_components, "vary LEAST"),
        (standardised, "divided by its std"),
        (one_scale_for_all, "scale is not"),
        (directions_not_tokens, "components themselves"),
        (four_components, "the colours (N, 3) are"),
        (centred_per_token, "own mean is taken off"),
    ],
}
