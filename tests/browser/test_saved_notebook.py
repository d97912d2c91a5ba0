"""Claims about a notebook that was run and saved in JupyterLab, for every widget of cells.py:

1. The file holds no widget state, and for each widget a picture with alt text, a sentence, and few bytes.
2. Opened again it runs again.
3. nbconvert shows the picture in HTML and in Markdown, without a network, and its alt text in the template
   that prints any ("classic": the default one knows no alt text).
"""

import base64
import io
import json
import re
import subprocess
import sys

import pytest
from cells import SETTLED, WIDGETS
from front_ends import environment, open_lab, run_all, save, write_notebook
from PIL import Image

MOST = 300 * 1024  # bytes of a widget in the file


@pytest.fixture(scope="module")
def saved(browser, home, lab):
    """The path of a notebook that was run and saved, and then opened and run again."""
    path = home / "notebooks" / "saved.ipynb"
    write_notebook(path, WIDGETS.values())
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    open_lab(page, lab, f"notebooks/{path.name}")
    page.wait_for_function(SETTLED, arg=len(WIDGETS), timeout=120_000)
    save(page, path)
    first = path.read_text("utf-8")
    page.reload()
    page.locator(".jp-CodeCell").first.wait_for(timeout=60_000)
    run_all(page)
    page.wait_for_function(SETTLED, arg=len(WIDGETS), timeout=120_000)
    page.close()
    path.write_text(first, "utf-8")
    return path


def outputs(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return dict(zip(WIDGETS, (cell["outputs"][-1] for cell in cells), strict=True))


def test_the_file_holds_a_picture_and_a_sentence_and_no_state(saved):
    notebook = json.loads(saved.read_text("utf-8"))
    assert "widgets" not in notebook["metadata"], "widget state, which GitHub's preview stumbles over"
    for name, output in outputs(saved).items():
        assert len(json.dumps(output)) < MOST, f"{name} takes {len(json.dumps(output))} bytes of the notebook"
        picture = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/jpeg"])))
        assert picture.width > 400 and len(picture.convert("L").getcolors(256)) > 50, (
            f"{name}: a blank picture"
        )
        alt = output["metadata"]["image/jpeg"]["alt"]
        sentence = "".join(output["data"]["text/plain"])
        assert len(alt) > 40 and sentence == f"{name}: {alt}"


def converted(path, to, *options):
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        to,
        "--output",
        f"converted-{to}",
        *options,
        path.name,
    ]
    done = subprocess.run(
        command,
        cwd=path.parent,
        env=environment(path.parent.parent),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (written,) = path.parent.glob(f"converted-{to}.*m*")
    return written


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_html_shows_the_picture_with_its_alt_text(saved, new_page, template):
    page, _ = new_page(offline=True)
    page.goto(converted(saved, "html", "--template", template).as_uri(), wait_until="domcontentloaded")
    shown = page.locator("img[src^='data:image/jpeg']").all()
    assert len(shown) == len(WIDGETS) and all(
        image.evaluate("(i) => i.naturalWidth > 400") for image in shown
    )
    if template == "classic":
        alts = [output["metadata"]["image/jpeg"]["alt"] for output in outputs(saved).values()]
        assert [image.get_attribute("alt") for image in shown] == alts


def test_markdown_shows_the_picture(saved):
    text = converted(saved, "markdown").read_text("utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+\.jpe?g)\)", text)
    assert len(pictures) == len(WIDGETS), text
    for picture in pictures:
        assert Image.open(saved.parent / picture).width > 400
