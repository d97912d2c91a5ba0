"""What all widgets share: JavaScript from static/ as one module, a sentence for trouble, and a static figure.

A widget's pictures are painted in the browser from tables that Python made (anywidget). Where no front end
runs (nbconvert, a PDF, a notebook on GitHub) the figure of the same state shows instead, drawn by a pure
function of style.py and its like: `figure()`. Nothing is fetched: the scripts are in the package.
"""

import base64
import io
import re
from pathlib import Path

import anywidget
import traitlets

from ..figures.style import Picture

STATIC = Path(__file__).parent / "static"
DPI, QUALITY = 96, 80  # of the static figure: a photograph stays far under 100 KB
MOST_BYTES = 32 * 2**20  # of a table: a page takes it without a long wait


def script(*names: str) -> str:
    """The modules `names` of static/ as one: imports from each other fall away, since all are there."""
    sources = [(STATIC / f"{name}.js").read_text("utf-8") for name in names]
    imports = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.M)
    return "\n".join(imports.sub("", source) for source in sources)


class Explorer(anywidget.AnyWidget):
    """Base of the widgets. A subclass sets `_esm = script(...)` and writes `figure()`."""

    _css = (STATIC / "kit.css").read_text("utf-8")
    trouble = traitlets.Unicode(help="what is wrong with the settings, in one sentence").tag(sync=True)

    def figure(self) -> Picture:
        """The static figure of the present state: a matplotlib Figure with `alt_text`."""
        raise NotImplementedError(f"{type(self).__name__} has no static figure")

    def keep_below(self, name: str, count: int) -> None:
        """The trait `name` is an index from 0 to count - 1: another value is undone, and `trouble` says so.

        Raises ValueError if its present value is none.
        """
        wrong = f"{name} must be from 0 to {count - 1}, not {{}}"

        def check(change):
            if 0 <= change.new < count:
                self.trouble = ""
            else:
                setattr(self, name, change.old)
                self.trouble = f"{wrong.format(change.new)}, so it stays at {change.old}."

        if not 0 <= getattr(self, name) < count:
            raise ValueError(wrong.format(getattr(self, name)))
        self.observe(check, name)

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, about = super()._repr_mimebundle_(include=include, exclude=exclude)
        figure, buffer = self.figure(), io.BytesIO()
        figure.savefig(buffer, format="jpeg", dpi=DPI, pil_kwargs={"quality": QUALITY})
        picture = base64.b64encode(buffer.getvalue()).decode()
        data |= {"image/jpeg": picture, "text/plain": f"{type(self).__name__}: {figure.alt_text}"}
        return data, about | {"image/jpeg": {"alt": figure.alt_text}}
