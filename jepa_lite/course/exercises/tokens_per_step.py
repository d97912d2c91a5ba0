"""Exercise of notebook 11: the tokens that a step reads."""

from ...method.patches import grid_size
from ...training.cost import count_tokens
from .engine import exercise


def tokens_per_step(image_size, patch_size, batch, K, M, T):
    """Tokens that (target encoder, context encoder, predictor) read in a step, without padding."""
    rows, columns = grid_size(image_size, patch_size)
    return batch * rows * columns, batch * K, batch * M * (K + T)


def _changed(place, change):
    """`tokens_per_step` with one of its three numbers made otherwise."""

    def wrong(image_size, patch_size, batch, K, M, T):
        right = list(tokens_per_step(image_size, patch_size, batch, K, M, T))
        N = right[0] // batch
        right[place] = change(image_size, patch_size, batch, K, M, T, N)
        return tuple(right)

    return wrong


def _one_image(place):
    def wrong(image_size, patch_size, batch, K, M, T):
        right = list(tokens_per_step(image_size, patch_size, batch, K, M, T))
        right[place] //= batch
        return tuple(right)

    return wrong


exercise(
    name="tokens_per_step",
    notebook="11",
    answer=tokens_per_step,
    traps=lambda: {
        "A batch may be one image.": ((24, 16), 8, 1, 3, 2, 2),
        "There may be one block of one patch.": ((24, 16), 8, 3, 4, 1, 1),
    },
    parts=("the target encoder's", "the context encoder's", "the predictor's"),
    # No two counts are equal, no image is square, and K + M*T is never N: targets overlap.
    cases=lambda: [((64, 96), 8, 5, 40, 4, 17), ((48, 32), 4, 7, 51, 3, 16), ((28, 70), 7, 2, 11, 5, 6)],
    returns="(target encoder, context encoder, predictor)",
    hint="Ask of each network what it is shown, for one image, then multiply by the batch. The target "
    "encoder sees the whole image, the context encoder K patches. The predictor answers each of the M blocks "
    "in a sequence of its own: the context, and a mask token for each patch asked for.",
    source=(tokens_per_step, count_tokens),
    mistakes=(
        (
            "The predictor reads the context once for EACH target block: M sequences of K + T tokens. That "
            "is why it is narrow.",
            _changed(2, lambda size, P, B, K, M, T, N: B * (K + M * T)),
        ),
        (
            "The predictor reads more than its mask tokens: without the context it would have nothing to "
            "answer from.",
            _changed(2, lambda size, P, B, K, M, T, N: B * M * T),
        ),
        (
            "The predictor answers M blocks, each in a sequence of its own: K + T tokens, M times.",
            _changed(2, lambda size, P, B, K, M, T, N: B * (K + T)),
        ),
        (
            "Brackets are missing: each of the M blocks has a sequence of K + T, so it is M * (K + T).",
            _changed(2, lambda size, P, B, K, M, T, N: B * (M * K + T)),
            _changed(2, lambda size, P, B, K, M, T, N: B * M * K + T),
            _changed(2, lambda size, P, B, K, M, T, N: B * M * K),
            _changed(2, lambda size, P, B, K, M, T, N: B * K + M * T),
        ),
        (
            "The predictor's sequence holds K and T tokens one after the other: K + T, not K * T.",
            _changed(2, lambda size, P, B, K, M, T, N: B * M * K * T),
        ),
        (
            "The predictor is given the context encoder's K tokens, not all N of the image.",
            _changed(2, lambda size, P, B, K, M, T, N: B * M * (N + T)),
            _changed(2, lambda size, P, B, K, M, T, N: B * M * N),
            _changed(2, lambda size, P, B, K, M, T, N: B * N),
        ),
        (
            "The context encoder runs once for each image, not once for each block: its tokens are reused.",
            _changed(1, lambda size, P, B, K, M, T, N: B * K * M),
        ),
        (
            "The target encoder runs once for each image, not once for each block.",
            _changed(0, lambda size, P, B, K, M, T, N: B * N * M),
        ),
        (
            "Targets are already out of the context: K patches are what it has, so take nothing off.",
            _changed(1, lambda size, P, B, K, M, T, N: B * (K - M * T)),
            _changed(1, lambda size, P, B, K, M, T, N: B * (N - M * T)),
            _changed(1, lambda size, P, B, K, M, T, N: B * (N - K)),
        ),
        (
            "The target encoder sees context and targets alike: all N patches, nothing is taken off.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (N - K)),
            _changed(0, lambda size, P, B, K, M, T, N: B * (N - M * T)),
            _changed(0, lambda size, P, B, K, M, T, N: B * (K + M * T)),
        ),
        (
            "A token is a patch, not a pixel: divide height AND width by P.",
            _changed(0, lambda size, P, B, K, M, T, N: B * size[0] * size[1]),
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[0] * size[1] // P)),
            _changed(0, lambda size, P, B, K, M, T, N: B * size[0] * size[1] * 3),
        ),
        (
            "Rows and columns of the grid are multiplied, not added.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[0] // P + size[1] // P)),
        ),
        (
            "There is one token too many for each image, as if there were a class token. I-JEPA has none.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (N + 1)),
            lambda size, P, B, K, M, T: (
                B * (size[0] * size[1] // P**2 + 1),
                B * (K + 1),
                B * M * (K + T + 1),
            ),
        ),
        *(
            (f"{who} number is of one image: a step shows it a whole batch.", _one_image(place))
            for place, who in enumerate(("The target encoder's", "The context encoder's", "The predictor's"))
        ),
        (
            "The target encoder reads the WHOLE image and is asked for the targets afterwards: its input is "
            "never masked (the paper measured that, too: 56.1 against 67.3).",
            _changed(0, lambda size, P, B, K, M, T, N: B * M * T),
        ),
        (
            "The context encoder reads its K patches and no other: that is what makes a step cheap, and "
            "keeps the answer out of the question.",
            _changed(1, lambda size, P, B, K, M, T, N: B * N),
        ),
        (
            "The image need not be square: rows are height / P, columns are width / P.",
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[0] // P) ** 2),
            _changed(0, lambda size, P, B, K, M, T, N: B * (size[1] // P) ** 2),
        ),
        (
            "These are the tokens of one image: a step shows the networks a whole batch.",
            lambda size, P, B, K, M, T: tokens_per_step(size, P, 1, K, M, T),
        ),
    ),
)
