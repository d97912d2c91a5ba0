"""Claims tested here, of the words that a reader finds both on a page and in a widget:

1. The mask explorer calls each rule what `MaskConfig` calls it, with an explanation behind the name.
2. What stands in bold around a widget, in a notebook or in the table of docs/widgets.md, names one of that
   widget's controls, to the letter; each button that a notebook leaves to be pressed is named there.
3. A run that has ended has a button that begins again, and the sentence beside it quotes that button.
"""

import json
import re
from pathlib import Path

import pytest

from jepa_lite import widgets
from jepa_lite.config import MASK_RULES

ROOT = Path(__file__).resolve().parents[2]
BOLD = re.compile(r"\*\*([^*]+)\*\*")


def script(name):
    return str(getattr(widgets, name)._esm)


def labels(name):
    """Every text in quotes of a widget's script, and what stands before an explanation in brackets."""
    texts = set(re.findall(r'"((?:[^"\\\n])+)"', script(name)))
    return texts | {text.partition(" (")[0] for text in texts}


def prose(cell):
    return "".join(cell["source"]) if cell["cell_type"] == "markdown" else ""


def quoted(path):
    """[(widgets, bold words)] of the Markdown around each cell of a notebook that shows widgets."""
    cells, found = json.loads(path.read_text("utf-8"))["cells"], []
    for i, cell in enumerate(cells):
        shown = re.findall(r"\b(\w+)\(", "".join(cell["source"])) if cell["cell_type"] == "code" else []
        if names := tuple(sorted(set(shown) & set(widgets.__all__))):
            before = next(filter(None, map(prose, reversed(cells[:i]))), "").rpartition("\n## ")[2]
            after = prose(cells[i + 1]).partition("## ")[0]  # of the same section
            found.append((names, BOLD.findall(before + after)))
    return found


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHOWN = [(path.stem, names, words) for path in NOTEBOOKS for names, words in quoted(path)]


# 1 -------------------------------------------------------------------------------------------------------


def test_the_rules_have_the_names_of_the_config():
    table = re.search(r"const RULES = \{(.*?)\};", script("MaskExplorer"), re.S)[1]
    shown = dict(re.findall(r'(\w+): "([^"]+)"', table))
    assert set(shown) == set(MASK_RULES)
    for rule, words in shown.items():
        assert re.fullmatch(rf"{rule} \(.{{10,}}\)", words), f"rule {rule!r} is shown as {words!r}"


# 2 -------------------------------------------------------------------------------------------------------


def test_every_widget_is_shown_by_a_notebook():
    assert {name for _, names, _ in SHOWN for name in names} == set(widgets.__all__)
    assert ("04_context_encoder", ("AttentionExplorer",)) in {shown[:2] for shown in SHOWN}


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown[0])
def test_notebooks_call_controls_what_the_widgets_do(shown):
    notebook, names, words = shown
    unknown = set(words) - set().union(*map(labels, names))
    assert not unknown, f"{notebook} speaks of {unknown}, and {names} have no control of that name"


@pytest.mark.parametrize(
    "notebook, name, wanted",
    [
        ("03_masking", "MaskExplorer", {"seed", "official"}),
        ("07_collapse", "CollapseLab", {"Resume", "Start again", "steps of a run"}),
        ("08_ijepa_whole", "LiveTraining", {"Resume", "Pause", "Stop", "Start again"}),
    ],
)
def test_notebooks_name_what_is_to_be_pressed(notebook, name, wanted):
    (words,) = [words for stem, names, words in SHOWN if stem == notebook and name in names]
    assert wanted <= set(words), f"{notebook} leaves unsaid: {wanted - set(words)}"


def test_the_readme_calls_controls_what_the_widgets_do():
    text = (ROOT / "docs/widgets.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)\(.*$", text, re.M)
    assert set(rows) | {"MaskExplorer"} == set(widgets.__all__)
    for line in re.findall(r"^\| `\w+\(.*$", text, re.M):
        name = re.match(r"\| `(\w+)", line)[1]
        assert set(BOLD.findall(line)) <= labels(name), f"docs/widgets.md on {name}: {BOLD.findall(line)}"
    rules = re.search(r"Try the rules (.*?), and\s+change the grid", text, re.S)[1]
    assert set(BOLD.findall(rules)) == set(MASK_RULES)


# 3 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LiveTraining", "CollapseLab"])
def test_who_has_ended_a_run_is_told_how_to_begin_again(name):
    assert "Start again" in labels(name)
    told = re.findall(r"[`;:] ?Start again begins", script(name))
    assert told, f"{name} has the button, and does not speak of it"
