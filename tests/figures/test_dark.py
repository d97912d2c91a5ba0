"""Claims tested here, of figures on dark pages:

1. By night every word stands out from what lies behind it by 4.5 to 1 or more, as it does by day; lines and
   marks by 3 to 1. The ground is dark; words on bright cells, bars and boxes stay dark.
2. Colours and images stay as they are; only greys are turned over, black to almost white.
3. The figure is left as it was: the same colours everywhere, also where one is set to none.
4. A notebook gets both, each with its alt text; the plain picture beside them is the one by day.
"""

import base64
import io
import re

import numpy as np
import pytest
import torch
from matplotlib import colors
from matplotlib.text import Text
from PIL import Image

from jepa_lite import MaskConfig, course, sample_masks
from jepa_lite.baselines.switches import Switches
from jepa_lite.course.figures import start
from jepa_lite.evaluation.measures import mask_coverage
from jepa_lite.figures import collapse, curves, style
from jepa_lite.figures import masks as mask_figures
from jepa_lite.figures.dark import GROUND, INK, _all_of, _contrast, _turned

pytestmark = pytest.mark.slow

DPI = 144
JUPYTERLAB = {"day": "#ffffff", "night": "#111111"}  # its grounds behind an output, in its two themes
CONTROLS = [
    {"name": "chance", "linear": 0.1, "knn": 0.111},
    {"name": "random", "linear": 0.683, "knn": 0.439, "knn_std": 0.013},
    {"name": "ijepa", "linear": 0.752, "knn": 0.703},
]
LOG = [
    {"step": s, "loss": 0.4 / s, "rank": 7.0, "std": 0.1, "position_share": 0.3, "knn": 0.5}
    for s in (1, 2, 9)
]


def masks(rule):
    return sample_masks((8, 8), 4, MaskConfig(rule=rule), torch.Generator().manual_seed(9))


def boxes_and_words():
    """Dark words on a bright box, on a bright bar and on the page; a bright one on a dark bar; an arrow."""
    fig = style.figure(2.4)
    ax = fig.subplots()
    ax.bar([0, 1], [3, 3], color=[style.ORANGE, "#102040"])
    ax.text(0, 1, "on orange", ha="center", color="black")
    ax.text(1, 1, "on blue", ha="center", color="white")
    ax.text(0, 4, "in a box", ha="center", bbox={"fc": "white", "ec": "none", "alpha": 0.9})
    ax.annotate("pointing", (1, 3), (1, 4), ha="center", arrowprops={"arrowstyle": "->"})
    ax.plot([-0.5, 1.5], [3.5, 3.5], color="#333333", mfc="white", marker="o", label="a line")
    ax.legend(framealpha=0.8, edgecolor="none")
    fig.alt_text = "Two bars with words in, above and beside them."
    return fig


FIGURES = {
    "masks": lambda: mask_figures.masks(course.small_image() / 255, masks("paper")),
    "coverage": lambda: mask_figures.coverage_of_rules(
        {"paper": mask_coverage(masks("paper")), "official": mask_coverage(masks("official"))}
    ),
    "controls": lambda: curves.control_bars(CONTROLS),
    "curves": lambda: curves.curves(LOG, {"knn": 0.3}),
    "guesses": lambda: course.guesses({"steps": (3, 7.25), "nothing": (None, 2)}, " s"),
    "runs": lambda: collapse.runs([{"number": 1, "switches": Switches(), "log": LOG}]),
    "sightings": lambda: collapse.sightings({"a": {"loss": (0.1, True), "rank": (3.0, False)}}),
    "beside_reference": lambda: start.beside_reference(3.0, 4.0, {"00_start": 20.0}),
    "words": boxes_and_words,
}


@pytest.fixture(scope="module", params=FIGURES)
def drawn(request):
    """(figure, {"day": (pixels, those without words), "night": the same}), of floats (rows, columns, 3)."""
    fig = FIGURES[request.param]()
    return fig, shown_and_bare(fig)


def shown_and_bare(fig):
    fig.day_and_night(DPI)  # matplotlib settles the layout of images at the second drawing
    fig.set_layout_engine("none")
    shown = map(pixels, fig.day_and_night(DPI))
    alphas = [(text, text.get_alpha()) for text in fig.findobj(Text)]
    for text, _ in alphas:
        text.set_alpha(0.0)
    bare = map(pixels, fig.day_and_night(DPI))
    for text, alpha in alphas:
        text.set_alpha(alpha)
    return dict(zip(("day", "night"), zip(shown, bare, strict=True), strict=True))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) / 255


def words(fig, shown, bare):
    """[(text, its ink, what lies behind it)] of each drawn word, at the pixel that it changes most."""
    fig.savefig(io.BytesIO(), dpi=DPI)  # from here on the boxes are those of this resolution
    height, changed = fig.get_figheight() * DPI, np.abs(shown - bare).sum(-1)  # (rows, columns)
    for text in fig.findobj(Text):
        box = Text.get_window_extent(text, dpi=DPI)
        spans = (height - box.y1, height - box.y0), (box.x0, box.x1)
        part = tuple(slice(int(max(low, 0)), int(max(high, 0)) + 1) for low, high in spans)
        if changed[part].size and changed[part].max() > 0:  # else it lies beside the axes
            at = np.unravel_index(changed[part].argmax(), changed[part].shape)
            yield text.get_text(), shown[part][at], bare[part][at]


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["day", "night"])
def test_every_word_stands_out(drawn, when):
    fig, pictures = drawn
    ratios = [(text, _contrast(ink, behind)) for text, ink, behind in words(fig, *pictures[when])]
    faint = [f"{text!r}: {ratio:.2f}" for text, ratio in ratios if ratio < 4.5]
    assert len(ratios) > 1 and not faint, faint


def test_the_ground_is_dark_and_stands_out_little_from_jupyterlabs(drawn):
    for when, ground in JUPYTERLAB.items():
        edge = drawn[1][when][0][0, 0]
        assert _contrast(edge, ground) < 1.2, f"by {when}: {colors.to_hex(edge)} on {ground}"


def test_lines_stand_out():
    for colour in (style.BLACK, style.GREY, "#333333", *(look[0] for look in style.TARGETS), style.SKY):
        ratio = _contrast(_turned(colour), GROUND)
        assert ratio >= 3, f"{colour}: {ratio:.2f}"


def test_words_on_bright_things_stay_dark():
    fig = boxes_and_words()
    inks = {text: ink.mean() for text, ink, _ in words(fig, *shown_and_bare(fig)["night"])}
    assert inks["on orange"] < 0.2 and inks["on blue"] > 0.9
    assert inks["in a box"] > 0.8 and inks["pointing"] > 0.8 and inks["a line"] > 0.8


# 2 -------------------------------------------------------------------------------------------------------


def test_greys_are_turned_over_and_colours_stay():
    assert colors.to_hex(_turned("black")) == INK and colors.to_hex(_turned("white")) == GROUND
    ramp = [_turned(str(level / 10))[0] for level in range(11)]
    assert ramp == sorted(ramp, reverse=True)
    assert _turned((0.0, 0.0, 0.0, 0.25))[3] == 0.25
    for colour in (style.ORANGE, style.BLUE, (0.8, 0.2, 0.2, 0.5), "none"):
        assert _turned(colour) == colour


def test_contrast_is_that_of_the_guidelines():
    assert _contrast("black", "white") == pytest.approx(21)
    assert _contrast("#767676", "white") == pytest.approx(4.54, abs=0.01) == _contrast("white", "#767676")


def test_images_and_coloured_bars_stay():
    fig = mask_figures.masks(course.small_image() / 255, masks("paper"))
    fig.day_and_night(DPI)
    day, dark = map(pixels, fig.day_and_night(DPI))
    same = (np.abs(day - dark).max(-1) < 0.02).mean()
    assert 0.45 < same < 0.9, f"{same:.0%} of the pixels stay: the photograph, and not the page around it"
    day, dark = map(pixels, course.guesses({"x": (1, 2)}).day_and_night(DPI))
    blue = np.abs(day - colors.to_rgb(style.BLUE)).max(-1) < 0.01
    assert blue.sum() > 1000 and np.allclose(day[blue], dark[blue], atol=0.02)


def test_marks_without_a_colour_of_their_own_follow_their_line():
    fig = style.figure(1.0)
    ax = fig.subplots()
    ax.plot([0, 1], [0, 1], "|", color=style.BLACK, ms=30, mew=4)
    ax.set_axis_off()
    for _ in range(2):  # the second drawing sees what the first one has put back
        day, night = map(pixels, fig.day_and_night(DPI))
        ink, light = day.max(-1) < 0.1, night.min(-1) > 0.8
        assert ink.sum() > 200 and (ink == light).mean() > 0.99


# 3 -------------------------------------------------------------------------------------------------------


def looks(fig):
    """Every colour of every artist."""
    names = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor", "alpha")
    found = []
    for artist in _all_of(fig):
        values = [getattr(artist, f"get_{name}")() for name in names if hasattr(artist, f"get_{name}")]
        found.append([np.asarray(value).tolist() for value in values])
    return found


def test_the_figure_is_left_as_it_was(drawn):
    fig = drawn[0]
    before = looks(fig), fig.dpi, fig.canvas, fig.get_layout_engine()
    fig.day_and_night(DPI)
    assert looks(fig) == before[0], "a colour was not put back"
    assert (fig.dpi, fig.canvas, fig.get_layout_engine()) == before[1:]


# 4 -------------------------------------------------------------------------------------------------------


def test_a_notebook_gets_both_with_their_alt_text():
    fig = course.guesses({"steps": (3, 7.25)})
    shown = fig._repr_mimebundle_()
    images = re.findall(r"<img ([^>]*)>", shown["text/html"])
    assert len(images) == 2 and all(f'alt="{fig.alt_text}"' in image for image in images)
    assert 'class="jepa-day"' in images[0] and 'class="jepa-night"' in images[1]
    assert 'width="0"' in images[1] and "display: none" in images[1], (
        "both would show where styles are stripped"
    )
    day, dark = (base64.b64decode(re.search(r"base64,([^\"]+)", image)[1]) for image in images)
    assert base64.b64decode(shown["image/png"]) == day
    assert pixels(day).mean() > 0.7 > 0.4 > pixels(dark).mean()
