"""Make or refresh the copies of the notebooks that you work in: python my_notebooks.py [03 05]

They lie in my-notebooks/, which git ignores, so what you do in them never stands in the way of `git pull`.
Outputs are left out, because a notebook asks for a guess before it shows a result. Each copy holds a hash of
what was copied in its metadata. If you have neither changed nor run a copy, a newer version in the course
replaces it. Otherwise it is kept, and a sentence says that the course has another version. Numbers bring the
course's version of these notebooks, and yours is kept under another name. `make lab` calls this.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
COURSE, MINE = ROOT / "notebooks", ROOT / "my-notebooks"


def main(numbers: list[str]) -> None:
    course = {path.name: copy_of(path) for path in sorted(COURSE.glob("*.ipynb"))}
    if unknown := set(numbers) - {name[:2] for name in course}:
        sys.exit(
            f"There is no notebook {', '.join(sorted(unknown))}: give the numbers of file names, such as 03."
        )
    if not MINE.exists():
        print(f"Your copies of the notebooks are in {MINE.name}/, which git ignores.")
        MINE.mkdir()
    behind = [name for name, copy in course.items() if not refresh(copy, MINE / name, name[:2] in numbers)]
    for path in MINE.glob("*.ipynb"):
        if path.name not in course and is_untouched(read(path), path.name):
            path.unlink()  # the course has renamed the notebook or dropped it
    if behind:
        command = 'make lab FRESH="{}"' if "MAKELEVEL" in os.environ else "python my_notebooks.py {}"
        print(
            f"You have worked in {', '.join(behind)} and the course has another version: yours stays, and "
            f"`{command.format(' '.join(name[:2] for name in behind))}` puts the course's version beside it."
        )


def copy_of(path: Path) -> dict:
    """A notebook of the course without its outputs, with a note of what it is a copy of."""
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    notebook["metadata"]["jepa_lite"] = {"copy_of": path.name, "content": content(notebook)}
    return notebook


def content(notebook: dict) -> str:
    """A hash of cells and outputs. Metadata do not count, because front ends change them by themselves."""
    cells = [
        [cell["cell_type"], "".join(cell["source"]), cell.get("outputs", [])] for cell in notebook["cells"]
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> dict | None:
    """The notebook in a file, or None if it holds none."""
    try:
        notebook = json.loads(path.read_text("utf-8"))
        content(notebook)
        return notebook if isinstance(notebook["metadata"], dict) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def note(notebook: dict | None) -> dict | None:
    return notebook and notebook["metadata"].get("jepa_lite")


def is_untouched(notebook: dict | None, name: str) -> bool:
    """Whether a notebook is still as it was copied from the course's notebook `name`."""
    return bool(notebook) and note(notebook) == {"copy_of": name, "content": content(notebook)}


def refresh(copy: dict, path: Path, wanted: bool) -> bool:
    """Write the course's version to `path` where that loses nothing. Whether it is there at the end."""
    mine = read(path) if path.exists() else None
    if note(mine) == note(copy) and not wanted:
        return True
    if path.exists() and not is_untouched(mine, path.name) and (not mine or content(mine) != content(copy)):
        if not wanted:
            return False
        aside = free_name(path)
        path.rename(aside)
        print(f"{path.name} is the course's version now, and yours is {aside.name}.")
    path.write_text(
        json.dumps(copy, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8", newline="\n"
    )
    return True


def free_name(path: Path) -> Path:
    """03_masking_mine.ipynb, or with the first number behind it that is free."""
    names = (path.with_stem(f"{path.stem}_mine{number}") for number in ["", *range(2, 1000)])
    return next(name for name in names if not name.exists())


if __name__ == "__main__":
    main(sys.argv[1:])
