"""Run notebooks and keep the outputs that teach a reader who runs nothing: python images/course.py [02 05]

The outputs of cells tagged `show` or `keep` are written into the notebook, and the figure of the cell tagged
`keep` also to images/course/NN.png. PNGs are reduced to a palette so that they stay small: of 128 colours,
or of 48 where the notebook would be too large. All else that a run leaves in a notebook is dropped: other
outputs, views and states of widgets, figures for dark pages, counts, times and progress bars. If the result
has a fault, for example a printed path of this machine, the command names the cell and leaves the notebook
as it was.
"""

import base64
import copy
import hashlib
import io
import json
import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from repository import INSTALL_ID  # noqa: E402
from website.executed import run  # noqa: E402

TAGS = {"keep", "show"}
LIMIT = 300 * 1024  # bytes of a notebook's file
COLOURS = 128, 48  # of a picture: as many as fit
PICTURES = ("image/png", "image/jpeg")
WORDS = ("text/plain", "text/html", "text/markdown", "text/latex")
TIMES = {"execution", "ExecuteTime"}  # where front ends note when a cell ran
METADATA = {"kernelspec", "language_info", "jepa_lite"}
# An absolute path on Unix or Windows, or a file's address, but not </b>, 1/2 or https://a/b.
MACHINE_PATH = re.compile(
    r"(?<![\w.:/<~-])/(?:[\w.+@-]+/|(?:home|root|tmp|Users)\b)[^\s'\"]*|\b[A-Za-z]:\\\w\S*|file://\S*"
)


def digest(notebook: dict) -> str:
    """SHA-256 of what outputs are made from: the sources of all code cells except the one that installs."""
    sources = ["".join(cell["source"]) for cell in code_cells(notebook) if cell["id"] != INSTALL_ID]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def is_shown(cell: dict) -> bool:
    return bool(TAGS & set(cell["metadata"].get("tags", [])))


# What is committed -----------------------------------------------------------------------------------------


def with_outputs(notebook: dict, ran: dict, colours: int = COLOURS[0]) -> dict:
    """A notebook with those outputs of `ran`, the same notebook executed, that are committed."""
    made = copy.deepcopy(notebook)
    for cell, executed in zip(code_cells(made), code_cells(ran), strict=True):
        cell["outputs"] = kept(executed["outputs"], colours) if is_shown(cell) else []
        cell["execution_count"] = None
        cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name not in TIMES}
    made["metadata"] = {name: value for name, value in made["metadata"].items() if name in METADATA}
    made["metadata"]["jepa_lite"] = {"outputs_of": digest(made)}
    return made


def kept(outputs: list[dict], colours: int = COLOURS[0]) -> list[dict]:
    """What a cell printed and displayed, without what needs a kernel: its outputs as they are committed."""
    found = []
    for output in outputs:
        if output["output_type"] == "stream":
            if output["name"] == "stdout":
                before = found.pop()["text"] if found and "text" in found[-1] else []
                text = "".join(before) + "".join(output["text"])
                text = re.sub(r"(?m)^.*\r(?!\n)", "", text)  # a line that was written over
                found.append({"output_type": "stream", "name": "stdout", "text": text.splitlines(True)})
        elif "data" in output and (data := still(output, colours)):
            alt = {kind: {"alt": "".join(data["text/plain"])} for kind in PICTURES if kind in data}
            found.append({"output_type": "display_data", "data": data, "metadata": alt})
        elif output["output_type"] == "error":
            raise ValueError(f"a cell ended in {output['ename']}: {output['evalue']}")
    return found


def still(output: dict, colours: int) -> dict:
    """The data of an output that need no kernel: a picture with its alt text, or else text, or nothing."""
    data = output["data"]
    for kind in PICTURES:
        if kind in data:
            alt = output["metadata"].get(kind, {}).get("alt") or "".join(data.get("text/plain", ""))
            pixels = small(data[kind], colours) if kind == "image/png" else "".join(data[kind])
            return {kind: pixels, "text/plain": alt.splitlines(True)}
    if any("widget-view" in kind for kind in data):
        return {}
    return {kind: "".join(data[kind]).splitlines(True) for kind in WORDS if kind in data}


def small(png: str, colours: int) -> str:
    """A PNG in base64 with its colours reduced to a palette."""
    picture, file = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), io.BytesIO()
    picture.quantize(colours).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def figure_to_keep(notebook: dict) -> tuple[bytes, str]:
    """The first picture of the cell tagged `keep`, as a file, and its alt text. ValueError for none."""
    cells = [cell for cell in code_cells(notebook) if "keep" in cell["metadata"].get("tags", [])]
    found = [o["data"] for cell in cells for o in cell["outputs"] if "image/png" in o.get("data", {})]
    if not found:
        raise ValueError("no cell tagged `keep` shows a picture")
    return base64.b64decode(found[0]["image/png"]), "".join(found[0]["text/plain"])


# What must hold of it --------------------------------------------------------------------------------------


def faults(notebook: dict) -> list[str]:
    """What is wrong with the outputs of a notebook, one sentence for each fault."""
    found = []
    if notebook["metadata"].get("jepa_lite") != {"outputs_of": digest(notebook)}:
        found.append("its code is not the code that made its outputs")
    if odd := set(notebook["metadata"]) - METADATA:
        found.append(f"its metadata hold {sorted(odd)}")
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            found += [f"cell {number} {fault}" for fault in faults_of_cell(cell)]
    if (size := len(text_of(notebook).encode())) > LIMIT:
        sizes = [(len(text_of(cell)) // 1024, number) for number, cell in enumerate(notebook["cells"])]
        largest = ", ".join(f"cell {number} ({kib})" for kib, number in sorted(sizes, reverse=True)[:3])
        found.append(f"it has {size // 1024} KiB and may have {LIMIT // 1024}; the largest are {largest}")
    return found


def faults_of_cell(cell: dict) -> list[str]:
    found = []
    if is_shown(cell) != bool(cell["outputs"]):
        found.append("is tagged and shows nothing" if is_shown(cell) else "is not tagged and holds outputs")
    if cell["execution_count"] is not None or TIMES & set(cell["metadata"]):
        found.append("holds the count or the times of a run")
    for output in cell["outputs"]:
        data = output.get("data", {})
        kinds = {output["output_type"], *data} if data else {output.get("name", output["output_type"])}
        if odd := kinds - {"display_data", "stdout", *PICTURES, *WORDS}:
            found.append(f"holds {sorted(odd)}, which is not for committing")
        alts = [output["metadata"].get(kind, {}).get("alt", "") for kind in PICTURES if kind in data]
        if any(len(alt) < 15 or alt != "".join(data.get("text/plain", "")) for alt in alts):
            found.append("shows a picture without alt text")
        texts = [output.get("text", "")] + [data[kind] for kind in WORDS if kind in data]
        found += [f"shows the path {m[0]}" for text in texts for m in MACHINE_PATH.finditer("".join(text))]
    return found


# Files -----------------------------------------------------------------------------------------------------


def text_of(notebook: dict) -> str:
    """The file of a notebook, in the form in which Jupyter writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def keep(path: Path, figure: Path) -> str:
    """Execute the notebook at `path`, write its outputs into it and its kept figure to `figure`.

    Returns the figure's alt text. If a cell fails (nbclient's CellExecutionError) or the outputs have faults
    (ValueError), nothing is written."""
    before, ran = json.loads(path.read_text("utf-8")), run(path)
    for colours in COLOURS:
        made = with_outputs(before, ran, colours)
        if len(text_of(made).encode()) <= LIMIT:
            break
    pixels, alt = figure_to_keep(made)
    if wrong := faults(made):
        raise ValueError("; ".join(wrong))
    path.write_text(text_of(made), "utf-8", newline="\n")
    figure.write_bytes(pixels)
    return alt


def main(numbers: list[str]) -> None:
    paths = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
    wrong = [f"there is no notebook {number}" for number in numbers if number not in paths]
    for number in filter(paths.get, numbers or paths):
        path = paths[number]
        try:
            alt = keep(path, ROOT / f"images/course/{number}.png")
            print(f"{path.stem}, {path.stat().st_size // 1024} KiB: {' '.join(alt.split())}", flush=True)
        except ValueError as error:
            wrong.append(f"{path.name} stays as it was: {error}")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main(sys.argv[1:])
