"""What must hold of my-notebooks/, in which learners work (my_notebooks.py):

1. A copy is the course's notebook without outputs. It lies as deep, so links and the installing cell hold.
2. A copy that is untouched, also one that a front end has saved, becomes the course's newer version.
3. One that was changed or run stays as it is, to the byte, and a sentence says so if the course has moved on.
4. The course's version can be had, and what was there before then lies beside it; no work is ever lost.
5. A deleted copy comes back. What the course has renamed goes, if it is untouched; other files stay.
6. If a copy's note of its origin or the file itself is damaged, it counts as changed.
7. git sees none of it: work in a copy stands in the way of no pull.
"""

import json
import posixpath
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import my_notebooks

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("02_a.ipynb", "03_b.ipynb")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A course of two notebooks, and their copies."""
    monkeypatch.setattr(my_notebooks, "COURSE", tmp_path / "notebooks")
    monkeypatch.setattr(my_notebooks, "MINE", tmp_path / "my-notebooks")
    monkeypatch.delenv("MAKELEVEL", raising=False)
    (tmp_path / "notebooks").mkdir()
    for name in NAMES:
        publish(tmp_path, name, "first")
    my_notebooks.main([])
    return tmp_path


def publish(home, name, text):
    """A version of a notebook in the course, with outputs, as it is committed."""
    output = {"output_type": "stream", "name": "stdout", "text": [text]}
    code = {"cell_type": "code", "id": "b", "execution_count": None, "metadata": {"tags": ["show"]},
            "outputs": [output], "source": [f"print({text!r})\n", "1"]}  # fmt: skip
    words = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [f"# {text}"]}
    notebook = {"cells": [words, code], "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"] = {"kernelspec": {"name": "python3"}, "jepa_lite": {"outputs_of": text}}
    (home / "notebooks" / name).write_text(json.dumps(notebook), "utf-8")


def mine(home, name):
    return json.loads((home / "my-notebooks" / name).read_text("utf-8"))


def title(home, name):
    return "".join(mine(home, name)["cells"][0]["source"])


def edit(home, name, change):
    """Save a copy with a change, as JupyterLab does: sorted, and with a language_info of its own."""
    notebook = mine(home, name)
    change(notebook)
    notebook["metadata"]["language_info"] = {"name": "python", "version": "3.13.1"}
    (home / "my-notebooks" / name).write_text(json.dumps(notebook, indent=1, sort_keys=True) + "\n", "utf-8")
    return (home / "my-notebooks" / name).read_bytes()


def guess(notebook):
    notebook["cells"][1]["source"] = "guess = 3"


def run(notebook):
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]


# 1 -------------------------------------------------------------------------------------------------------


def test_a_copy_lacks_outputs_and_nothing_else(tmp_path):
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        theirs, copy = json.loads(path.read_text("utf-8")), my_notebooks.copy_of(path)
        assert all(cell.get("outputs", []) == [] for cell in copy["cells"])
        for cell in theirs["cells"]:
            cell |= {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
        assert copy["cells"] == theirs["cells"], path.name
        assert copy["metadata"]["kernelspec"] == theirs["metadata"]["kernelspec"]


def test_copies_lie_as_deep_as_the_course_and_link_each_other():
    assert my_notebooks.MINE.parent == my_notebooks.COURSE.parent == ROOT
    copied = {path.name for path in my_notebooks.COURSE.glob("*.ipynb")}
    for path in my_notebooks.COURSE.glob("*.ipynb"):
        prose = "".join(
            "".join(c["source"]) for c in my_notebooks.copy_of(path)["cells"] if "outputs" not in c
        )
        links = re.findall(r"\]\(([^):\s]+)\)", prose) + re.findall(r'(?:href|src)="([^":]+)"', prose)
        for link in filter(None, (link.partition("#")[0] for link in links)):
            goal = posixpath.normpath(posixpath.join("my-notebooks", link))
            there = goal.removeprefix("my-notebooks/") in copied or (ROOT / goal).exists()
            assert there, f"{link} of {path.name} leads nowhere from my-notebooks/"


def test_a_second_time_nothing_is_written(home):
    before = {path: path.stat().st_mtime_ns for path in (home / "my-notebooks").iterdir()}
    assert {path.name for path in before} == set(NAMES)
    my_notebooks.main([])
    assert {path: path.stat().st_mtime_ns for path in (home / "my-notebooks").iterdir()} == before


# 2, 3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("saved", [False, True])
def test_an_untouched_copy_is_refreshed(home, capsys, saved):
    if saved:
        edit(home, NAMES[0], lambda notebook: None)
    publish(home, NAMES[0], "second")
    capsys.readouterr()
    my_notebooks.main([])
    assert (title(home, NAMES[0]), title(home, NAMES[1])) == ("# second", "# first")
    assert not capsys.readouterr().out
    publish(home, NAMES[0], "third")
    my_notebooks.main([])
    assert title(home, NAMES[0]) == "# third"


@pytest.mark.parametrize("change", [guess, run])
def test_a_changed_copy_stays(home, capsys, change, monkeypatch):
    work = edit(home, NAMES[0], change)
    capsys.readouterr()
    my_notebooks.main([])
    assert not capsys.readouterr().out, "the course has not moved on"
    publish(home, NAMES[0], "second")
    publish(home, NAMES[1], "second")
    for _ in range(2):
        my_notebooks.main([])
        assert (home / "my-notebooks" / NAMES[0]).read_bytes() == work
        said = capsys.readouterr().out
        assert said.count("\n") == 1 and NAMES[0] in said and NAMES[1] not in said
        assert "`python my_notebooks.py 02`" in said
    monkeypatch.setenv("MAKELEVEL", "1")
    my_notebooks.main([])
    assert '`make lab FRESH="02"`' in capsys.readouterr().out


def test_work_that_the_course_took_over_is_untouched_again(home):
    publish(home, NAMES[0], "second")
    edit(
        home, NAMES[0], lambda n: n.update(cells=my_notebooks.copy_of(home / "notebooks" / NAMES[0])["cells"])
    )
    my_notebooks.main([])
    publish(home, NAMES[0], "third")
    my_notebooks.main([])
    assert title(home, NAMES[0]) == "# third"


# 4 -------------------------------------------------------------------------------------------------------


def test_the_courses_version_comes_and_work_lies_beside_it(home, capsys):
    first = edit(home, NAMES[0], guess)
    my_notebooks.main(["02"])
    assert title(home, NAMES[0]) == "# first" and "guess" not in str(mine(home, NAMES[0]))
    assert (home / "my-notebooks/02_a_mine.ipynb").read_bytes() == first
    assert "02_a_mine.ipynb" in capsys.readouterr().out
    second = edit(home, NAMES[0], run)
    publish(home, NAMES[0], "second")
    my_notebooks.main(["02", "03"])
    assert title(home, NAMES[0]) == "# second"
    found = {path.name: path.read_bytes() for path in (home / "my-notebooks").iterdir()}
    assert found["02_a_mine.ipynb"] == first and found["02_a_mine2.ipynb"] == second and len(found) == 4
    my_notebooks.main([])
    assert {path.name for path in (home / "my-notebooks").iterdir()} == set(found)


def test_an_unknown_number_is_refused(home):
    with pytest.raises(SystemExit, match=r"There is no notebook 77, x: give"):
        my_notebooks.main(["77", "02", "x"])


# 5 -------------------------------------------------------------------------------------------------------


def test_a_deleted_copy_comes_back(home):
    (home / "my-notebooks" / NAMES[0]).unlink()
    my_notebooks.main([])
    assert title(home, NAMES[0]) == "# first"


def test_a_renamed_notebook_leaves_no_untouched_copy_behind(home):
    own = home / "my-notebooks"
    shutil.copy(own / NAMES[0], own / "02_a-Copy1.ipynb")
    (own / "notes.ipynb").write_text("{}")
    work = edit(home, NAMES[1], guess)
    for name in NAMES:
        (home / "notebooks" / name).rename(home / "notebooks" / f"1{name}")
    my_notebooks.main([])
    kept = {"102_a.ipynb", "103_b.ipynb", "02_a-Copy1.ipynb", "notes.ipynb", NAMES[1]}
    assert {path.name for path in own.iterdir()} == kept
    assert (own / NAMES[1]).read_bytes() == work


# 6 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "note", [None, "x", {}, {"copy_of": NAMES[1]}, {"copy_of": NAMES[0], "content": "0" * 64}]
)
def test_a_damaged_note_loses_no_work(home, capsys, note):
    work = edit(home, NAMES[0], lambda n: (guess(n), n["metadata"].update(jepa_lite=note)))
    my_notebooks.main([])
    assert (home / "my-notebooks" / NAMES[0]).read_bytes() == work and NAMES[0] in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": [{}]}', b"\xff\xfe", b'{"cells": []}'])
def test_a_damaged_file_stays_until_the_courses_version_is_wanted(home, capsys, content):
    path = home / "my-notebooks" / NAMES[0]
    path.write_bytes(content)
    my_notebooks.main([])
    assert path.read_bytes() == content and NAMES[0] in capsys.readouterr().out
    my_notebooks.main(["02"])
    assert title(home, NAMES[0]) == "# first"
    assert (home / "my-notebooks/02_a_mine.ipynb").read_bytes() == content


# 7 -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git_sees_none_of_it(home, monkeypatch):
    def git(*words, at=home):
        own = ["-c", "user.name=Ann", "-c", "user.email=ann@example.invalid", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *own, *words], cwd=at, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shutil.copy(ROOT / ".gitignore", home)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "The course")
    assert "my-notebooks" not in git("ls-files")
    learner = home / "learner"
    git("clone", "-q", str(home), str(learner))
    monkeypatch.setattr(my_notebooks, "COURSE", learner / "notebooks")
    monkeypatch.setattr(my_notebooks, "MINE", learner / "my-notebooks")
    my_notebooks.main([])
    work = edit(learner, NAMES[0], guess)
    (learner / "my-notebooks" / ".ipynb_checkpoints").mkdir()
    assert git("status", "--porcelain", at=learner) == ""
    for name in NAMES:
        publish(home, name, "second")
    git("commit", "-qam", "A better course")
    git("pull", "-q", "--ff-only", at=learner)
    my_notebooks.main(["03"])
    assert git("status", "--porcelain", at=learner) == "" and title(learner, NAMES[1]) == "# second"
    assert (learner / "my-notebooks" / NAMES[0]).read_bytes() == work
