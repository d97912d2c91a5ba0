"""Exercise of notebook 07: what the moving average remembers after many steps."""

import torch

from ...method.ijepa import IJEPA
from .engine import exercise

# As it is written: without what torch.no_grad wraps around it.
UPDATE_TARGET = IJEPA.update_target.__wrapped__


def ema_closed_form(history, start, momentum):
    """The target after n updates, without a loop over them: history (n, ...), start (...) -> (...).

    An encoder that was handed in k updates ago has been multiplied by momentum k times since.
    """
    n = len(history)
    shares = (1 - momentum) * momentum ** torch.arange(n - 1, -1, -1.0)  # (n,), the oldest first
    return momentum**n * start + torch.tensordot(shares, history, 1)


def _mixed(shares_of, start_share=lambda m, n: m**n):
    """A wrong `ema_closed_form`, with other shares: `shares_of(m, n)` (n,) and `start_share(m, n)`."""

    def wrong(history, start, momentum):
        n = len(history)
        mixed = torch.tensordot(shares_of(momentum, n).float(), history, 1)
        return start_share(momentum, n) * start + mixed

    return wrong


def _ages(n, oldest):
    return oldest - torch.arange(n)


def _history(n, shape, momentum, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator), torch.randn(shape, generator=generator), momentum


exercise(
    name="ema_closed_form",
    notebook="07",
    answer=ema_closed_form,
    cases=lambda: [_history(5, (3, 2), 0.8, 0), _history(9, (4,), 0.55, 1), _history(2, (2, 3, 4), 0.9, 2)],
    traps=lambda: {
        "After a single update the start's share is momentum, the encoder's 1 - momentum.": _history(
            1, (3,), 0.7, 3
        ),
        "Axes of size 1 are kept.": _history(3, (1, 2, 1), 0.6, 4),
    },
    returns="the target after n updates, in the shape of start",
    hint="Write two updates on paper: m * (m * start + (1 - m) * first) + (1 - m) * second. Now read off "
    "what each of the three is multiplied by. The newest is multiplied by 1 - m alone, and all shares "
    "add up to 1.",
    source=(ema_closed_form, UPDATE_TARGET),
    mistakes=(
        (
            "Newest and oldest are reversed: history[-1] is the latest encoder, whose share no later "
            "update has shrunk.",
            _mixed(lambda m, n: (1 - m) * m ** torch.arange(n)),
        ),
        (
            "The start is left out: the target began as something, and momentum**n of that is still in it.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: 0.0),
        ),
        (
            "The start's share is momentum, as after one update; after n updates it was multiplied n times.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: m),
        ),
        (
            "The start comes in whole, with factor 1; n updates have multiplied it by momentum n times.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: 1.0),
        ),
        (
            "Off by one: the start was multiplied by momentum n times, once by each update.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: m ** (n - 1)),
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: m ** (n + 1)),
        ),
        (
            "The start has the factor 1 - momentum, as if it had been handed in like an encoder: it was "
            "there before, so its share is momentum**n alone.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n - 1), lambda m, n: (1 - m) * m**n),
        ),
        (
            "momentum and 1 - momentum have changed places: 1 - momentum is the share of what is new.",
            _mixed(lambda m, n: m * (1 - m) ** _ages(n, n - 1), lambda m, n: (1 - m) ** n),
        ),
        (
            "The shares of the encoders are stretched until they sum to 1 on their own; together with the "
            "start's share they already do.",
            _mixed(lambda m, n: (w := m ** _ages(n, n - 1)) / w.sum(), lambda m, n: 0.0),
            _mixed(lambda m, n: (w := m ** _ages(n, n - 1)) / w.sum(), lambda m, n: m**n),
        ),
        (
            "The newest encoder comes in whole: every one of them, the newest as well, has 1 - momentum.",
            _mixed(lambda m, n: torch.where(_ages(n, n - 1) > 0, 1 - m, 1.0) * m ** _ages(n, n - 1)),
        ),
        (
            "This is the newest encoder alone: a target that forgets everything else at once.",
            _mixed(lambda m, n: _ages(n, n - 1) == 0, lambda m, n: 0.0),
        ),
        (
            "This is one update, with the newest encoder: the n - 1 before have left their share, too.",
            _mixed(lambda m, n: (_ages(n, n - 1) == 0) * (1 - m), lambda m, n: m),
        ),
        (
            "All encoders have the same share: each update since has shrunk the older ones once more.",
            _mixed(lambda m, n: torch.full((n,), 1 - m)),
            _mixed(lambda m, n: torch.full((n,), (1 - m**n) / n)),
        ),
        (
            "The shares do not add up to 1: each encoder comes in with 1 - momentum, which is missing.",
            _mixed(lambda m, n: m ** _ages(n, n - 1)),
        ),
        (
            "Off by one: the newest encoder was multiplied by momentum zero times, not once.",
            _mixed(lambda m, n: (1 - m) * m ** _ages(n, n)),
        ),
        (
            "This is the plain mean of all n + 1: it forgets nothing, and a moving average "
            "forgets what is old.",
            _mixed(lambda m, n: torch.full((n,), 1 / (n + 1)), lambda m, n: 1 / (n + 1)),
        ),
    ),
)
