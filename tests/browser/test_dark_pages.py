"""Claims about figures of the library, in JupyterLab and in a run's report, in a light and in a dark theme:

1. In JupyterLab one of a figure's two pictures shows, the one by night in the dark theme; so it is with the
   figure of a stock slider, also after it was moved. In a notebook that is not trusted one shows, too.
2. The report follows the browser's preference, and every text of it stands out by 4.5 to 1 or more.
3. On a telephone, 400 pixels wide, nothing of the report reaches beyond the page: figures shrink, and grow
   when they are touched; tables scroll in their own box; no row of a table of files is taller than six lines.
"""

import json

import pytest
from controls import faint
from front_ends import open_lab, save, write_notebook

from jepa_lite import course
from jepa_lite.figures import html

LIGHT, DARK = "jepa-day", "jepa-night"
FIGURES = [
    "from jepa_lite.course import guesses\nguesses({'steps': (3, 7.25)})",
    """from jepa_lite.widgets.sliders import Dial
Dial(lambda x: guesses({'moved': (x, 7.25)}), 'number', 0.5)""",
]
SHOWN = """() => [...document.querySelectorAll(".jepa-day, .jepa-night")]
    .filter((image) => image.getBoundingClientRect().width > 0).map((image) => image.className)"""
TALL = "() => [...document.querySelectorAll('tr')].map((row) => row.getBoundingClientRect().height)"
WIDE = "() => [...document.querySelectorAll('img')].map((image) => image.getBoundingClientRect().width)"


def themed(page, scheme):
    page.emulate_media(color_scheme=scheme)
    light = str(scheme == "light").lower()
    page.wait_for_function("(light) => document.body.dataset.jpThemeLight === light", arg=light)
    return page.evaluate(SHOWN)


# 1 -------------------------------------------------------------------------------------------------------


def test_jupyterlab_shows_the_figure_of_its_theme(home, lab, new_page):
    write_notebook(home / "notebooks" / "figures.ipynb", FIGURES)
    page, faults = new_page()
    open_lab(page, lab, "notebooks/figures.ipynb")
    page.locator(".widget-html-content img").first.wait_for()
    assert themed(page, "light") == [LIGHT] * 2
    assert themed(page, "dark") == [DARK] * 2
    page.locator(".noUi-handle").press("ArrowRight")
    page.locator(".jepa-night[alt*='your guess 0.55']").wait_for()
    assert page.evaluate(SHOWN) == [DARK] * 2 and themed(page, "light") == [LIGHT] * 2
    saved = home / "notebooks" / "figures.ipynb"
    save(page, saved)
    outputs = json.loads(saved.read_text("utf-8"))["cells"][0]["outputs"]
    write_notebook(saved.with_name("stranger.ipynb"), FIGURES[:1])
    stranger = json.loads(saved.with_name("stranger.ipynb").read_text("utf-8"))
    stranger["cells"][0]["outputs"] = outputs
    saved.with_name("stranger.ipynb").write_text(json.dumps(stranger), "utf-8")
    address, token = lab
    page.goto(f"{address}/lab/workspaces/stranger/tree/notebooks/stranger.ipynb?reset&token={token}")
    page.locator(".jepa-day").wait_for()
    assert page.evaluate(SHOWN) == [LIGHT]
    assert not faults.found, faults.found


# 2, 3 ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The address of a page made as a report's: a figure, and tables with long names, words and paths."""
    files = [(f"checkpoint-000300/{'very-long-' * 12}name.safetensors", "weights", "1,234,567")]
    files += [("log.jsonl", "a JSON record a step: loss and rates, at times rank, std, probe", "123")]
    numbers = [("raw pixels", "0.152", "0.517 ± 0.013"), ("I-JEPA", "0.752 ± 0.008", "0.703")]
    body = html.section("The table of controls", course.guesses({"steps": (3, 7.25)}), "Bars.", "None.")
    body += html.table("Accuracy", ("features", "linear probe", "20-NN"), numbers, "numbers", "I-JEPA")
    body += html.table("Files", ("file", "what it holds", "bytes"), files)
    body += html.table("Facts", ("what", "value"), [("command", "/a/path" * 12), ("seed", 5)])
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html.page("A model.", body), "utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_follows_the_preference(new_page, report, scheme):
    shown, faults = new_page(offline=True, color_scheme=scheme)
    shown.goto(report)
    source = shown.locator("source").get_attribute("srcset")
    assert (shown.locator("img").evaluate("(image) => image.currentSrc") == source) == (scheme == "dark")
    assert not faint(shown.locator("body")), faint(shown.locator("body"))
    assert not faults.found, faults.found


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_reaches_beyond_the_page(new_page, report, width):
    shown, _ = new_page(offline=True)
    shown.set_viewport_size({"width": width, "height": 800})
    shown.goto(report)
    across = "() => document.documentElement.scrollWidth"
    assert shown.evaluate(across) <= width
    boxes = shown.locator(".wide").evaluate_all(
        "(all) => all.map((box) => box.getBoundingClientRect().right)"
    )
    assert max(boxes) <= width
    assert max(shown.evaluate(TALL)) < 6 * 28
    (small,) = shown.evaluate(WIDE)
    assert small <= width
    shown.locator("figure .wide").focus()
    (large,) = shown.evaluate(WIDE)
    assert shown.evaluate(across) <= width and (large > 600 if width == 400 else large == small)
