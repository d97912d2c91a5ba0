"""Claims about ambiguous signals, the best guess between them (course/ambiguity.py), and their figures:

1. The mean, the median and the loss equal what trying every answer finds; odds need not sum to 1; no world
   and no nudge away from the guess does better. So does the guess under smooth-L1, which is the mean for a
   wide parabola and the median for a narrow one.
2. Torn waves: the hidden half goes on or is upside down, as often as the odds say; what is seen tells the
   number of cycles; the same generator gives the same waves.
3. Two cloths differ in their block alone, where each is the other upside down, sharp and equally far from
   what surrounds them.
4. The spectrum and the direction of stripes are the same in both worlds, name cycles and angle, and their
   mean has neither.
5. Figures show the numbers, over a grid of odds, sizes and guesses, and their alt text holds them.
6. The dial redraws at every value that its slider can take, says what cannot be drawn, and has a figure.
"""

import re

import pytest
import torch

from jepa_lite.course import ambiguity
from jepa_lite.course.figures.ambiguity import direction_bars, odds_of_two, shares_of_variance, torn_wave
from jepa_lite.widgets.sliders import Dial


def seeded(seed):
    return torch.Generator().manual_seed(seed)


CASES = [((4,), (3.0, 1.0)), ((2, 3), (0.4, 2.5, 1.7)), ((1, 3, 5), (1.0, 0.9, 0.8, 0.7, 1.3))]


def some_worlds(shape, odds, seed=1):
    return torch.randn(len(odds), *shape, generator=seeded(seed)) + 0.4, torch.tensor(odds)


def expected(guess, worlds, odds, power):
    error = (worlds - guess).abs() ** power
    return sum(error[i] * odds[i] for i in range(len(odds))) / odds.sum()  # (...)


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, odds", CASES)
@pytest.mark.parametrize("best, power", [(ambiguity.weighted_mean, 2), (ambiguity.weighted_median, 1)])
def test_no_other_guess_does_better(shape, odds, best, power):
    worlds, odds = some_worlds(shape, odds)
    guess = best(worlds, odds)
    least = expected(guess, worlds, odds, power)
    for other in (*worlds, *(guess + nudge for nudge in torch.linspace(-3, 3, 301))):
        assert (expected(other, worlds, odds, power) >= least - 1e-6).all()
    torch.testing.assert_close(best(worlds, 7 * odds), guess)
    if power == 2:
        torch.testing.assert_close(ambiguity.unavoidable_loss(worlds, odds), least.mean())


@pytest.mark.parametrize("beta", (0.3, 1.0, 2.0))
@pytest.mark.parametrize("shape, odds", CASES)
def test_no_other_guess_does_better_under_smooth_l1(shape, odds, beta):
    worlds, odds = some_worlds(shape, odds)

    def expected(guess):
        loss = torch.nn.functional.smooth_l1_loss(
            guess.expand_as(worlds), worlds, beta=beta, reduction="none"
        )
        return ambiguity.weighted_mean(loss, odds)

    guess = ambiguity.smooth_l1_guess(worlds, odds, beta)
    for other in (*worlds, *(guess + nudge for nudge in torch.linspace(-3, 3, 301))):
        assert (expected(other) >= expected(guess) - 1e-6).all()
    torch.testing.assert_close(ambiguity.smooth_l1_guess(worlds, 7 * odds, beta), guess)


def test_smooth_l1_lies_between_mean_and_median():
    worlds, odds = some_worlds((5,), (0.4, 2.5, 1.7))
    mean, median = ambiguity.weighted_mean(worlds, odds), ambiguity.weighted_median(worlds, odds)
    torch.testing.assert_close(ambiguity.smooth_l1_guess(worlds, odds, 100.0), mean)
    torch.testing.assert_close(ambiguity.smooth_l1_guess(worlds, odds, 1e-4), median, rtol=0, atol=1e-3)


def test_the_mean_is_the_sum_by_shares():
    worlds = torch.tensor([[1.0, 5.0], [3.0, -1.0]])
    assert ambiguity.weighted_mean(worlds, (3, 1)).tolist() == [1.5, 3.5]
    assert ambiguity.unavoidable_loss(worlds, (3, 1)).item() == pytest.approx(3 / 16 * (4 + 36) / 2)
    assert ambiguity.weighted_median(worlds, (3, 1)).tolist() == [1.0, 5.0]
    assert ambiguity.weighted_median(worlds, (1, 1)).tolist() == [1.0, -1.0], "of two equals, the lower"


# 2 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odds", [0.0, 0.3, 1.0])
def test_waves_go_on_or_turn(odds):
    seen, hidden, cycles = ambiguity.torn_waves(2000, seeded(3), odds)
    assert set(cycles.tolist()) == set(range(2, 8))
    going_on = (hidden - seen).abs().amax(1) < 1e-4  # whole cycles in each half: it repeats
    turned = (hidden + seen).abs().amax(1) < 1e-4
    assert (going_on ^ turned).all()
    assert going_on.float().mean().item() == pytest.approx(odds, abs=0.04)
    assert torch.equal(ambiguity.spectrum(seen).argmax(1) + 1, cycles)
    assert torch.equal(seen, ambiguity.torn_waves(2000, seeded(3), odds)[0])


def test_a_wave_is_a_sine():
    found = ambiguity.wave(12, torch.tensor([1, 3]), torch.tensor([0.25, 0.0]))
    angles = torch.arange(12) / 12 * 2 * torch.pi
    torch.testing.assert_close(found, torch.stack([angles.cos(), (3 * angles).sin()]), atol=1e-6, rtol=0)
    assert ambiguity.wave(5, 2, 0.1).shape == (5,)


# 3, 4 ----------------------------------------------------------------------------------------------------

BLOCKS = [(64, 22.5, (0.25, 0.75)), (48, 90.0, (0.25, 0.5)), (40, 135.0, (0.5, 0.75))]


@pytest.mark.parametrize("size, angle, hidden", BLOCKS)
def test_two_cloths_differ_in_their_block(size, angle, hidden):
    worlds = ambiguity.two_cloths(size, angle, hidden=hidden)
    assert worlds.shape == (2, 1, size, size) and worlds.min() >= 0 and worlds.max() <= 1
    low, high = round(size * hidden[0]), round(size * hidden[1])
    outside = torch.ones(size, size, dtype=torch.bool)
    outside[low:high, low:high] = False
    assert torch.equal(worlds[0, 0][outside], worlds[1, 0][outside])
    block = worlds[:, :, low:high, low:high]
    torch.testing.assert_close(block.mean(0), torch.full_like(block[0], 0.5))
    assert block[0].std() > 0.2, "each world is sharp"
    energy = ambiguity.stripe_energy(torch.cat([block, block.mean(0, keepdim=True)]))
    torch.testing.assert_close(energy[0], energy[1], atol=1e-5, rtol=0)
    assert energy[0].argmax().item() == round(angle / 22.5) % 8 and energy[0].max() > 0.9 * energy[0].sum()
    assert energy[2].sum() < 1e-6, "the mean of the two has no stripes"


def test_neither_cloth_is_smoother_at_its_seam():
    seams = []
    for world in ambiguity.two_cloths()[:, 0]:  # the block is 16 to 48
        down, right = world.diff(dim=0).square(), world.diff(dim=1).square()
        edges = [down[15, 16:48], down[47, 16:48], right[16:48, 15], right[16:48, 47]]
        seams.append(torch.cat(edges).mean().item())
    assert 0.8 < seams[0] / seams[1] < 1.25, seams


def test_the_spectrum_forgets_the_phase_and_nothing_else():
    waves = ambiguity.wave(32, torch.tensor([3, 3, 5]), torch.tensor([0.1, 0.63, 0.1]))
    one, shifted, finer = ambiguity.spectrum(waves)
    torch.testing.assert_close(one, shifted, atol=1e-5, rtol=0)
    assert one[2].item() == pytest.approx(1, abs=1e-5) and finer[4].item() == pytest.approx(1, abs=1e-5)
    assert one.shape == (16,) and one.sum().item() == pytest.approx(1, abs=1e-4)


# 5 -------------------------------------------------------------------------------------------------------


def line(ax, gid):
    (found,) = [artist for artist in ax.lines if artist.get_gid() == gid]
    return found


@pytest.mark.parametrize("guess", [None, 0.25])
def test_a_torn_wave_is_drawn(guess):
    seen, hidden = ambiguity.wave(20, 3, 0.2).split(10)
    fig = torn_wave(seen, torch.stack([hidden, -hidden]), None if guess is None else guess * hidden)
    fig.canvas.draw()
    assert list(line(fig.axes[0], "world B").get_ydata()) == pytest.approx((-hidden).tolist())
    assert len(fig.axes[0].lines) == 3 + (guess is not None)
    assert ("A guess" in fig.alt_text) == (guess is not None) and "20 points" in fig.alt_text


@pytest.mark.parametrize("odds", [0.0, 0.05, 0.5, 0.85, 1.0])
@pytest.mark.parametrize("size", [24, 64])
def test_odds_are_drawn(odds, size):
    worlds = ambiguity.two_cloths(size)
    fig = odds_of_two(worlds, odds)
    fig.canvas.draw()
    loss = ambiguity.unavoidable_loss(worlds[:, worlds[0] != worlds[1]], [odds, 1 - odds]).item()
    shown = [panel.images[0].get_array() for panel in fig.axes[:3]]
    for array, image in zip(shown, (*worlds, odds * worlds[0] + (1 - odds) * worlds[1]), strict=True):
        assert abs(array - image[0].numpy()).max() < 1e-6
    here = line(fig.axes[3], "here")
    assert (here.get_xdata()[0], here.get_ydata()[0]) == (odds, pytest.approx(loss))
    most = max(line(fig.axes[3], "losses").get_ydata())
    assert loss == pytest.approx(4 * odds * (1 - odds) * most, abs=1e-6)
    assert f"{loss:.3f} here" in fig.alt_text and f"odds {odds:.2f} and {1 - odds:.2f}" in fig.alt_text
    assert f"{100 * abs(2 * odds - 1):.0f}% of the contrast" in fig.alt_text


def test_directions_are_bars():
    energies = {"one": torch.tensor([0.1, 0.7, 0.2, 0.4]), "none": torch.zeros(4)}
    fig = direction_bars(energies)
    fig.canvas.draw()
    heights = [bar.get_height() for bar in fig.axes[0].containers[0]]
    assert heights == pytest.approx(energies["one"].tolist())
    assert "one: 0.7, at 45 degrees" in fig.alt_text and "none: none" in fig.alt_text


def test_curves_and_their_floors_are_drawn():
    curves = {"a": [1.2, 0.9, 0.8], "b": [1.0, 0.4, 0.2]}
    fig = shares_of_variance(curves, {"a": 0.75, "b": 0.0})
    fig.canvas.draw()
    for name, floor in (("a", 0.75), ("b", 0.0)):
        assert list(line(fig.axes[0], name).get_ydata()) == curves[name]
        assert set(line(fig.axes[0], f"{name} floor").get_ydata()) == {floor}
    assert "a: 0.80 on average at the end, where 0.75" in fig.alt_text


# 6 -------------------------------------------------------------------------------------------------------


def test_the_dial_follows_its_slider():
    worlds = ambiguity.two_cloths(16)
    dial = Dial(lambda odds: odds_of_two(worlds, odds), "odds", 0.5, step=0.25)
    shown = [dial.picture.value]
    for value in (0.0, 0.25, 1.0):
        dial.slider.value = value
        shown.append(dial.picture.value)
        assert re.search(rf'<img class="jepa-day" alt="[^"]*odds {value:.2f} and', dial.picture.value)
    assert len(set(shown)) == 4 and dial.trouble == ""
    shown = dial._repr_mimebundle_()
    data, about = shown
    assert "odds 1.00" in about["image/png"]["alt"] and data["image/png"] in dial.picture.value
    assert "application/vnd.jupyter.widget-view+json" in data and data["text/plain"].startswith("Dial: ")
    whole = Dial(dial.draw, "odds", 0, step=1)
    assert (dial.slider.readout_format, whole.slider.readout_format) == (".2f", ".0f")


def test_the_dial_says_what_cannot_be_drawn():
    def draw(value):
        if value > 0.5:
            raise ValueError("<more> than half")
        return odds_of_two(ambiguity.two_cloths(16), value)

    dial = Dial(draw, "odds", 0.5)
    dial.slider.value = 0.75
    assert dial.trouble == "This value cannot be drawn: <more> than half."
    assert "&lt;more&gt; than half" in dial.picture.value
    dial.slider.value = 0.25
    assert dial.trouble == "" and "<img" in dial.picture.value
