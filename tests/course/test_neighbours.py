"""Claims about the losses of I-JEPA's neighbours, the toy they are tried on, and the figures of notebook 13.

1. The view distance is 2 - 2 cos and blind to length; in a loss that is symmetric in its views, a
   stop-gradient halves the gradient and does no more.
2. The variance term is 0 for a std of 1 or more, and 1, nearly, for a constant. The covariance term is blind
   to a shift, 0 for values that do not covary, and grows with copies.
3. DINO's targets get no gradient; equal outputs give the uniform distribution once the centre has followed
   them, and a lower temperature a larger largest probability.
4. The Epps-Pulley statistic equals its closed form, treats columns each for itself, and is larger for a
   shift, for half the size and for zeros than for a Gaussian; SIGReg sees a direction that is missing.
5. Two views share their content alone; all comes from the seed; a network that a loss does not use stays.
6. Agreement alone collapses and a regularised agreement does not; the readout is 1 for the content itself
   and 0 for a constant.
7. The figures show what they are given: which parts are encoded, bars and hatches, the embeddings' spread.
"""

import math

import pytest
import torch
import torch.nn.functional as F

from jepa_lite.course import neighbours
from jepa_lite.course.figures.neighbours import (
    embeddings_and_energies,
    losses_compared,
    three_architectures,
    two_views_of_a_sample,
)


def embeddings(n=40, D=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, D, generator=generator, dtype=torch.float64) * 0.7 + 0.4


# 1, 2 ------------------------------------------------------------------------------------------------


def test_the_view_distance_compares_directions():
    z, w = embeddings(), embeddings(seed=1)
    distance = neighbours.view_distance(z, w)
    torch.testing.assert_close(distance, 2 - 2 * F.cosine_similarity(z, w).mean())
    torch.testing.assert_close(neighbours.view_distance(3 * z, w / 5), distance)
    torch.testing.assert_close(neighbours.view_distance(z, -z).item(), 4.0)


def test_a_stop_gradient_alone_halves_the_gradient():
    z, w = embeddings().requires_grad_(), embeddings(seed=1).requires_grad_()
    free = torch.autograd.grad(neighbours.view_distance(z, w), (z, w))
    stopped = neighbours.view_distance(z, w.detach()) + neighbours.view_distance(w, z.detach())
    halved = torch.autograd.grad(stopped / 2, (z, w))
    torch.testing.assert_close(halved, tuple(g / 2 for g in free))


def test_the_variance_term_asks_for_a_std():
    z = embeddings()
    assert neighbours.variance_term(10 * z) == 0
    assert neighbours.variance_term(torch.full((9, 4), 3.0)).item() == pytest.approx(1 - 1e-2)  # sqrt of eps
    low, high = neighbours.variance_term(z), neighbours.variance_term(z / 2)
    assert 0 < low < high < 1, (low, high)


def test_the_covariance_term_counts_copies_only():
    z = embeddings()
    apart = torch.linalg.qr(z - z.mean(0)).Q  # centred columns at right angles
    assert neighbours.covariance_term(apart).item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(neighbours.covariance_term(z + 5), neighbours.covariance_term(z))
    copies = z[:, :1].expand(-1, 6)
    wanted = 5 * z[:, 0].var() ** 2  # each of 6 values covaries with 5 others
    torch.testing.assert_close(neighbours.covariance_term(copies), wanted)


# 3, 4 ------------------------------------------------------------------------------------------------


def test_centred_targets_are_uniform_when_all_outputs_agree():
    outputs = embeddings(1, 5).expand(8, 5).clone().requires_grad_()
    centre = torch.zeros(5, dtype=torch.float64)
    for _ in range(200):
        targets, centre = neighbours.centred_targets(outputs, centre, 0.1, momentum=0.9)
    assert not targets.requires_grad and not centre.requires_grad
    torch.testing.assert_close(targets, torch.full_like(targets, 0.2))
    largest = [
        neighbours.centred_targets(embeddings(), centre[0], t)[0].amax(1).mean() for t in (1, 0.3, 0.1)
    ]
    assert largest == sorted(largest), largest


def test_the_cross_entropy_is_least_at_the_targets():
    targets = F.softmax(embeddings(), -1)
    entropy = -(targets * targets.log()).sum(-1).mean()
    torch.testing.assert_close(neighbours.cross_entropy(0.1 * targets.log(), targets), entropy)
    assert neighbours.cross_entropy(embeddings(seed=2), targets) > entropy


def closed_form(x):
    """n times the integral, exactly: every term of it is the integral of a Gaussian times a cosine."""
    n = len(x)
    pairs = torch.exp(-(x[:, None] - x).square() / 2).sum() / n
    alone = math.sqrt(2) * torch.exp(-x.square() / 4).sum()
    return math.sqrt(2 * math.pi) * (pairs - alone + n / math.sqrt(3))


@pytest.mark.parametrize("n, size, shift", [(1, 1.0, 0.5), (7, 0.4, -1.0), (60, 1.2, 0.0), (30, 0.0, 0.0)])
def test_the_epps_pulley_statistic_equals_its_closed_form(n, size, shift):
    x = size * embeddings(n, 1, seed=3)[:, 0] + shift
    torch.testing.assert_close(neighbours.epps_pulley(x), closed_form(x), rtol=1e-4, atol=1e-4)


def test_it_is_small_for_a_gaussian_alone():
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    each = neighbours.epps_pulley(x)
    torch.testing.assert_close(each, torch.stack([neighbours.epps_pulley(x[:, i]) for i in range(3)]))
    for name, other in {"shifted": x + 1, "half": x / 2, "zeros": 0 * x, "coins": x.sign()}.items():
        assert neighbours.epps_pulley(other).min() > 5 * each.max(), name


def test_sigreg_sees_a_missing_direction():
    full = torch.randn(500, 8, generator=torch.Generator().manual_seed(5))
    flat = full * torch.tensor([1.0] * 4 + [0.0] * 4)
    values = [neighbours.sigreg(z, torch.Generator().manual_seed(6)).item() for z in (full, flat)]
    assert values[1] > 5 * values[0], values


# 5, 6 ------------------------------------------------------------------------------------------------


def test_views_share_their_content_alone():
    v, w, content = neighbours.two_views(3000, torch.Generator().manual_seed(7))
    again = neighbours.two_views(3000, torch.Generator().manual_seed(7))
    assert all(torch.equal(*pair) for pair in zip((v, w, content), again, strict=True))
    assert (v - w).abs().mean() > 0.3, "the nuisance is drawn anew"
    torch.testing.assert_close(content.var(0), torch.ones(neighbours.CONTENT), atol=0.1, rtol=0)
    assert neighbours.readout(v, content) > 0.5 and neighbours.readout(w, content) > 0.5
    assert neighbours.readout(v.roll(1, 0), content) < 0.1, "other samples' views say nothing of it"


def agreement(toy, v, w):
    return neighbours.view_distance(toy.encoder(v), toy.encoder(w))


def vicreg(toy, v, w):
    z, y = toy.encoder(v), toy.encoder(w)
    terms = [neighbours.variance_term(x) + neighbours.covariance_term(x) / 25 for x in (z, y)]
    return F.mse_loss(z, y) + sum(terms)


def test_a_run_comes_from_its_seed_and_leaves_unused_networks():
    one, two, other = (neighbours.train(agreement, seed, steps=3) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(next(iter(one.parameters())), next(iter(other.parameters())))
    fresh = neighbours.Toy(0)
    for name, same in {"encoder": False, "target_encoder": False, "predictor": True, "decoder": True}.items():
        pairs = zip(getattr(one, name).parameters(), getattr(fresh, name).parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == same, name


@torch.no_grad()
def gap(toy):
    v, w, _ = neighbours.two_views(500, torch.Generator().manual_seed(8))
    own, other = neighbours.energies(toy.encoder(v), toy.encoder(w))
    return (other - own).mean().item()


def test_agreement_alone_collapses_and_a_regularised_one_does_not():
    flat, held = (gap(neighbours.train(loss, 0, steps=200)) for loss in (agreement, vicreg))
    assert abs(flat) < 0.02 and held > 0.3, f"gaps {flat:.3f} and {held:.3f}"


def test_the_energy_is_that_of_directions():
    z = embeddings()
    own, other = neighbours.energies(z, 2 * z)
    torch.testing.assert_close(own, torch.zeros_like(own), atol=1e-9, rtol=0)
    torch.testing.assert_close(other[1:], 1 - F.cosine_similarity(z[1:], z[:-1]))


def test_the_readout_is_measured_on_others():
    content = torch.randn(400, 4, generator=torch.Generator().manual_seed(9))
    turned = content @ torch.randn(4, 7, generator=torch.Generator().manual_seed(10)) + 3
    assert neighbours.readout(turned, content) > 0.99
    assert neighbours.readout(torch.ones(400, 3), content) == pytest.approx(0, abs=0.01)
    noise = torch.randn(400, 60, generator=torch.Generator().manual_seed(11))
    assert neighbours.readout(noise, content, labelled=70) < 0, "a fit to few samples does not carry over"


# 7 ---------------------------------------------------------------------------------------------------


def test_the_architectures_differ_in_what_they_encode():
    fig = three_architectures()
    fig.canvas.draw()
    parts = [sorted(p.get_gid() for p in ax.patches if p.get_gid()) for ax in fig.axes]
    assert parts == [
        ["d", "encoder", "encoder", "x", "y"],
        ["d", "decoder", "encoder", "x", "y", "z"],
        ["d", "encoder", "encoder", "predictor", "x", "y", "z"],
    ]
    assert "generative: x goes through an encoder and a decoder that also takes z; y as it is" in fig.alt_text


def test_bars_are_means_and_hatched_below_the_limit():
    def run(gap, rank, readout):
        return {"gap": gap, "rank": rank, "readout": readout}

    table = {
        "untrained": [run(0.02, 9.0, 0.3), run(0.04, 11.0, 0.2)],
        "flat": [run(0.0, 1.5, -0.7), run(0.02, 1.7, -0.5)],
        "held": [run(0.5, 6.0, 0.6), run(0.7, 8.0, 0.8)],
    }
    fig = losses_compared(table, 0.1, {"readout": 0.75}, "untrained")
    fig.canvas.draw()
    bars = {bar.get_gid(): bar for ax in fig.axes for bar in ax.patches}
    assert bars["held gap"].get_width() == pytest.approx(0.6)
    assert bars["held rank"].get_width() == pytest.approx(7.0)
    assert bars["flat readout"].get_width() == 0, "a bar below zero is cut"
    hatched = {gid for gid, bar in bars.items() if bar.get_hatch()}
    assert hatched == {"flat gap", "flat rank", "flat readout"}, hatched
    dots = [list(line.get_xdata()) for line in fig.axes[1].lines if line.get_gid() == "held seeds"]
    assert dots == [[6.0, 8.0]]
    assert "flat (hatched): energy gap 0.01 ± 0.01" in fig.alt_text and "-0.60 ± 0.14" in fig.alt_text
    assert "untrained: energy gap 0.03" in fig.alt_text and "R² of the content 0.75" in fig.alt_text


def test_a_collapse_is_a_point_whatever_its_length():
    z = embeddings(50)
    own, other = neighbours.energies(z, z)
    wide = embeddings_and_energies(z, z[:, 0], own, other, "wide")
    long = embeddings_and_energies(7 * z, z[:, 0], own, other, "wide")
    point = embeddings_and_energies(0 * z + 2, z[:, 0], own, own, "flat")
    for fig in (wide, long, point):
        fig.canvas.draw()
    dots = [fig.axes[0].collections[0].get_offsets() for fig in (wide, long, point)]
    assert abs(dots[0] - dots[1]).max() < 1e-9 < 0.2 < abs(dots[0]).max()
    assert abs(dots[2]).max() < 1e-6 and "spreads are 0.00 and 0.00" in point.alt_text
    assert f"{own.mean():.2f} for two views of one sample and {other.mean():.2f}" in wide.alt_text


def test_the_samples_shown_are_the_first():
    v, w, content = neighbours.two_views(6, torch.Generator().manual_seed(1))
    fig = two_views_of_a_sample(v, w, content, count=3)
    fig.canvas.draw()
    assert len(fig.axes) == 6
    for row in range(3):
        assert fig.axes[2 * row].images[0].get_array().tolist() == [pytest.approx(content[row].tolist())]
        shown = fig.axes[2 * row + 1].images[0].get_array()
        assert (shown == torch.stack([v[row], w[row]]).numpy()).all()
    assert f"sample 2: content {content[1, 0]:.1f}" in fig.alt_text
