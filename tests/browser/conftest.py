"""A browser, servers and pages for the tests of widgets: each is started once, when a test first asks for it.

Where there is no Chromium or Chrome these tests are skipped; with CI=true that is a failure.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from cells import SETTLED, WIDGETS
from front_ends import (
    FLAGS,
    Faults,
    find_browser,
    notebook7,
    open_lab,
    open_notebook7,
    open_voila,
    served,
    voila,
    write_notebook,
)
from make_lab import copy_course, lab_command
from playwright.sync_api import sync_playwright

# Of Voila itself: it asks a host on the net for its symbols, and loads extensions of JupyterLab in vain.
OF_VOILA = ["fortawesome", "ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "#RUNTIME-012"]
OPTIONS = ["--no-browser", "--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
OPTIONS += ["--IdentityProvider.token={token}"]
STARTS = {
    "lab": lambda home: served(home, "jupyterlab", [*lab_command()[3:], *OPTIONS], "/api"),
    "notebook": notebook7,
    "voila": lambda home: voila(home, "widgets.ipynb"),
}
OPENS = {"lab": open_lab, "notebook": open_notebook7, "voila": open_voila}
IGNORED = {
    "voila": OF_VOILA,
    "notebook": ["static/notebook/notebook_core"],
}  # it stumbles over its own settings


@pytest.fixture(scope="session")
def browser():
    path = find_browser()
    if not path and os.environ.get("CI"):
        pytest.fail("the widgets are tested in a browser, and CI must do it: install Chromium or Chrome")
    if not path:
        pytest.skip("no Chromium or Chrome on this machine (the variable CHROMIUM can name one)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A copy of the course, in which the servers run; notebooks/widgets.ipynb has a cell for each widget."""
    home = tmp_path_factory.mktemp("home")
    copy_course(home)
    write_notebook(home / "notebooks" / "widgets.ipynb", WIDGETS.values())
    return home


@pytest.fixture(scope="session")
def address_of(home):
    """The address of a front end by its name; each is started once, and all are ended together."""
    servers, addresses = [], {}

    def find(name):
        if name not in addresses:
            servers.append(STARTS[name](home))
            addresses[name] = servers[-1].__enter__()
        return addresses[name]

    yield find
    if servers:
        with ThreadPoolExecutor(len(servers)) as together:
            list(together.map(lambda server: server.__exit__(None, None, None), servers))


@pytest.fixture(scope="session")
def lab(address_of):
    """The address of what `make lab` starts, whose root is `home`."""
    return address_of("lab")


@pytest.fixture
def new_page(browser):
    """new_page(ignored=[], **options of Playwright) gives (page, faults), closed after the test."""
    pages = []

    def make(ignored=(), **options):
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, **options)
        pages.append(page)
        return page, Faults(page, ignored)

    yield make
    for page in pages:
        page.close()


@pytest.fixture(scope="session", params=STARTS)
def front_end(request, browser, address_of):
    """Every widget of the table, run in one front end: name, page, faults, widget(name)."""
    name = request.param
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    faults = Faults(page, IGNORED.get(name, ()))
    OPENS[name](page, address_of(name), "notebooks/widgets.ipynb" if name == "lab" else "widgets.ipynb")
    page.wait_for_function(SETTLED, arg=len(WIDGETS), timeout=120_000)
    roots = page.locator(".jepa")
    yield SimpleNamespace(
        name=name, page=page, faults=faults, widget=lambda key: roots.nth(list(WIDGETS).index(key))
    )
    page.close()
