"""How soon does the mask explorer follow a key? Writes results/explorer.json (a minute; needs a Chromium).

    python benchmarks/explorer.py

From the key's event to the first animation frame that shows something else, in a real JupyterLab and on the
page without a kernel: the next draw, and a change of the rule, which the kernel answers. Beside them,
alternating, a bare slider that paints its number, and the echo of a kernel to a slider of ipywidgets
(tests/browser/latency.py).
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from front_ends import FLAGS, find_browser, jupyterlab, open_lab, write_notebook  # noqa: E402
from latency import STOCK, draws, settings, summary  # noqa: E402

from jepa_lite.training.provenance import machine, write_json  # noqa: E402
from jepa_lite.widgets.standalone_page import explorer_page  # noqa: E402

CELL = "import torch\ntorch.set_num_threads(1)\nfrom jepa_lite.widgets import MaskExplorer\nMaskExplorer()"
DRAWS, CHANGES = 40, 12  # key presses of each kind


def main():
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        home = Path(home)
        (home / "notebooks").mkdir()
        write_notebook(home / "notebooks" / "explorer.ipynb", [CELL, STOCK])
        (home / "explorer.html").write_text(explorer_page(), "utf-8")
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        rows = [*in_lab(browser, home), *alone(browser, home / "explorer.html")]
        about = {"command": "python benchmarks/explorer.py", "browser": browser.version, "seed": "0 to 40"}
        browser.close()
    facts = about | {"grid": [14, 14], "rule": "paper", "unit": "milliseconds", "rows": rows} | machine()
    write_json(ROOT / "benchmarks" / "results" / "explorer.json", facts)


def in_lab(browser, home):
    with jupyterlab(home) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        open_lab(page, address, "explorer.ipynb")
        stock, widget = page.locator(".widget-vbox"), page.locator(".jepa")
        page.locator(".widget-html-content").wait_for()
        names = ("next draw", "a bare slider", "a kernel's echo")
        times = dict(zip(names, draws(page, widget, stock, DRAWS), strict=True))
        times["another rule"] = settings(widget, stock, CHANGES)[0]
        return [{"where": "JupyterLab", "what": what, **summary(ms)} for what, ms in times.items()]


def alone(browser, path):
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.goto(path.as_uri())
    times = zip(
        ("next draw", "a bare slider"), draws(page, page.locator(".jepa"), None, DRAWS)[:2], strict=True
    )
    return [{"where": "page without a kernel", "what": what, **summary(ms)} for what, ms in times]


if __name__ == "__main__":
    main()
