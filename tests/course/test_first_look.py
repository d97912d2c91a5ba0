"""Claims tested here, of the photograph with which the course opens (course/first_look.py):

1. A patch has the number that counting along the rows gives it, on grids that are not square.
2. The most similar patch is the one of the largest centred cosine, and never the patch itself.
3. The untrained encoder has the trained one's shape and whitened input and other weights; a seed fixes it.
4. What is seen is the photograph in patches, with features of both encoders that differ.
5. A prediction's blocks, vectors and ranks belong together; another seed hides other blocks. Over several
   draws the shipped model ranks the true patch clearly better than guessing does.
6. In the picture that notebook 00 opens with, training moves the cat's other eye up, and its places by other
   random weights and by raw pixels are those that the notebook tells.
7. The controls are the data's numbers, in the order in which they are drawn.
"""

import statistics

import pytest
import torch

from jepa_lite import normalize, patchify, pretrained
from jepa_lite.additions.stretched_positions import stretched
from jepa_lite.course import first_look, results
from jepa_lite.course.first_look import controls, most_alike, patch_at, predict, seen
from jepa_lite.course.pointing import untrained
from jepa_lite.data import PHOTOS, find_image
from jepa_lite.figures.photographs import likeness
from jepa_lite.figures.predictor import true_ranks


def test_patches_are_counted_along_the_rows():
    patch_size, rows, columns = 3, 4, 5
    numbers = torch.arange(rows * columns).view(rows, columns)
    for y in range(rows * patch_size):
        for x in range(columns * patch_size):
            assert patch_at(y, x, patch_size, columns) == numbers[y // patch_size, x // patch_size]


@pytest.mark.parametrize("seed", range(4))
def test_the_most_similar_patch_has_the_largest_cosine(seed):
    tokens = torch.randn(9, 5, generator=torch.Generator().manual_seed(seed)) + 2
    centred = tokens - tokens.mean(0)
    for patch in range(9):
        cosines = torch.cosine_similarity(centred, centred[patch][None])
        found = most_alike(tokens, patch)
        assert found != patch and all(cosines[found] >= cosines[i] for i in range(9) if i != patch)


def test_the_untrained_encoder_shares_the_input_alone():
    model = pretrained("imagenette")
    one, again, other = untrained(model, 1), untrained(model, 1), untrained(model, 2)
    trained, state = model.target_encoder.state_dict(), one.state_dict()
    assert {name: value.shape for name, value in state.items()} == {n: v.shape for n, v in trained.items()}
    assert torch.equal(one.embed.whitening, model.encoder.embed.whitening)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in state.items())
    weights = [name for name, value in state.items() if value.ndim > 1 and "whitening" not in name]
    assert len(weights) > 10 and not any(torch.equal(state[name], trained[name]) for name in weights)
    assert not torch.equal(state[weights[-1]], other.state_dict()[weights[-1]])


def test_what_is_seen_is_the_photograph():
    coffee = seen("coffee")
    assert torch.equal((coffee.image * 255).round().byte(), find_image("coffee", (256, 256)))
    assert coffee.grid == (32, 32) and coffee.patch_size * 32 == 256
    assert coffee.trained.shape == coffee.untrained.shape and len(coffee.trained) == 32 * 32
    assert not torch.allclose(coffee.trained, coffee.untrained, atol=0.1)


def test_a_prediction_belongs_to_its_blocks():
    made = predict("palace", seed=3)
    M, T = made.masks.target_idx.shape[1:]
    assert made.predictions.shape == (M, T, made.targets.shape[1]) and made.ranks.shape == (M, T)
    assert len(made.targets) == made.masks.grid[0] * made.masks.grid[1]
    for m in range(M):
        ranks = true_ranks(made.predictions[m], made.targets, made.masks.target_idx[0, m])
        assert torch.equal(ranks, made.ranks[m])
    assert not torch.equal(predict("palace", seed=4).masks.target_idx, made.masks.target_idx)
    assert not torch.equal(predict("cat", seed=3).targets, made.targets)


def test_predictions_are_better_than_guessing():
    names = list(PHOTOS)[1:4]
    ranks = [predict(name, seed).ranks.mean().item() for name in names for seed in range(4)]
    assert statistics.mean(ranks) < 27, f"{ranks}; guessing gives 32.5"


def test_training_finds_the_other_eye():
    cat, place = seen("cat"), {}
    eye, other = (patch_at(y, x, cat.patch_size, cat.grid[1]) for y, x in ((100, 84), (116, 212)))
    for name, tokens in (("trained", cat.trained), ("untrained", cat.untrained)):
        like = likeness(tokens[None], [eye])[0]
        place[name] = int((like > like[other]).sum())
    assert place["trained"] < 40 and place["untrained"] > 2 * place["trained"], place


@torch.no_grad()
def test_where_other_random_weights_and_pixels_put_that_eye():
    size, model = (256, 256), pretrained("imagenette")
    image = normalize(find_image("cat", size)[None])
    draws = [
        stretched(untrained(model, seed), size).stages(image)[first_look.BLOCK][0] for seed in range(1, 10)
    ]
    eye, other = (patch_at(y, x, 8, 32) for y, x in ((100, 84), (116, 212)))
    likes = [likeness(tokens[None], [eye])[0] for tokens in (*draws, patchify(image, 8)[0])]
    *random, pixels = [int((like > like[other]).sum()) for like in likes]
    assert min(random) == pytest.approx(136, abs=5) and max(random) == pytest.approx(516, abs=10), random
    assert sum(place < 400 for place in random) >= 8 and pixels == pytest.approx(44, abs=2), (random, pixels)


def test_controls_are_the_datas_numbers():
    data = results("real_images")
    chance, pixels, random, ours = controls()
    assert [row["name"] for row in (chance, pixels, random, ours)] == ["chance", "pixels", "random", "ijepa"]
    of = [row for row in data["controls"] if row["data"] == "imagenette"]
    seeds = [row["linear"] for row in of if row["name"] == "random weights"]
    assert len(seeds) == 3 and random["linear"] == pytest.approx(sum(seeds) / 3)
    assert random["linear_std"] == pytest.approx(statistics.stdev(seeds)) and "linear_std" not in ours
    assert ours["knn"] in [row["knn"] for row in data["shipped"] if row["data"] == "imagenette"]
    assert chance["linear"] < random["linear"] < ours["linear"] and pixels["linear"] < ours["linear"]
    assert first_look.SHIPPED.endswith("imagenette")
