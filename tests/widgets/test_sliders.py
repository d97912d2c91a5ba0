"""Claims about lists over a plot function.

1. It begins with the first of every list; each choice of each list is drawn, and its static figure shows it;
   what is chosen is said beside its slider.
2. A choice that cannot be drawn is a sentence in its place, and the next one clears it.
3. Without a front end the static figure shows, with alt text.
"""

import itertools

from jepa_lite.figures.style import figure
from jepa_lite.widgets.sliders import Choices

LISTS = {"letter": {"a": 1, "b": 2, "<c>": 3}, "mark": ("plain", "none")}


def draw(letter, mark):
    if (letter, mark) == (3, "none"):
        raise ValueError("3 & <none> do not go together")
    fig = figure(1.0)
    fig.alt_text = f"Nothing but {letter} and {mark}."
    return fig


def test_every_choice_is_drawn():
    shown = Choices(draw, LISTS)
    letter, mark = shown.lists
    assert shown.figure().alt_text == "Nothing but 1 and plain."
    for one, other in itertools.product((1, 2, 3), ("plain", "none")):
        letter.value, mark.value = one, other
        if (one, other) != (3, "none"):
            words = f"Nothing but {one} and {other}."
            assert shown.figure().alt_text == words and f'alt="{words}"' in shown.picture.value
            assert not shown.trouble
    assert [each.description for each in shown.lists] == ["letter", "mark"]


def test_the_choice_is_said_beside_its_slider():
    shown = Choices(draw, LISTS)
    letter, mark = shown.lists
    (*rows, _) = shown.children
    assert [[row.children[0], row.children[1].value] for row in rows] == [[letter, "a"], [mark, "plain"]]
    letter.value = 3
    assert [row.children[1].value for row in rows] == ["<c>", "plain"]


def test_what_cannot_be_drawn_is_said():
    shown = Choices(draw, LISTS)
    letter, mark = shown.lists
    letter.value, mark.value = 3, "none"
    assert "do not go together" in shown.trouble and "3 &amp; &lt;none&gt;" in shown.picture.value
    letter.value = 2
    assert not shown.trouble and "Nothing but 2 and none." in shown.picture.value


def test_without_a_front_end_the_static_figure_shows():
    data, about = Choices(draw, LISTS)._repr_mimebundle_()
    assert data["image/png"] and about["image/png"]["alt"] == "Nothing but 1 and plain."
    assert data["text/plain"] == "Choices: Nothing but 1 and plain."
