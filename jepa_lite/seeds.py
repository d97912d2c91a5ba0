"""One rule for chance: a draw is a pure function of what it is for (the seed, the step, the image).

So there is no random state to save: a run that is resumed, or that runs on another number of processes or
loading workers, sees the very batches, crops and masks that it would have seen.
"""

import torch


def generator_for(seed, *numbers):
    """A generator that is a pure function of its arguments, different for any two sets of them."""
    mixed = 0
    for number in (seed, *numbers):  # splitmix64's step, so that neighbours are unrelated
        mixed = (mixed + number + 1) * 0x9E3779B97F4A7C15 % 2**64
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed ^= mixed >> 27
    return torch.Generator().manual_seed(mixed % 2**63)
