"""Where this repository lives, and all that follows from it: badges, install cells, links on PyPI.

    python repository.py            write them into README.md, the notebooks and CITATION.cff
    python repository.py --check    only say which of these files are out of date
    python repository.py --check --release v0.1.0 owner/name    and whether this tag of it may be published

Nothing follows while REPOSITORY is empty: there are no badges, links stay relative, and a notebook whose
package is missing installs it from the folder above. Hatch loads this file too, when it builds the wheel.
"""

import json
import re
import sys
from pathlib import Path

REPOSITORY = ""  # "owner/name" on GitHub

ROOT = Path(__file__).resolve().parent
BADGE = re.compile(r"\[!\[Open (?:the course|this notebook) in .*\n?")
INSTALL_ID = "cell-install"  # of the cell, the same in all notebooks
FIRST = "00_start_here.ipynb"


def version() -> str:
    """The version, which jepa_lite/__init__.py alone holds."""
    return re.search(r'^__version__ = "(.+)"$', _read("jepa_lite/__init__.py"), re.M)[1]


def badges(notebook: str = "", repository: str = REPOSITORY) -> str:
    """A line of badges that open a notebook, or the course from README.md; empty without a repository."""
    if not repository:
        return ""
    what, images = ("this notebook", "../images") if notebook else ("the course", "images")
    name = notebook or FIRST
    doors = {
        "Google Colab": f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name}",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/my-notebooks/{name}",
        "Codespaces": f"https://codespaces.new/{repository}",
    }
    return " ".join(
        f"[![Open {what} in {door}, in your browser]({images}/doors/{door.split()[-1].lower()}.svg)]({url})"
        for door, url in doors.items()
    )


def install_cell(repository: str = REPOSITORY, source: str = "") -> dict:
    """The first code cell of every notebook.

    source: what pip installs, for tests; else the repository, or without one the folder above.
    """
    source = source or (f"jepa-lite[widgets] @ git+https://github.com/{repository}" if repository else "")
    code = f"""\
# Where the course is not installed, as on Colab, this installs it. Elsewhere it changes nothing.
import sys
from importlib.util import find_spec

if not find_spec("jepa_lite"):
    %pip install --quiet "{source or "..[widgets]"}"
if "google.colab" in sys.modules:
    from google.colab import output

    output.enable_custom_widget_manager()"""
    # Pages made of the notebooks leave the cell out: it has nothing to show.
    cell = {"cell_type": "code", "execution_count": None, "id": INSTALL_ID}
    return cell | {"metadata": {"tags": ["remove-cell"]}, "outputs": [], "source": code.splitlines(True)}


def with_doors(notebook: dict, name: str, repository: str = REPOSITORY) -> dict:
    """A notebook whose header ends with its badges, followed by the cell that installs."""
    header, *rest = [cell for cell in notebook["cells"] if cell["id"] != INSTALL_ID]
    text = BADGE.sub("", "".join(header["source"])).rstrip()
    if line := badges(name, repository):
        text += f"\n\n{line}"
    header = header | {"source": text.splitlines(True)}
    return notebook | {"cells": [header, install_cell(repository), *rest]}


def readme_with_doors(text: str, repository: str = REPOSITORY) -> str:
    """README.md with its badges between their two marks."""
    line = badges(repository=repository)
    inside = f"\n{line}" if line else ""
    return re.sub(r"(?s)(<!-- doors -->).*?(\n<!-- end -->)", lambda m: m[1] + inside + m[2], text)


def absolute(text: str, repository: str, tag: str) -> str:
    """Markdown whose links to files of the repository lead to GitHub, at the state called `tag`."""
    raw = f"https://raw.githubusercontent.com/{repository}/{tag}"

    def full(found):
        before, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path = target.partition("#")[0]
        if before.startswith("!"):
            return f"{before}({raw}/{target})"
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{before}(https://github.com/{repository}/{kind}/{tag}/{target})"

    # A picture by day and by night is written in HTML.
    text = re.sub(r'\b(src|srcset)="(?![a-z]+:)([^"]+)"', rf'\1="{raw}/\2"', text)
    # The picture inside of a badge first: it stands in the brackets of a link.
    text = re.sub(r"(!\[[^\]]*\])\(([^)\s]+)\)", full, text)
    return re.sub(r"((?<!!)\[(?:!\[[^\]]*\]\([^)]*\)|[^\[\]])*\])\(([^)\s]+)\)", full, text)


def urls(repository: str = REPOSITORY) -> dict[str, str]:
    """The links of the project's page on PyPI."""
    paper = {"Paper": "https://arxiv.org/abs/2301.08243"}
    if not repository:
        return paper
    home = f"https://github.com/{repository}"
    documentation = "https://{}.github.io/{}/".format(*repository.split("/"))
    return {
        "Homepage": home,
        "Documentation": documentation,
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Issues": f"{home}/issues",
    } | paper


def get_metadata_hook() -> type:
    """What Hatch calls (pyproject.toml): README and links as PyPI wants them."""
    from hatchling.metadata.plugin.interface import MetadataHookInterface

    class Doors(MetadataHookInterface):
        def update(self, metadata):
            text = _read("README.md")
            if REPOSITORY:
                text = absolute(text, REPOSITORY, f"v{version()}")
            metadata["readme"] = {"content-type": "text/markdown", "text": text}
            metadata["urls"] = urls()

    return Doors


def _read(path):
    return (ROOT / path).read_text("utf-8")


def written() -> dict[str, str]:
    """{path: text} of every file that says where the repository lives, as it should be."""
    files = {"README.md": readme_with_doors(_read("README.md"))}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = with_doors(json.loads(path.read_text("utf-8")), path.name)
        files[f"notebooks/{path.name}"] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    citation = re.sub(r"(?m)^(version|repository-code|url): .*\n", "", _read("CITATION.cff"))
    home = f'repository-code: "https://github.com/{REPOSITORY}"\n' if REPOSITORY else ""
    files["CITATION.cff"] = citation.replace("license: ", f"version: {version()}\n{home}license: ", 1)
    return files


def not_ready(tag: str, home: str) -> str:
    """Why this folder must not be published as `tag` of the repository `home`; empty if it may be."""
    newest = re.search(r"(?m)^## (.*)$", _read("CHANGELOG.md"))[1]
    if home != REPOSITORY:
        return f"REPOSITORY in repository.py is {REPOSITORY!r}, not {home!r}"
    if tag != f"v{version()}":
        return f"jepa_lite/__init__.py holds version {version()}, which is not the tag {tag}"
    if not newest.startswith(version()) or "not yet" in newest:
        return f"CHANGELOG.md begins with {newest!r}: give it this version and a date"
    return ""


def main() -> None:
    if REPOSITORY and not re.fullmatch(r"[\w.-]+/[\w.-]+", REPOSITORY):
        sys.exit(f"REPOSITORY must be owner/name, not {REPOSITORY!r}")
    stale = {path: text for path, text in written().items() if text != _read(path)}
    if "--check" in sys.argv:
        wrong = f"out of date: {', '.join(stale)}; run python repository.py" if stale else ""
        if "--release" in sys.argv:
            wrong = wrong or not_ready(*sys.argv[sys.argv.index("--release") + 1 :])
        sys.exit(wrong or 0)
    for path, text in stale.items():
        (ROOT / path).write_text(text, "utf-8", newline="\n")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
