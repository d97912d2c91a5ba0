"""Exercise of notebook 07: which directions survive weight decay in the linear toy."""

import torch

from ..linear_toy import flow, rest_points
from .engine import exercise


def _root(sign=1, inside=lambda r, d: r.square() / 4 - d, first=lambda r: r / 2, none=0.0):
    """A wrong `eigenvalues_at_rest`: another root, or another value where there is none."""

    def wrong(correlations, decay):
        under = inside(correlations, decay)
        there = first(correlations) + sign * under.clamp(min=0).sqrt()
        return torch.where(under > 0, there, none if isinstance(none, float) else none(correlations))

    return wrong


def _case(values, decay):
    return torch.tensor(values), decay


exercise(
    name="eigenvalues_at_rest",
    notebook="07",
    answer=rest_points,
    cases=lambda: [
        _case([0.1, 0.9, 0.3, 0.7], 0.05),
        _case([0.95, 0.2, 0.55], 0.03),
        _case([0.5, 0.3, 0.65, 0.85, 0.99], 0.1),
    ],
    traps=lambda: {
        "Without weight decay every eigenvalue ends at its correlation.": _case([0.2, 0.5, 0.8], 0.0),
        "Where the decay is too strong for all directions, all of them are lost.": _case([0.3, 0.5], 0.2),
        "A single direction stays a tensor with one axis.": _case([0.8], 0.05),
    },
    returns="the eigenvalues at rest (D,)",
    hint="At rest the push and the decay cancel: p * (r - p) = d. Solve that for p. Of two roots, ask which "
    "one a small step away returns to. Where the root is of a negative number, nothing holds p up.",
    source=(rest_points, flow),
    mistakes=(
        (
            "This is the smaller root. Below it p falls and above it p rises, so it repels: the flow rests "
            "at the larger one.",
            _root(-1),
        ),
        (
            "Where there is no root nothing holds p up, and it falls to 0. It does not stop at r / 2, where "
            "the parabola has its top.",
            _root(none=lambda r: r / 2),
        ),
        (
            "The quadratic formula has r * r / 4 under the root: p = r / 2 + sqrt(r * r / 4 - d).",
            _root(inside=lambda r, d: r.square() - d),
            _root(inside=lambda r, d: r.square() / 4 - d / 4),
            _root(inside=lambda r, d: r.square() / 2 - d),
        ),
        (
            "The halves are missing: r + sqrt(r * r - 4 d) is twice the root.",
            _root(inside=lambda r, d: r.square() - 4 * d, first=lambda r: r),
        ),
        (
            "These are the correlations: that is where p rests without weight decay.",
            lambda r, d: r.clone(),
        ),
        (
            "The decay is taken off the correlation. The push is p * (r - p), so the balance is quadratic.",
            lambda r, d: (r - d).clamp(min=0),
            lambda r, d: r - d,
        ),
        (
            "Directions are lost where r < 2 sqrt(d), and those that stay keep less than their correlation.",
            lambda r, d: torch.where(r.square() > 4 * d, r, 0.0),
        ),
        (
            "The push has lost its factor p: with ṗ = r - p - d p no direction would be lost.",
            lambda r, d: r / (1 + d),
        ),
        (
            "The wrong sign of the decay: it pulls p down, so p * (r - p) = +d.",
            _root(inside=lambda r, d: r.square() / 4 + d),
        ),
        (
            "These are squares: w * w is the size of a direction, and p itself was asked for.",
            lambda r, d: rest_points(r, d).square(),
        ),
        ("This is 1 where a direction survives; its eigenvalue was asked for.",
         lambda r, d: (rest_points(r, d) > 0).float()),
    ),
)  # fmt: skip
