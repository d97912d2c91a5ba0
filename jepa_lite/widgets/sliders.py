"""Stock sliders over a pure plot function: what it takes to make any figure of this library move.

ipywidgets' own sliders, which arrow keys, Page Up and Home move in every front end (its drop-down lists lose
the keys to JupyterLab); the figure is shown as an image with its alt text, or a sentence where a value cannot
be drawn. The other widgets paint in the browser and are quicker.
"""

import html
from collections.abc import Callable

import ipywidgets

from ..figures.style import Picture

LOOK = {"style": {"description_width": "initial"}, "layout": {"width": "60%"}}


class _Drawn(ipywidgets.VBox):
    """Base: `draw(*values)` -> a Figure with `alt_text`, of the values of some stock controls."""

    def __init__(self, draw: Callable[..., Picture], controls: list[ipywidgets.Widget]) -> None:
        self.draw, self.controls, self.trouble = draw, controls, ""
        self.picture = ipywidgets.HTML()
        super().__init__([*controls, self.picture])
        self.picture.value = self._shown()["text/html"]
        for control in controls:
            control.observe(lambda _: self._redraw(), "value")

    def figure(self) -> Picture:
        """The static figure: the figure of the present values."""
        return self.draw(*(control.value for control in self.controls))

    def _shown(self):
        return self.figure()._repr_mimebundle_()

    def _redraw(self):
        try:
            self.picture.value, self.trouble = self._shown()["text/html"], ""
        except ValueError as error:
            self.trouble = f"This value cannot be drawn: {error}."
            self.picture.value = f"<p>{html.escape(self.trouble)}</p>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = super()._repr_mimebundle_(include=include, exclude=exclude)
        data, about = data if isinstance(data, tuple) else (data, {})
        shown = self._shown()
        data |= {
            "image/png": shown["image/png"],
            "text/plain": f"{type(self).__name__}: {shown['text/plain']}",
        }
        return data, about | {"image/png": {"alt": shown["text/plain"]}}


class Dial(_Drawn):
    """One number. name: what the slider is called. low, high, step: its range. value: where it begins."""

    def __init__(
        self,
        draw: Callable[..., Picture],
        name: str,
        value: float,
        low: float = 0.0,
        high: float = 1.0,
        step: float = 0.05,
    ) -> None:
        digits = ".2f" if step % 1 else ".0f"  # 27 and not 27.00, where only whole numbers are offered
        self.slider = ipywidgets.FloatSlider(
            value, min=low, max=high, step=step, description=name, readout_format=digits, **LOOK
        )
        super().__init__(draw, [self.slider])


class Choices(_Drawn):
    """Choices from lists: {what is chosen: its options, the first one first}, a slider for each list."""

    def __init__(self, draw: Callable[..., Picture], lists: dict[str, list]) -> None:
        wide = {"style": {"description_width": f"{max(map(len, lists)) + 1}ch"}}  # the sliders begin together
        self.lists = [
            ipywidgets.SelectionSlider(options=options, description=name, readout=False, **LOOK | wide)
            for name, options in lists.items()
        ]
        super().__init__(draw, self.lists)
        self.children = [*map(_in_words, self.lists), self.picture]


def _in_words(slider: ipywidgets.SelectionSlider) -> ipywidgets.HBox:
    """A slider through a list, and its choice in full beside it: its own readout cuts long words off."""
    words = ipywidgets.Label(slider.label, layout={"margin": "2px 2px 2px 16px"})  # clear of the handle
    slider.observe(lambda _: setattr(words, "value", slider.label), "value")
    return ipywidgets.HBox([slider, words])
