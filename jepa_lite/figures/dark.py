"""A figure by night: the same one for a page with a dark ground, where a white sheet would glare.

Colours stay, for they carry the meaning, and so do images. Greys are turned over: black becomes almost white,
and white the ground of the page. A word is turned over only where that makes it stand out more from what lies
behind it, which is looked up in the drawing: on the page it is, on a bright cell or bar it is not.
"""

import contextlib
import io

import numpy as np
from matplotlib import colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.typing import ColorType

GROUND, INK = "#17181b", "#e8e8ea"  # those of html.py and kit.css
GREY = 0.08  # colours whose red, green and blue differ by less are greys
PARTS = {
    Line2D: ("color", "markerfacecolor", "markeredgecolor"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
}


def day_and_night(fig: Figure, dpi: float, **options: object) -> tuple[bytes, bytes]:
    """The figure as two PNG files, as it is and by night; the figure itself stays as it is.

    options: for `savefig`, by day and by night alike.
    """
    files = io.BytesIO(), io.BytesIO()
    fig.savefig(files[0], format="png", dpi=dpi, **options)
    with _still(fig, dpi) as canvas, contextlib.ExitStack() as undo:
        words = [t for t in fig.findobj(Text) if t.get_visible() and t.get_text().strip()]
        boxes = [Text.get_window_extent(word, canvas.get_renderer()) for word in words]
        for artist in _all_of(fig):
            _turn(artist, undo)
        for word, behind in zip(words, _behind(words, boxes, canvas), strict=True):
            ink = word.get_color()
            _change(word, "color", max((ink, _turned(ink)), key=lambda c: _contrast(c, behind)), undo)
        fig.savefig(files[1], format="png", dpi=dpi, facecolor=fig.get_facecolor(), **options)
    return tuple(file.getvalue() for file in files)


def _turned(colour: ColorType) -> ColorType:
    """A grey turned over, black to INK and white to GROUND; any other colour, and what is clear, as it is."""
    *rgb, alpha = colors.to_rgba(colour)
    if np.ptp(rgb) > GREY or not alpha:
        return colour
    ink, ground = (np.array(colors.to_rgb(end)) for end in (INK, GROUND))
    return (*(ink + np.mean(rgb) * (ground - ink)), alpha)


def _contrast(one: ColorType, other: ColorType) -> float:
    """How far two colours stand out from each other, from 1 to 21 (WCAG 2.2); text wants 4.5."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    rgb = np.array(colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@contextlib.contextmanager
def _still(fig, dpi):
    """The figure on a canvas of its own at `dpi`, with everything staying where it was drawn last."""
    before = fig.canvas, fig.dpi, fig.get_layout_engine()
    canvas = FigureCanvasAgg(fig)
    fig.dpi = dpi
    fig.set_layout_engine("none")
    try:
        yield canvas
    finally:
        fig.set_canvas(before[0])
        fig.dpi = before[1]
        fig.set_layout_engine(before[2])


def _all_of(fig):
    """Every artist of a figure, and what `findobj` does not name: the boxes and arrows of words."""
    for artist in fig.findobj():
        yield artist
        if isinstance(artist, Text):
            yield from filter(None, (artist.get_bbox_patch(), getattr(artist, "arrow_patch", None)))


def _turn(artist, undo):
    """Turn the greys of an artist over. A coloured bar keeps its edge, which is also its hatch."""
    names = next((names for kind, names in PARTS.items() if isinstance(artist, kind)), ())
    if isinstance(artist, Collection) and artist.get_array() is not None:
        return  # its colours are values
    if isinstance(artist, Patch) and _coloured(artist.get_facecolor()):
        return
    # All are read before one is set, because a marker without a colour of its own has its line's.
    for name, now in [(name, getattr(artist, f"get_{name}")()) for name in names]:
        several = isinstance(artist, Collection)
        then = [_turned(colour) for colour in now] if several else _turned(now)
        if not np.array_equal(colors.to_rgba_array(now), colors.to_rgba_array(then)):
            undo.callback(getattr(artist, f"set_{name}"), now)
            getattr(artist, f"set_{name}")(then)


def _coloured(face):
    return face[3] > 0.5 and np.ptp(face[:3]) > GREY


def _change(artist, name, value, undo):
    undo.callback(getattr(artist, f"set_{name}"), getattr(artist, f"get_{name}")())
    getattr(artist, f"set_{name}")(value)


def _behind(words, boxes, canvas):
    """What lies behind each word: the median colour of the drawing without words, where its box is."""
    with contextlib.ExitStack() as undo:
        for word in words:
            _change(word, "alpha", 0.0, undo)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    height, width, _ = pixels.shape
    for box in boxes:
        rows = np.clip([height - box.y1, height - box.y0], 0, height - 1).astype(int)
        columns = np.clip([box.x0, box.x1], 0, width - 1).astype(int)
        part = pixels[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
        yield tuple(np.median(part, axis=(0, 1)))
