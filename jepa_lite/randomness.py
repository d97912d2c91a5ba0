"""One rule for chance: a draw is a pure function of what it is for (the seed, the step, the image).

So there is no random state to save: a run that is resumed, or that runs on another number of processes or
loading workers, sees the very batches, crops and masks that it would have seen.
"""

import hashlib
import threading

import numpy as np
import torch

DRAWS = 2  # the rule below, to be raised with it; the first rule, without a number, kept 32 bits
WORDS = 624  # of 32 bits: the state of the Mersenne twister, PyTorch's generator on a CPU
_STATE = torch.Generator().manual_seed(0).get_state()  # of one that has drawn nothing yet; made once, so that
_WORDS = _STATE.numpy().view(np.uint64)[3 : 3 + WORDS]  # it is real also where tensors are fake (plan.py)
_TURN = threading.Lock()


def generator_for(seed: int, *purpose: int | str) -> torch.Generator:
    """A generator on the CPU that is a pure function of its arguments, numbers and words without spaces:
    `generator_for(seed, "batch", step)`. It is the same on every platform.

    `manual_seed` alone keeps 32 bits of what it is given, so that of 100,000 steps some would draw the
    very same masks. Here all 19,968 bits of the state are a hash (SHAKE-256) of the arguments.
    """
    text = " ".join(map(str, (seed, *purpose)))
    words = np.frombuffer(hashlib.shake_256(text.encode()).digest(4 * WORDS), "<u4")
    with _TURN:
        _WORDS[:] = words  # each in eight bytes, as `get_state` keeps them
        return torch.Generator().set_state(_STATE)
