"""Claims about the site, as its files lie on the disk:

1. It builds with every warning an error, and a page cannot be left out: each notebook, each document and each
   public module has one, the course in the order of the README.
2. Whatever a page loads lies in the site, also what style sheets load; other hosts are only linked to.
3. Every internal link leads to a file, and to a place in it that exists.
4. Every picture has alt text. Figures have their version by night; a widget shows its static picture, and no
   page asks for a kernel. Progress bars, comments and marks of ours are nowhere.
5. The search index is there and knows the course.
6. A link to a file leads to its page, to a file of the site, to the repository where it is known, or is text.
7. Executed notebooks are kept without solved cells, and are stale once their code or the library changed.
8. Docstrings keep their shapes and tables, and tables in outputs of notebooks are tables.
9. The site is published from the notebooks that CI has executed, and by nothing that may change the code.
"""

import importlib.util
import os
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from make_site import ALT, BAR, ROOT, with_outputs

if not importlib.util.find_spec("sphinx") and not os.environ.get("CI"):
    pytest.skip("Sphinx is not installed: make test does it", allow_module_level=True)

from docutils import nodes

from website import api, executed, stage
from website.docstrings import restructured
from website.sphinx_parts import RepositoryLinks

TAG = re.compile(r"<(\w+)((?:\s+[\w:-]+(?:=\"[^\"]*\"|='[^']*'|=[^\s>]+)?)*)\s*/?>")
ATTRIBUTE = re.compile(r"([\w:-]+)(?:=\"([^\"]*)\"|='([^']*)'|=([^\s>]+))?")
LOADED = {"src", "srcset", "poster", "data"}
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//", re.I)


class Page:
    """tags: [(name, {attribute: value})] of a page without what its scripts hold; ids; article, as HTML."""

    def __init__(self, path):
        text = re.sub(r"(<script\b[^>]*>).*?</script>", r"\1", path.read_text("utf-8"), flags=re.S)
        self.path = path
        self.article = text.partition("<article")[2].partition("</article>")[0]
        self.tags = [(m[1].lower(), attributes(m[2])) for m in TAG.finditer(text)]
        self.ids = {told["id"] for _, told in self.tags if "id" in told}


def attributes(text):
    return {m[1].lower(): unescape(m[2] or m[3] or m[4] or "") for m in ATTRIBUTE.finditer(text)}


@pytest.fixture(scope="module")
def pages(site):
    """{path in the site: Page}"""
    found = {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}
    return {name: page for name, page in found.items() if not name.startswith(("_static/", "images/"))}


def words(page):
    return unescape(re.sub(r"<[^>]+>", "", page.article))


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_everything_has_a_page_and_the_course_its_order(pages):
    sources = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "docs").glob("*.md")]
    wanted = {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in sources}
    modules = [
        path for path in (ROOT / "jepa_lite").rglob("*.py") if path.stem not in ("__init__", "__main__")
    ]
    dotted = (path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in modules)
    wanted |= {f"api/{name}.html" for name in dotted}
    assert wanted | {"index.html", "benchmarks/README.html", "search.html"} <= set(pages)
    readme = re.findall(
        r"\]\((notebooks/\w+)\.ipynb\)", stage.SYLLABUS.search((ROOT / "README.md").read_text())[1]
    )
    sidebar = pages["index.html"].path.read_text("utf-8").partition("<article")[0]
    listed = re.findall(r'href="(notebooks/\w+)\.html"', sidebar)
    assert [name for name in dict.fromkeys(listed) if name in readme] == readme and len(readme) > 10


@pytest.mark.slow
def test_modules_are_documented_in_reading_order(pages):
    text = words(pages["api/jepa_lite.method.masks.html"])
    assert "sample_masks(" in text and "Multi-block masking" in text and "[source]" in text
    order = [text.index(f"{name}\n") for text in [words(pages["api/jepa_lite.method.html"])] for name in
             ("patches", "vit", "masks", "predictor", "ijepa", "optim", "step")]  # fmt: skip
    assert order == sorted(order)


# 2, 3 ----------------------------------------------------------------------------------------------------


def loads(page):
    """Addresses that a browser fetches to show a page."""
    for tag, told in page.tags:
        yield from (told[name] for name in LOADED & set(told) if not told[name].startswith("data:"))
        if tag == "link" and told.get("rel") not in (
            "next",
            "prev",
            "index",
            "search",
            "canonical",
            "genindex",
        ):
            yield told["href"]


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site, pages):
    outside = {(name, url) for name, page in pages.items() for url in loads(page) if ELSEWHERE.match(url)}
    assert not outside
    sheets = list(site.rglob("*.css"))
    for sheet in sheets:
        urls = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", sheet.read_text("utf-8"))
        for url in ("".join(pair) for pair in urls):
            there = url.startswith(("data:", "#")) or (sheet.parent / re.split("[?#]", url)[0]).exists()
            assert there and not ELSEWHERE.match(url), f"{sheet.name} loads {url}"
    assert sheets and sum(len(list(loads(page))) for page in pages.values()) > 1000


def broken(page, pages, site):
    """Internal links and loads of a page that lead nowhere."""
    links = [told["href"] for tag, told in page.tags if tag == "a" and told.get("href")]
    for url in [*links, *loads(page)]:
        if re.match(r"[a-z]+:|//", url, re.I):
            continue
        path, _, place = url.partition("#")
        path = path.partition("?")[0]
        target = Path(os.path.normpath(page.path.parent / path)) if path else page.path
        name = target.relative_to(site).as_posix() if target.is_relative_to(site) else None
        if not target.is_file() or (place and name in pages and place not in pages[name].ids):
            yield url


@pytest.mark.slow
def test_no_internal_link_is_broken(site, pages):
    found = {name: bad for name, page in pages.items() if (bad := sorted(set(broken(page, pages, site))))}
    assert not found
    odd = {told.get("href") for page in pages.values() for tag, told in page.tags if tag == "a"}
    assert not [url for url in odd if url and re.match(r"(?!https?:|mailto:)[a-z]+:", url)]


def test_the_check_of_links_sees_a_broken_one(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html">b</a> <a href="#here" id="there">c</a><img src="d.png">'
    )
    page = Page(tmp_path / "a.html")
    assert list(broken(page, {"a.html": page}, tmp_path)) == ["b.html", "#here", "d.png"]


# 4 -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_picture_has_alt_text(pages):
    for name, page in pages.items():
        for tag, told in page.tags:
            if tag == "img":
                decoration = "logo" in told.get("class", "") or "logo" in told.get("src", "")
                assert "alt" in told and (decoration or len(told["alt"]) > 14), f"{name}: {told}"


@pytest.mark.slow
def test_tables_in_outputs_are_tables(pages):
    assert "<table" in pages["notebooks/12_what_mattered.html"].article
    broken = [name for name, page in pages.items() if re.search(r"<p>\s*\| ", page.article)]
    assert not broken, f"lines of Markdown stand where a table should be: {broken}"


@pytest.mark.slow
def test_outputs_need_no_kernel(pages, site):
    page = pages[f"notebooks/{with_outputs().removesuffix('.ipynb')}.html"]
    images = [told for tag, told in page.tags if tag == "img"]
    kinds = [told.get("class") for told in images]
    assert kinds.count("jepa-day") == kinds.count("jepa-night") == 1
    (still,) = [told for told in images if told["alt"] == ALT]
    assert (page.path.parent / still["src"]).resolve().is_relative_to(site / "figures")
    for name, page in pages.items():
        text = page.path.read_text("utf-8")
        assert "widget-view+json" not in text and "widget-state+json" not in text, name
        assert BAR not in text and "<!--" not in words(page), name
        assert "repo:" not in page.article or "repo:" in words(page), name


@pytest.mark.slow
def test_the_explorer_is_alive_where_a_page_shows_it(pages):
    shown = {f"notebooks/{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")
             if "MaskExplorer(" in path.read_text("utf-8")}  # fmt: skip
    alive = [
        name for name, page in pages.items() for _, told in page.tags if told.get("class") == "live-explorer"
    ]
    assert sorted(alive) == ["index.html", *sorted(shown)] and any("masking" in name for name in shown)


# 5 -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_search_index_knows_the_course(site):
    index = (site / "searchindex.js").read_text("utf-8")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{notebook.stem}" in index
    assert '"predictor"' in index.replace("'", '"') and "sample_masks" in index


# 6 -------------------------------------------------------------------------------------------------------


def led(path, place="", here="notebooks/x"):
    """Where a link in the page `here` leads: its address, or the words that it became."""
    link = nodes.reference("", "words", refuri=f"repo:{path}")
    paragraph = nodes.paragraph("", "", link)
    builder = SimpleNamespace(get_relative_uri=lambda source, target: f"{source} to {target}")
    RepositoryLinks.lead(
        SimpleNamespace(env=SimpleNamespace(docname=here), app=SimpleNamespace(builder=builder)),
        link,
        path,
        place,
    )
    return paragraph[0]["refuri"] if isinstance(paragraph[0], nodes.reference) else paragraph.astext()


@pytest.mark.parametrize("home", ["", "https://example.invalid/jepa/"])
def test_links_lead_to_the_nearest_that_there_is(monkeypatch, home):
    monkeypatch.setenv("REPOSITORY", home)
    assert led("README.md", "the-course") == "notebooks/x to index#the-course"
    assert led("jepa_lite/method") == "notebooks/x to api/jepa_lite.method"
    assert led("jepa_lite/method/vit.py") == "notebooks/x to api/jepa_lite.method.vit"
    assert led("images/explorer.html") == "../images/explorer.html"
    assert led("benchmarks/results/demo.json") == "../benchmarks/results/demo.json"
    at_home = "https://example.invalid/jepa/{}/main/{}" if home else "words"
    assert led("CITATION.cff") == at_home.format("blob", "CITATION.cff")
    assert led("tests/offline") == at_home.format("tree", "tests/offline")


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("[a](../README.md#b)", "[a](repo:README.md#b)"),
        ("[a](02.ipynb), [c](https://x.invalid/a.md) and [d](#e)", "[a](repo:notebooks/02.ipynb), "
         "[c](https://x.invalid/a.md) and [d](#e)"),
        ("![a [b] c](../images/live_training.png)", "![a [b] c](../images/live_training.png)"),
        ("![a](../images/mask_explorer.png)", "![a](../images/mask_explorer.png){.only-light} "
         "![a](../images/mask_explorer_dark.png){.only-dark}"),
        ('<picture><source media="(prefers-color-scheme: dark)" srcset="../images/masks_dark.png">'
         '<img alt="a" src="../images/masks.png"></picture>',
         "![a](../images/masks.png){.only-light} ![a](../images/masks_dark.png){.only-dark}"),
        ("[![a](b.png)](../LICENSE)", "[![a](b.png)](repo:LICENSE)"),
        ("a <!-- b\nc -->d", "a d"),
        (
            "<details><summary>a</summary>\n`b`\n</details>",
            "<details><summary>a</summary>\n\n`b`\n\n</details>",
        ),
    ],
)  # fmt: skip
def test_markdown_is_made_ready_for_a_page(text, there):
    assert stage.markdown(text, "notebooks/01.ipynb") == there


def test_the_pages_of_modules_are_found_by_their_files():
    assert api.module_page("jepa_lite") == "api/index" and api.module_page("jepa_lite/__main__.py") is None
    assert api.module_page("jepa_lite/config.py") == "api/jepa_lite.config"
    assert api.module_page("jepa_lite/widgets/static") is api.module_page("tests/conftest.py") is None


# 7 -------------------------------------------------------------------------------------------------------


def test_executed_notebooks_are_kept_and_become_stale(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell(source) for source in ("1", "2", "3")]
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    ran = nbformat.read(path, 4)
    solved = nbformat.v4.new_code_cell("0", metadata={"solved": True})
    ran.cells.insert(1, solved)
    for number, cell in enumerate(ran.cells, 7):
        cell.outputs = [
            nbformat.v4.new_output("execute_result", {"text/plain": cell.source}, execution_count=number)
        ]
    kept = tmp_path / "kept"
    assert executed.find(path, kept) is None
    executed.keep(ran, path.name, kept)
    found = executed.find(path, kept)
    assert [cell.outputs[0].data["text/plain"] for cell in found.cells] == ["1", "2", "3"]
    assert [cell.execution_count for cell in found.cells] == [1, 2, 3]
    changed = nbformat.read(path, 4)
    changed.cells.append(nbformat.v4.new_markdown_cell("Words."))
    nbformat.write(changed, path)
    assert executed.find(path, kept), "words change no output"
    (tmp_path / "jepa_lite").mkdir()
    monkeypatch.setattr(executed, "ROOT", tmp_path)
    executed.keep(ran, path.name, kept)
    assert executed.find(path, kept)
    (tmp_path / "jepa_lite" / "new.py").write_text("")
    assert executed.find(path, kept) is None, "another library makes other outputs"
    monkeypatch.undo()
    executed.keep(ran, path.name, kept)
    changed.cells[0].source = "4"
    nbformat.write(changed, path)
    assert executed.find(path, kept) is None


# 8 -------------------------------------------------------------------------------------------------------


def test_docstrings_keep_their_shapes_and_tables():
    text = restructured("Patches (B, N, C*P*P) of `take`: see `a b`.\n\nfirst   one: *\nsecond  two_")
    assert "C\\*P\\*P" in text and "\\ :our-name:`take`\\ " in text and "``a b``" in text
    assert "* - first\n     - one\\: \\*\n   * - second\n     - two\\_" in text


# 9 -------------------------------------------------------------------------------------------------------


def test_the_site_is_published_from_what_ci_executed():
    ci, site = (
        yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text()) for name in ("ci", "site")
    )
    (kept,) = (
        step["with"] for step in ci["jobs"]["parts"]["steps"] if "upload-artifact" in step.get("uses", "")
    )
    steps = site["jobs"]["build"]["steps"]
    (taken,) = (step["with"] for step in steps if "download-artifact" in step.get("uses", ""))
    assert (taken["name"], taken["path"]) == (kept["name"], kept["path"]) == ("executed", "build/executed")
    assert [step["run"] for step in steps if "run" in step] == ["make site PYTHON=python"]
    assert site["permissions"] == {"contents": "read", "actions": "read"}
    assert site["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert site[True]["workflow_run"]["workflows"] == [ci["name"]]  # YAML reads "on" as True
