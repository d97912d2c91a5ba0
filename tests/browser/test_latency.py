"""Claims, for times that were measured side by side in one page:

1. A draw of the mask explorer follows a key sooner than a kernel could answer: none is asked.
2. A change of a setting, which the kernel answers, costs a few of its smallest answers.

Milliseconds are printed and never asserted: benchmarks/explorer.py keeps them.
"""

import pytest
from cells import WIDGETS
from front_ends import open_lab, write_notebook
from latency import STOCK, draws, settings, summary


@pytest.fixture(scope="module")
def page(browser, home, lab):
    write_notebook(home / "notebooks" / "latency.ipynb", [WIDGETS["MaskExplorer"], STOCK])
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    open_lab(page, lab, "notebooks/latency.ipynb")
    page.locator(".widget-html-content").wait_for()
    yield page
    page.close()


def test_a_draw_follows_a_key_sooner_than_any_kernel(page):
    ours, bare, echo = map(summary, draws(page, page.locator(".jepa"), page.locator(".widget-vbox"), 30))
    print(f"milliseconds from key to picture: the explorer {ours}, a bare slider {bare}, an echo {echo}")
    assert ours["median"] < 0.7 * echo["median"], f"the explorer {ours}, the kernel's smallest answer {echo}"


def test_a_setting_costs_a_few_of_the_kernels_smallest_answers(page):
    ours, theirs = map(summary, settings(page.locator(".jepa"), page.locator(".widget-vbox"), 10))
    print(f"milliseconds from key to picture: a rule {ours}, an echo of ipywidgets {theirs}")
    assert ours["median"] < 5 * theirs["median"], f"a rule {ours}, an echo of ipywidgets {theirs}"
