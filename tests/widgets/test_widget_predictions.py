"""Claims tested here, of the prediction explorer without a browser:

1. The masks of a hole are a plain loop's: every place once, all patches within reach as context, none of
   the hole; a hole that does not fit or leaves nothing is refused.
2. Predictions, nearest patches, ranks and cosines are a plain loop's, however many places go in one pass.
3. Targets are those of the whole batch, which "place" norms need.
4. A perfect predictor ranks first, and predictions that say nothing rank at chance.
5. Every control can be moved to every end: the tables then hold that setting, or one sentence says why not
   and the last tables stay, static figure included.
6. The sprite holds every image at its place, without loss while it is small.
7. What cannot be shown is refused in one sentence. A pixel baseline can be shown.
8. The static figure shows the hole where it is; without a front end as a JPEG with alt text.
"""

import base64
import dataclasses
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from jepa_lite import ModelConfig
from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.data import normalize
from jepa_lite.widgets import PredictionExplorer, predictions
from jepa_lite.widgets.predictions import _sprite, answer, hole_masks

CONFIG = ModelConfig(
    image_size=(12, 20), patch_size=4, width=16, depth=2, heads=2, predictor_width=8, predictor_depth=1,
    predictor_heads=2, target_norm="place",
)  # fmt: skip
GRID, N, n = (3, 5), 15, 4


def images(count=n, size=(12, 20), seed=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, *size), dtype=torch.uint8, generator=generator)


def explorer(**settings):
    return PredictionExplorer(make_model(CONFIG, seed=1), images(), **{"hole": (2, 2)} | settings)


def tables(widget):
    (h, w), k = widget.drawn["size"], widget.drawn["k"]
    places = (GRID[0] - h + 1) * (GRID[1] - w + 1)
    nearest = np.frombuffer(widget.nearest, np.uint32).reshape(places, h * w, k)
    return nearest, np.frombuffer(widget.scores, np.float32).reshape(places, h * w, 3)


def loop_holes(grid, size, reach):
    """[(hidden patches, context patches)] for every place, in reading order."""
    patches = {r * grid[1] + c: (r, c) for r in range(grid[0]) for c in range(grid[1])}
    for top in range(grid[0] - size[0] + 1):
        for left in range(grid[1] - size[1] + 1):
            hole = [i for i, (r, c) in patches.items() if 0 <= r - top < size[0] and 0 <= c - left < size[1]]
            near = [
                i
                for i, (r, c) in patches.items()
                if any(max(abs(r - patches[j][0]), abs(c - patches[j][1])) <= reach for j in hole)
            ]
            yield hole, [i for i in near if i not in hole]


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(3, 5), (4, 2), (1, 6)], ids=str)
@pytest.mark.parametrize("reach", [1, 2, 9, 10**20])
def test_the_masks_are_those_of_a_loop(grid, reach):
    for h in range(1, grid[0] + 1):
        for w in range(1, grid[1] + 1):
            if (h, w) == grid:
                continue
            masks, expected = hole_masks(grid, (h, w), reach), list(loop_holes(grid, (h, w), reach))
            assert len(masks) == len(expected) and masks.target_size == (h, w)
            for i, (hole, context) in enumerate(expected):
                assert masks.target_idx[i].tolist() == [hole]
                assert masks.context_idx[i][masks.context_keep[i]].tolist() == context


@pytest.mark.parametrize("size", [(3, 5), (4, 1), (0, 2), (2, -1), (1, 6)])
def test_holes_that_leave_nothing_are_refused(size):
    with pytest.raises(
        ValueError, match="a hole of {} by {} patches must fit a grid of 3 by 5".format(*size)
    ):
        hole_masks(GRID, size, 2)


def test_a_reach_of_nothing_is_refused():
    with pytest.raises(ValueError, match="reach must be at least 1"):
        hole_masks(GRID, (2, 2), 0)


# 2 to 4 --------------------------------------------------------------------------------------------------


def cosines(vector, bank):
    return F.cosine_similarity(vector[None].double(), bank.double(), dim=-1)


@pytest.mark.parametrize("reach", [1, 9])
@pytest.mark.parametrize("image", [0, 3])
@pytest.mark.parametrize("part", [1, 5, 64])
def test_answers_are_those_of_a_loop(reach, image, part, monkeypatch):
    monkeypatch.setattr(predictions, "PART", part)
    model, size = make_model(CONFIG, seed=1), (2, 3)
    x = normalize(images())
    bank, masks = model.targets(x), hole_masks(GRID, size, reach)
    found = answer(model, x, bank, image, masks)
    for place, (hole, context) in enumerate(loop_holes(GRID, size, reach)):
        with torch.no_grad():
            tokens = model.encoder(x[image][None], torch.tensor([context]))
            said = model.predictor(tokens, torch.tensor([context]), torch.tensor([[hole]]))[0, 0]
        torch.testing.assert_close(found.vectors[place], said, atol=1e-5, rtol=1e-4)
        for t, patch in enumerate(hole):
            vector = found.vectors[place, t]
            similar = torch.stack([cosines(vector, bank[i]) for i in range(n)])  # (n, N)
            others = {i * N + p: similar[i, p].item() for i in range(n) for p in range(N) if i != image}
            best = sorted(others, key=others.get, reverse=True)[:5]
            assert found.nearest[place, t].tolist() == best
            own = similar[image, patch].item()
            rank, here, cosine = found.scores[place, t].tolist()
            assert rank == 1 + sum(value > own for value in others.values())
            assert here == 1 + sum(similar[i, patch].item() > own for i in range(n))
            assert cosine == pytest.approx(own, abs=1e-5)


def test_the_bank_is_the_targets_of_the_whole_batch():
    widget, model = explorer(), make_model(CONFIG, seed=1)
    torch.testing.assert_close(widget._bank, model.targets(normalize(images())))
    each = torch.cat([model.targets(normalize(images())[i : i + 1]) for i in range(n)])
    assert (widget._bank - each).abs().max() > 0.5, "one by one, a norm over the batch leaves nothing"


class Saying:
    """A model that predicts the vectors it was given, (N, D) for image 0, whatever it sees."""

    def __init__(self, vectors):
        self.vectors = vectors

    def predict(self, _, masks):
        return self.vectors[masks.target_idx]


def test_the_truth_ranks_first_and_saying_nothing_ranks_at_chance():
    bank = torch.randn(n, N, 12, generator=torch.Generator().manual_seed(5))
    x, masks = normalize(images()), hole_masks(GRID, (2, 2), 9)
    truth = answer(Saying(bank[0]), x, bank, 0, masks).scores
    assert (truth[..., :2] == 1).all() and abs(truth[..., 2] - 1).max() < 1e-5
    same = bank[:1, :1].expand(n, N, 12)
    nothing = answer(Saying(bank[1]), x, same, 0, masks).scores
    assert (nothing[..., 0] == ((n - 1) * N + 2) / 2).all(), "all targets alike: the middle of 46"
    assert (nothing[..., 1] == (n + 1) / 2).all()


# 5 -------------------------------------------------------------------------------------------------------

MOVES = [{"image": i} for i in (0, 3)] + [{"reach": r} for r in (1, 2, 5)]
MOVES += [{"hole_rows": h, "hole_columns": w} for h in (1, 2, 3) for w in (1, 3, 5) if (h, w) != (3, 5)]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_every_move_shows_its_own_tables(move):
    widget = explorer()
    widget.set_state(move)
    assert widget.trouble == ""
    size, image, reach = (widget.hole_rows, widget.hole_columns), widget.image, widget.reach
    assert widget.drawn == {"image": image, "size": list(size), "reach": reach, "k": 5}
    model, x = make_model(CONFIG, seed=1), normalize(images())
    expected = answer(model, x, model.targets(x), image, hole_masks(GRID, size, reach))
    nearest, scores = tables(widget)
    np.testing.assert_array_equal(nearest, expected.nearest)
    np.testing.assert_allclose(scores, expected.scores, atol=1e-5)


IMPOSSIBLE = [
    ({"hole_rows": 3, "hole_columns": 5}, "must fit a grid of 3 by 5 and leave some"),
    ({"hole_rows": 0}, "a hole of 0 by 2"), ({"hole_columns": 6}, "a hole of 2 by 6"),
    ({"image": 4}, "image must be from 0 to 3, not 4"), ({"image": -1}, "not -1"),
    ({"reach": 0}, "reach must be at least 1"), ({"reach": -3}, "not -3"),
]  # fmt: skip


@pytest.mark.parametrize("move, sentence", IMPOSSIBLE, ids=[sentence for _, sentence in IMPOSSIBLE])
def test_impossible_moves_are_said_and_the_last_tables_stay(move, sentence):
    widget = explorer()
    held = widget.drawn, widget.nearest, widget.scores, widget.figure().alt_text
    back = {name: getattr(widget, name) for name in move}
    widget.set_state(move)
    assert sentence in widget.trouble and "the last predictions stay" in widget.trouble
    assert held == (widget.drawn, widget.nearest, widget.scores, widget.figure().alt_text)
    widget.set_state(back)
    assert widget.trouble == "" and held[1:3] == (widget.nearest, widget.scores)
    with pytest.raises(ValueError, match=sentence):
        hole = move.get("hole_rows", 2), move.get("hole_columns", 2)
        explorer(hole=hole, image=move.get("image", 0), reach=move.get("reach"))


# 6 and 7 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 4, 5, 7])
def test_the_sprite_holds_every_image_at_its_place(count):
    data, columns = _sprite(images(count))
    sheet = np.asarray(Image.open(io.BytesIO(data)))
    for i, image in enumerate(images(count)):
        top, left = i // columns * 12, i % columns * 20
        found = sheet[top : top + 12, left : left + 20]
        assert (found == image.permute(1, 2, 0).numpy()).all(), f"image {i} of {count}"


def test_a_large_sprite_is_compressed():
    data, columns = _sprite(images(6, (640, 640)))
    assert columns == 3 and Image.open(io.BytesIO(data)).format == "JPEG"


BAD = [
    (images().float(), {}, "uint8"),
    (images(size=(12, 16)), {}, r"\(n, 3, 12, 20\) for this model, not torch.uint8 \(4, 3, 12, 16\)"),
    (images()[0], {}, r"images must be \(n, 3"),
    (images(1), {}, "at least two images"),
    (images(1).expand(46_700, -1, -1, -1), {}, "give fewer"),
]


@pytest.mark.parametrize("given, settings, sentence", BAD, ids=[sentence for *_, sentence in BAD])
def test_what_cannot_be_shown_is_refused_in_a_sentence(given, settings, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        PredictionExplorer(make_model(CONFIG), given, **settings)
    assert "\n" not in str(caught.value)


def test_weights_that_diverged_are_refused():
    model = make_model(CONFIG)
    with torch.no_grad():
        model.predictor.proj.weight[0] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        PredictionExplorer(model, images(), (2, 2))


def test_a_pixel_baseline_is_shown_too():
    baseline = make_model(dataclasses.replace(CONFIG, predicts="pixels"), seed=1)
    widget = PredictionExplorer(baseline, images(), (1, 2))
    nearest, scores = tables(widget)
    assert nearest.min() >= N, "image 0 is shown, so all neighbours are of others"
    assert (scores[..., 0] >= 1).all() and (scores[..., 0] <= (n - 1) * N + 1).all() and scores.std() > 0


def test_two_images_are_enough_and_then_there_are_fewer_neighbours():
    tiny = ModelConfig(image_size=(4, 8), patch_size=4, width=8, depth=1, heads=1, predictor_heads=1)
    widget = PredictionExplorer(make_model(tiny), images(2, (4, 8)), (1, 1))
    assert widget.drawn["k"] == 2
    assert sorted(np.frombuffer(widget.nearest, np.uint32).reshape(2, 2)[0]) == [2, 3]


# 8 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corner", [[0, 0], [1, 3], [0, 3], [1, 1], [99, -7]])
def test_the_static_figure_shows_the_hole_where_it_is(corner):
    widget = explorer(image=2)
    widget.set_state({"corner": corner})
    top, left = min(max(corner[0], 0), 1), min(max(corner[1], 0), 3)
    fig = widget.figure()
    fig.canvas.draw()
    hole = [(top + r, left + c) for r in range(2) for c in range(2)]
    marks = [p for p in fig.axes[0].patches if p.get_gid() == "hidden"]
    assert [(round((p.get_y() + 0.5) / 4), round((p.get_x() + 0.5) / 4)) for p in marks] == hole
    place = top * 4 + left
    ranks = tables(widget)[1][place, :, 0]
    said = [text.get_text() for ax in fig.axes for text in ax.texts if text.get_gid()]
    assert [f"rank {rank:g} of 46" in words for rank, words in zip(ranks, said, strict=True)] == [True] * 4


def test_the_static_figure_shows_without_a_front_end():
    widget = explorer()
    data, about = widget._repr_mimebundle_()
    picture = base64.b64decode(data["image/jpeg"])
    assert Image.open(io.BytesIO(picture)).format == "JPEG" and len(picture) < 150_000
    assert about["image/jpeg"]["alt"] == widget.figure().alt_text in data["text/plain"]
