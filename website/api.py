"""A page for each module of the library, in the order in which to read them, which docstrings give."""

import ast
import re
from pathlib import Path

from .docstrings import words

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "jepa_lite"


def pages() -> dict[str, str]:
    """{name of a page below api/: its text for Sphinx}, the first page being "index"."""
    found = {"index": _index()}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.stem != "__main__" and path != PACKAGE / "__init__.py":
            found[_name(path)] = _page(path)
    return found


def module_page(path: str) -> str | None:
    """The page of a file or folder of the package, by its path in the repository; None where it has none."""
    here = ROOT / path
    if here == PACKAGE:
        return "api/index"
    if here.is_dir():
        here = here / "__init__.py"
    known = (
        here.suffix == ".py" and here.is_relative_to(PACKAGE) and here.exists() and here.stem != "__main__"
    )
    return f"api/{_name(here)}" if known else None


def _name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parts(folder, doc):
    """The modules and folders of a folder, as its docstring names them one after the other."""
    inside = [path for path in folder.glob("*.py") if not path.stem.startswith("__")]
    inside += folder.glob("*/__init__.py")
    return sorted(inside, key=lambda path: (_place(_name(path).rpartition(".")[2], doc), path.name))


def _place(name, doc):
    found = re.search(rf"^{name}/", doc, re.M) or re.search(rf"\b{name}\b", doc)
    return found.start() if found else len(doc)


def _index():
    doc = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text("utf-8")))
    return (
        "API reference\n=============\n\n"
        f"{_first(PACKAGE / '__init__.py')} One folder is one subject, one file is one idea. Here they are "
        "in the order in which to read them: each page begins with the docstring of its file, and each name "
        "leads to its source.\n\n"
        ".. py:module:: jepa_lite\n\n" + _tree(_parts(PACKAGE, doc))
    )


def _page(path):
    name, tree = _name(path), ast.parse(path.read_text("utf-8"))
    title = name.removeprefix("jepa_lite.")
    names = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    members = f"   :members: {', '.join(names)}\n   :undoc-members:\n" if names else "   :no-members:\n"
    text = f"{title}\n{'=' * len(title)}\n\n.. automodule:: {name}\n{members}\n"
    if path.stem == "__init__":
        text += _tree(_parts(path.parent, ast.get_docstring(tree)))
    return text


def _tree(paths):
    if not paths:
        return ""
    names = {f"{_name(path).rpartition('.')[2]} <{_name(path)}>": _first(path) for path in paths}
    rows = "".join(f"   * - :doc:`{name}`\n     - {told}\n" for name, told in names.items())
    lines = "".join(f"   {name}\n" for name in names)
    return f".. list-table::\n   :align: left\n\n{rows}\n.. toctree::\n   :hidden:\n\n{lines}"


def _first(path):
    """The first sentence of a file's docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))).partition("\n\n")[0]
    return words(re.split(r"(?<=[.?])\s", " ".join(doc.split()) + " ")[0])
