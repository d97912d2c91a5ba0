"""jepa_lite.evaluation.measures, on inputs whose answer is known.

1. Effective rank: k equal singular values give k, one direction gives 1, and any spectrum its entropy.
2. Features that are all equal give 1 (0 when centred), never NaN and never the full rank of rounding noise.
3. RankMe falls to 1 as a shared direction grows; the centred rank does not move, and neither sees scale.
4. Feature std is 1/sqrt(D) for even directions and 0 for equal ones, whatever the lengths.
5. Position share is 1 for position alone, 1/B for noise, 0 for constants, and in between as mixed.
6. The alignment gap compares at the same place, equals a plain loop, and is large only for content.
7. Positional collapse looks healthy within an image; share, gap and POOLED rank and std show it.
8. Address gain is 1 for predictions that ignore the place, above 1 for others, and equals a plain loop.
9. Own-image rank is 1 for perfect answers, the middle for one answer for all places, and equals a plain loop.
10. Mask coverage equals a count by hand: padding is not seen, overlapping targets count once.
11. `measure` gives those numbers for both models, draws no random number and changes nothing.
12. NaN, infinity, wrong shapes and a lone image are refused in a sentence.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jepa_lite.baselines.pixel_target import PixelBaseline
from jepa_lite.config import MASK_RULES, MaskConfig, ModelConfig
from jepa_lite.evaluation import measures
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.method.masks import Masks, sample_masks
from jepa_lite.method.patches import take


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def with_spectrum(singular, n, D, seed=0):
    """A matrix (n, D) with these singular values, turned every way."""
    k = len(singular)
    left, _ = torch.linalg.qr(randn(n, k, seed=seed))
    right, _ = torch.linalg.qr(randn(D, k, seed=seed + 1))
    return left @ torch.diag(torch.tensor(singular)) @ right.T


# --- effective rank ---


@given(st.integers(1, 11), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_k_equal_singular_values_have_rank_k(k, size, seed):
    rank = measures.effective_rank(with_spectrum([size] * k, 37, 11, seed))
    assert rank == pytest.approx(k, rel=1e-3), f"{k} equal singular values of {size} gave rank {rank}"


def test_the_rank_is_the_entropy_of_the_spectrum():
    singular = [5.0, 2.0, 1.0, 0.5, 0.01]
    share = np.array(singular) / np.sum(singular)
    expected = math.exp(-(share * np.log(share)).sum())
    rank = measures.effective_rank(with_spectrum(singular, 23, 9))
    assert rank == pytest.approx(expected, rel=1e-4), f"rank {rank}, by hand {expected}"


def test_noise_in_all_directions_has_nearly_full_rank():
    rank = measures.effective_rank(randn(4000, 13))
    assert 12.9 < rank <= 13, f"rank {rank} of isotropic noise in 13 dimensions"


@pytest.mark.parametrize("scale", [1.0, 1e-4, 3e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_equal_rows_have_rank_one_or_zero_and_not_that_of_rounding(scale, dtype):
    rows = (randn(1, 19) * scale).to(dtype).expand(301, 19)
    ranks = measures.effective_rank(rows), measures.effective_rank(rows, center=True)
    assert ranks == (pytest.approx(1.0), 0.0), f"equal rows of {dtype} gave {ranks}"


def test_what_rounding_leaves_of_equal_rows_is_not_rank():
    rounded = randn(1, 19) * (1 + 1e-7 * randn(301, 19, seed=1))
    rank = measures.effective_rank(rounded, center=True)
    assert rank == 0, f"rounding noise of 1e-7 counted as rank {rank}"


def test_rank_of_nothing_is_zero():
    assert measures.effective_rank(torch.zeros(5, 3)) == 0.0


def test_a_shared_direction_lowers_rankme_and_not_the_centred_rank():
    spread, shared = randn(500, 16), randn(1, 16, seed=1)
    rankme = [measures.effective_rank(spread + s * shared) for s in (0, 10, 1000)]
    centred = [measures.effective_rank(spread + s * shared, center=True) for s in (0, 10, 1000)]
    assert rankme[0] > 15 > 10 > rankme[1] > 1.5 and rankme[2] < 1.1, f"RankMe {rankme}"
    assert centred == pytest.approx([centred[0]] * 3, rel=1e-3), f"centred {centred}"


def test_the_rank_does_not_see_scale():
    x = randn(40, 7)
    ranks = [measures.effective_rank(x * s) for s in (1, 1e-9, 1e9)]
    assert ranks == pytest.approx([ranks[0]] * 3, rel=1e-5), f"{ranks}"


# --- feature std ---


@pytest.mark.parametrize("D", [5, 64])
def test_even_directions_have_a_std_of_one_over_root_d(D):
    lengths = randn(5000, 1, seed=1).exp()  # images' features may be short or long: only directions count
    std = measures.feature_std(randn(5000, D) * lengths)
    assert std == pytest.approx(D**-0.5, rel=0.02), f"std {std}, not {D**-0.5}"


def test_equal_directions_have_no_std():
    lengths = randn(300, 1, seed=1).exp()
    std = measures.feature_std(randn(1, 17) * lengths)
    assert std < 1e-6, f"std {std}"


def test_feature_std_of_two_opposite_features():
    std = measures.feature_std(torch.tensor([[3.0, 4.0], [-6.0, -8.0]]))
    assert std == pytest.approx((0.6 + 0.8) / 2), (
        f"std {std}: (0.6, 0.8) and its opposite vary by 0.6 and 0.8"
    )


# --- position share ---


def test_position_alone_explains_everything():
    tokens = randn(1, 15, 6).expand(9, 15, 6)
    assert measures.position_share(tokens) == pytest.approx(1.0)


@pytest.mark.parametrize("B", [4, 50])
def test_place_explains_one_part_in_b_of_noise(B):
    share = measures.position_share(randn(B, 400, 32))
    assert share == pytest.approx(1 / B, rel=0.05), f"share {share} of noise for {B} images"


@pytest.mark.parametrize("place", [0.2, 1.0, 2.5])
def test_a_mixture_has_the_share_it_was_mixed_with(place):
    tokens = place * randn(1, 300, 16) + randn(200, 300, 16, seed=1) + 7.0
    expected = place**2 / (place**2 + 1)
    share = measures.position_share(tokens)
    assert share == pytest.approx(expected, abs=0.03), f"share {share}, mixed as {expected}"


def test_content_shared_by_a_whole_image_is_not_position():
    share = measures.position_share(randn(100, 1, 8).expand(100, 21, 8))
    assert share < 1e-9, f"share {share}"


def test_constant_tokens_have_no_share():
    constant = torch.full((6, 10, 4), 0.1) * randn(4)
    rounded = constant * (1 + 1e-7 * randn(6, 10, 4, seed=1))
    assert (measures.position_share(constant), measures.position_share(rounded)) == (0.0, 0.0)


# --- alignment gap ---


def drawn(B=6, grid=(5, 7), D=16, seed=0):
    """A target map (B, N, D) and real masks, blocks at different places in each image."""
    masks = sample_masks(grid, B, MaskConfig(), generator(seed))
    return randn(B, grid[0] * grid[1], D, seed=seed), masks.target_idx


def test_perfect_predictions_of_content_have_a_gap_near_one():
    targets, idx = drawn(B=40)
    gap = measures.alignment_gap(take(targets, idx), targets, idx)
    assert gap == pytest.approx(1.0, abs=0.05), f"gap {gap}"


def test_knowing_the_place_alone_has_no_gap():
    place, idx = drawn(B=40)
    targets = place[:1].expand(40, -1, -1)  # the same in every image, very different from place to place
    gap = measures.alignment_gap(take(targets, idx), targets, idx)
    assert abs(gap) < 1e-9, f"gap {gap}: the comparison was not at the same place"


def test_predictions_that_ignore_the_image_have_no_gap():
    targets, idx = drawn(B=300)
    gap = measures.alignment_gap(take(randn(300, 35, 16, seed=9), idx), targets, idx)
    assert abs(gap) < 0.02, f"gap {gap}"


def test_the_gap_equals_a_plain_loop():
    targets, idx = drawn()
    predictions = take(targets, idx) + randn(*idx.shape, 16, seed=3)
    total, (B, M, T) = 0.0, idx.shape
    for b in range(B):
        for m in range(M):
            for t in range(T):
                n, p = idx[b, m, t], predictions[b, m, t]
                own, other = targets[b, n], targets[(b + 1) % B, n]
                total += (p @ own / p.norm() / own.norm() - p @ other / p.norm() / other.norm()).item()
    gap = measures.alignment_gap(predictions, targets, idx)
    assert gap == pytest.approx(total / idx.numel(), rel=1e-5), f"{gap}, by hand {total / idx.numel()}"


def test_positional_collapse_hides_within_an_image_and_shows_across_images():
    B, D = 64, 24
    _, idx = drawn(B, D=D)
    tokens = randn(1, 35, D) + 1e-3 * randn(B, 35, D, seed=1)  # place, and a trace of content
    healthy = randn(1, 35, D) + 2 * randn(B, 1, D, seed=1) + randn(B, 35, D, seed=2)
    predictions = take(tokens.mean(0, keepdim=True).expand(B, -1, -1), idx)
    root = D**-0.5
    within = measures.effective_rank(tokens[0]), measures.feature_std(tokens[0]) / root
    assert within[0] > 18 and within[1] > 0.9, f"within one image, rank and std should look well: {within}"
    across = measures.effective_rank(tokens.mean(1)), measures.feature_std(tokens.mean(1)) / root
    assert across[0] < 1.1 and across[1] < 0.01, f"across images they should not: {across}"
    assert measures.position_share(tokens) > 0.99
    assert abs(measures.alignment_gap(predictions, tokens, idx)) < 0.01

    well = measures.effective_rank(healthy.mean(1)), measures.feature_std(healthy.mean(1)) / root
    assert well[0] > 18 and well[1] > 0.9, f"healthy features, pooled: {well}"
    assert measures.position_share(healthy) < 0.3
    assert measures.alignment_gap(take(healthy, idx), healthy, idx) > 0.5


# --- address gain and own-image rank ---


class Answers:
    """A model whose targets and answers are known: `answer` is a function of (targets, target_idx)."""

    config = ModelConfig(loss="l2")

    def __init__(self, target_map, answer):
        self.target_map, self.answer = target_map, answer

    def targets(self, images):
        return self.target_map

    def predict(self, images, masks):
        return self.answer(self.target_map, masks.target_idx)


def gain_of(answer, B=12, seed=0):
    masks = sample_masks((5, 7), B, MaskConfig(), generator(seed))
    return measures.address_gain(Answers(randn(B, 35, 16, seed=seed), answer), torch.zeros(B), masks)


def test_answers_that_ignore_the_place_gain_nothing_by_the_address():
    mean = gain_of(lambda t, idx: t.mean(1)[:, None, None].expand(*idx.shape, -1))
    assert mean == pytest.approx(1.0, abs=1e-6), f"gain {mean} of the image's mean, given at every place"


def test_answers_that_need_the_place_gain_by_the_address():
    noisy = gain_of(lambda t, idx: take(t, idx) + 0.5)
    assert noisy > 5, f"gain {noisy} of the right patch, a quarter off"
    assert gain_of(take) == 1.0, "a loss of 0 has nothing to gain"


def test_the_gain_is_one_loss_over_another():
    masks = sample_masks((5, 7), 3, MaskConfig(), generator(4))
    shuffled = measures.with_shuffled_addresses(masks)
    assert torch.equal(shuffled.target_idx, measures.with_shuffled_addresses(masks).target_idx), "chance"
    flat, moved = masks.target_idx.flatten(1), shuffled.target_idx.flatten(1)
    assert torch.equal(flat.sort(1).values, moved.sort(1).values), "patches came or went"
    assert (flat != moved).float().mean() > 0.8 and torch.equal(shuffled.context_idx, masks.context_idx)
    targets, answers = randn(3, 35, 4, seed=5), randn(3, 35, 4, seed=6)
    model = Answers(targets, lambda t, idx: take(answers, idx))
    losses = [
        sum((answers[b, i] - targets[b, n]).square().sum().item() for b in range(3)
            for i, n in zip(idx[b].flatten(), masks.target_idx[b].flatten(), strict=True))
        for idx in (masks.target_idx, shuffled.target_idx)
    ]  # fmt: skip
    gain = measures.address_gain(model, torch.zeros(3), masks)
    assert gain == pytest.approx(losses[1] / losses[0], rel=1e-5)


def test_own_image_rank_of_perfect_and_of_blind_answers():
    targets, idx = drawn(B=5)
    assert measures.own_image_rank(3 * take(targets, idx), targets, idx) == 1.0
    equal = torch.ones(5, 35, 16)
    assert measures.own_image_rank(take(equal, idx), equal, idx) == pytest.approx(18), "equals share"
    targets, idx = drawn(B=400)
    blind = targets.mean(1)[:, None, None].expand(*idx.shape, -1)
    rank = measures.own_image_rank(blind, targets, idx)
    assert rank == pytest.approx(18, abs=0.5), f"rank {rank} of one answer for all places of 35"
    far = measures.own_image_rank(-take(targets, idx), targets, idx)
    assert far == pytest.approx(35), f"rank {far} of the opposite of every patch"


def test_own_image_rank_equals_a_plain_loop():
    targets, idx = drawn(B=3)
    predictions, ranks = take(targets, idx) + 2 * randn(*idx.shape, 16, seed=3), []
    for b, m, t in np.ndindex(*idx.shape):
        cosines = torch.cosine_similarity(predictions[b, m, t][None], targets[b])
        ranks.append(1 + (cosines > cosines[idx[b, m, t]]).sum().item())
    rank = measures.own_image_rank(predictions, targets, idx)
    assert rank == pytest.approx(np.mean(ranks)) and 1.5 < rank < 17


# --- mask coverage ---


@pytest.mark.parametrize("rule", list(MASK_RULES))
def test_coverage_equals_a_count_by_hand(rule):
    grid = (9, 7)
    batches = [sample_masks(grid, b, MaskConfig(rule=rule), generator(b)) for b in (5, 11)]
    context, target = torch.zeros(63), torch.zeros(63)
    for masks in batches:
        for b in range(len(masks)):
            for n in set(masks.context_idx[b][masks.context_keep[b]].tolist()):
                context[n] += 1 / 16
            for n in set(masks.target_idx[b].flatten().tolist()):
                target[n] += 1 / 16
    rates = measures.mask_coverage(*batches)
    assert torch.allclose(rates[0], context.view(grid), atol=1e-6), (
        f"context\n{rates[0]}\n{context.view(grid)}"
    )
    assert torch.allclose(rates[1], target.view(grid), atol=1e-6), f"target\n{rates[1]}\n{target.view(grid)}"


def test_padding_is_not_seen_and_a_real_patch_0_is():
    keep = torch.tensor([[True, True, True], [True, False, False]])
    idx = torch.tensor([[0, 2, 5], [4, 0, 0]])
    seen, _ = measures.mask_coverage(Masks((2, 3), idx, keep, torch.tensor([[[1, 1]], [[3, 1]]]), (1, 2)))
    assert seen.tolist() == [[0.5, 0, 0.5], [0, 0.5, 0.5]]


# --- measure ---

GRID = {"image_size": (20, 28), "patch_size": 4, "width": 16, "depth": 2, "heads": 2}


def model_and_batch(kind=IJEPA, B=70, **fields):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = kind(ModelConfig(**GRID, predictor_width=8, predictor_heads=2, **fields))
    masks = sample_masks((5, 7), B, MaskConfig(), generator())
    return model, randn(B, 3, 20, 28), masks


@pytest.mark.parametrize("kind, norm", [(IJEPA, "layer"), (IJEPA, "place"), (PixelBaseline, "layer")])
def test_measure_is_its_parts(kind, norm):
    model, images, masks = model_and_batch(kind, target_norm=norm)
    few = masks.rows(torch.arange(64))
    with torch.no_grad():
        tokens = model.target_encoder(images)
        gap = measures.alignment_gap(
            model.predict(images[:64], few), model.targets(images[:64]), few.target_idx
        )
    expected = {
        "rank": measures.effective_rank(tokens.mean(1)),
        "std": measures.feature_std(tokens.mean(1)),
        "position_share": measures.position_share(tokens),
        "gap": gap,
        "address_gain": measures.address_gain(model, images[:64], few),
        "own_image_rank": measures.own_image_rank(
            model.predict(images[:64], few), model.targets(images[:64]), few.target_idx
        ),
    }
    measured = measures.measure(model, images, masks)
    assert measured == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert all(math.isfinite(v) for v in measured.values()), f"{measured}"


def test_measure_leaves_no_trace():
    model, images, masks = model_and_batch()
    model.train()
    model.predictor.eval()
    modes = [m.training for m in model.modules()]
    graphs = []
    model.predictor.register_forward_hook(lambda module, given_, out: graphs.append(out.requires_grad))
    before, state = [p.clone() for p in model.parameters()], torch.get_rng_state()
    first, second = measures.measure(model, images, masks), measures.measure(model, images, masks)
    assert first == second, f"{first} then {second}"
    assert torch.equal(torch.get_rng_state(), state), "measure drew from the global generator"
    assert [m.training for m in model.modules()] == modes, "measure changed a training mode"
    assert graphs and not any(graphs), "measure kept a graph for gradients that nobody asks for"
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_measure_sees_a_predictor_that_learned_the_content():
    model, images, masks = model_and_batch(B=24)
    with torch.no_grad():
        images = images * 0.2 + 2 * randn(24, 1, 1, 1, seed=4)  # brightness: all that patches share
        targets = take(model.targets(images), masks.target_idx)
    untrained = measures.measure(model, images, masks)["gap"]
    optimizer = torch.optim.AdamW([*model.encoder.parameters(), *model.predictor.parameters()], lr=3e-3)
    for _ in range(20):
        loss = (model.predict(images, masks) - targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learned = measures.measure(model, images, masks)["gap"]
    assert learned > 0.5 > 0.2 > untrained, f"gap {untrained} before, {learned} after"


# --- bad input ---


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_a_number_is_refused(bad):
    x = randn(4, 6, 5)
    x[2, 3, 1] = bad
    idx = torch.zeros(4, 1, 2, dtype=torch.long)
    for call in (
        lambda: measures.effective_rank(x[:, 3]),
        lambda: measures.feature_std(x[:, 3]),
        lambda: measures.position_share(x),
        lambda: measures.alignment_gap(randn(4, 1, 2, 5), x, idx),
        lambda: measures.own_image_rank(randn(4, 1, 2, 5), x, idx),
    ):
        with pytest.raises(ValueError, match="NaN or infinity"):
            call()


def test_wrong_shapes_and_a_lone_image_are_refused():
    with pytest.raises(ValueError, match=r"\(n, D\), not \(2, 3, 4\)"):
        measures.effective_rank(randn(2, 3, 4))
    with pytest.raises(ValueError, match="at least 2 images"):
        measures.alignment_gap(randn(1, 1, 2, 5), randn(1, 6, 5), torch.zeros(1, 1, 2, dtype=torch.long))
