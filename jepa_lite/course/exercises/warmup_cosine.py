"""Exercise of notebook 08: a learning rate with a warm-up."""

from types import SimpleNamespace

import torch

from ...method import optim
from .engine import exercise


def _rates(progress, lr, warmup, start, final):
    config = SimpleNamespace(lr=lr, warmup=warmup, start_lr=start, final_lr=final)
    return torch.tensor([optim.learning_rate(config, p) for p in progress.tolist()])


def _cosine(start, end, q):
    return end + (start - end) * (1 + (torch.pi * q).cos()) / 2


def _bent(rise=None, fall=None):
    """A wrong `warmup_cosine`: as shares of lr, `rise(start, p)` and `fall(final, q, progress)` replaced."""
    rise = rise or (lambda start, p: start + (1 - start) * p)
    fall = fall or (lambda final, q, progress: _cosine(1.0, final, q))

    def wrong(progress, lr, warmup, start, final):
        first = rise(start, progress / max(warmup, 1e-9))
        then = fall(final, (progress - warmup) / (1 - warmup), progress)
        return lr * torch.where(progress < warmup, first, then)

    return wrong


def _absolute(progress, lr, warmup, start, final):
    return _bent()(progress, 1.0, warmup, start / lr, final / lr) * lr


def _upside_down(final, q, progress):
    return _cosine(final, 1.0, q)


def _warm_up_only(progress, lr, warmup, start, final):
    return lr * (start + (1 - start) * progress / warmup).clamp(max=1)


exercise(
    name="warmup_cosine",
    notebook="08",
    answer=_rates,
    # Uneven steps, both ends, and a point on each side of the warm-up's end.
    cases=lambda: [
        (torch.tensor([0.0, 0.04, 0.09, 0.1, 0.13, 0.41, 0.77, 1.0]), 3e-3, 0.1, 0.2, 0.05),
        (torch.tensor([0.0, 0.11, 0.29, 0.35, 0.6, 0.93, 1.0]), 0.5, 0.3, 0.05, 0.11),
    ],
    traps=lambda: {
        "Without a warm-up (warmup = 0) it begins at lr; 0 / 0 is nan. At progress 0 the warm-up is over "
        "already, so compare with <, not <=, and do not divide by 0.": (
            *(torch.tensor([0.0, 0.2, 0.7, 1.0]), 2.0, 0.0, 0.3, 0.02),
        ),
        "A single step is a tensor (1,) as well.": (torch.tensor([0.37]), 0.1, 0.2, 0.1, 0.05),
        "Steps may come in any order.": (torch.tensor([0.8, 0.05, 1.0, 0.0, 0.4]), 0.1, 0.2, 0.1, 0.05),
    },
    returns="the learning rates (S,)",
    hint="Two lines and a choice. While progress < warmup: from start to 1, as progress goes from 0 to "
    "warmup. After it: how far is it through the REST of the run, from 0 to 1? Half a cosine of that, "
    "(1 + cos(pi * q)) / 2, goes from 1 to 0; stretch it to end at final. torch.where chooses.",
    source=(optim.learning_rate, optim.cosine, optim.linear),
    mistakes=(
        (
            "The warm-up begins at 0 and not at start * lr: the first step of the run would change nothing.",
            _bent(rise=lambda start, p: p),
        ),
        (
            "There is no warm-up: at progress 0 it is at full lr already, while Adam's moments have seen "
            "nothing yet.",
            _bent(rise=lambda start, p: torch.ones_like(p)),
        ),
        (
            "The cosine counts from the start of the run, so the rate jumps down where the warm-up ends. It "
            "should begin at its top there: measure it by (progress - warmup) / (1 - warmup).",
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, progress)),
        ),
        (
            "It ends at 0 and not at final * lr: the last steps would learn nothing.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, 0.0, q)),
        ),
        (
            "After the warm-up it falls in a straight line; a cosine stays high at first, and lands softly.",
            _bent(fall=lambda final, q, progress: 1 + (final - 1) * q),
        ),
        (
            "start and final are taken as learning rates; they are shares of lr, so that one dial moves all.",
            _absolute,
        ),
        (
            "After the warm-up it rises: half a cosine goes from 1 to 0 as (1 + cos(pi * q)) / 2, not (1 - "
            "cos) / 2.",
            _bent(fall=_upside_down),
        ),
        (
            "The cosine is not halved: 1 + cos goes from 2 to 0, so the rate jumps up after the warm-up.",
            _bent(fall=lambda final, q, progress: final + (1 - final) * (1 + (torch.pi * q).cos())),
            _bent(fall=lambda final, q, progress: 1 + (torch.pi * q).cos()),
        ),
        (
            "There is no 1 + before the cosine, and the rate becomes negative: take (1 + cos) / 2.",
            _bent(fall=lambda final, q, progress: final + (1 - final) * (torch.pi * q).cos()),
            _bent(fall=lambda final, q, progress: final + (1 - final) * (torch.pi * q).cos() / 2),
        ),
        (
            "It is a whole cosine: down and up again. Half of one, cos(pi * q), goes down once.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, 2 * q)),
        ),
        (
            "It is a quarter of a cosine, or less: cos(pi * q) has to reach its lowest point at the end.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, q / 2)),
            _bent(fall=lambda final, q, progress: final + (1 - final) * (torch.pi * q / 2).cos()),
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, q / torch.pi)),
        ),
        (
            "final is added on top: it goes from 1 + final to final. Stretch the cosine by 1 - final first.",
            _bent(fall=lambda final, q, progress: final + _cosine(1.0, 0.0, q)),
        ),
        (
            "The cosine is not allowed to fall below final, which cuts it off: stretch it, to END at final.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, 0.0, q).clamp(min=final)),
        ),
        (
            "start is taken as a learning rate; it is a share of lr.",
            lambda progress, lr, warmup, start, final: _bent(rise=lambda s, p: s / lr + (1 - s / lr) * p)(
                progress, lr, warmup, start, final
            ),
        ),
        (
            "final is taken as a learning rate; it is a share of lr.",
            lambda progress, lr, warmup, start, final: _rates(progress, lr, warmup, start, final / lr),
        ),
        (
            "start and final are swapped.",
            lambda progress, lr, warmup, start, final: _rates(progress, lr, warmup, final, start),
        ),
        (
            "start is added on top of the line, which then ends at 1 + start: stretch it by 1 - start.",
            _bent(rise=lambda start, p: start + p),
        ),
        (
            "The warm-up is steeper or flatter than it should be: it is through at progress = warmup, so "
            "the share of it is progress / warmup.",
            lambda progress, lr, warmup, start, final: _bent(rise=lambda s, p: s + (1 - s) * p * warmup)(
                progress, lr, warmup, start, final
            ),
            lambda progress, lr, warmup, start, final: _bent(
                rise=lambda s, p: s + (1 - s) * p * warmup / (1 - warmup)
            )(progress, lr, warmup, start, final),
        ),
        (
            "The warm-up is a curve; it goes in a straight line.",
            _bent(rise=lambda start, p: _cosine(start, 1.0, p)),
            _bent(rise=lambda start, p: start + (1 - start) * p * p),
            _bent(rise=lambda start, p: start ** (1 - p)),
        ),
        (
            "After the warm-up it stays at lr: the cosine is missing.",
            _bent(fall=lambda final, q, progress: torch.ones_like(q)),
            _warm_up_only,
        ),
        (
            "The rest of the run is not measured from 0 to 1: it is (progress - warmup) / (1 - warmup).",
            lambda progress, lr, warmup, start, final: _bent(
                fall=lambda f, q, p: _cosine(1.0, f, p - warmup)
            )(progress, lr, warmup, start, final),
            lambda progress, lr, warmup, start, final: _bent(
                fall=lambda f, q, p: _cosine(1.0, f, p / (1 - warmup))
            )(progress, lr, warmup, start, final),
        ),
        (
            "The two parts have changed places: the line is for progress below warmup.",
            lambda progress, lr, warmup, start, final: (
                lr
                * torch.where(
                    progress >= warmup,
                    start + (1 - start) * progress / warmup,
                    _cosine(1.0, final, (progress - warmup) / (1 - warmup)),
                )
            ),
        ),
        (
            "These are shares of lr: multiply by lr.",
            lambda progress, lr, warmup, start, final: _rates(progress, 1.0, warmup, start, final),
        ),
        (
            "It falls exponentially, or as a power; wanted is half a cosine.",
            _bent(fall=lambda final, q, progress: final**q),
            _bent(fall=lambda final, q, progress: final + (1 - final) * (1 - q) ** 2),
        ),
    ),
)
