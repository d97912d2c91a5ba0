"""What must hold of the course as it is written. (That it runs, conftest.py at the root sees to; what
must hold of its outputs is in test_outputs.py.)

1. The notebooks are numbered in one line, each linked from the README and from the one before.
2. A header says question, what you will be able to do, what you need, minutes, data, and network: none.
3. 15 to 25 cells beside the one that installs, none over 25 lines of code; kernel python3.
4. A guess, two exercises or more that run unsolved, a figure to keep, three folded answers, what is next. The
   last notebook has one exercise, a file that is empty as it comes.
5. Links to files of the repository are alive, also to headings; every image has alt text.
6. What a notebook names in code marks exists: in the library, in what it imports, or in the notebook itself.
7. Each hand-made thing is asserted equal to the library's (notebooks 02 to 09, and 13).
8. A figure of each stands in images/course, small, with the alt text that the notebook gives it.
9. The first code cell is the same in all, short, and what repository.py makes; so are badges and version.
"""

import ast
import builtins
import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import jepa_lite
import repository
from jepa_lite.course import capstone
from jepa_lite.course.exercises import exercises

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BY_HAND = ("02", "03", "04", "05", "06", "07", "08", "09", "13")


def cells(path, kind=None):
    found = json.loads(path.read_text("utf-8"))["cells"]
    return [cell for cell in found if kind in (None, cell["cell_type"])]


def source(cell):
    return "".join(cell["source"])


def prose(path):
    return "\n\n".join(source(cell) for cell in cells(path, "markdown"))


def code(path):
    return "\n\n".join(re.sub(r"(?m)^( *)[%!].*$", r"\1pass", source(cell)) for cell in cells(path, "code"))


def tagged(path, tag):
    return [source(cell) for cell in cells(path, "code") if tag in cell["metadata"].get("tags", [])]


each = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)


# 1, 2 ------------------------------------------------------------------------------------------------


def test_they_stand_in_one_line():
    assert [path.stem[:2] for path in PATHS] == [f"{i:02d}" for i in range(15)]
    readme = (ROOT / "README.md").read_text("utf-8")
    for path, after in zip(PATHS, [*PATHS[1:], None], strict=True):
        assert f"(notebooks/{path.name})" in readme, f"README.md does not link {path.name}"
        if after:
            link = re.search(r"\*\*Next:\*\* \[([^\]]+)\]\(([^)]+)\)", source(cells(path)[-1]))
            assert link and link[2] == after.name, f"{path.name} must end with **Next:** [...]({after.name})"


@each
def test_the_header_says_what_to_expect(path):
    header = source(cells(path)[0])
    assert header.startswith(f"# {path.stem[:2]} · "), header[:40]
    for field in ("Question", "You will be able to", "You need", "Time", "Data", "Network"):
        assert f"**{field}:**" in header, f"{path.name} does not say {field}"
    times = r"\d+ minutes to read, about \d+ seconds to run on two idle server cores"
    assert re.search(times, header), header
    assert "**Network:** none." in header
    assert re.search(r"\*\*Question:\*\* [^\n]+\?\n", header), "the question must be a question"


@each
def test_the_syllabus_says_what_the_header_says(path):
    readme = (ROOT / "README.md").read_text("utf-8")
    (row,) = re.findall(rf"(?m)^\| \[{path.stem[:2]} · .*$", readme)
    header = source(cells(path)[0])
    reading, running = re.search(r"(\d+) minutes to read, about (\d+) seconds", header).groups()
    question = re.search(r"\*\*Question:\*\* (.*)", header)[1]
    assert f"| {question} | {reading} | {running} |" in row, f"{row} and the header of {path.name} differ"
    assert f"(images/course/{path.stem[:2]}.png)" in row


# 3 ---------------------------------------------------------------------------------------------------


@each
def test_it_is_short(path):
    notebook = json.loads(path.read_text("utf-8"))
    count = len(notebook["cells"]) - 1
    assert 15 <= count <= 25, f"{path.name} has {count} cells beside the one that installs"
    for number, cell in enumerate(cells(path)):
        lines = source(cell).splitlines()
        if cell["cell_type"] == "code":
            assert len(lines) <= 25, f"{path.name}, cell {number} has {len(lines)} lines of code"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids), "cells need ids of their own"


# 4 ---------------------------------------------------------------------------------------------------


@each
def test_it_has_its_rhythm(path):
    text, program = prose(path), code(path)
    assert re.search(r"(?m)^## Guess first", text) and re.search(r"(?m)^guess\w* = None", program)
    assert re.search(r"guesses\(", program), "the guess must be drawn beside what was measured"
    assert len(tagged(path, "keep")) == 1, "one code cell is tagged `keep`: the figure to keep"
    assert re.search(r"(?m)^## Play", text), "there is something to play with"
    recap = text[text.index("\n## Recap") :]
    assert "**The figure to keep:**" in recap and f"../images/course/{path.stem[:2]}.png" in recap
    assert len(re.findall(r"<details><summary>[^<]+\?</summary>", recap)) == 3 == recap.count("</details>")
    assert len(re.findall(r"\*What to see:\*", text)) >= 2 and "*What would have shown this wrong:*" in text


@pytest.mark.parametrize("path", PATHS[:-1], ids=lambda p: p.stem)
def test_its_exercises_are_checked_and_run_unsolved(path):
    asked = {}
    for cell in tagged(path, "exercise"):
        (name,) = re.findall(r"(?m)^check\.(\w+)\((\w+)\)$", cell)
        assert name[0] == name[1], f"hand check.{name[0]} the function of its own name, not {name[1]}"
        (stub,) = [node for node in ast.parse(cell).body if isinstance(node, ast.FunctionDef)]
        assert stub.name == name[0] and ast.get_docstring(stub), f"{stub.name} needs a docstring with shapes"
        assert ast.unparse(stub.body[-1]) == "return ...", f"the stub {stub.name} must return ..."
        asked[name[0]] = cell
    known = {name for name, task in exercises().items() if task.notebook == path.stem[:2]}
    assert set(asked) == known, f"{path.name} asks {set(asked)}, checks know {known}"
    assert 2 <= len(asked) <= 3
    titles = re.findall(r"(?m)^## Exercise (\d) · .+ \((?:optional, )?[●○]{3}, \d+ minutes\)$", prose(path))
    assert titles == [str(i + 1) for i in range(len(asked))], titles


def test_the_last_ones_exercise_is_a_file():
    assert tagged(PATHS[-1], "exercise") == ["check.my_ijepa(file)"]
    (title,) = re.findall(r"(?m)^## Exercise · (.+)$", prose(PATHS[-1]))
    assert re.fullmatch(r".+ \([●○]{3}, .+\)", title), title
    specified = re.findall(r"(?m)^(\d+)\. `(\w+)\(", prose(PATHS[-1]))
    assert specified == [(str(i), name) for i, name in enumerate(capstone.PARTS, 1)], (
        "in the order of the checks"
    )


# 5 ---------------------------------------------------------------------------------------------------


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@each
def test_links_are_alive_and_images_described(path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", prose(path), flags=re.S)
    links = re.findall(r"\]\(\s*([^)\s]+)\s*\)", text) + re.findall(r'(?:href|src)="([^"]+)"', text)
    for link in links:
        if re.match(r"https?:", link):
            continue
        assert ":" not in link, f"{path.name}: {link}"
        file, _, heading = link.partition("#")
        goal = (path.parent / file).resolve() if file else path
        assert goal.exists(), f"{path.name}: there is no {link}"
        if heading:
            there = prose(goal) if goal.suffix == ".ipynb" else goal.read_text("utf-8")
            assert heading in {slug(h) for h in re.findall(r"(?m)^#+ (.*)$", there)}, (
                f"{link}: no such heading"
            )
    for alt in re.findall(r"!\[([^\]]*)\]", text):
        assert len(alt) > 30, f"{path.name}: an image is described as {alt!r}"
    assert not re.search(r"<img(?![^>]*alt=\"[^\"]{30})", text), f"{path.name}: an <img> without alt text"


# 6, 7 ------------------------------------------------------------------------------------------------


def library_names():
    """Every public name of the library's modules, and of its classes."""
    names = set(dir(builtins)) | {"jepa_lite"}
    for info in pkgutil.walk_packages(jepa_lite.__path__, "jepa_lite."):
        module = importlib.import_module(info.name)
        names |= {info.name.rpartition(".")[2], *vars(module)}
        for value in list(vars(module).values()):
            if isinstance(value, type):
                names |= {*dir(value), *getattr(value, "__annotations__", {})}
    return names


LIBRARY = library_names() | set(exercises())


@each
def test_what_it_names_exists(path):
    own = {node.id for node in ast.walk(ast.parse(code(path))) if isinstance(node, ast.Name)}
    for node in ast.walk(ast.parse(code(path))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own |= {node.name, *(a.arg for a in getattr(getattr(node, "args", None), "args", []))}
        elif isinstance(node, ast.Attribute):
            own.add(node.attr)
        elif isinstance(node, ast.keyword):
            own.add(node.arg)
        elif isinstance(node, ast.alias):
            own |= set((node.asname or node.name).split("."))
    for call in re.findall(r"`([A-Za-z_][\w.]*)\([^`]*\)`", prose(path)):
        first, last = call.split(".")[0], call.split(".")[-1]
        if first in ("torch", "np", "F", "nn", "stats"):
            continue
        assert last in LIBRARY | own, f"{path.name} names `{call}()`, which is nowhere"
    for module in re.findall(r"`(jepa_lite(?:\.\w+)+)`", prose(path)):
        parent, _, name = module.rpartition(".")
        found = importlib.import_module(parent)
        assert hasattr(found, name) or importlib.util.find_spec(module), f"{path.name} names {module}"


@pytest.mark.parametrize("path", [p for p in PATHS if p.stem[:2] in BY_HAND], ids=lambda p: p.stem)
def test_what_is_made_by_hand_equals_the_librarys(path):
    asserted = re.findall(r"assert_close\(|assert torch\.equal\(|assert \w+.*==", code(path))
    assert len(asserted) >= 2, f"{path.name} asserts {len(asserted)} equalities"
    assert re.search(r"(?m)^from jepa_lite", code(path))


# 8 ---------------------------------------------------------------------------------------------------


@each
def test_the_figure_to_keep_is_kept(path):
    figure = ROOT / f"images/course/{path.stem[:2]}.png"
    assert figure.exists() and figure.stat().st_size < 150 * 1024, f"{figure.name}: python images/course.py"
    alt = re.search(rf"!\[([^\]]+)\]\(\.\./images/course/{path.stem[:2]}\.png\)", prose(path))
    assert alt and len(alt[1]) > 60, f"{path.name} must say in words what its figure shows"


# 9 ---------------------------------------------------------------------------------------------------


@each
def test_its_first_code_cell_installs(path):
    second = cells(path)[1]
    assert second == repository.install_cell(), f"{path.name}: run python repository.py"
    assert len(source(second).splitlines()) <= 10, "it should stay short"


def test_what_repository_py_writes_is_written():
    now = {path: (ROOT / path).read_text("utf-8") for path in repository.written()}
    stale = [path for path, text in repository.written().items() if text != now[path]]
    assert not stale, f"run python repository.py: it would change {stale}"


@each
def test_badges_come_and_go_with_the_repository(path):
    notebook = json.loads(path.read_text("utf-8"))
    now = repository.with_doors(notebook, path.name, "someone/jepa-lite")
    header, install = "".join(now["cells"][0]["source"]), "".join(now["cells"][1]["source"])
    urls = re.findall(r"\[!\[([^\]]+)\]\(([^)]+)\)\]\(([^)]+)\)", header.splitlines()[-1])
    assert [url.split("/")[2] for _, _, url in urls] == [
        "colab.research.google.com", "mybinder.org", "codespaces.new"
    ]  # fmt: skip
    assert urls[0][2].endswith(f"/someone/jepa-lite/blob/main/notebooks/{path.name}"), urls[0]
    assert urls[1][2].endswith(f"/someone/jepa-lite/main?urlpath=lab/tree/my-notebooks/{path.name}"), urls[1]
    for alt, image, _ in urls:
        assert len(alt) > 30 and (path.parent / image).exists(), (alt, image)
    assert "git+https://github.com/someone/jepa-lite" in install
    assert repository.with_doors(now, path.name, "") == repository.with_doors(notebook, path.name, "")
    assert repository.with_doors(now, path.name, "someone/jepa-lite") == now, "a second time changes nothing"
