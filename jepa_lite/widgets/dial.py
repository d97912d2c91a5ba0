"""One stock slider over a pure plot function: what it takes to make any figure of this library move.

ipywidgets' own slider, which arrow keys, Page Up and Home move in every front end; the figure is shown as an
image with its alt text, or a sentence where a value cannot be drawn. The other widgets paint in
the browser and are quicker.
"""

import html

import ipywidgets


class Dial(ipywidgets.VBox):
    """`draw(value)` -> a Figure with `alt_text`, for the value of a slider.

    name: what the slider is called. low, high, step: its range. value: where it begins.
    """

    def __init__(self, draw, name, value, low=0.0, high=1.0, step=0.05):
        self.draw = draw
        self.slider = ipywidgets.FloatSlider(
            value, min=low, max=high, step=step, description=name, style={"description_width": "initial"},
            layout={"width": "60%"},
        )  # fmt: skip
        self.picture, self.trouble = ipywidgets.HTML(), ""
        super().__init__([self.slider, self.picture])
        self.picture.value = self._shown()["text/html"]
        self.slider.observe(lambda _: self._redraw(), "value")

    def figure(self):
        """The static twin: the figure at the slider's present value."""
        return self.draw(self.slider.value)

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
        data |= {"image/png": shown["image/png"], "text/plain": f"Dial: {shown['text/plain']}"}
        return data, about | {"image/png": {"alt": shown["text/plain"]}}
