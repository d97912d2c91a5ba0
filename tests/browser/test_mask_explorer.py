"""Claims about the mask explorer in JupyterLab:

1. Arrow keys on the seed slider draw the next masks, in the picture, the table and the description, and
   JupyterLab does not take them; letters do not reach its shortcuts.
2. Arrow keys, Home and End on the picture go from patch to patch, and say where that is, in which blocks; so
   does the mouse, and on a strip of tokens too.
3. A rule, and a size of the grid, bring the masks that the library draws for the same seed.
4. Settings that cannot be met are refused in a sentence, and the last masks stay; possible ones end that.
5. Every description holds the numbers of what it describes.
"""

import re

import pytest
import torch
from cells import WIDGETS
from controls import SHOWS, await_stillness, unfold
from front_ends import Faults, open_lab, write_notebook

from jepa_lite.config import MaskConfig
from jepa_lite.method.masks import sample_masks


@pytest.fixture(scope="module")
def lab_page(browser, home, lab):
    write_notebook(home / "notebooks" / "masks.ipynb", ["1 + 1", WIDGETS["MaskExplorer"], "2 + 2"])
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    faults = Faults(page)
    open_lab(page, lab, "notebooks/masks.ipynb")
    page.locator(".jepa canvas").first.wait_for()
    unfold(page.locator(".jepa"))
    yield page
    page.close()
    assert not faults.found, faults.found


@pytest.fixture
def root(lab_page):
    """The explorer, at seed 0 of rule "paper"."""
    root = lab_page.locator(".jepa")
    root.get_by_role("radio", name="paper").check()
    root.get_by_role("slider", name="seed").press("Home")
    lab_page.mouse.move(1, 1)
    await_stillness(root)
    return root


def board(root):
    return root.get_by_role("application").first


def described(root, seed):
    """Whether the picture's description says what the library's sampler draws for `seed`; waits for it."""
    rule = root.locator("input[type=radio]:checked").get_attribute("value")
    rows, columns = (
        int(root.get_by_role("slider", name=f"{name} of patches").input_value())
        for name in ("rows", "columns")
    )
    masks = sample_masks((rows, columns), 1, MaskConfig(rule=rule), torch.Generator().manual_seed(seed))
    context = int(masks.context_keep.sum())
    words = f"Draw {seed} on a grid of {rows} by {columns} patches. Context: {context} patches"
    board(root).and_(root.page.locator(f'[aria-label^="{words}"]')).wait_for(timeout=20_000)
    return words


def focused(control):
    return control.evaluate("(c) => document.activeElement === c")


# 1 -------------------------------------------------------------------------------------------------------


def test_arrow_keys_on_the_seed_draw_the_next_masks(root):
    seed, shown = root.get_by_role("slider", name="seed"), {root.evaluate(SHOWS)}
    seed.focus()
    for i, key in enumerate(["ArrowRight", "ArrowRight", "ArrowUp"], 1):
        seed.press(key)
        described(root, i)
        shown.add(root.evaluate(SHOWS))
    assert len(shown) == 4, "some draws look alike"
    seed.press("ArrowLeft")
    described(root, 2)
    assert focused(seed), "JupyterLab took the arrow key"


def test_letters_do_not_reach_the_shortcuts_of_jupyterlab(root):
    for control in (
        root.get_by_role("slider", name="seed"),
        board(root),
        root.get_by_role("radio", name="paper"),
    ):
        control.focus()
        for key in ("a", "b", "m"):
            control.press(key)
        assert focused(control)
    assert root.page.locator(".jp-Cell").count() == 3, "a letter made a cell"
    assert root.page.locator(".jp-MarkdownCell").count() == 0, "a letter changed a cell"


# 2 -------------------------------------------------------------------------------------------------------


def said(root, words):
    """Wait until the sentence under the picture begins with `words`; the rest of it."""
    line = root.locator(".readout", has_text=re.compile(rf"^{words}"))
    line.wait_for(timeout=10_000)
    return line.text_content()


def test_the_arrow_keys_go_from_patch_to_patch(root):
    picture = board(root)
    picture.focus()
    before = root.evaluate(SHOWS)
    steps = {
        "ArrowDown": (0, 0),
        "ArrowRight": (0, 1),
        "ArrowDown ": (1, 1),
        "End": (7, 11),
        "ArrowRight ": (7, 11),
    }
    steps |= {"ArrowUp": (6, 11), "Home": (0, 0), "ArrowLeft": (0, 0), "PageDown": (7, 0)}
    for key, (row, column) in steps.items():
        picture.press(key.strip())
        sentence = said(root, f"Patch {row * 12 + column}: row {row}, column {column}; ")
        assert re.search(
            r"; (in the context|in targets? [\d, and]+|dropped: .+?)\. Of \d+ draws: ", sentence
        ), sentence
        assert focused(picture)
    assert root.evaluate(SHOWS) != before, "no frame around the patch"
    picture.evaluate("(c) => c.blur()")
    said(root, "Point at a patch")


def test_the_mouse_points_at_patches_and_tokens(root):
    box = board(root).bounding_box()
    for row, column in ((0, 0), (3, 7), (7, 11)):
        x, y = box["x"] + (column + 0.5) * box["width"] / 12, box["y"] + (row + 0.5) * box["height"] / 8
        root.page.mouse.move(x, y)
        said(root, f"Patch {row * 12 + column}: row {row}, column {column}; ")
    root.page.mouse.move(1, 1)
    said(root, "Point at a patch")
    strip = root.get_by_role("application").nth(1)
    strip.hover(position={"x": 4, "y": 4})  # the first token of the context
    assert "; in the context. " in said(root, r"Patch \d+: ")
    strip.focus()
    strip.press("ArrowRight")
    assert "; in the context. " in said(root, r"Patch \d+: ")


# 3 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["official", "random", "block", "rasterized"])
def test_a_rule_brings_its_masks(root, rule):
    radio = root.locator(f"input[value={rule}]")
    radio.focus()
    radio.press("Space")
    words = described(root, 0)
    root.get_by_role("slider", name="seed").press("ArrowRight")
    assert described(root, 1) != words and focused(root.get_by_role("slider", name="seed"))


def test_a_larger_grid_brings_its_masks(root):
    rows = root.get_by_role("slider", name="rows of patches")
    for key in ("ArrowRight", "ArrowLeft"):
        rows.press(key)
        described(root, 0)
        assert focused(rows)


# 4 -------------------------------------------------------------------------------------------------------


def test_impossible_settings_are_refused_in_a_sentence(root):
    low, high = (root.get_by_role("slider", name=f"target scale, {end}") for end in ("from", "to"))
    before = board(root).get_attribute("aria-label")
    assert (low.input_value(), high.input_value()) == ("0.15", "0.2")
    low.press("End")  # targets of 0.8 of the image, which leave no place for a context
    refusal = re.compile(r"^These settings cannot be met, so the last masks stay: .+target_scale.+[^.]\.$")
    root.get_by_role("alert").filter(has_text=refusal).wait_for(timeout=10_000)
    assert board(root).get_attribute("aria-label") == before, "the last masks did not stay"
    root.get_by_role("slider", name="seed").press("ArrowRight")
    described(root, 1)
    high.press("Home")
    for end, presses in ((high, 18), (low, 13)):  # from 0.02 back to 0.15 and 0.2
        for _ in range(presses):
            end.press("ArrowRight")
    root.page.wait_for_function("() => document.querySelector('[role=alert]').textContent === ''")
    described(root, 1)


# 5 -------------------------------------------------------------------------------------------------------


def test_descriptions_hold_the_numbers(root):
    counts = [int(cell) for cell in root.locator("table tr td:nth-child(2)").all_text_contents()]
    context, *targets, hidden, dropped = counts
    words = board(root).get_attribute("aria-label")
    assert (
        f"Context: {context} patches" in words
        and f"together {hidden} " in words
        and f"Dropped: {dropped}." in words
    )
    assert context + hidden + dropped == 96
    root.get_by_role("figure").filter(has_text="of 256 draws").nth(1).wait_for(timeout=20_000)
    heats = [heat.get_attribute("aria-label") for heat in root.get_by_role("img").all()]
    assert len(heats) == 2 and all(re.search(r"\d+% to \d+% of 256 draws", heat) for heat in heats), heats
    strips = [strip.get_attribute("aria-label") for strip in root.get_by_role("application").all()[1:]]
    assert strips[0].startswith(f"context encoder: {context} tokens")
    for strip, target in zip(strips[1:], targets, strict=True):
        assert f"{context} of context and then {target} mask tokens" in strip
