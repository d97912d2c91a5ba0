"""The repository as sources for Sphinx: the same folders, with what Markdown and notebooks need for pages.

Links to files of the repository become `repo:PATH`, and sphinx_parts.py decides where each of them leads. The
README gets what only a site can show: buttons, the course as cards, and the explorer.
"""

import base64
import hashlib
import re
import shutil
from html import escape
from pathlib import Path, PurePosixPath

import nbformat

from . import api, executed, explorer

ROOT = Path(__file__).resolve().parents[1]
FRONT = "README.md"  # which becomes index
SHIPPED = ("images", "benchmarks/results")  # folders whose files the site has, under their addresses
SYLLABUS = re.compile(r"<!-- syllabus -->\n(.*?)\n<!-- end -->", re.S)
FOLD = re.compile(r"(<details><summary>.*?</summary>)\s*(.*?)\s*(</details>)", re.S)
LINK = re.compile(r"\]\((?!https?:|mailto:|#|repo:)([^()\s]+)\)")
PICTURE = re.compile(r'<picture><source [^>]*><img alt="([^"]*)" src="([^"]+)"></picture>')
DATA = re.compile(r'src="data:image/(png|jpeg);base64,([^"]+)"')
WIDGET, LIVE = "application/vnd.jupyter.widget-view+json", "MaskExplorer("
SHOWN = "As it begins. In the notebook it can be touched."
BUTTONS = """::::{container} buttons
[Start the course](repo:%s) [Touch the masks](#explorer) [Read the code](repo:jepa_lite)
::::

"""


def pages() -> dict[str, str]:
    """{path in the repository: its page}, in the order of the site's contents, the front page first."""
    notebooks = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    order = [PurePosixPath(row["notebook"]).name for row in syllabus()]
    notebooks.sort(key=lambda name: order.index(name) if name in order else len(order))
    course = [f"notebooks/{name}" for name in notebooks]
    docs = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    rest = ["notebooks/TEACHING.md", *docs, "benchmarks/README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    found = [FRONT, *course, *(path for path in rest if (ROOT / path).exists())]
    return {path: "index" if path == FRONT else path.rpartition(".")[0] for path in found}


def syllabus() -> list[dict]:
    """The rows of the README's table of the course: notebook (its path), and what else is told of it."""
    lines = SYLLABUS.search((ROOT / FRONT).read_text("utf-8"))[1].splitlines()
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    told = (dict(zip(head, row, strict=True)) for row in rows[1:])
    links = re.compile(r"\[(.*?)\]\((.*?)\)")
    for row in (told := list(told)):
        row["title"], row["notebook"] = links.fullmatch(row["notebook"]).groups()
        row["figure"], row["picture"] = links.fullmatch(row["figure to keep"]).groups()
    return told


def stage(to: Path, outputs: Path | None) -> None:
    """Write all sources below `to`, an empty folder. outputs: a folder of executed notebooks, or None."""
    for path in pages():
        target = to / ("index.md" if path == FRONT else path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".ipynb"):
            nbformat.write(staged_notebook(ROOT / path, outputs, to / "extra" / "figures"), target)
        else:
            text = (ROOT / path).read_text("utf-8")
            target.write_text(markdown(front(text) if path == FRONT else text, path), "utf-8")
    for name, text in api.pages().items():
        (to / "api").mkdir(exist_ok=True)
        (to / "api" / f"{name}.rst").write_text(text, "utf-8")
    shutil.copytree(ROOT / "images", to / "images", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in SHIPPED:
        shutil.copytree(
            ROOT / name, to / "extra" / name, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.lock")
        )


def markdown(text: str, path: str) -> str:
    """Markdown of the file at `path` for a page: without comments, with marked links, with dark pictures.

    A <picture> follows the system's theme, so it is turned into two pictures that follow the page's own."""
    text = PICTURE.sub(r"![\1](\2)", text)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.S)
    text = FOLD.sub(r"\1\n\n\2\n\n\3", text)  # between empty lines Markdown is Markdown
    here = PurePosixPath(path).parent

    def marked(link):
        target, _, place = link[1].partition("#")
        whole = _normal(here / target)
        if _is_picture(text, link.start()):
            return link[0] + (_look(whole) if whole.startswith("images/") else "")
        return f"](repo:{whole}{'#' * bool(place)}{place})"

    text = LINK.sub(marked, text)
    return re.sub(r"!(\[(?:[^][]|\[[^]]*\])*\])\((\S+?)\.png\)\{\.both\}", _twins, text)


def _normal(path):
    parts = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _is_picture(text, end):
    """Whether the bracket that closes at `end` began with an exclamation mark."""
    depth = 0
    for place in range(end, -1, -1):
        depth += {"]": 1, "[": -1}.get(text[place], 0)
        if not depth:
            return text[place - 1 : place] == "!"
    return False


def _look(path):
    """The class of a picture that has a dark twin, or is one; all others keep their white ground by night."""
    if path.endswith("_dark.png"):
        return "{.dark-light}"
    return "{.both}" if (ROOT / path.replace(".png", "_dark.png")).exists() else ""


def _twins(found):
    alt, path = found.groups()
    return f"!{alt}({path}.png){{.only-light}} !{alt}({path}_dark.png){{.only-dark}}"


def front(text: str) -> str:
    """The README as the front page."""
    rows = syllabus()
    text = SYLLABUS.sub(lambda _: cards(rows), text, count=1)
    buttons = BUTTONS % rows[0]["notebook"].replace("\\", "")
    text = re.sub(r"(?=^<picture>)", buttons, text, count=1, flags=re.M)
    live = f"```{{raw}} html\n{explorer.fragment()}```"
    shown = r"^<picture>.*images/mask_explorer\.png.*$"
    return re.sub(shown, lambda _: live, text, count=1, flags=re.M) + contents()


def cards(rows: list[dict]) -> str:
    """The course as cards: the figure to keep, the title, the question and the minutes of each notebook."""
    made = []
    for row in rows:
        link = f"repo:{row['notebook']}"
        facts = f"{row['minutes to read']} minutes to read, {row['seconds to run']} seconds to run"
        body = (
            f"![{_alt(row)}]({row['picture']})\n\n[{row['title']}]({link})\n\n{row['question']}\n\n"
            f"*{facts}. The figure to keep: {row['figure']}.*"
        )
        made.append(f":::{{container}} course-card\n{body}\n:::")
    return "::::{container} course-cards\n" + "\n".join(made) + "\n::::"


def _alt(row):
    """What the notebook says of its figure to keep, or else what the table does."""
    text = (ROOT / row["notebook"]).read_text("utf-8")
    found = re.search(rf"!\[([^]]*)\]\(\.\./{re.escape(row['picture'])}\)", text)
    return found[1] if found else row["figure"]


def contents() -> str:
    """The contents of the whole site, as the bar at the side shows them."""
    names = [page for page in pages().values() if page != "index"]
    course = [name for name in names if name.startswith("notebooks/")]
    results = [name for name in names if name.startswith(("benchmarks/", "docs/results"))]
    rest = [name for name in names if name not in course and name not in results and name != "CONTRIBUTING"]
    rest += ["api/index", *(name for name in names if name == "CONTRIBUTING")]
    parts = {"The course": course, "Results": results, "Reference": rest}
    trees = (
        f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(part) + "\n```\n"
        for caption, part in parts.items()
    )
    return "\n" + "".join(trees)


def staged_notebook(path: Path, outputs: Path | None, figures: Path) -> nbformat.NotebookNode:
    """A notebook for a page: with outputs, if `outputs` has them, static widgets, and a live explorer."""
    made = executed.find(path, outputs) if outputs else None
    notebook = made or nbformat.read(path, 4)
    notebook.metadata.pop("widgets", None)
    name, alive = path.relative_to(ROOT).as_posix(), False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = markdown(cell.source, name)
        elif cell.cell_type == "code":
            cell.outputs = [_static(output, figures) for output in cell.outputs]
            if LIVE in cell.source and not alive:
                alive = True
                cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": explorer.fragment()})]
    return notebook


def _static(output, figures):
    """An output without a kernel: pictures as <img> with their alt text, their pixels in separate files."""
    data = output.get("data", {})
    kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data), None)
    alt = output.get("metadata", {}).get(kind, {}).get("alt") if kind else None
    if alt and "text/html" not in data:
        image = f'<img alt="{escape(alt)}" src="data:{kind};base64,{data[kind]}">'
        note = f"<figcaption>{SHOWN}</figcaption>" if WIDGET in data else ""
        data["text/html"] = f'<figure class="still">{image}{note}</figure>'
    if WIDGET in data:
        del data[WIDGET]
    if "text/html" in data:
        data["text/html"] = DATA.sub(lambda found: _filed(found, figures), data["text/html"])
        for image in [kind for kind in data if kind.startswith("image/")]:
            del data[image]
    return output


def _filed(found, figures):
    """Lazily loaded: of a figure by day and by night a browser then fetches the one that it shows."""
    pixels = base64.b64decode(found[2])
    name = f"{hashlib.sha256(pixels).hexdigest()[:16]}.{found[1]}"
    figures.mkdir(parents=True, exist_ok=True)
    (figures / name).write_bytes(pixels)
    return f'loading="lazy" src="../figures/{name}"'
