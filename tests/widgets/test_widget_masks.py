"""Claims tested here, of the mask explorer without a browser (tests/browser has one):

1. Its table is the sampler's: each row says what `sample_masks` drew with that seed, for the first image.
2. Every control can be moved to every end: the table then holds that setting's masks, or one sentence says
   why it cannot and the last masks stay, static figure included.
3. More draws come when asked for, of the settings that are shown, and change none of those that are there.
4. A bundled photograph and a path become the picture, cut to the grid; what cannot says why.
5. Without a front end the static figure shows: a JPEG of the same masks, with alt text, and small.
6. Scripts import their neighbours alone, and fetch nothing.
"""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite import MaskConfig, sample_masks
from jepa_lite.config import MASK_RULES
from jepa_lite.widgets import MaskExplorer
from jepa_lite.widgets.base import STATIC
from jepa_lite.widgets.masks import DRAWS, FIRST, find_image, mask_table

GRID = (6, 9)


def explorer(**settings):
    return MaskExplorer(**{"grid": GRID, "patch_size": 8} | settings)


def table_of(widget):
    return np.frombuffer(widget.table, np.uint8).reshape(widget.drawn["draws"], -1)


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", MASK_RULES)
@pytest.mark.parametrize("batch", [1, 5])
def test_the_table_is_what_the_sampler_draws(rule, batch):
    config = MaskConfig(rule=rule, num_targets=3, min_keep=2)
    table = mask_table(GRID, config, range(4, 9), batch)
    for row, seed in zip(table, range(4, 9), strict=True):
        masks = sample_masks(GRID, batch, config, torch.Generator().manual_seed(seed))
        context = set(masks.context_idx[0][masks.context_keep[0]].tolist())
        targets = [set(target.tolist()) for target in masks.target_idx[0]]
        for patch, value in enumerate(row.tolist()):
            said = [patch in context, *(patch in target for target in targets)]
            assert value == sum(2**bit for bit, inside in enumerate(said) if inside), (seed, patch)


def test_the_batch_matters_to_the_released_rule_only_by_its_cut():
    alone, crowd = (mask_table((8, 8), MaskConfig(rule="official"), range(20), b) for b in (1, 64))
    assert (crowd & 1).sum() < 0.8 * (alone & 1).sum(), "a batch of 64 cuts every context to its smallest"


# 2 -------------------------------------------------------------------------------------------------------

MOVES = [
    {"rule": rule, "num_targets": count, "rows": rows, "columns": columns, "batch": batch}
    for rule in MASK_RULES
    for count, rows, columns, batch in ((1, 4, 4, 64), (5, 4, 32, 1), (1, 32, 4, 1), (5, 9, 7, 64))
] + [
    {"target_scale": [0.02, 0.02]}, {"target_scale": [0.02, 0.8]}, {"target_scale": [0.8, 0.8]},
    {"target_aspect": [0.25, 4.0]}, {"target_aspect": [4.0, 4.0]}, {"context_scale": [0.1, 0.1]},
    {"context_scale": [1.0, 1.0]}, {"min_keep": 1}, {"min_keep": 20}, {"patch": 2}, {"patch": 32},
    {"seed": 255},
    {"rule": "random", "target_share": 0.05}, {"rule": "block", "target_share": 0.9},
    {"rule": "official", "min_keep": 20}, {"rule": "official", "target_scale": [0.02, 0.02]},
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_every_move_shows_its_masks_or_says_why_not(move):
    widget = explorer()
    before = widget.table, widget.drawn
    with widget.hold_trait_notifications():  # as the front end sends it
        for name, value in move.items():
            setattr(widget, name, value)
    if widget.trouble:
        with pytest.raises(ValueError) as error:
            mask_table(widget.grid, widget.config(), range(1), widget.batch)
        assert str(error.value) in widget.trouble and widget.trouble.endswith(".")
        assert (widget.table, widget.drawn) == before, "the last masks stay"
    else:
        expected = mask_table(widget.grid, widget.config(), range(widget.drawn["draws"]), widget.batch)
        np.testing.assert_array_equal(table_of(widget), expected)
        assert tuple(widget.drawn["grid"]) == widget.grid and widget.drawn["draws"] > widget.seed
    shown = tuple(widget.drawn["grid"])
    assert f"{shown[0]} by {shown[1]} patches" in widget.figure().alt_text, (
        "the static figure shows what is shown"
    )


def test_trouble_ends_with_the_next_good_setting():
    widget = explorer()
    widget.target_scale = [0.8, 0.8]
    assert "target_scale" in widget.trouble
    widget.target_scale = [0.15, 0.2]
    assert widget.trouble == ""


def test_impossible_settings_from_the_start_are_refused():
    with pytest.raises(ValueError, match="cover its middle"):
        explorer(masks=MaskConfig(target_scale=(0.8, 0.8)))
    with pytest.raises(ValueError, match="up to 5 targets apart, not 6"):
        explorer(masks=MaskConfig(num_targets=6))


def test_the_page_learns_which_settings_a_rule_reads():
    for rule, names in explorer().reads.items():
        assert {*MASK_RULES[rule], "rows", "columns", "patch", "batch"} == set(names)


# 3 -------------------------------------------------------------------------------------------------------


def test_more_draws_come_when_asked_for():
    widget = explorer()
    first = widget.table
    widget.wanted = 10_000
    assert widget.drawn["draws"] == DRAWS > FIRST
    assert widget.table.startswith(first) and len(widget.table) == DRAWS * 54
    np.testing.assert_array_equal(table_of(widget), mask_table(GRID, MaskConfig(), range(DRAWS)))


def test_more_draws_are_of_the_masks_that_are_shown():
    widget = explorer()
    widget.target_scale = [0.8, 0.8]  # refused: the table is still the old one
    widget.wanted = FIRST + 7
    np.testing.assert_array_equal(table_of(widget), mask_table(GRID, MaskConfig(), range(FIRST + 7)))


# 4 -------------------------------------------------------------------------------------------------------


def shown(widget):
    return Image.open(io.BytesIO(widget.photo))


def test_the_picture_is_cut_to_the_grid():
    widget = explorer(image="coffee")
    assert shown(widget).size == (72, 48)
    widget.patch = 20
    assert shown(widget).size == (180, 120)
    assert shown(explorer(image="coffee")).tobytes() != shown(explorer(image="rocket")).tobytes()


def test_a_path_becomes_the_picture(tmp_path):  # other forms: test_image_forms.py
    pixels = torch.randint(1, 255, (3, 48, 72), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(tmp_path / "mine.png")
    assert torch.equal(find_image(tmp_path / "mine.png", (48, 72)), pixels)


def test_what_is_no_image_says_so():
    with pytest.raises(FileNotFoundError, match=r"no picture at catt.*astronaut, cat.*did you mean 'cat'"):
        explorer(image="catt")
    with pytest.raises(ValueError, match=r"\(3, H, W\) or \(1, H, W\), .*not \(2, 4, 4\)"):
        explorer(image=torch.ones(2, 4, 4))


# 5 -------------------------------------------------------------------------------------------------------


def test_the_static_figure_is_a_small_described_picture_of_the_same_masks():
    widget = explorer(seed=3, masks=MaskConfig(rule="rasterized"))
    data, about = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data, "with a front end, the widget itself"
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    assert picture.format == "JPEG" and np.asarray(picture).std() > 20 and len(data["image/jpeg"]) < 150_000
    alt = about["image/jpeg"]["alt"]
    context = (table_of(widget)[3] & 1).sum()
    assert f"{context} plain patches are the context" in alt and alt in data["text/plain"]


# 6 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_are_whole_and_fetch_nothing(path):
    code = re.sub(r"^\s*//.*$|^\s*/?\*.*$", "", path.read_text("utf-8"), flags=re.M)
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", code), f"{path.name} reaches outside"
    wanted = re.findall(r'from "(.*?)"', code)
    assert all(re.fullmatch(r"\./\w+\.js", name) for name in wanted), wanted
