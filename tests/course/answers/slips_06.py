"""More wrong answers to the exercises of notebook 06: (the mistake, the answer, words of what it is told)."""

import math

import torch

# --- rank_of_spectrum ---------------------------------------------------------------------------------


def _entropy(shares):
    return torch.special.entr(shares).sum()


def normalised_in_place(s):
    s /= s.sum()
    return _entropy(s).exp()


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


def _turned(edit, part):
    return lambda asked: [right != ((asked, i) == (edit, part)) for i, right in enumerate(TABLE[asked])]


# --- fooling_encoder ----------------------------------------------------------------------------------


def _code(images, D, seed=1):
    weights = torch.randn(images[0].numel(), D, generator=torch.Generator().manual_seed(seed))
    return images.flatten(1) @ weights


def _everywhere(code, N):
    return code[:, None].expand(-1, N, -1)


def drawn_anew(images, N, D):
    return _everywhere(torch.randn(len(images), D), N)


def half_places(images, N, D):
    tokens = _everywhere(torch.cos(_code(images, D)), N).clone()
    tokens[:, : N // 2] *= -1
    return tokens


def with_a_table(images, N, D):
    table = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
    return _everywhere(torch.cos(_code(images, D)), N) + 3 * table


def copied_channels(images, N, D):
    few = torch.cos(_code(images, D // 4))
    return _everywhere(few.repeat(1, 4), N)


def writes_into_the_images(images, N, D):
    images -= images.mean((1, 2, 3), keepdim=True)
    return _everywhere(torch.cos(_code(images, D)), N)


def one_strong_channel(images, N, D):
    code = torch.cos(_code(images, D))
    code[:, 0] *= 50
    return _everywhere(code, N)


SLIPS = {
    "rank_of_spectrum": [
        ("squares", lambda s: _entropy(s**2 / (s**2).sum()).exp(), "shares of the SQUARES"),
        ("roots", lambda s: _entropy(s.sqrt() / s.sqrt().sum()).exp(), "shares of the SQUARES"),
        ("no exp", lambda s: _entropy(s / s.sum()), "This is the entropy; the"),
        ("no minus", lambda s: (-_entropy(s / s.sum())).exp(), "lost its minus"),
        ("2 to nats", lambda s: 2 ** _entropy(s / s.sum()), "base 2"),
        ("softmax", lambda s: _entropy(torch.softmax(s, 0)).exp(), "softmax"),
        ("over the largest", lambda s: _entropy(s / s.max()).exp(), "divided by the largest"),
        ("over the length", lambda s: _entropy(s / s.norm()).exp(), "divided by their length"),
        ("over D", lambda s: _entropy(s / s.sum()).exp() / len(s), "do not divide by D"),
        ("over log D", lambda s: _entropy(s / s.sum()) / math.log(len(s)), "share of its maximum"),
        ("ordinary rank", lambda s: torch.linalg.matrix_rank(s.diag()), "ordinary rank"),
        ("stable rank", lambda s: (s**2).sum() / s.max() ** 2, "a stable rank"),
        ("no weights", lambda s: -(s / s.sum()).log().sum(), "not weighted"),
        ("nan at 0", lambda s: (-(s / s.sum() * (s / s.sum()).log()).sum()).exp(), "adds nothing"),
        ("in place", normalised_in_place, "changes its input"),
        ("in a row", lambda s: _entropy(s / s.sum()).exp()[None], "axis of size 1 is too many"),
        ("raw", lambda s: _entropy(s).exp(), None),
    ],
    "what_moves": [
        ("rank doubles", _turned("doubled", 0), "their shares stay"),
        ("share doubles", _turned("doubled", 2), "both variances grow by 4"),
        ("rank keeps", _turned("own factor", 0), "weighs more in the matrix"),
        ("std by factor", _turned("own factor", 1), "takes its factor away"),
        ("std shifted", _turned("shifted", 1), "BEFORE they are normalised"),
        ("share shifted", _turned("shifted", 2), "drops out of every variance"),
        ("rank rotated", _turned("rotated", 0), "leaves singular values"),
        ("std copied", _turned("copied", 1), "smaller by the root of 2"),
        ("rank of shuffled images", _turned("images shuffled", 0), "pooled feature is another one"),
        ("share of shuffled places", _turned("places shuffled", 2), "no mean of their own"),
        ("all move", lambda edit: (True, True, True), "their shares stay"),
        ("none moves", lambda edit: (False, False, False), "weighs more in the matrix"),
        ("words", lambda edit: ("yes", "no", "no"), "True or False each"),
        ("one answer", lambda edit: True, "three answers"),
    ],
    "fooling_encoder": [
        ("zeros", lambda images, N, D: torch.zeros(len(images), N, D), "effective rank is 0.0"),
        ("noise", drawn_anew, "one image at a time"),
        ("two halves", half_places, "must not tell its places apart"),
        ("a table as well", with_a_table, "must not tell its places apart"),
        ("copies", copied_channels, "differ in many directions"),
        ("not centred", lambda images, N, D: _everywhere(torch.cos(_code(images, D)) + 9, N), "not centred"),
        ("mean colour", lambda images, N, D: _everywhere(images.mean((1, 2, 3))[:, None].expand(-1, D), N),
         "differ in many directions"),
        ("one strong channel", one_strong_channel, "differ in many directions"),
        ("pooled", lambda images, N, D: torch.cos(_code(images, D)), "are wanted, not a Tensor"),
        ("swapped", lambda images, N, D: _everywhere(torch.cos(_code(images, D)), N).mT,
         "are wanted, not a Tensor"),
        ("nan", lambda images, N, D: _everywhere(_code(images, D).sqrt(), N), "nan or infinite"),
        ("in place", writes_into_the_images, "changes its input"),
        ("numbered", lambda images, N, D: _everywhere(torch.cos(
            torch.arange(len(images))[:, None] * torch.arange(1.0, D + 1) * images.mean()), N),
         "one image at a time"),
    ],
}  # fmt: skip
