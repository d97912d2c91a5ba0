"""Figures of signals with two completions: the worlds, the best guess between them, and what it costs.

Pure functions from tensors to a Figure with `alt_text`, as in style.py; the signals are ambiguity.py's.
"""

import torch
from torch import Tensor

from ...figures.style import (
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    ORANGE,
    PURPLE,
    VERMILION,
    Picture,
    figure,
    show,
    styled,
)
from ..ambiguity import unavoidable_loss, weighted_mean

WORLDS = ((BLUE, "-", "////"), (ORANGE, "--", "\\\\\\\\"))  # of world A and world B
GUESS = VERMILION
CURVES = ((VERMILION, "-"), (PURPLE, "--"), (GREEN, "-."), (BLUE, ":"))


@styled
def torn_wave(seen: Tensor, worlds: Tensor, guess: Tensor | None = None) -> Picture:
    """A wave (L,) and its two possible continuations (2, L); a guess (L,) between them, if there is one."""
    L = len(seen)
    fig = figure(2.4)
    ax = fig.subplots()
    ax.axvspan(L - 0.5, 2 * L - 0.5, fc=NOTHING, lw=0)
    ax.plot(range(L), seen, color="#333333", lw=1.8, label="seen", gid="seen")
    for world, name, (colour, line, _) in zip(worlds, "AB", WORLDS, strict=True):
        label = f"world {name}"
        ax.plot(range(L, 2 * L), world, color=colour, ls=line, lw=1.8, label=label, gid=label)
    told = "the second goes on in grey as one of two, each the other upside down."
    if guess is not None:
        ax.plot(range(L, 2 * L), guess, color=GUESS, lw=3, label="a guess", gid="guess")
        told += f" A guess between them reaches from {guess.min():.2g} to {guess.max():.2g}."
    ax.set(xlabel="place", ylabel="value", xlim=(-0.5, 2 * L - 0.5))
    fig.legend(loc="outside upper center", ncols=4, frameon=False)
    fig.alt_text = f"A wave of {2 * L} points: the first half is seen, {told}"
    return fig


@styled
def odds_of_two(worlds: Tensor, odds: float) -> Picture:
    """Two images (2, 1, H, W) in [0, 1], the best guess when the first has probability `odds`, its loss.

    The loss is over the pixels in which the worlds differ.
    """
    guess, differ = weighted_mean(worlds, [odds, 1 - odds]), worlds[0] != worlds[1]
    inside = worlds[:, differ]  # (2, pixels)
    chances = torch.linspace(0, 1, 41).tolist()
    losses = [unavoidable_loss(inside, [chance, 1 - chance]).item() for chance in chances]
    loss = unavoidable_loss(inside, [odds, 1 - odds]).item()
    left = ((guess[differ] - 0.5).abs().max() / (inside[0] - 0.5).abs().max()).item()
    fig = figure(2.1)
    *pictures, ax = fig.subplots(1, 4, width_ratios=(1, 1, 1, 1.15))
    titles = (f"world A, odds {odds:.2f}", f"world B, odds {1 - odds:.2f}", "the best single guess")
    for panel, image, title in zip(pictures, (*worlds, guess), titles, strict=True):
        show(panel, image, title)
    ax.plot(chances, losses, color=BLUE, gid="losses")
    ax.plot([odds], [loss], "o", color=GUESS, ms=8, gid="here")
    ax.set(title="its loss", xlabel="odds of world A", ylim=(0, 1.15 * max(losses)))
    fig.alt_text = (
        f"Two sharp striped images, alike but for a block, with odds {odds:.2f} and {1 - odds:.2f}; the "
        f"guess of least squared error, in whose block {100 * left:.0f}% of the contrast is left; and its "
        f"loss over the odds, an arch: {loss:.3f} here, {max(losses):.3f} at even odds, 0 at the ends."
    )
    return fig


@styled
def direction_bars(energies: dict[str, Tensor]) -> Picture:
    """Contrast by the direction of stripes, {name: (bins,)}, as bars side by side."""
    fig = figure(2.5)
    ax, told, count = fig.subplots(), [], len(energies)
    looks = [*((colour, hatch) for colour, _, hatch in WORLDS), (GUESS, "xxxx"), (GREY, "...")]
    for i, ((name, energy), (colour, hatch)) in enumerate(zip(energies.items(), looks, strict=False)):
        angles = [180 / len(energy) * bin for bin in range(len(energy))]
        places = [bin + (i - (count - 1) / 2) * 0.8 / count for bin in range(len(energy))]
        look = {"fc": colour, "hatch": hatch, "ec": "#333333", "lw": 0.6}
        ax.bar(places, energy.tolist(), 0.8 / count, label=name, gid=name, **look)
        ax.set_xticks(range(len(energy)), [f"{angle:g}°" for angle in angles])
        highest = f"{energy.max():.2g}, at {angles[int(energy.argmax())]:g} degrees"
        told.append(f"{name}: {highest if energy.max() > 1e-9 else 'none'}")
    ax.set(xlabel="direction of the stripes", ylabel="contrast")
    ax.legend(frameon=False)
    fig.alt_text = f"Bars of contrast by the direction of stripes. The highest of each: {'; '.join(told)}."
    return fig


@styled
def shares_of_variance(curves: dict[str, list[float]], floors: dict[str, float]) -> Picture:
    """Losses as shares of what they had to explain, {name: a list a step}, and {name: the least possible}."""
    fig = figure(2.9)
    ax, told = fig.subplots(), []
    for (name, values), (colour, line) in zip(curves.items(), CURVES, strict=False):
        ax.plot(range(1, len(values) + 1), values, color=colour, ls=line, label=name, gid=name)
        ax.axhline(floors[name], color=colour, lw=0.8, alpha=0.7, gid=f"{name} floor")
        last = values[-max(1, len(values) // 10) :]  # one batch has luck, some have less
        end = f"{sum(last) / len(last):.2f} on average at the end"
        told.append(f"{name}: {end}, where {floors[name]:.2f} is the least possible")
    ax.set(xlabel="step", ylabel="loss / variance", ylim=(0, None))
    ax.legend(frameon=False, loc=(0.66, 0.2))
    fig.alt_text = f"Curves of loss, as a share of the variance of the targets: {'; '.join(told)}."
    return fig
