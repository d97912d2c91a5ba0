"""Claims about the course as `make lab` opens it, in JupyterLab:

1. What the command gives to the browser opens notebook 00, whose links lead to files outside of its folder.
2. A notebook runs from top to bottom. Nothing that the page asks for is missing, every image loads, and every
   link leads to something that is there.
3. The checks themselves see a missing image and a dead link.
"""

import json

import pytest
from front_ends import open_lab
from make_lab import FIRST

QUICK = "my-notebooks/02_patches.ipynb"
# How many images, the links of the text, and of both what is dead.
LOOKED_AT = """async () => {
  for (const cell of document.querySelectorAll(".jp-Cell")) {
    cell.scrollIntoView();
    await new Promise(requestAnimationFrame);
  }
  const images = [...document.querySelectorAll(".jp-Notebook img")];
  await Promise.allSettled(images.map((image) => image.decode()));
  const dead = images.filter((image) => !image.naturalWidth).map((image) => image.src);
  const anchors = [...document.querySelectorAll(".jp-Notebook .jp-RenderedMarkdown a[href]")];
  const headings = location.href.split("#")[0] + "#";
  const links = anchors.map((anchor) => anchor.href)
    .filter((href) => href.startsWith(location.origin) && !href.startsWith(headings));
  for (const link of links)
    if (!(await fetch(link, { method: "HEAD" })).ok) dead.push(link);
  return { images: images.length, links, dead };
}"""


@pytest.fixture
def visit(new_page):
    """A page, and what the answers to it were with a status of 400 or more."""
    page, faults = new_page()
    page.refused = []
    page.on("response", lambda a: page.refused.append((a.status, a.url)) if a.status >= 400 else None)
    return page, faults


# 1 -------------------------------------------------------------------------------------------------------


def test_the_first_notebook_opens(home, lab, visit):
    page, faults = visit
    starts = (home / "runtime").glob("jpserver-file-to-run-*.html")  # Notebook 7 may have left another
    (start,) = [path for path in starts if lab[0] in path.read_text("utf-8")]
    page.goto(start.as_uri())
    page.get_by_role("heading", name="00 · Start here").wait_for(timeout=60_000)
    assert page.url.endswith(f"/lab/tree/{FIRST}")
    seen = page.evaluate(LOOKED_AT)
    assert any("/files/README.md" in link for link in seen["links"]), seen
    assert not seen["dead"] and not page.refused and not faults.found, (seen, page.refused, faults.found)


# 2 -------------------------------------------------------------------------------------------------------


def test_a_notebook_runs_and_nothing_is_missing(lab, visit):
    page, faults = visit
    open_lab(page, lab, QUICK)
    seen = page.evaluate(LOOKED_AT)
    assert seen["images"] > 3 and len(seen["links"]) > 1, seen
    assert not seen["dead"] and not page.refused and not faults.found, (seen, page.refused, faults.found)


# 3 -------------------------------------------------------------------------------------------------------


def test_a_missing_image_and_a_dead_link_are_seen(home, lab, visit):
    page, _ = visit
    url, token = lab
    text = "![a hole](../images/gone.png) [gone](../GONE.md) [here](../README.md)"
    cell = {"cell_type": "markdown", "id": "cell-0", "metadata": {}, "source": text}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (home / "notebooks" / "broken.ipynb").write_text(json.dumps(notebook), "utf-8")
    page.goto(f"{url}/lab/workspaces/broken/tree/notebooks/broken.ipynb?token={token}")
    page.get_by_role("link", name="here").wait_for(timeout=60_000)
    seen = page.evaluate(LOOKED_AT)
    assert seen["images"] == 1 and len(seen["links"]) == 2, seen
    for kinds in (seen["dead"], [address for status, address in page.refused if status == 404]):
        assert len(kinds) == 2 and "images/gone.png" in kinds[0] and "GONE.md" in kinds[1], (kinds, seen)
