"""Answers to the exercises of notebook 06: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

# --- rank_of_spectrum ---------------------------------------------------------------------------------


def rank_of_spectrum(singular):
    shares = singular / singular.sum()
    shares = shares[shares > 0]
    return (-(shares * shares.log()).sum()).exp()


def rank_in_loops(singular):
    total, entropy = sum(singular.tolist()), 0.0
    for value in singular.tolist():
        if value:
            entropy -= value / total * np.log(value / total)
    return float(np.exp(entropy))


def rank_in_bits(singular):
    shares = singular / singular.sum()
    return 2 ** -torch.special.xlogy(shares, shares).div(np.log(2)).sum()


def rank_by_entropy(singular):
    return torch.special.entr(singular / singular.sum()).sum().exp()


def of_variances(singular):
    return rank_of_spectrum(singular**2)


def the_entropy(singular):
    return torch.special.entr(singular / singular.sum()).sum()


def participation(singular):
    return singular.sum() ** 2 / (singular**2).sum()


def mixed_bases(singular):
    shares = singular / singular.sum()
    return (-(shares * shares.log2()).nansum()).exp()


def not_divided(singular):
    shares = singular / singular.max()
    return torch.special.entr(shares).sum().exp()


def counted(singular):
    return torch.count_nonzero(singular)


def log_of_zero(singular):
    shares = singular / singular.sum()
    return (-(shares * shares.log()).sum()).exp()


# --- what_moves ---------------------------------------------------------------------------------------

TABLE = {
    "doubled": (False, False, False),
    "own factor": (True, False, True),
    "shifted": (True, True, False),
    "rotated": (False, True, False),
    "copied": (False, True, False),
    "images shuffled": (True, True, False),
    "places shuffled": (False, False, True),
}


def what_moves(edit):
    rank = edit in ("own factor", "shifted", "images shuffled")
    std = edit in ("shifted", "rotated", "copied", "images shuffled")
    return rank, std, edit in ("own factor", "places shuffled")


def moves_by_table(edit):
    return TABLE[edit]


def moves_as_numbers(edit):
    return [int(answer) for answer in TABLE[edit]]


def _but(edit, part):
    """The right table with one entry turned round."""

    def wrong(asked):
        return tuple(answer != (asked == edit and i == part) for i, answer in enumerate(TABLE[asked]))

    wrong.__name__ = f"{edit} {part}"
    return wrong


# --- fooling_encoder ----------------------------------------------------------------------------------


def _weights(images, D):
    return torch.randn(images[0].numel(), D, generator=torch.Generator().manual_seed(7))


def fooling_encoder(images, N, D):
    pixels = images.flatten(1)
    weights = torch.randn(pixels.shape[1], D, generator=torch.Generator().manual_seed(7))
    features = torch.cos(pixels @ weights)  # of many radians, so that their mean is near 0
    return features[:, None].expand(-1, N, -1)


def by_sines(images, N, D):
    return torch.sin(images.flatten(1) @ _weights(images, D))[:, None].repeat(1, N, 1)


def by_remainders(images, N, D):
    features = (images.flatten(1).double() @ _weights(images, D).double()) % 1.0 - 0.5
    return features[:, None].expand(-1, N, -1)


def by_image(images, N, D):
    rows = []
    for image in images:
        code = torch.cos(3 * image.flatten() @ _weights(images, D))
        rows.append(torch.stack([code] * N))
    return torch.stack(rows)


def always_ones(images, N, D):
    return torch.ones(len(images), N, D)


def places_only(images, N, D):
    table = torch.randn(1, N, D, generator=torch.Generator().manual_seed(0))
    return table.expand(len(images), -1, -1)


def places_in_the_codes(images, N, D):
    return fooling_encoder(images, N, D) * torch.linspace(-1, 1, N)[:, None]


def projected(images, N, D):
    return (images.flatten(1) @ _weights(images, D))[:, None].expand(-1, N, -1) + 100.0


def whole_batch(images, N, D):
    features = images.flatten(1) @ _weights(images, D)
    features = features - features.mean(0)
    return torch.cos(9 * features)[:, None].expand(-1, N, -1)


def one_token(images, N, D):
    return fooling_encoder(images, N, D)[:, 0]


RIGHT = {
    "rank_of_spectrum": [rank_of_spectrum, rank_in_loops, rank_in_bits, rank_by_entropy],
    "what_moves": [what_moves, moves_by_table, moves_as_numbers],
    "fooling_encoder": [fooling_encoder, by_sines, by_remainders, by_image],
}
WRONG = {
    "rank_of_spectrum": [
        (of_variances, "shares of the SQUARES"),
        (the_entropy, "This is the entropy; the"),
        (participation, "participation ratio"),
        (mixed_bases, "base 2"),
        (not_divided, "divided by the largest"),
        (counted, "ordinary rank"),
        (log_of_zero, "adds nothing"),
    ],
    "what_moves": [
        (_but("doubled", 1), "before its std is taken"),
        (_but("own factor", 2), "no mean of a place explains"),
        (_but("shifted", 0), "RankMe is not centred"),
        (_but("rotated", 1), "makes other coordinates"),
        (_but("copied", 0), "the root of 2, and the shares stay"),
        (_but("images shuffled", 2), "keeps its tokens"),
        (_but("places shuffled", 1), "mean over places only"),
    ],
    "fooling_encoder": [
        (always_ones, "effective rank is 1.0"),
        (places_only, "own-image rank is 1.0"),
        (places_in_the_codes, "own-image rank is 4"),
        (projected, "effective rank is 5"),
        (whole_batch, "one image at a time"),
        (one_token, "are wanted, not a Tensor"),
    ],
}
