"""Stock sliders over a pure plot function: choose, and the figure of that choice is shown.

ipywidgets' own sliders through a list, for the arrow keys move them in every front end; in JupyterLab they
leave a drop-down list for another cell. The figure is an image with its alt text, or a sentence where a
choice cannot be drawn.
"""

import html

import ipywidgets


class Choices(ipywidgets.VBox):
    """`draw(*chosen)` -> a Figure with `alt_text`. lists: {what is chosen: its options}, each list
    beginning with its first. Options are values, or {what the list says: value}."""

    def __init__(self, draw, lists):
        self.draw, self.trouble = draw, ""
        look = {"style": {"description_width": "8em"}, "layout": {"width": "24em"}, "readout": False}
        self.lists = [ipywidgets.SelectionSlider(options=o, description=n, **look) for n, o in lists.items()]
        # Beside them, what is chosen: the sliders' own readout cuts long words off.
        self.labels = [ipywidgets.Label(chosen.label) for chosen in self.lists]
        self.picture = ipywidgets.HTML()
        super().__init__([*map(ipywidgets.HBox, zip(self.lists, self.labels, strict=True)), self.picture])
        self.picture.value = self._html()
        for chosen in self.lists:
            chosen.observe(lambda _: self._redraw(), "value")

    def figure(self):
        """The static twin: the figure of the present choice."""
        return self.draw(*(chosen.value for chosen in self.lists))

    def _shown(self):
        return self.figure()._repr_mimebundle_()

    def _html(self):
        """The figure, shrunk where the page is narrow: front ends do so for figures, and not for widgets."""
        return self._shown()["text/html"].replace("<img ", '<img style="max-width: 100%" ', 1)

    def _redraw(self):
        for chosen, label in zip(self.lists, self.labels, strict=True):
            label.value = chosen.label
        try:
            self.picture.value, self.trouble = self._html(), ""
        except ValueError as error:
            self.trouble = f"This choice cannot be drawn: {error}."
            self.picture.value = f"<p>{html.escape(self.trouble)}</p>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = super()._repr_mimebundle_(include=include, exclude=exclude)
        data, about = data if isinstance(data, tuple) else (data, {})
        shown = self._shown()
        data |= {"image/png": shown["image/png"], "text/plain": f"Choices: {shown['text/plain']}"}
        return data, about | {"image/png": {"alt": shown["text/plain"]}}
