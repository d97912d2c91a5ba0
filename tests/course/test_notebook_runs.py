"""What conftest.py at the root claims of running notebooks, tried on notebooks that are broken on purpose.

1. A good one passes.
2. One that asks another machine for something fails, even if it swallows the error.
3. An error inside an Output widget or an interact callback fails, though every cell went well.
4. A picture without alt text fails.
5. An exercise must be judged "Right." when solved and "Not yet." as it comes, and have a right answer.
6. Solving puts the answer's body into the stub and leaves the rest of the cell alone.
7. What follows an exercise runs unsolved.
8. Where JEPA_LITE_EXECUTED names a folder, a notebook that passes is kept there with its outputs, unsolved.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
class Check:
    def double(self, f):
        return "Right." if f(2) == 4 else "Not yet." if f(2) is ... else "Wrong."


check = Check()
"""
STUB = '''def double(x):
    """x -> 2 x."""
    return ...


check.double(double)'''
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
SHOWN = f"from IPython.display import Image\nimport base64\npixel = base64.b64decode('{PIXEL}')\n"
CASES = {
    "90_good": [CHECK, STUB, "assert double(2) is ..."],
    "91_network": [
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError):\n    socket.create_connection(('192.0.2.1', 9))"
    ],
    "92_child": [
        "import subprocess, sys",
        "code = 'import socket; socket.create_connection((\"example.invalid\", 80))'",
        "subprocess.run([sys.executable, '-c', code], capture_output=True).returncode",
    ],
    "93_output": ["import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    1 / 0\nout"],
    "94_interact": ["import ipywidgets\n\n\ndef f(x):\n    1 / x\n\n\nipywidgets.interact(f, x=(0, 1))"],
    "95_picture": [SHOWN + "Image(pixel)"],
    "96_described": [SHOWN + "Image(pixel, alt='one clear pixel, made for a test')"],
    "97_given_away": [CHECK, STUB.replace("return ...", "return 2 * x")],
    "98_unanswered": [CHECK, STUB],
    "99_wrong_answer": [CHECK, STUB],
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """{"90_good": (passed, what it said)} of one run of plain pytest over all of them."""
    home = tmp_path_factory.mktemp("course")
    (home / "website").mkdir()
    shutil.copy(ROOT / "website/executed.py", home / "website")
    (home / "notebooks").mkdir()
    shutil.copytree(ROOT / "tests/offline", home / "tests/offline")
    (home / "tests/course/answers").mkdir(parents=True)
    for name, cells in CASES.items():
        made = [
            {"cell_type": "code", "id": f"c{i}", "execution_count": None, "outputs": [], "source": text,
             "metadata": {"tags": ["exercise"]} if "check." in text else {}}
            for i, text in enumerate(cells)
        ]  # fmt: skip
        notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (home / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook))
    answer = (
        "def double(x):\n    twice = x + x\n    return twice\n\n\nRIGHT = {'double': [double]}\nWRONG = {}\n"
    )
    for number, text in {"90": answer, "97": answer, "99": answer.replace("x + x", "x")}.items():
        (home / f"tests/course/answers/answers_{number}.py").write_text(text)
    shutil.copy(ROOT / "pyproject.toml", home)
    shutil.copy(ROOT / "conftest.py", home)
    environment = os.environ | {"JEPA_LITE_EXECUTED": str(home / "kept")}
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "notebooks"]
    run = subprocess.run(command, cwd=home, capture_output=True, text=True, env=environment, check=False)
    found = re.findall(r"(?m)^(PASSED|FAILED) notebooks/\S+::(\S+?)(?: - (.*))?$", run.stdout)
    assert len(found) == len(CASES), run.stdout[-3000:] + run.stderr[-1000:]
    kept = {path.stem: json.loads(path.read_text("utf-8")) for path in (home / "kept").iterdir()}
    return {name: (word == "PASSED", run.stdout, kept.get(name)) for word, name, _ in found}


# 1, 2, 3, 4, 5, 7 --------------------------------------------------------------------------------------


def test_a_good_notebook_passes(outcome):
    for name in ("90_good", "96_described"):
        passed, said, _ = outcome[name]
        assert passed, said


@pytest.mark.parametrize(
    "name, words",
    [
        ("91_network", "asked for ['192.0.2.1']"),
        ("92_child", "asked for ['example.invalid']"),
        ("93_output", "ZeroDivisionError"),
        ("94_interact", "ZeroDivisionError"),
        ("95_picture", "without alt text"),
        ("97_given_away", "while it is unsolved"),
        ("98_unanswered", "check.double has no right answer"),
        ("99_wrong_answer", "while it is solved"),
    ],
)
def test_what_nbmake_does_not_see_fails(outcome, name, words):
    passed, said, _ = outcome[name]
    about = [line for line in said.splitlines() if line.startswith(f"{name}: ")]
    assert not passed and about and words in " ".join(about), f"{name}: {about}\n{said[-2000:]}"


# 8 -----------------------------------------------------------------------------------------------------


def test_what_passes_is_kept_unsolved(outcome):
    assert {name for name, (passed, _, kept) in outcome.items() if kept} == {"90_good", "96_described"}
    cells = outcome["90_good"][2]["cells"]
    assert ["".join(cell["source"]) for cell in cells] == CASES["90_good"]
    said = str([cell["outputs"] for cell in cells])
    assert "Not yet." in said and "Right." not in said


# 6 ----------------------------------------------------------------------------------------------------


def test_solving_changes_the_stub_alone():
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def double(x):
        return 2 * x

    found = module.solved(f"before = 1\n{STUB}", {"double": double})
    assert found == "before = 1\ndef double(x):\n    return 2 * x\n\n\ncheck.double(double)"
    assert module.solved(STUB, {}) == STUB
