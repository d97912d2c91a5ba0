"""Claims about the one rule for chance (randomness.py).

1. A generator is that of numpy with the same state, so the same on every platform.
2. Other arguments are another stream: neighbours are unrelated, no pair runs into another, and not even those
   whose mixed seeds agree in 32 bits draw the same.
3. No two draws of a run, for batches, files and orders, share a generator.
4. A seed that PyTorch would cut is refused.
"""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import readers
from jepa_lite.randomness import generator_for
from jepa_lite.training.run import Run, _order


def drawn(*purpose, count=4):
    return tuple(torch.rand(count, generator=generator_for(*purpose)).tolist())


def test_it_is_numpys_generator_with_the_hash_as_its_state():  # 1
    words = np.frombuffer(hashlib.shake_256(b"7 batch 12").digest(4 * 624), "<u4")
    reference = np.random.RandomState()
    reference.set_state(("MT19937", words, 624))
    bits = reference.randint(0, 2**32, 1300, np.uint64) % 2**24  # torch makes a float of 24 bits
    found = torch.rand(1300, generator=generator_for(7, "batch", 12))
    assert np.array_equal(found.numpy(), bits / np.float32(2**24))
    assert drawn(7, "batch", np.int64(12)) == drawn(7, "batch", 12), "a number of numpy is that number"


def test_generators_of_neighbours_are_unrelated():  # 2
    draws = [drawn(s, "batch", t) for s in range(3) for t in range(40)]
    assert len(set(draws)) == len(draws)
    first = torch.tensor(draws)[:, 0]
    assert abs(first.mean() - 0.5) < 0.12, first.mean()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, 56277, 0), (0, 103229, 0)),  # the same in the 32 bits that a mixed seed kept
        ((1,), (1, 0)),
        ((1, 0), (1, 0, 0)),
        ((12, 3), (1, 23)),
        ((2**32 + 1,), (1,)),
        ((0, "batch", 3), (0, "file", 3)),
    ],
)
def test_other_arguments_are_another_stream(one, other):  # 2
    assert drawn(*one) != drawn(*other) and drawn(*one) == drawn(*one)


def test_no_two_draws_of_a_run_share_a_generator(tmp_path, monkeypatch):  # 3
    asked = []

    def spy(*purpose):
        asked.append(purpose)
        return generator_for(*purpose)

    monkeypatch.setattr("jepa_lite.training.run.generator_for", spy)
    monkeypatch.setattr(readers, "generator_for", spy)
    _order.cache_clear()
    for i in range(6):
        Image.new("RGB", (30 + i, 30), (40 * i, 9, 99)).save(tmp_path / f"{i}.png")
    source = readers.Files(tmp_path, [f"{i}.png" for i in range(6)], (24, 24), (0.5, 1.0), workers=0)
    model = ModelConfig(
        24, 4, width=8, depth=1, heads=1, predictor_width=8, predictor_depth=1, predictor_heads=1
    )
    run = Run(Config(model, MaskConfig(), TrainConfig(steps=5, batch_size=3, groups=1)), source)
    list(run.steps())
    asked = [purpose for purpose in asked if purpose != (0,)]  # the measures' masks, always the same
    assert len(asked) == len(set(asked)) == 3 + 5 + 5 * 3, asked


def test_a_seed_that_pytorch_would_cut_is_refused():  # 4
    assert TrainConfig(seed=2**32 - 1)
    with pytest.raises(ValueError, match="seed must be at most 4,294,967,295"):
        TrainConfig(seed=2**32)
