"""Claims about encoders with stretched positions (jepa_lite/additions/stretched_positions.py).

1. At the trained size nothing changes, and the encoder that was given never does.
2. At a larger size the addresses are the trained ones, interpolated: the middle stays in the middle, and none
   is far from all trained ones. Counting on, as `Encoder` does, gives addresses that are.
3. A size that the patch does not divide is refused.
"""

import pytest
import torch

from jepa_lite import Encoder, ModelConfig
from jepa_lite.additions.stretched_positions import stretched

ENCODER = Encoder(
    ModelConfig(image_size=(64, 32), patch_size=8, width=32, depth=1, heads=2)
)  # a grid of 8 x 4


def farthest(table):
    """How far the loneliest address of a table (N, D) is from the nearest trained one."""
    return torch.cdist(table, ENCODER.positions).min(1).values.max()


def test_at_the_trained_size_nothing_changes():
    images = torch.randn(2, 3, 64, 32)
    same = stretched(ENCODER, (64, 32))
    assert torch.equal(same(images), ENCODER(images)) and same is not ENCODER


def test_at_a_larger_size_the_addresses_are_those_between_the_trained_ones():
    before = ENCODER.positions.clone()
    larger = stretched(ENCODER, (192, 96))  # three times: every third row and column is a trained one
    assert larger.grid == (24, 12) and larger(torch.randn(1, 3, 192, 96)).shape == (1, 24 * 12, 32)
    table = larger.positions.view(24, 12, -1)
    torch.testing.assert_close(table[1::3, 1::3].flatten(0, 1), ENCODER.positions)
    assert farthest(larger.positions) < 0.6 < 2 < farthest(ENCODER.positions_for((192, 96)))
    assert torch.equal(ENCODER.positions, before) and ENCODER.grid == (8, 4)


def test_a_size_that_the_patch_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="patch_size 8 does not divide"):
        stretched(ENCODER, (100, 96))
