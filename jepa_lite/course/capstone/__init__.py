"""Notebook 14: I-JEPA from an empty file. `begin` makes the file, `check` judges it part by part.

`check.my_ijepa(file)` judges all parts in the order of the specification, and `check.NAME(file)` one of
them. `hint.NAME()` gives a nudge and `reveal.NAME()` shows the part in the reference solution, which is
jepa_lite/course/ijepa_in_one_file.py. parts.py says what each part must do, faults.py which mistakes are
known, and masks_check.py what holds of masks.
"""

import difflib
import inspect
import linecache
import os
import textwrap
import tokenize
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .. import ijepa_in_one_file
from ..exercises.engine import Hint, Verdict
from .parts import PARTS, Part, judge

__all__ = ["PARTS", "SOLUTION", "Report", "begin", "check", "hint", "lines_of", "load", "reveal"]
SOLUTION = Path(ijepa_in_one_file.__file__)


def begin(name: str = "my_ijepa.py") -> Path:
    """The file to write in, made if it is not there, in this folder or in that of JEPA_LITE_CAPSTONE."""
    path = Path(os.environ.get("JEPA_LITE_CAPSTONE", ".")) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return path


def load(path: str | Path) -> ModuleType:
    """The module in a file, as it is now on the disk. Raises whatever the file raises."""
    path = Path(path).resolve()
    linecache.checkcache(str(path))
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text("utf-8"), str(path), "exec"), module.__dict__)
    return module


def lines_of(path: str | Path) -> int:
    """How many lines of a file hold code: no comments, no docstrings, no blank lines."""
    with open(path, "rb") as opened:
        tokens = list(tokenize.tokenize(opened.readline))
    beside = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines, statement = set(), []
    for token in tokens[1:]:  # the first is the encoding
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if any(one.type != tokenize.STRING for one in statement):  # a lone string is a docstring
                lines |= {n for one in statement for n in range(one.start[0], one.end[0] + 1)}
            statement = []
        elif token.type not in beside:
            statement.append(token)
    return len(lines)


class Report:
    """What `check.my_ijepa` found: {name: `Verdict`} in the specification's order; true if all are right."""

    def __init__(self, verdicts: dict[str, Verdict]) -> None:
        self.verdicts = verdicts

    def __bool__(self):
        return all(self.verdicts.values())

    def __repr__(self):
        lines = [_line(name, verdict) for name, verdict in self.verdicts.items()]
        right = sum(map(bool, self.verdicts.values()))
        if self:
            lines.append(f"✓ Right. All {right} parts give what the reference gives. This is I-JEPA.")
        else:
            lines.append(f"… Not yet. {right} of {len(self.verdicts)} parts are right.")
        return "\n".join(lines)


def _line(name, verdict):
    mark = {"not yet": "…", "wrong": "✗", "right": "✓"}[verdict.state]
    said = "" if verdict else verdict.message
    return textwrap.fill(f"{mark} {name:17} {said}", 100, subsequent_indent=20 * " ").rstrip()


def examine(path: str | Path, names: list[str]) -> dict[str, Verdict]:
    """{name: `Verdict`} of the parts in a file, and of those that they use; nothing is raised."""
    path = Path(path)
    try:
        module = load(path)
    except OSError:
        return {
            name: Verdict("wrong", f"There is no file {path.name}: run the cell that makes it.")
            for name in names
        }
    except (Exception, SystemExit) as error:
        said = f"The file stops before it is read to the end: {where(error, path)}"
        return {name: Verdict("wrong", said) for name in names}
    found = {}
    for name in PARTS:
        if name in names or any(name in needs(other) for other in names):
            found[name] = _verdict(PARTS[name], module, path, found)
    return {name: found[name] for name in names}


def needs(name: str) -> set[str]:
    """The names of all parts that a part uses."""
    uses = PARTS[name].uses
    return set(uses).union(*map(needs, uses))


def _verdict(part, module, path, found):
    made = getattr(module, part.name, None)
    if made is None:
        return Verdict("not yet", "It is not in the file.")
    if not callable(made):
        return Verdict("wrong", f"`{part.name}` is no function and no class.")
    waits = [name for name in part.uses if not found[name]]
    if waits:
        return Verdict("not yet", f"It uses {', '.join(waits)}, so make that right first.")
    try:
        problem = judge(part, module)
    except (Exception, SystemExit) as error:
        return Verdict("wrong", f"It stops with {where(error, path)}")
    if problem is None:
        return Verdict("right", f"reveal.{part.name}() shows the reference.")
    state = "not yet" if problem == "" else "wrong"
    return Verdict(state, problem or "It returns nothing so far.")


def where(error: BaseException, path: Path) -> str:
    """An error in a sentence, with the last line of the file that it passed through."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__} in line {error.lineno}: {error.msg}"
    lines = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path.resolve()]
    return f"{said} (line {lines[-1].lineno}: `{textwrap.shorten(lines[-1].line, 80)}`)" if lines else said


class Desk:
    """One of `check`, `hint` and `reveal`: an attribute for every part, which the Tab key completes."""

    def __init__(self, act: Callable, **more: Callable) -> None:
        self._act, self._more = act, more

    def __getattr__(self, name):
        if name in self._more:
            return self._more[name]
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in PARTS:
            near = difflib.get_close_matches(name, PARTS, 2, 0.4)
            listed = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(PARTS)}"
            raise AttributeError(f"there is no part {name!r}; {listed}")
        return lambda *given: self._act(PARTS[name], *given)

    def __dir__(self):
        return [*PARTS, *self._more]


class Source(str):
    """Code, shown as code."""

    def __repr__(self):
        return str(self)

    def _repr_markdown_(self):
        return f"```python\n{self}\n```"


def _reveal(part: Part) -> Source:
    names = (*part.helpers, part.name)
    return Source("\n\n".join(inspect.getsource(getattr(ijepa_in_one_file, name)) for name in names).rstrip())


check = Desk(
    lambda part, path: examine(path, [part.name])[part.name],
    my_ijepa=lambda path: Report(examine(path, list(PARTS))),
)
hint = Desk(lambda part: Hint(part.hint))
reveal = Desk(_reveal, my_ijepa=lambda: Source(SOLUTION.read_text("utf-8").rstrip()))
