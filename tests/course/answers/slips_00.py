"""More wrong answers to the exercises of notebook 00: (the mistake, the answer, words of what it is told)."""

import math
import sys

import torch
import torch.nn.functional as F


def leaves_the_notebook(y, x, patch_size, columns):
    sys.exit("done")


def silent_in_the_first_row(y, x, patch_size, columns):
    if y >= patch_size:
        return y // patch_size * columns + x // patch_size


def row_and_column(y, x, patch_size, columns):
    return y // patch_size, x // patch_size


def _cosine(tokens, patch, centre=True):
    centred = tokens - tokens.mean(0) if centre else tokens
    return F.cosine_similarity(centred, centred[patch][None])


def _best(scores, patch):
    scores = scores.clone()
    scores[patch] = -torch.inf
    return int(scores.argmax())


def takes_it_out(tokens, patch):
    scores = _cosine(tokens, patch)
    return int(torch.cat([scores[:patch], scores[patch + 1 :]]).argmax())


def second_of_the_rest(tokens, patch):
    return int(_cosine(tokens, patch).argsort(descending=True)[2])


def normalises_in_place(tokens, patch):
    tokens -= tokens.mean(0)
    tokens /= tokens.norm(dim=1, keepdim=True)
    return _best(tokens @ tokens[patch], patch)


def _by_channel(tokens, patch):
    unit = F.normalize(tokens - tokens.mean(0), dim=0)
    return unit @ unit[patch], patch


def its_cosine(tokens, patch):
    return float(_cosine(tokens, patch).topk(2).values[1])


SLIPS = {
    "patch_at": [
        ("down the columns", lambda y, x, p, c: y // p + x // p * p, "down the columns first"),
        ("pixels in rows of columns", lambda y, x, p, c: y * c + x, "numbers the pixels"),
        ("divided at the end", lambda y, x, p, c: (y * c + x) // p, "Divided too late"),
        ("pixel over area", lambda y, x, p, c: (y * c * p + x) // (p * p), "Divided too late"),
        ("rows from 1", lambda y, x, p, c: (y // p + 1) * c + x // p, "Off by one row"),
        ("minus one", lambda y, x, p, c: y // p * c + x // p - 1, "one patch too few"),
        ("rounded", lambda y, x, p, c: round(y / p) * c + round(x / p), "rounds to the nearest"),
        ("rounded up", lambda y, x, p, c: math.ceil(y / p) * c + math.ceil(x / p), "rounds up"),
        ("sum", lambda y, x, p, c: y // p + x // p, "are added"),
        ("row alone", lambda y, x, p, c: y // p, "row alone"),
        ("start of the row", lambda y, x, p, c: y // p * c, "first patch of its row"),
        ("% for x", lambda y, x, p, c: y // p * c + x % p, "place WITHIN"),
        ("% for both", lambda y, x, p, c: (y % p) * c + x % p, "place WITHIN"),
        ("sys.exit", leaves_the_notebook, "ends the whole program"),
        ("nothing in row 0", silent_in_the_first_row, "returns nothing, though others"),
        ("a pair", row_and_column, "it gives (2,), and one whole number is ()"),
        ("twice", lambda y, x, p, c: 2 * (y // p * c + x // p), "times"),
        ("as text", lambda y, x, p, c: str(y // p * c + x // p), "gives a str"),
        ("another width", lambda y, x, p, c: y // p * (c - 1) + x // p, None),
    ],
    "most_alike": [
        ("itself", lambda t, p: int(_cosine(t, p).argmax()), "the patch itself, which"),
        ("not centred", lambda t, p: _best(_cosine(t, p, centre=False), p), "what every patch has"),
        ("product", lambda t, p: _best((t - t.mean(0)) @ (t[p] - t.mean(0)), p), "long tokens win"),
        ("plain product", lambda t, p: _best(t @ t[p], p), "with their mean still in them"),
        ("distance", lambda t, p: _best(-(t - t[p]).square().sum(1), p), "nearest token by distance"),
        ("the least", lambda t, p: int(_cosine(t, p).argmin()), "LEAST alike"),
        ("mean of each token", lambda t, p: _best(_cosine(t - t.mean(1)[:, None], p, False), p), "dim 0"),
        ("absolute", lambda t, p: _best(_cosine(t, p).abs(), p), "Opposite counts as alike"),
        ("second", second_of_the_rest, "second most alike"),
        ("lengths by channel", lambda t, p: _best(*_by_channel(t, p)), "wrong axis"),
        ("from 1", lambda t, p: _best(_cosine(t, p), p) + 1, "numbered from 0"),
        ("taken out", takes_it_out, "moved by one"),
        ("in place", normalises_in_place, "changes its input"),
        ("all of them", lambda t, p: _cosine(t, p), "and one whole number is ()"),
        ("as text", lambda t, p: str(_best(_cosine(t, p), p)), "gives a str"),
        ("the cosine", its_cosine, None),
    ],
}
