"""What changes during a run, as pure functions of progress (paper, appendix A.1).

`progress` runs from 0 at the first step to 1 at the last, whatever ends the run: steps, epochs or time.
"""

import math


def cosine(start, end, progress):
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def linear(start, end, progress):
    """From `start` to `end` in a straight line."""
    return start + (end - start) * min(progress, 1.0)


def learning_rate(config, progress):
    """Linear warm-up from `start_lr * lr` to `lr`, then half a cosine down to `final_lr * lr`."""
    if progress < config.warmup:
        return config.lr * linear(config.start_lr, 1.0, progress / config.warmup)
    return config.lr * cosine(1.0, config.final_lr, (progress - config.warmup) / max(1 - config.warmup, 1e-9))


def weight_decay(config, progress):
    """A cosine from the first to the second value of `config.weight_decay`."""
    return cosine(*config.weight_decay, progress)


def momentum(config, progress):
    """A line from the first to the second value of `config.momentum`."""
    return linear(*config.momentum, progress)
