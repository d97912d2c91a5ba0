"""The layout of the package: a folder knows only those that stand before it, and says what it holds.

1. A folder imports itself and the folders before it, in functions too and by any form of import, always by
   dots; method/ imports torch and itself alone.
2. Nobody but the door imports the commands, and nobody but the door the course.
3. Each folder's docstring names every file in it, and it has an `__all__`; the package's names every folder.
4. method/ is one sitting: under 700 lines.
5. The names that `jepa_lite` offers are those that it can import, and importing it imports no torch.
6. Public functions are annotated: what each returns, at least.
"""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jepa_lite

PACKAGE = Path(jepa_lite.__file__).parent
FOLDERS = [
    "method",
    "additions",
    "baselines",
    "system",
    "data",
    "evaluation",
    "training",
    "figures",
    "widgets",
    "course",
]
SETTINGS = {"config", "field_checks", "limits", "presets", "randomness"}  # at the door, for all but method/
COMMANDS = {"__init__", "__main__", "arguments", "cli", "demo"}  # files at the door that use everything


def imports_of(here, source):
    """Every module that a file imports anywhere in it, as a tuple of names: of the package without its own
    name, and else "outside" and the name. `here`: the file's place in the package, ("data", "scan")."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [("outside", *alias.name.split(".")) for alias in node.names]
        elif not isinstance(node, ast.ImportFrom):
            continue
        elif not node.level:
            modules = [("outside", *node.module.split("."))]
        else:
            base = (*here[: len(here) - node.level], *(node.module.split(".") if node.module else ()))
            modules = [base] if node.module else [(*base, alias.name) for alias in node.names]
        for module in modules:
            named = f"{'/'.join(here)} imports {'.'.join(module[1:])}, which it must by dots"
            assert module[:2] != ("outside", "jepa_lite"), named
            yield module


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("import torch.nn, os", [("outside", "torch", "nn"), ("outside", "os")]),
        ("from torch.nn import functional", [("outside", "torch", "nn")]),
        ("def f():\n    if True:\n        from ..data.scan import Scan", [("data", "scan")]),
        ("from . import run, plan as p", [("training", "run"), ("training", "plan")]),
        ("from .. import cli", [("cli",)]),
        ("from ..figures import dark", [("figures",)]),
    ],
)
def test_every_form_of_import_is_seen(line, modules):
    assert list(imports_of(("training", "run"), line)) == modules


@pytest.mark.parametrize(
    "line",
    ["import jepa_lite", "def f():\n    import os, jepa_lite.cli as cli", "from jepa_lite.data import load"],
)
def test_a_file_of_the_package_names_it_by_dots(line):
    with pytest.raises(AssertionError, match="by dots"):
        list(imports_of(("method", "masks"), line))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_what_stands_before_it(path):
    place = path.relative_to(PACKAGE).with_suffix("").parts
    here = place[0]
    for module in imports_of(place, path.read_text("utf-8")):
        if module[0] == "outside" or here in COMMANDS:
            continue
        allowed = set(FOLDERS[: FOLDERS.index(here) + 1] if here in FOLDERS else FOLDERS[:3])
        allowed |= SETTINGS if here != "method" else set()
        assert module[0] in allowed, f"{path.name} imports {'.'.join(module)}, which stands after it"


def test_the_method_imports_torch_and_itself_alone():
    known = {"torch", *sys.stdlib_module_names}
    for path in (PACKAGE / "method").glob("*.py"):
        modules = imports_of(("method", path.stem), path.read_text("utf-8"))
        others = {module[1] for module in modules if module[0] == "outside"} - known
        assert not others, f"{path.name} imports {others}"


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in PACKAGE.rglob("*/*.py")}), ids=lambda p: p.name
)
def test_a_folder_says_what_it_holds(folder):
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    files |= {path.parent.name for path in folder.glob("*/__init__.py")}
    module = importlib.import_module(".".join(("jepa_lite", *folder.relative_to(PACKAGE).parts)))
    missing = files - set(re.findall(r"\w+", module.__doc__ or ""))
    assert not missing, f"the docstring of {folder.name}/ does not name {missing}"
    assert module.__all__, f"{folder.name}/ has no __all__"


def test_the_package_says_which_folders_it_has():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(FOLDERS) == folders == set(re.findall(r"^(\w+)/", jepa_lite.__doc__, re.M))


def test_the_method_is_one_sitting():
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in (PACKAGE / "method").glob("*.py"))
    assert lines < 700, f"method/ has {lines} lines"


def test_public_names_are_imported_when_they_are_used():
    for name in jepa_lite.__all__:
        assert getattr(jepa_lite, name).__name__ == name
    assert set(jepa_lite.__all__) == set(jepa_lite._HOME_OF)
    with pytest.raises(AttributeError, match="jepa_lite has no 'IJEPO'"):
        _ = jepa_lite.IJEPO
    code = "import jepa_lite, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0, "import jepa_lite imports torch"


def public_functions(body, where=""):
    """(name, node) of the functions and methods in a syntax tree whose names do not begin with _."""
    for node in body:
        public = not getattr(node, "name", "_").startswith("_")
        if isinstance(node, ast.FunctionDef) and (public or node.name == "__init__"):
            yield where + node.name, node
        elif isinstance(node, ast.ClassDef) and public:
            yield from public_functions(node.body, f"{where}{node.name}.")


def is_annotated(node):
    """Says what it returns; of an `__init__`, which returns None, an annotated parameter is enough."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return node.returns is not None or (node.name == "__init__" and any(arg.annotation for arg in given))


def test_public_functions_are_annotated():
    bare = [
        f"{path.relative_to(PACKAGE)}:{name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "cli.py"  # whose annotations are the command line: tyro reads them
        # Answers are written as a learner writes them.
        if path.parent.name != "exercises" and path.name != "ijepa_in_one_file.py"
        for name, node in public_functions(ast.parse(path.read_text("utf-8")).body)
        if not is_annotated(node)
    ]
    assert not bare, f"{len(bare)} public functions do not say what they return:\n" + "\n".join(bare)


def test_importing_the_library_costs_little_more_than_torch():  # 5
    code = "from jepa_lite import IJEPA, Run, load, preset, sample_masks; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"torchvision", "sklearn", "scipy", "skimage", "matplotlib", "anywidget"} & set(
        done.stdout.split()
    )
    assert not slow, f"{slow} is imported before it is needed"
