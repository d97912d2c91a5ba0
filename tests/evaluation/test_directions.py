"""Claims about directions read from predictions (jepa_lite/evaluation/directions.py, figures/directions.py).

1. Where tokens hold the direction linearly, the reading finds it, for other tokens than it was fitted to.
2. A model that predicts the right vector for the right address is right with right addresses and wrong with
   shuffled ones; what is read never comes from the images that are measured.
3. The distance of two directions is that of lines without a sign: 45 degrees by chance.
4. The picture has a stroke for each hidden tile and row, along its direction, and says the errors.
"""

import math

import pytest
import torch

from jepa_lite.config import MaskConfig
from jepa_lite.data.fields import directions_of, draw_fields, fields
from jepa_lite.evaluation import directions as found_in
from jepa_lite.figures import directions as drawn_by
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import take

GRID = (8, 8)


class Oracle:
    """Predicts a fixed linear code of the true directions, at the addresses that it is asked for."""

    def __init__(self, angle):
        code = torch.randn(2, 12, generator=torch.Generator().manual_seed(3))
        self.map = found_in.vectors(angle) @ code + 0.3  # (n, N, D)
        self.encoder = self
        self.positions = torch.zeros(1)

    def parameters(self):
        return iter([self.positions])

    def targets(self, x):
        return self.map[: len(x)]

    def predict(self, x, masks):
        return take(self.map[: len(x)], masks.target_idx)


@pytest.fixture(scope="module")
def found():
    angle = directions_of(draw_fields(40, seed=5), GRID)
    masks = sample_masks(GRID, 40, MaskConfig(num_targets=2), torch.Generator().manual_seed(0))
    hidden, found = found_in.hidden_directions(Oracle(angle), fields(40, 64, seed=5)[0], angle, masks, 10)
    return angle, masks, hidden, found


def test_a_reading_holds_for_tokens_that_it_was_not_fitted_to():
    generator = torch.Generator().manual_seed(1)
    angle = math.pi * torch.rand(30, 64, generator=generator)
    code = torch.randn(2, 12, generator=generator)
    tokens = found_in.vectors(angle) @ code + 0.05 * torch.randn(30, 64, 12, generator=generator)
    reading = found_in.fit_reading(tokens[:15], angle[:15])
    off = found_in.degrees_between(found_in.read(tokens[15:], reading), angle[15:])
    assert off.median() < 2


def test_right_addresses_are_right_and_shuffled_ones_are_not(found):
    angle, masks, hidden, directions = found
    assert torch.equal(hidden, masks.target_idx[:10].flatten(1))
    assert torch.equal(directions["true"], angle[:10].gather(1, hidden))
    right, wrong = (found_in.median_error(directions, name) for name in ("right", "wrong"))
    assert right < 1 and wrong > 5, (right, wrong)


def test_lines_without_a_sign_are_at_most_90_degrees_apart():
    zero = torch.zeros(3)
    off = found_in.degrees_between(zero, torch.tensor([math.pi, math.pi / 2, 3 * math.pi / 4]))
    torch.testing.assert_close(off, torch.tensor([0.0, 90.0, 45.0]))
    generator = torch.Generator().manual_seed(0)
    guess, true = math.pi * torch.rand(2, 10000, generator=generator)
    assert abs(found_in.degrees_between(guess, true).mean().item() - 45) < 1


def test_the_picture_has_a_stroke_for_every_hidden_tile(found):
    _, _, hidden, directions = found
    images = fields(40, 64, seed=5)[0][:3] / 255
    some = {name: angle[:3] for name, angle in directions.items()}
    figure = drawn_by.directions(images, GRID, hidden[:3], some)
    strokes = {name: [] for name in some}
    for ax in (ax for part in figure.subfigs for ax in part.axes):
        for line in ax.lines:
            strokes[line.get_gid()].append(line)
    assert all(len(lines) == hidden[:3].numel() for lines in strokes.values())
    (x0, x1), (y0, y1) = strokes["true"][0].get_data()
    slope = torch.tensor(math.atan2(y1 - y0, x1 - x0))
    assert found_in.degrees_between(slope, some["true"][0, 0]) < 0.1
    assert f"{found_in.median_error(some, 'wrong'):.0f} degrees with wrong addresses" in figure.alt_text


def test_the_reports_section_says_both_errors(found):
    _, _, hidden, directions = found
    page = drawn_by.section(fields(40, 64, seed=5)[0], GRID, hidden, directions)
    right, wrong = (found_in.median_error(directions, name) for name in ("right", "wrong"))
    assert f"{right:.0f} degrees off in the median, and {wrong:.0f}" in page and "<img" in page
