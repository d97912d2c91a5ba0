"""Exercise of notebook 13: is this projection a standard Gaussian?"""

import torch

from ..neighbours import epps_pulley
from .engine import exercise


def _samples(n, seed, shift, scale):
    """n skewed numbers that are no standard Gaussian, between about -3 and 3."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, generator=generator, dtype=torch.float64).clamp(-2, 2)
    return (scale * (x + 0.2 * x.square()) + shift,)


def _statistic(
    apart=lambda real, imaginary, wanted: (real - wanted).square() + imaginary.square(),
    wanted=lambda t: torch.exp(-t.square() / 2),
    weight=lambda t: torch.exp(-t.square() / 2),
    ends=(-5, 5, 17),
    times=len,
    before=lambda x: x,
    total=lambda values, t: torch.trapezoid(values, t),
):
    """A wrong `epps_pulley`: another distance, characteristic function, weight, range, factor or integral."""

    def statistic(x):
        t = torch.linspace(*ends, dtype=x.dtype)
        angles = before(x)[:, None] * t  # (n, 17)
        real, imaginary = angles.cos().mean(0), angles.sin().mean(0)
        return times(x) * total(apart(real, imaginary, wanted(t)) * weight(t), t)

    return statistic


def _squared_first(x):
    t = torch.linspace(-5, 5, 17, dtype=x.dtype)
    angles, gaussian = x[:, None] * t, torch.exp(-t.square() / 2)
    apart = (angles.cos() - gaussian).square() + angles.sin().square()  # (n, 17), of each sample alone
    return len(x) * torch.trapezoid(apart.mean(0) * gaussian, t)


exercise(
    name="epps_pulley",
    notebook="13",
    answer=epps_pulley,
    cases=lambda: [_samples(12, 0, 0.4, 1.1), _samples(7, 1, -0.3, 0.5), _samples(40, 2, 0.6, 0.9)],
    traps=lambda: {
        "Samples that are all 0 have the characteristic function 1 everywhere, far from a Gaussian's.": (
            torch.zeros(6, dtype=torch.float64),
        ),
    },
    returns="the statistic, one number without axes,",
    hint="Three steps: t and x[:, None] * t; the mean over samples of its cosine (the real part) and of its "
    "sine (the imaginary part); the squared modulus of the difference, times the weight, under "
    "torch.trapezoid.",
    source=(epps_pulley,),
    mistakes=(
        (
            "The imaginary part is left out: then samples that lie to one side look like symmetric ones. Add "
            "the square of the mean sine.",
            _statistic(apart=lambda real, imaginary, wanted: (real - wanted).square()),
        ),
        (
            "Only the moduli are compared. A shift of all samples turns the characteristic function and "
            "leaves its modulus, so it would go unseen.",
            _statistic(apart=lambda r, i, wanted: ((r.square() + i.square()).sqrt() - wanted).square()),
        ),
        (
            "Each sample is compared with the Gaussian alone. The mean over samples comes first, then the "
            "square.",
            _squared_first,
        ),
        (
            "The factor n is missing. With it, Gaussian samples give values of one size for every n.",
            _statistic(times=lambda x: 1),
        ),
        (
            "The factor is the square root of n; it is n.",
            _statistic(times=lambda x: len(x) ** 0.5),
        ),
        (
            "The weight is missing: far out, where few samples say nothing certain, all of t counts alike.",
            _statistic(weight=torch.ones_like),
        ),
        (
            "The weight is exp(-t^2), which is narrower: here it is exp(-t^2 / 2).",
            _statistic(weight=lambda t: torch.exp(-t.square())),
        ),
        (
            "The weight is a normal density, so the whole is divided by sqrt(2 pi).",
            _statistic(weight=lambda t: torch.exp(-t.square() / 2) / (2 * torch.pi) ** 0.5),
        ),
        (
            "This compares with exp(-t^2), the characteristic function of a Gaussian of variance 2.",
            _statistic(wanted=lambda t: torch.exp(-t.square())),
        ),
        (
            "This compares with the DENSITY of the Gaussian. Its characteristic function is exp(-t^2 / 2), "
            "which is 1 at t = 0.",
            _statistic(wanted=lambda t: torch.exp(-t.square() / 2) / (2 * torch.pi) ** 0.5),
        ),
        (
            "The samples are standardised first. Then their mean and size are free, and a collapse to a "
            "small size goes unseen. The comparison is with mean 0 and variance 1.",
            _statistic(before=lambda x: (x - x.mean()) / x.std()),
            _statistic(before=lambda x: (x - x.mean()) / x.std(correction=0)),
        ),
        (
            "The samples are centred first: then nothing keeps their mean at 0.",
            _statistic(before=lambda x: x - x.mean()),
        ),
        (
            "The values are added up without the distance between two points of t: use torch.trapezoid.",
            _statistic(total=lambda values, t: values.sum()),
        ),
        (
            "This is a mean over t; an integral is as wide as its range, 10.",
            _statistic(total=lambda values, t: values.mean()),
            _statistic(total=lambda values, t: torch.trapezoid(values, t) / 10),
        ),
        (
            "It integrates over positive t alone, which is half of the integral.",
            _statistic(ends=(0, 5, 17)),
            _statistic(ends=(0, 5, 9)),
        ),
        (
            "The modulus is not squared.",
            _statistic(apart=lambda r, i, wanted: ((r - wanted).square() + i.square()).sqrt()),
        ),
        (
            "The parts of the difference are added up by their absolute values, not by their squares.",
            _statistic(apart=lambda r, i, wanted: (r - wanted).abs() + i.abs()),
        ),
    ),
)
