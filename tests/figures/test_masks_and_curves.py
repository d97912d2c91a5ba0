"""The claims that this file tests, over a grid of states: square and not, grey and colour, small and large.

1. Masks, of every rule: each target has as many hatched marks as patches, at its patches; dropped patches
   are exactly the rest; the right panel hides exactly what is not context. Four targets differ in colour AND
   in hatch. Blocks have outlines, scattered targets have none, and the alt text says which they are.
2. Curves: the loss is never alone; NaN and None are gaps and not crashes; the random level is a line.
3. Bars of the controls: as long as the numbers, which stand beside them, whiskers are the spreads.
4. PCA colours do not depend on the order of tokens, tell apart what differs, and say when nothing varies.
5. Attention is shown in even shares, and is counted right: 1 patch when peaked, N when even. Of patches that
   an encoder does not see nothing is shown: they have no output.
6. Retrieval finds the planted patch, never in the query's own image; a collapsed bank ranks at chance.
7. Coverage shows both rates on one scale, and so does that of several rules, one above the other.
8. Every alt text holds the numbers that its figure shows; a figure does not depend on the notebook's
   style, and changes no global state. A notebook shows it with its alt text, or refuses to.
"""

import base64
import html
import io
import re

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex

from jepa_lite.config import MASK_RULES, MaskConfig
from jepa_lite.figures import curves, encoder, predictor, style
from jepa_lite.figures import masks as mask_figures
from jepa_lite.method.masks import sample_masks

STATES = [  # grid, channels, patch, targets
    ((8, 8), 3, 4, 4),
    ((5, 9), 3, 3, 2),
    ((9, 5), 1, 2, 1),
    ((7, 6), 3, 5, 6),
]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def picture(grid, channels, P, n=None, seed=1):
    """Random images in (0, 1), no two patches alike."""
    size = (channels, grid[0] * P, grid[1] * P)
    return torch.rand(size if n is None else (n, *size), generator=seeded(seed)) * 0.9 + 0.05


def draw_masks(grid, targets, batch=3, rule="paper"):
    return sample_masks(grid, batch, MaskConfig(rule, num_targets=targets, min_keep=2), seeded(7))


def marks(ax, gid):
    """The patches marked `gid` on an axes, as (row, column) in pixels of their corner."""
    return [p for p in ax.patches if p.get_gid() == gid]


def corners(ax, gid, P):
    return sorted((round((p.get_y() + 0.5) / P), round((p.get_x() + 0.5) / P)) for p in marks(ax, gid))


def rendered(fig):
    """Draws it for real: layout problems and bad data raise or warn here."""
    fig.canvas.draw()
    return fig


def places(idx, grid):
    return sorted(divmod(int(i), grid[1]) for i in idx)


# --- masks


@pytest.mark.parametrize("grid, channels, P, targets", STATES)
@pytest.mark.parametrize("row", [0, 2])
@pytest.mark.parametrize("rule", list(MASK_RULES))
def test_marks_are_the_masks(grid, channels, P, targets, row, rule):
    masks = draw_masks(grid, targets, rule=rule)
    targets = masks.target_idx.shape[1]
    fig = rendered(mask_figures.masks(picture(grid, channels, P), masks, row))
    left, right = fig.axes
    hidden = set()
    for m, target in enumerate(masks.target_idx[row]):
        assert corners(left, f"target {m + 1}", P) == places(target, grid), (
            f"target {m + 1} is drawn elsewhere"
        )
        assert all(p.get_hatch() for p in marks(left, f"target {m + 1}")), f"target {m + 1} has no hatch"
        hidden |= set(places(target, grid))
    context = set(places(masks.context_idx[row][masks.context_keep[row]], grid))
    everything = {(r, c) for r in range(grid[0]) for c in range(grid[1])}
    assert corners(left, "dropped", P) == sorted(everything - context - hidden)
    assert corners(right, "unseen", P) == sorted(everything - context), (
        "the right panel must hide all but context"
    )
    for number in (targets, len(hidden), len(context), len(everything - context - hidden)):
        assert str(number) in fig.alt_text, f"{number} is not in: {fig.alt_text}"


@pytest.mark.parametrize("rule", [rule for rule in MASK_RULES if rule != "random"])
def test_outlines_frame_their_blocks(rule):
    masks = draw_masks((5, 9), 2, rule=rule)
    fig = mask_figures.masks(picture((5, 9), 3, 3), masks)
    (outline,) = marks(fig.axes[0], "outline 1")
    drawn = round(outline.get_height() / 3), round(outline.get_width() / 3)
    assert drawn == masks.target_size, f"outline of {drawn} patches around blocks of {masks.target_size}"
    corner = round((outline.get_y() + 0.5) / 3), round((outline.get_x() + 0.5) / 3)
    assert corner == divmod(int(masks.target_idx[0, 0, 0]), 9), f"outline from {corner} on"
    last = masks.target_idx.shape[1]
    assert len(marks(fig.axes[0], f"outline {last}")) == 1 and not marks(fig.axes[0], f"outline {last + 1}")
    assert "each {} by {}".format(*drawn) in fig.alt_text


def test_scattered_targets_have_no_outline_and_no_size():
    masks = draw_masks((5, 9), 2, rule="random")
    fig = rendered(mask_figures.masks(picture((5, 9), 3, 3), masks))
    assert not marks(fig.axes[0], "outline 1") and len(marks(fig.axes[0], "target 1")) == 27
    assert "hatched targets: 1, scattered over the image, together 27 patches. 18 plain" in fig.alt_text
    assert "each" not in fig.alt_text


def test_targets_differ_in_colour_and_in_hatch():
    for looks in (style.TARGETS, (*style.TARGETS[:4], style.DROPPED)):
        colours, hatches = zip(*looks, strict=True)
        assert len(set(colours)) == len(set(hatches)) == len(looks)
    left = mask_figures.masks(picture((8, 8), 3, 4), draw_masks((8, 8), 4)).axes[0]
    drawn = {(to_hex(p.get_facecolor()), p.get_hatch()) for p in left.patches if p.get_hatch()}
    assert len({d for d in drawn if d[1] != style.DROPPED[1]}) == 4, drawn


def test_coverage_has_one_scale_and_its_ends_in_words():
    context, target = torch.rand(5, 7, generator=seeded(1)) * 0.5, torch.rand(5, 7, generator=seeded(2))
    target[4] = 0.0
    fig = rendered(mask_figures.coverage(context, target))
    heats = [ax.images[0] for ax in fig.axes[:2]]
    assert heats[0].get_clim() == heats[1].get_clim() == (0, target.max().item())
    for heat, rate in zip(heats, (context, target), strict=True):
        np.testing.assert_allclose(heat.get_array(), rate)
    assert f"{context.min():.2f} to {context.max():.2f}" in fig.alt_text and "never: 7 places" in fig.alt_text
    assert len(fig.axes[0].texts) == 35 and fig.axes[0].texts[3].get_text() == f"{100 * context[0, 3]:.0f}"


@pytest.mark.parametrize("shape", [(5, 7), (12, 4)])
@pytest.mark.parametrize("rules", [("paper",), ("paper", "official"), ("a", "b", "c")])
def test_coverage_of_rules_has_one_scale_for_all(shape, rules):
    rates = {rule: torch.rand(2, *shape, generator=seeded(i)) * 0.3 * (i + 1) for i, rule in enumerate(rules)}
    rates[rules[-1]][1, :, 2] = 0.0
    fig = rendered(mask_figures.coverage_of_rules(rates))
    drawn = [rate for pair in rates.values() for rate in pair]
    titles = [f"rule {rule}: is {name}" for rule in rules for name in ("context", "target")]
    for ax, rate, title in zip(fig.axes, drawn, titles, strict=False):
        np.testing.assert_allclose(ax.images[0].get_array(), rate)
        assert ax.get_title() == title
        assert ax.images[0].get_clim() == (0, pytest.approx(max(r.max().item() for r in drawn)))
        assert f"{rate.min():.2f} to {rate.max():.2f}" in fig.alt_text
        assert len(ax.texts) == (35 if shape == (5, 7) else 0)
    assert f"never: {shape[0]} places" in fig.alt_text and "never: 0 places" in fig.alt_text


# --- curves and controls


def log_of(steps, **every):
    """A log of `steps` records; every[key] = n puts `key` in each n-th."""
    log = [{"step": s, "loss": 0.5 / s} for s in range(1, steps + 1)]
    for record in log:
        s = record["step"]
        record |= {key: 10.0 + s if key == "rank" else s / 1000 for key, n in every.items() if s % n == 0}
    return log


def line(fig, gid):
    return next(ln for ax in fig.axes for ln in ax.lines if ln.get_gid() == gid)


@pytest.mark.parametrize("steps", [1, 2, 57, 400])
@pytest.mark.parametrize("every", [{}, {"rank": 1}, {"rank": 7, "knn": 19}, {"knn": 1, "linear": 1}])
def test_curves_draw_the_log(steps, every):
    log = log_of(steps, **every)
    fig = rendered(curves.curves(log, {"knn": 0.43, "linear": 0.61}))
    assert [ax.get_ylabel() for ax in fig.axes] == ["loss (a proxy)", "effective rank", "probe accuracy"]
    np.testing.assert_allclose(line(fig, "loss").get_ydata(), [r["loss"] for r in log])
    for key in every:
        measured = [(r["step"], r[key]) for r in log if key in r]
        if measured:
            np.testing.assert_allclose(np.transpose(line(fig, key).get_data()), measured)
    level = [ln.get_ydata()[0] for ln in fig.axes[2].lines if ln.get_linestyle() == ":"]
    measured = [key for key in every if any(key in r for r in log) and key != "rank"]
    assert sorted(level) == sorted({"knn": 0.43, "linear": 0.61}[key] for key in measured)
    assert f"{log[-1]['loss']:.3g}" in fig.alt_text
    assert ("no probe was taken" in fig.alt_text) == (not measured)
    assert all(f"{log[-1][key]:.3f}" in fig.alt_text for key in measured if key in log[-1])


def test_nan_and_none_are_gaps():
    log = log_of(60, rank=5, knn=20)
    for record in log[20:26]:
        record["loss"] = float("nan")
    log[29]["loss"], log[9]["rank"], log[19]["knn"] = float("inf"), None, float("nan")
    fig = rendered(curves.curves(log, {"knn": 0.2}))
    for gid in ("loss", "smooth"):
        values = line(fig, gid).get_ydata()
        assert np.isfinite(values).tolist() == [i not in (20, 21, 22, 23, 24, 25, 29) for i in range(60)], gid
    assert np.isnan(line(fig, "rank").get_ydata()).tolist() == [i == 1 for i in range(12)]
    assert "7 of 60 losses are not numbers" in fig.alt_text and "nan" not in fig.alt_text


def test_a_log_of_nothing_but_nan_is_drawn_and_said():
    fig = rendered(
        curves.curves([{"step": s, "loss": float("nan"), "rank": float("nan")} for s in (1, 2, 3)])
    )
    words = [t.get_text() for ax in fig.axes for t in ax.texts]
    assert words == ["not measured in this run"] * 3 and "3 of 3 losses" in fig.alt_text


def test_smooth_is_a_mean_of_what_is_finite():
    values = np.array([1.0, 2.0, np.nan, 4.0, 6.0, 8.0])
    np.testing.assert_allclose(curves._smooth(values, 3), [1.5, 1.5, np.nan, 5.0, 6.0, 7.0])


def test_empty_log_is_one_sentence():
    with pytest.raises(ValueError, match="the log is empty"):
        curves.curves([])


CONTROLS = [
    {"name": "chance", "linear": 0.1, "knn": 0.1},
    {"name": "pixels", "linear": 0.151, "knn": 0.499, "linear_std": 0.004},
    {"name": "random", "linear": 0.683, "knn": 0.0, "knn_std": 0.02},
    {"name": "our <own> row", "linear": 1.0, "knn": 0.987, "linear_std": 0.0, "knn_std": 0.013},
]


@pytest.mark.parametrize("rows", [CONTROLS[:1], CONTROLS[2:], CONTROLS])
def test_bars_are_the_numbers(rows):
    fig = rendered(curves.control_bars(rows))
    (ax,) = fig.axes
    words = " ".join(t.get_text() for t in ax.texts)
    for place, row in enumerate(rows):
        for key in ("linear", "knn"):
            (bar,) = marks(ax, f"{row['name']} {key}")
            assert bar.get_width() == pytest.approx(row[key]), f"{row['name']} {key}: {bar.get_width()}"
            assert abs(bar.get_y() + bar.get_height() / 2 - place) < 0.5, "a bar stands beside another name"
            assert bool(bar.get_hatch()) == (key == "knn")
            assert f"{row[key]:.3f}" in words and f"{row[key]:.3f}" in fig.alt_text
    spreads = [r[f"{k}_std"] for k in ("linear", "knn") for r in rows if r.get(f"{k}_std")]
    whiskers = [c.get_segments()[0] for c in ax.collections]
    np.testing.assert_allclose([(w[1, 0] - w[0, 0]) / 2 for w in whiskers], spreads, atol=1e-9)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        style.NAMES.get(r["name"], r["name"]) for r in rows
    ]


# --- features and attention


def test_pca_colours_do_not_depend_on_the_order_of_tokens():
    tokens = torch.randn(4, 35, 16, generator=seeded(3)) * torch.linspace(3, 0.1, 16)
    colours, share = encoder.pca_colours(tokens)
    order = torch.randperm(140, generator=seeded(4))
    shuffled, again = encoder.pca_colours(tokens.flatten(0, 1)[order].view(4, 35, 16))
    np.testing.assert_allclose(shuffled.reshape(140, 3), colours.reshape(140, 3)[order], atol=1e-6)
    assert share == pytest.approx(again)


def test_pca_colours_tell_groups_apart_and_scale_to_the_full_range():
    centres = torch.randn(3, 12, generator=seeded(5)) * 5
    group = torch.arange(60) % 3
    tokens = (centres[group] + 0.01 * torch.randn(60, 12, generator=seeded(6))).view(2, 30, 12)
    colours, share = encoder.pca_colours(tokens)
    flat = colours.reshape(60, 3)[:, :2]  # three centres span two components
    within = max(flat[group == g].std(0).max() for g in range(3))
    between = min(
        np.abs(flat[group == g].mean(0) - flat[group == h].mean(0)).max() for g, h in ((0, 1), (0, 2), (1, 2))
    )
    assert between > 20 * within, f"groups {between:.3f} apart, {within:.3f} wide"
    assert flat.min() == 0 and flat.max() == 1 and share > 0.999


@pytest.mark.parametrize("D", [1, 2, 5])
def test_pca_colours_of_tokens_that_hardly_vary(D):
    colours, share = encoder.pca_colours(torch.full((2, 6, D), 0.7))
    assert (colours == 0.5).all() and share == 0.0
    colours, share = encoder.pca_colours(torch.randn(2, 6, D, generator=seeded(1)))
    assert colours.shape == (2, 6, 3) and (colours[..., min(D, 3) :] == 0.5).all() and 0 < share <= 1 + 1e-9


@pytest.mark.parametrize("grid, channels, P, _", STATES)
@pytest.mark.parametrize("n, with_control", [(1, False), (3, True)])
def test_features_are_drawn_where_they_belong(grid, channels, P, _, n, with_control):
    tokens = torch.randn(n, grid[0] * grid[1], 8, generator=seeded(2))
    control = -3 * tokens.flip(1) if with_control else None
    images = picture(grid, channels, P, n)
    fig = rendered(encoder.pca_features(images, tokens, grid, control))
    axes = np.array(fig.axes).reshape(2 + with_control, n)
    for row, values in zip(axes[1:], (tokens, control), strict=False):
        for i, ax in enumerate(row):
            expected = encoder.pca_colours(values)[0][i].reshape(*grid, 3)
            np.testing.assert_allclose(ax.images[0].get_array(), expected, atol=1e-6)
    shown = axes[0, n - 1].images[0].get_array()
    np.testing.assert_allclose(shown, images[n - 1, 0] if channels == 1 else images[n - 1].permute(1, 2, 0))
    share = encoder.pca_colours(tokens)[1]
    assert f"{100 * share:.0f}%" in fig.alt_text and ("random weights" in fig.alt_text) == with_control


def test_labels_of_feature_rows_are_whole():
    tokens = torch.randn(8, 64, 8, generator=seeded(2))
    fig = rendered(encoder.pca_features(picture((8, 8), 3, 8, 8), tokens, (8, 8), tokens))
    for _ in range(2):  # the layout of images is settled at the second drawing
        fig.savefig(io.BytesIO(), dpi=100)
    for ax in fig.axes[::8]:
        box, height = ax.yaxis.label.get_window_extent(dpi=100), 100 * fig.get_figheight()
        within = box.x0 >= 0 and box.y0 >= 0 and box.y1 <= height
        assert within, f"{ax.get_ylabel()!r} reaches beyond the figure: {box}"


def test_alt_text_of_features_tells_position_from_content():
    place = torch.randn(1, 20, 6, generator=seeded(1)).expand(5, -1, -1)
    content = torch.randn(5, 1, 6, generator=seeded(2)).expand(-1, 20, -1)
    told = encoder.pca_features(picture((4, 5), 3, 2, 5), place, (4, 5), content).alt_text
    trained, random = told.split("random weights:")
    assert "the image explains 0% of the colours, the place 100%" in trained, told
    assert "the image explains 100% of the colours, the place 0%" in random, told


def test_effective_patches_counts():
    even, one, two = torch.full((10,), 0.1), torch.eye(10)[3], (torch.eye(10)[3] + torch.eye(10)[4]) / 2
    counts = encoder.effective_patches(torch.stack([even, one, two])).tolist()
    assert counts == pytest.approx([10, 1, 2], abs=1e-5)


@pytest.mark.parametrize(
    "grid, channels, P, depth, heads",
    [(*state[:3], *size) for state, size in zip(STATES, [(4, 3), (1, 1), (9, 12), (7, 2)], strict=True)],
)
def test_attention_shows_the_query_s_row_in_even_shares(grid, channels, P, depth, heads):
    N, patch = grid[0] * grid[1], grid[1] + 2
    maps = torch.randn(depth, heads, N, N, generator=seeded(3)).mul(2).softmax(-1)
    fig = rendered(encoder.attention(picture(grid, channels, P), maps, grid, patch))
    titled = {ax.get_title().split(":")[0]: ax for ax in fig.axes if ":" in ax.get_title()}
    assert set(titled) == {f"layer {i + 1}" for i in range(depth)} | {f"head {i + 1}" for i in range(heads)}
    expected = {f"layer {i + 1}": maps[i, :, patch].mean(0) for i in range(depth)}
    expected |= {f"head {i + 1}": maps[-1, i, patch] for i in range(heads)}
    for name, ax in titled.items():
        np.testing.assert_allclose(ax.images[0].get_array(), N * expected[name].view(grid), rtol=1e-5)
        assert corners(ax, "query", 1) == [(1, 2)], name
        count = f"{encoder.effective_patches(expected[name]):.0f}"
        assert ax.get_title().endswith(f": {count}") and count in fig.alt_text
    assert corners(fig.axes[0], "query", P) == [(1, 2)]


# --- predictions


def test_nearest_patches_finds_the_planted_ones_in_order():
    bank = torch.randn(50, 12, generator=seeded(1))
    queries = torch.stack([bank[7] * 3, 0.8 * bank[20] + 0.2 * bank[4]])  # cosine: length does not count
    found = predictor.nearest_patches(queries, bank, 3)
    assert found[0, 0] == 7 and found[1, 0] == 20
    reference = torch.cosine_similarity(queries[:, None], bank[None], dim=-1).argsort(1, descending=True)[
        :, :3
    ]
    assert torch.equal(found, reference)
    ranked, allowed = predictor.nearest_patches(queries, bank, 4), torch.ones(2, 50, dtype=torch.bool)
    allowed[0, 7] = False
    found, fourth = predictor.nearest_patches(queries, bank, 3, allowed), ranked[0, 3].item()
    assert found[0].tolist() == [*reference[0, 1:].tolist(), fourth]


def test_true_ranks_equal_a_loop():
    bank, queries = torch.randn(40, 6, generator=seeded(1)), torch.randn(9, 6, generator=seeded(2))
    true = torch.randint(40, (9,), generator=seeded(3))
    allowed = torch.rand(9, 40, generator=seeded(4)) < 0.5
    for q in range(9):
        similarity = torch.cosine_similarity(queries[q][None], bank)
        better = sum(bool(similarity[j] > similarity[true[q]]) for j in range(40))
        assert predictor.true_ranks(queries, bank, true)[q] == 1 + better
        better = sum(bool(similarity[j] > similarity[true[q]] and allowed[q, j]) for j in range(40))
        assert predictor.true_ranks(queries, bank, true, allowed)[q] == 1 + better


def test_a_collapsed_bank_ranks_at_chance_and_nan_does_not_rank_first():
    bank = torch.randn(1, 6, generator=seeded(1)).expand(41, -1).clone()
    query = torch.randn(2, 6, generator=seeded(2))
    assert predictor.true_ranks(query, bank, torch.tensor([0, 17])).tolist() == [21, 21]
    bank[3, 2] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        predictor.true_ranks(query, bank, torch.tensor([0, 17]))


def test_a_predictor_of_place_alone_is_found_out():
    n, N = 7, 20
    place = torch.randn(N, 32, generator=seeded(1)) * 4
    bank = place + torch.randn(n, N, 32, generator=seeded(2))
    queries = [predictor.Query(i, p, torch.tensor([p]), place[p]) for i in range(n) for p in range(N)]
    everywhere, here = predictor.retrieval_ranks(queries, bank)
    assert everywhere.max() <= n, (
        f"place alone ranks {everywhere.mean():.1f} of {(n - 1) * N + 1}: it looks good"
    )
    assert here.mean() == pytest.approx((n + 1) / 2), f"but at its place it ranks {here.mean():.2f} of {n}"


@pytest.mark.parametrize("grid, channels, P, _", STATES)
@pytest.mark.parametrize("n, k", [(2, 1), (5, 5)])
def test_retrieval_shows_the_nearest_of_the_other_images(grid, channels, P, _, n, k):
    N = grid[0] * grid[1]
    images, bank = (
        picture(grid, channels, P, n),
        F.normalize(torch.randn(n, N, 60, generator=seeded(2)), dim=-1),
    )
    twin = (1, grid[1] + 1)  # image, patch: an inner patch, whose surroundings are whole
    vector = bank[0, 3] + 0.9 * bank[twin]  # nearest is its own patch, then `twin`
    hidden = torch.tensor([2, 3, grid[1] + 3])
    fig = rendered(predictor.retrieval(images, grid, P, [predictor.Query(0, 3, hidden, vector)], bank, k))
    assert corners(fig.axes[0], "hidden", P) == places(hidden, grid)
    assert corners(fig.axes[0], "query", P) == places([3], grid)
    nearest = fig.axes[2].images[0].get_array()
    expected = images[1][:, : 3 * P, : 3 * P]  # patch (1, 1) and its eight neighbours
    np.testing.assert_allclose(
        nearest, expected[0] if channels == 1 else expected.permute(1, 2, 0), atol=1e-6
    )
    assert len(fig.axes) == k + 3
    size = (n - 1) * N + 1
    words = fig.axes[-1].texts[0].get_text()
    assert f"rank 1 of {size}" in words and f"chance {(size + 1) / 2:g}" in words and f"1 of {n}" in words
    assert f"ranks 1 of {size} (chance {(size + 1) / 2:g})" in fig.alt_text


def test_retrieval_needs_another_image():
    with pytest.raises(ValueError, match="at least two"):
        predictor.retrieval(picture((4, 5), 3, 2, 1), (4, 5), 2, [], torch.randn(1, 20, 4))


@pytest.mark.parametrize("grid, channels, P, targets", STATES)
def test_explanation_shows_each_part(grid, channels, P, targets):
    N, masks = grid[0] * grid[1], draw_masks(grid, targets, batch=1)
    T = masks.target_idx.shape[2]
    answers = torch.randn(N, 10, generator=seeded(1))
    depth, heads = (1, 1) if channels == 1 else (5, 2)
    maps = torch.randn(depth, heads, N, N, generator=seeded(2)).softmax(-1)
    state = picture(grid, channels, P), masks, torch.randn(N, 8, generator=seeded(3)), maps, 4
    fig = rendered(predictor.explanation(*state, answers[masks.target_idx[0]], answers))
    axes = np.array(fig.axes).reshape(3, 4)
    assert corners(axes[0, 1], "target 1", P) == places(masks.target_idx[0, 0], grid)
    for m, target in enumerate(masks.target_idx[0, :4]):
        ax = axes[2, m]
        assert corners(ax, "truth", 1) == places([target[T // 2]], grid)
        assert ax.images[0].get_array().argmax() == target[T // 2], (
            "a perfect prediction is most like the truth"
        )
        assert "rank 1 of" in ax.get_title()
    assert [bool(ax.images) for ax in axes[2]] == [m < targets for m in range(4)]
    assert (
        f"{N} (chance {(N + 1) / 2:g})" in fig.alt_text
        and f"leave {masks.context_keep.sum()} of" in fig.alt_text
    )


# --- all of them


def test_figures_ignore_the_notebook_s_style_and_leave_it_alone():
    with matplotlib.style.context("dark_background"):
        before = [(key, matplotlib.rcParams[key]) for key in matplotlib.rcParams]
        fig = rendered(curves.control_bars(CONTROLS))
        assert [(key, matplotlib.rcParams[key]) for key in matplotlib.rcParams] == before
    assert to_hex(fig.get_facecolor()) == "#ffffff"
    assert to_hex(fig.axes[0].xaxis.label.get_color()) == "#000000"


def test_no_figure_is_known_to_pyplot():
    import matplotlib.pyplot as plt

    curves.curves(log_of(5)), mask_figures.masks(picture((8, 8), 3, 4), draw_masks((8, 8), 4))
    assert plt.get_fignums() == [], "figures that pyplot holds are never freed"


def test_a_notebook_shows_a_figure_with_its_alt_text():
    fig = curves.control_bars(CONTROLS)
    fig.alt_text = 'bars "of" <accuracy>'
    shown = fig._repr_mimebundle_()
    assert shown["text/plain"] == fig.alt_text
    alt, png = re.search(
        r'<img class="jepa-day" alt="([^"]*)".*? src="data:image/png;base64,([^"]+)">', shown["text/html"]
    ).groups()
    assert html.unescape(alt) == fig.alt_text and png == shown["image/png"]
    assert base64.b64decode(png)[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="alt_text"):
        style.figure(1)._repr_mimebundle_()


# --- an encoder that sees a part of the image


KEPT = [
    ((8, 8), 3, 4, range(0, 64, 2)),
    ((5, 9), 3, 3, [44, 3, 17]),
    ((9, 5), 1, 2, range(45)),
    ((7, 6), 3, 5, [8]),
]


def mapped(ax, grid):
    """The values drawn on a map, flat, NaN where there are none."""
    return np.ma.filled(np.ma.masked_invalid(ax.images[0].get_array()), np.nan).reshape(grid[0] * grid[1])


@pytest.mark.parametrize("grid, channels, P, kept", KEPT)
def test_leaks_are_mapped_to_their_patches_and_counted(grid, channels, P, kept):
    idx = torch.tensor(list(kept))
    some = torch.rand(len(idx), generator=seeded(1)) + 0.1
    some[0] = 0.0
    changes = {"none": torch.zeros(len(idx)), "some": some}
    fig = rendered(encoder.leaks(picture(grid, channels, P), idx, grid, changes))
    seen, *maps = fig.axes[:3]
    everything = np.arange(grid[0] * grid[1])
    hidden = places(np.setdiff1d(everything, idx), grid)
    assert corners(seen, "unseen", P) == hidden
    for ax, change in zip(maps, changes.values(), strict=True):
        np.testing.assert_allclose(mapped(ax, grid)[idx], change, rtol=1e-6)
        assert np.isnan(np.delete(mapped(ax, grid), idx)).all(), "a hidden patch has no output"
        assert corners(ax, "hidden", 1) == hidden
        assert ax.images[0].get_clim() == (0, pytest.approx(max(some.max().item(), 1e-9)))
    K = len(idx)
    assert f"none: 0 of {K} change" in fig.alt_text and f"some: {K - 1} of {K} change" in fig.alt_text
    assert [ax.get_title().split("\n")[1] for ax in maps] == [f"0 of {K} change", f"{K - 1} of {K} change"]
