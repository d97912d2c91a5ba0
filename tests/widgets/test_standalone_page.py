"""Claims tested here, of the mask explorer's page (tests/browser opens it):

1. Each choice on the page leads to the masks that the sampler draws for it, and every choice is there.
2. The page is one file: its own policy forbids everything else, and it names no address.
3. `jepa-lite explorer` writes it; what cannot be drawn is one sentence and no file.
4. The committed page is what the command writes now.
"""

import base64
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from jepa_lite import MaskConfig, cli
from jepa_lite.config import MASK_RULES
from jepa_lite.widgets.masks import mask_table
from jepa_lite.widgets.standalone_page import explorer_page

ROOT = Path(__file__).resolve().parents[2]
GRID, DRAWS = (8, 9), 6


@pytest.fixture(scope="module")
def page():
    return explorer_page("rocket", GRID, patch_size=4, draws=DRAWS)


def held(page, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.S)[1])


def test_every_choice_leads_to_the_samplers_masks(page):
    tables = held(page, "tables")
    assert set(tables["entries"]) == {f"{rule} {count}" for rule in MASK_RULES for count in range(1, 6)}
    for choice, index in tables["entries"].items():
        rule, count = choice.split()
        expected = mask_table(GRID, MaskConfig(rule=rule, num_targets=int(count)), range(DRAWS))
        result = tables["results"][index]
        assert base64.b64decode(result["table"]) == expected.tobytes(), choice
        assert result["drawn"]["grid"] == [8, 9] and result["drawn"]["draws"] == DRAWS
        bits = np.unpackbits(expected[..., None], axis=-1, bitorder="little").any((0, 1)).nonzero()[0]
        assert result["drawn"]["targets"] == bits.max(), choice
    assert len(tables["results"]) == 13, "rules that do not read the number of targets are on it once"


def test_the_page_starts_where_its_choices_are(page):
    state = held(page, "state")
    assert f"{state['rule']} {state['num_targets']}" in held(page, "tables")["entries"]
    assert set(state["can"]) == set(held(page, "tables")["keys"])


def test_the_page_needs_nothing_else(page):
    assert "default-src 'none'" in page
    assert not re.search(r"https?:", page), "an address"
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page)


def test_the_command_writes_it(tmp_path, monkeypatch, capsys, page):
    out = tmp_path / "new" / "e.html"
    words = ["--image", "rocket", "--grid", "8", "9", "--patch-size", "4", "--draws", "6", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["jepa-lite", "explorer", *words])
    cli.main()
    assert out.read_text("utf-8") == page
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--image", "dog"], "no picture at dog"),
        (["--grid", "2", "2"], "do not fit a 2 x 2 grid"),
        (["--draws", "0"], "draws must be at least 1 and whole, not 0"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jepa-lite", "explorer", *words, "--out", str(tmp_path / "e.html")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_committed_page_is_what_the_command_writes():
    committed = (ROOT / "images" / "explorer.html").read_text("utf-8")
    now = explorer_page()
    assert _without_photo(committed) == _without_photo(now), (
        "run: jepa-lite explorer --out images/explorer.html"
    )


def _without_photo(page):
    """The photograph's bytes may differ from one JPEG library to the next; the rest may not."""
    return re.sub(r'"photo":"[^"]*"', "", page)
