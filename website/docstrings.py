"""Docstrings as reStructuredText: prose, with `names` between backticks, and tables set with spaces.

Nothing else in them is meant as markup, so shapes like C*P*P stay what they are.
"""

import re

NAME = "our-name"  # the role of a name in a docstring


def restructured(text: str) -> str:
    """A whole docstring as reStructuredText."""
    return "\n\n".join(map(_paragraph, re.split(r"\n\s*\n", text.strip("\n"))))


def _paragraph(text):
    lines = text.split("\n")
    if all(re.search(r"\S {2,}\S", line) for line in lines):
        rows = (re.split(r" {2,}", line.strip(), maxsplit=1) for line in lines)
        cells = "".join(f"   * - {words(name)}\n     - {words(told)}\n" for name, told in rows)
        return f".. list-table::\n   :align: left\n\n{cells}"
    if all(line.startswith("    ") for line in lines):
        return ".. code-block:: text\n\n" + "\n".join(f"   {line}" for line in lines)
    return words(" ".join(line.strip() for line in lines))


def words(text: str) -> str:
    """A line of a docstring as reStructuredText."""
    parts = re.split(r"`+([^`]+)`+", text)
    return "".join(_reference(part) if i % 2 else _plain(part) for i, part in enumerate(parts))


def _reference(code):
    """A name leads to where it is documented, if that is one place."""
    return f"\\ :{NAME}:`{code}`\\ " if re.fullmatch(r"[A-Za-z_][\w.]*", code) else f"\\ ``{code}``\\ "


def _plain(text):
    return re.sub(r"([\\*_|:])", r"\\\1", text)
