"""File names as text for people: each on one line, in any terminal, whatever bytes it holds."""

from pathlib import Path


def shown(name: str | Path) -> str:
    """`name` with every character that does not print escaped as Python's `repr` does it.

    So a line break makes no second line, an escape sequence does nothing to a terminal, and a name that is
    not UTF-8 (which Python holds as lone surrogates) can be written to any file.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))
