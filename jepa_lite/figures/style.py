"""What every figure is drawn with: one palette, one hatch vocabulary, one style, and marks on images.

What colour says, hatching says too, so that a figure reads without colour. Figures are made without
pyplot, so nothing leaks, and look the same whatever the notebook around them has set, but for its theme: a
dark one gets the figure by night (dark.py).
"""

import base64
import functools
import html
from collections.abc import Callable, Iterable

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from . import dark

# Okabe and Ito (2008), "Color Universal Design": told apart with any colour vision.
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE, BLACK, GREY = "#D55E00", "#CC79A7", "#000000", "#9A9A9A"
NOTHING = "#EDEDED"  # where there is no image, or where none may be seen
# The vocabulary: a context patch is plain, a dropped one dotted grey, and each target has its own look.
DROPPED, HIDDEN = (GREY, "..."), ("#777777", "////")
TARGETS = ((ORANGE, "////"), (BLUE, "\\\\\\\\"), (GREEN, "||||"), (PURPLE, "----"), (VERMILION, "xxxx"))
MEASURES = {"linear": (SKY, "", "^"), "knn": (ORANGE, "////", "o")}
NAMES = {
    "chance": "chance",
    "pixels": "raw pixels",
    "random": "random weights",
    "pixel_baseline": "pixel baseline",
    "ijepa": "I-JEPA",
    "linear": "linear probe",
    "linear_last4": "linear probe, last 4 blocks",
    "knn": "k-nearest neighbours",
}
HEAT = "cividis"  # a colour map that every colour vision reads alike
BRIGHT = 0.46  # of its scale: from here on black stands out from it more than white does
WIDTH = 7.2  # inches: 690 pixels on a screen, the width of a page of text
DPI = 96  # of a figure in a notebook
SPINES = {f"axes.spines.{side}": False for side in ("top", "right")}
# Which of two pictures shows: JupyterLab says its theme on the page, others leave it to the system. Where
# styles are stripped the one by day shows, for the other is born without width.
THEMES = """<style>[data-jp-theme-light="false"] .jepa-day { display: none !important }
[data-jp-theme-light="false"] .jepa-night { display: inline !important; width: auto }
@media (prefers-color-scheme: dark) { :root:not(:has([data-jp-theme-light])) {
  .jepa-day { display: none !important } .jepa-night { display: inline !important; width: auto } } }</style>
"""
STYLE = {"font.size": 9.5, "axes.titlesize": 9.5, "hatch.linewidth": 0.9} | SPINES


def styled(draw: Callable) -> Callable:
    """Run a drawing function under STYLE alone, whatever the notebook around it has set."""

    @functools.wraps(draw)
    def drawn(*args, **named):
        with style.context(["default", STYLE]):
            return draw(*args, **named)

    return drawn


class Picture(Figure):
    """A figure that notebooks show with its `alt_text`, which matplotlib's own way of showing leaves out."""

    alt_text = ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.alt_text:
            raise ValueError("this figure has no alt_text; say in a sentence what is to be seen in it")
        day, night = (base64.b64encode(png).decode() for png in self.day_and_night(DPI))
        alt, data = f'alt="{html.escape(self.alt_text)}"', "data:image/png;base64,"
        images = f'<img class="jepa-day" {alt} style="max-width: 100%" src="{data}{day}">'
        hidden = 'width="0" style="max-width: 100%; display: none"'
        images += f'<img class="jepa-night" {alt} {hidden} src="{data}{night}">'
        return {"text/html": THEMES + images, "image/png": day, "text/plain": self.alt_text}

    def day_and_night(self, dpi: float, **options: object) -> tuple[bytes, bytes]:
        """`dark.day_and_night` under STYLE alone, whatever the notebook has set."""
        with style.context(["default", STYLE]):
            return dark.day_and_night(self, dpi, **options)


def figure(height: float) -> Picture:
    """An empty figure as wide as a page of text and `height` inches high; give it axes and an `alt_text`."""
    return Picture(figsize=(WIDTH, height), layout="constrained")


def picture(ax: Axes, array: ArrayLike, title: str = "", **scale: object) -> AxesImage:
    """An array (rows, columns) or (rows, columns, 3), without ticks; returns matplotlib's image."""
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    return ax.imshow(np.asarray(array), **scale)


def show(ax: Axes, image, title: str = "") -> None:
    """An image (C, H, W) in [0, 1], grey when C is 1."""
    pixels = image.detach().cpu().float().clamp(0, 1).permute(1, 2, 0)  # (H, W, C)
    picture(ax, pixels[..., 0] if len(image) == 1 else pixels, title, cmap="gray", vmin=0, vmax=1)


def aspect(image) -> float:
    return image.shape[-2] / image.shape[-1]


def square(ax: Axes, patch: int, grid: tuple[int, int], P: int, gid: str, **look: object) -> None:
    """Mark one patch of an image; `gid` names the mark, in the figure and to the tests."""
    row, column = divmod(int(patch), grid[1])
    ax.add_patch(Rectangle((column * P - 0.5, row * P - 0.5), P, P, gid=gid, **look))


def frame(ax: Axes, patch: int, grid: tuple[int, int], P: int, gid: str = "query") -> None:
    """A frame around one patch that shows on dark and on bright images."""
    square(ax, patch, grid, P, gid, fill=False, ec="white", lw=3.2)
    square(ax, patch, grid, P, f"{gid} inner", fill=False, ec=BLACK, lw=1.2)


def hatched(
    ax: Axes,
    patches: Iterable[int],
    grid: tuple[int, int],
    P: int,
    gid: str,
    look: tuple[str, str],
    alpha: float,
    ink: str | None = None,
) -> None:
    """Patches under the colour and the hatch of a `look`, one mark a patch."""
    for patch in patches:
        square(ax, patch, grid, P, gid, fc=(look[0], alpha), ec=ink or look[0], hatch=look[1], lw=0)


def listed(numbers: Iterable, form: str = "{:g}") -> str:
    """'1, 2 and 3'."""
    words = [form.format(n) for n in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def percent(share: float) -> str:
    return f"{100 * share:.0f}%"
