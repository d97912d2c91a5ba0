"""What must hold of the outputs that are committed in the notebooks, and of the command that makes them:

1. Every notebook holds the outputs of its present code, of all cells tagged `show` or `keep` and of no other
   cell, without what needs a kernel, without paths of a machine, and within 300 KiB. Its kept figure is
   images/course/NN.png.
2. Each fault of these kinds is found, and the cell is named.
3. What stays of an output needs no kernel: printed lines as they ended, a picture with its alt text, or text.
4. The command executes a notebook and changes its outputs alone. If there is a fault it writes nothing.
5. The cell that installs, which says where the repository lives, makes no output stale; all other code does.
"""

import base64
import copy
import io
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

import repository
from images import course

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALT = "Noise in many colours, made for a test."
WIDGET = "application/vnd.jupyter.widget-view+json"


def png(width=60, height=40, seed=0):
    """A picture of noise, in base64; more than 128 colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), "uint8")
    Image.fromarray(pixels).save(file := io.BytesIO(), "png")
    return base64.b64encode(file.getvalue()).decode()


def shown(**data):
    """A displayed output; the kinds of its data have _ and x for / and +."""
    return new_output("display_data", {kind.replace("_", "/"): value for kind, value in data.items()})


def figure():
    return shown(text_html="<img>", image_png=png(), text_plain=ALT)


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


@pytest.fixture
def ran():
    """A notebook as a front end saves it once it has run: two tagged cells, and one that is not."""
    cells = [
        repository.install_cell(),
        new_markdown_cell("Words."),
        new_code_cell("figure()", metadata={"tags": ["keep"]}, outputs=[printed("a\n"), figure()]),
        new_code_cell("print(3)", metadata={"tags": ["show"]}, outputs=[printed("3\n")]),
        new_code_cell(
            "1 / 3", outputs=[new_output("execute_result", {"text/plain": "0.33"}, execution_count=7)]
        ),
    ]
    for number, cell in enumerate(cells[2:], 5):
        cell.execution_count = number
        cell.metadata["execution"] = {"iopub.status.busy": "2027-01-01T00:00:00Z"}
    notebook = new_notebook(cells=list(map(nbformat.from_dict, cells)))
    notebook.metadata |= {"kernelspec": {"name": "python3"}, "widgets": {"state": {}}}
    return notebook


@pytest.fixture
def made(ran):
    return course.with_outputs(ran, ran)


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_its_outputs_are_fresh_and_clean(path):
    notebook, number = json.loads(path.read_text("utf-8")), path.stem[:2]
    wrong = course.faults(notebook)
    assert not wrong, f"{path.name}: {'; '.join(wrong)}; run python images/course.py {number}"
    pixels, alt = course.figure_to_keep(notebook)
    kept = (ROOT / f"images/course/{number}.png").read_bytes()
    assert pixels == kept, f"images/course/{number}.png is of another run: python images/course.py {number}"
    assert len(alt) > 60
    nbformat.validate(notebook)


# 2 -------------------------------------------------------------------------------------------------------


def test_what_is_made_has_no_fault(made):
    assert course.faults(made) == []


FAULTS = {  # a change: what must be said of it
    "code": (lambda n: n["cells"][3].update(source="print(4)"), "not the code that made its outputs"),
    "never run": (lambda n: n["metadata"].pop("jepa_lite"), "not the code that made its outputs"),
    "no output": (lambda n: n["cells"][3].update(outputs=[]), "cell 3 is tagged and shows nothing"),
    "new tag": (
        lambda n: n["cells"][4]["metadata"].update(tags=["show"]),
        "cell 4 is tagged and shows nothing",
    ),
    "no tag": (lambda n: n["cells"][3]["metadata"].pop("tags"), "cell 3 is not tagged and holds outputs"),
    "count": (lambda n: n["cells"][4].update(execution_count=1), "cell 4 holds the count"),
    "times": (
        lambda n: n["cells"][4]["metadata"].update(execution={}),
        "cell 4 holds the count or the times",
    ),
    "state": (lambda n: n["metadata"].update(widgets={}), "hold ['widgets']"),
    "view": (
        lambda n: n["cells"][3]["outputs"].append(shown(text_plain="A()") | {"data": {WIDGET: {}}}),
        WIDGET,
    ),
    "stderr": (
        lambda n: n["cells"][3]["outputs"].append(printed("100%", "stderr")),
        "cell 3 holds ['stderr']",
    ),
    "alt": (
        lambda n: n["cells"][2]["outputs"][1].update(metadata={}),
        "cell 2 shows a picture without alt text",
    ),
    "no words": (
        lambda n: n["cells"][2]["outputs"].__setitem__(
            1, course.kept([shown(image_png=png(), text_plain="x")])[0]
        ),
        "cell 2 shows a picture without alt text",
    ),
    "size": (
        lambda n: n["cells"][2]["outputs"][1]["data"].update({"image/png": png(400, 300)}),
        "KiB and may have 300; the largest are cell 2 (",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found_and_the_cell_named(made, kind):
    change, words = FAULTS[kind]
    made = json.loads(course.text_of(made))
    change(made)
    (fault,) = course.faults(made)
    assert words in fault, fault


PRINTED = [
    "saved to /home" + "/ann/course/run.pt",
    "FileNotFoundError: '/tmp/a'",
    "in /root",
    r"C:\Users\Ann\course",
    "<a href='file:///srv/x'>x</a>",
    "(/opt/python/lib)",
]
HARMLESS = [
    "linear / 20-NN: 64 / 75, 3/4/5 of <b>a</b>/<i>c</i>",
    "see https://arxiv.org/abs/2301.08243, jepa_lite/method/vit.py and ../README.md",
    "kept in ~/.cache/jepa_lite/course",
    "ratio: 1:2, and a or/and b",
]


@pytest.mark.parametrize("kind", ["text", "data"])
@pytest.mark.parametrize("text", PRINTED + HARMLESS)
def test_a_path_of_the_machine_is_found(made, text, kind):
    output = printed(f"It is\n{text}\n") if kind == "text" else shown(text_html=f"It is\n{text}\n")
    made["cells"][3]["outputs"] = course.kept([output])
    found = course.faults(made)
    assert bool(found) == (text in PRINTED), found
    assert all(fault.startswith("cell 3 shows the path ") for fault in found), found


# 3 -------------------------------------------------------------------------------------------------------


def test_pictures_stay_with_their_alt_text_and_few_colours():
    (output,) = course.kept([figure()])
    assert set(output["data"]) == {"image/png", "text/plain"} and output["data"]["text/plain"] == [ALT]
    assert output["metadata"] == {"image/png": {"alt": ALT}}
    picture = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
    assert picture.size == (60, 40) and len(picture.getcolors()) <= course.COLOURS[0]
    assert output == course.kept([figure()])[0], "a second run changes nothing"


@pytest.mark.parametrize("kind", course.PICTURES)
def test_of_a_widget_its_still_picture_stays(kind):
    widget = {WIDGET: {"model_id": "0"}, "text/plain": "A widget"}
    assert course.kept([new_output("display_data", widget)]) == []
    told = {kind: {"alt": ALT}}
    (output,) = course.kept([new_output("display_data", widget | {kind: png()}, metadata=told)])
    assert set(output["data"]) == {kind, "text/plain"} and output["metadata"] == told
    assert output["data"]["text/plain"] == [ALT]


def test_printed_lines_stay_as_they_ended():
    said = ["loss 3\n", "\rstep 1", "\rstep 20\n", "rank 7\r\n"]
    outputs = [
        printed(said[0]),
        printed("50%|##\n", "stderr"),
        *map(printed, said[1:]),
        shown(text_plain="x\ny"),
    ]
    lines, words = course.kept(outputs)
    assert lines["text"] == ["loss 3\n", "step 20\n", "rank 7\r\n"] and words["data"] == {
        "text/plain": ["x\n", "y"]
    }


def test_a_cell_that_failed_is_not_committed():
    with pytest.raises(ValueError, match="KeyError: x"):
        course.kept([new_output("error", ename="KeyError", evalue="x", traceback=[])])


# 4 -------------------------------------------------------------------------------------------------------

DRAWS = f"""
import sys
from IPython.display import display
display({{"image/png": "{png()}", "text/plain": "{ALT}"}}, raw=True)
print("50%", file=sys.stderr)"""


@pytest.fixture
def written(ran, tmp_path):
    """A notebook that was never run, as a file."""
    ran.cells[2].source = DRAWS
    for cell in course.code_cells(ran):
        cell.update(outputs=[], execution_count=None)
        cell.metadata.pop("execution", None)
    del ran.metadata["widgets"]
    path = tmp_path / "05_test.ipynb"
    path.write_text(course.text_of(ran), "utf-8", newline="\n")
    return path


@pytest.mark.slow
def test_the_command_changes_only_what_outputs_change(written, tmp_path):
    before = json.loads(written.read_text("utf-8"))
    assert course.keep(written, tmp_path / "05.png") == ALT
    after = json.loads(written.read_text("utf-8"))
    assert (
        course.faults(after) == [] and (tmp_path / "05.png").read_bytes() == course.figure_to_keep(after)[0]
    )
    assert [len(cell["outputs"]) for cell in course.code_cells(after)] == [0, 1, 1, 0]
    assert after["metadata"].pop("jepa_lite")
    for cell in course.code_cells(after):
        cell["outputs"] = []
    assert after == before
    text = written.read_bytes()
    course.keep(written, tmp_path / "05.png")
    assert written.read_bytes() == text, "a second run changes nothing"


@pytest.mark.parametrize("fault", ["path", "no picture"])
def test_with_a_fault_nothing_is_written(written, tmp_path, monkeypatch, fault):
    ran, before = nbformat.read(written, 4), written.read_bytes()
    ran.cells[2].outputs = [figure() if fault == "path" else printed("3")]
    ran.cells[3].outputs = [printed("in /tmp/x" if fault == "path" else "3")]
    monkeypatch.setattr(course, "run", lambda path: ran)
    with pytest.raises(
        ValueError, match="cell 3 shows the path /tmp/x" if fault == "path" else "shows a picture"
    ):
        course.keep(written, tmp_path / "05.png")
    assert written.read_bytes() == before and not (tmp_path / "05.png").exists()


def test_a_faulty_notebook_does_not_stop_the_others(monkeypatch, capsys):
    def keep(path, figure):
        assert figure == ROOT / f"images/course/{path.stem[:2]}.png"
        if path.stem.startswith("02"):
            raise ValueError("cell 3 shows the path /tmp/x")
        return ALT

    monkeypatch.setattr(course, "keep", keep)
    with pytest.raises(SystemExit) as stop:
        course.main(["02", "77", "03"])
    first, second = stop.value.code.splitlines()
    assert first == "there is no notebook 77"
    assert second == "02_patches.ipynb stays as it was: cell 3 shows the path /tmp/x"
    assert re.fullmatch(rf"03_masking, \d+ KiB: {ALT}\n", capsys.readouterr().out)


# 5 -------------------------------------------------------------------------------------------------------


def test_only_code_makes_outputs_stale(made):
    at_home = copy.deepcopy(made)
    at_home["cells"][0] = repository.install_cell("someone/jepa-lite")
    at_home["cells"][1]["source"] = "Other words."
    assert at_home["cells"][0]["source"] != made["cells"][0]["source"]
    assert course.digest(at_home) == course.digest(made)
    swapped = copy.deepcopy(made)
    swapped["cells"][3:5] = swapped["cells"][4:2:-1]
    assert course.digest(swapped) != course.digest(made)
