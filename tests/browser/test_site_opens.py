"""Claims about the site in a browser:

1. With the network off the front page and the masking page show without a fault. The explorer on them answers
   a key, and every control of it has a name.
2. The theme switch turns page, figures and explorer to dark and back.
3. On a telephone, 400 pixels wide, nothing reaches beyond the page.
4. On paper the page is light, whatever the theme.
5. The search finds a page of the course.
"""

import functools
import http.server
import importlib.util
import os
import threading

import pytest
from controls import unnamed
from make_site import with_outputs

pytestmark = pytest.mark.slow
if not importlib.util.find_spec("sphinx") and not os.environ.get("CI"):
    pytest.skip("Sphinx is not installed: make test does it", allow_module_level=True)

EXECUTED = f"notebooks/{with_outputs().removesuffix('.ipynb')}"
SHOWN = """() => [...document.querySelectorAll(".jepa-day, .jepa-night")]
    .filter((image) => image.getBoundingClientRect().width > 0).map((image) => image.className)"""
BEHIND = """(e) => { const seen = [];
    for (let at = e; at !== document.body; at = at.parentElement) {
        const [r, g, b, alpha = 1] = getComputedStyle(at).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (alpha && Math.max(r, g, b) > 60) seen.push(at.className);
    } return seen; }"""
GROUND = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"


@pytest.fixture
def visit(new_page, site):
    """visit(name of a page, **options of Playwright): (page, faults), from disk with the network off."""

    def open_page(name, **options):
        page, faults = new_page(offline=True, **options)
        page.on("requestfailed", lambda request: faults.add("failed", request.url))
        page.goto((site / f"{name}.html").as_uri())
        return page, faults

    return open_page


def masking(site):
    """The page of the notebook on masking, the last one with an explorer."""
    pages = sorted((site / "notebooks").glob("*.html"))
    return f"notebooks/{[path.stem for path in pages if 'live-explorer' in path.read_text('utf-8')][-1]}"


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("find", [lambda site: "index", masking], ids=["front", "masking"])
def test_the_explorer_answers_a_key_with_the_network_off(visit, site, find):
    page, faults = visit(find(site))
    root = page.locator(".live-explorer")
    root.locator("canvas").first.wait_for()
    seed, about = root.get_by_role("slider", name="seed"), root.get_by_role("application").first
    before = about.get_attribute("aria-label")
    seed.press("ArrowRight")
    assert before.startswith("Draw 0") and about.get_attribute("aria-label").startswith("Draw 1")
    assert not unnamed(root), root.aria_snapshot()
    assert not faults.found, faults.found


# 2 -------------------------------------------------------------------------------------------------------


def choose(page, theme):
    """Choose a theme by keyboard."""
    page.locator(".theme-switch-button:visible").press("Enter")
    page.locator(".dropdown-menu.show").get_by_role("button", name=theme).press("Enter")
    page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme.lower())
    page.locator(".jepa-day:visible, .jepa-night:visible").evaluate_all("(all) => all.map((i) => i.decode())")


def test_the_theme_switch_turns_everything(visit):
    page, faults = visit(EXECUTED, color_scheme="light")
    assert page.evaluate(SHOWN) == ["jepa-day"] and min(page.evaluate(GROUND)) > 200
    choose(page, "Dark")
    assert page.evaluate(SHOWN) == ["jepa-night"] and max(page.evaluate(GROUND)) < 60
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    ground = page.locator(".jepa-night").evaluate(BEHIND)
    assert not ground, f"around the figure by night the page is light: {ground}"
    page.emulate_media(color_scheme="dark")
    choose(page, "Light")
    assert page.evaluate(SHOWN) == ["jepa-day"] and min(page.evaluate(GROUND)) > 200
    assert page.evaluate("document.body.dataset.jpThemeLight") == "true"
    assert not faults.found, faults.found


def test_the_explorer_follows_the_theme(visit):
    page, _ = visit("index", color_scheme="dark")
    ink = "(e) => Math.min(...getComputedStyle(e).color.match(/\\d+/g).map(Number))"
    root = page.locator(".jepa")
    root.locator("canvas").first.wait_for()
    assert root.evaluate(ink) > 150
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert root.evaluate(ink) < 60


# 3 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["index", EXECUTED, "benchmarks/README", "docs/glossary", "api/jepa_lite.config"]
)
def test_nothing_reaches_beyond_a_telephone(visit, name):
    page, _ = visit(name)
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


# 4 -------------------------------------------------------------------------------------------------------


def test_paper_is_light(visit):
    page, _ = visit(EXECUTED, color_scheme="dark")
    assert page.evaluate(SHOWN) == ["jepa-night"]
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(SHOWN) == ["jepa-day"] and min(page.evaluate(GROUND)) > 200
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(SHOWN) == ["jepa-night"]


# 5 -------------------------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_search_finds_a_notebook(new_page, site):
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, faults = new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/search.html?q=masking")
        page.locator("#search-results li a", has_text="Masking").first.wait_for()
        links = page.locator("#search-results li a").evaluate_all("(all) => all.map((a) => a.href)")
        assert any(masking(site) in link for link in links), links
        assert not faults.found, faults.found
        page.close()
        server.shutdown()
