"""What an exercise is, and how an answer is judged. The exercises themselves are in the files beside this.

An answer is run on inputs that cannot hide a bug and compared with the right one and with every mistake that
is known: a wrong answer is told what it did, not only that it is wrong. Nothing a learner hands in raises.
"""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

PACKAGE = Path(__file__).resolve().parents[1]
REGISTRY = {}


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course.

    name: that of the function to write, and of `check.NAME`. notebook: its number, "02". answer: the right
    function. cases: () -> a list of tuples of arguments. mistakes: ((message, wrong function), ...), each of
    which must differ from `answer` on some case. hint: one nudge. source: the objects of the library that
    `reveal` shows. returns: what comes out, in the course's alphabet. judge: for answers that are random or
    have no single value, (function) -> a message, or None when it is right; then cases may be left out.
    """

    name: str
    notebook: str
    answer: Callable
    hint: str
    source: tuple
    returns: str
    cases: Callable = lambda: []
    mistakes: tuple = ()
    judge: Callable | None = None
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Verdict:
    """What `check` says: `state` is "not yet", "wrong" or "right"."""

    state: str
    message: str

    def __bool__(self):
        return self.state == "right"

    def __repr__(self):
        mark = {"not yet": "… Not yet.", "wrong": "✗ Wrong.", "right": "✓ Right."}[self.state]
        return textwrap.fill(f"{mark} {self.message}", 100)


class Unfinished(Exception):
    """The stub as it came: it returned nothing."""


def exercise(**fields):
    """Add an `Exercise` to the registry."""
    made = Exercise(**fields)
    if made.name in REGISTRY:
        raise ValueError(f"there are two exercises named {made.name}")
    REGISTRY[made.name] = made


# --- judging ----------------------------------------------------------------------------------------


def judge(task, function):
    """The `Verdict` on a learner's function; whatever it does, nothing is raised."""
    if not callable(function):
        return Verdict("wrong", f"Hand over the function itself, not what it returns: check.{task.name}"
                                f"({task.name}), without a call.")  # fmt: skip
    try:
        problem = task.judge(asked(function)) if task.judge else compare(task, function)
    except (Unfinished, NotImplementedError):
        return Verdict("not yet", f"{task.name} returns nothing so far. Fill it in and run the cell again; "
                                  f"hint.{task.name}() gives a nudge.")  # fmt: skip
    except Exception as error:  # a learner's bug, told in a sentence; Ctrl-C still interrupts
        return Verdict("wrong", f"It stops with {type(error).__name__}: {error}")
    if problem:
        return Verdict("wrong", problem)
    return Verdict("right", f"reveal.{task.name}() shows how the library does it.")


def asked(function):
    """`function`, but returning nothing at all is `Unfinished`."""

    def call(*args):
        result = function(*args)
        if result is None or result is ...:
            raise Unfinished
        return result

    return call


def compare(task, function):
    """None if `function` gives what `task.answer` gives on every case, else what is wrong with it."""
    cases = task.cases()
    given = [outcome(asked(function), case) for case in cases]
    for case, (args, _) in zip(task.cases(), given, strict=True):
        if not all(same(mine, before) for mine, before in zip(args, case, strict=True)):
            return "It changes its input: work on a copy, for the caller may need what was handed in."
    got = [result for _, result in given]
    right = [outcome(task.answer, case)[1] for case in task.cases()]
    if all(same(mine, wanted, task.tolerance) for mine, wanted in zip(got, right, strict=True)):
        return None
    for message, wrong in task.mistakes:
        theirs = [outcome(wrong, case)[1] for case in task.cases()]
        if all(same(mine, other, task.tolerance) for mine, other in zip(got, theirs, strict=True)):
            return message
    return difference(task, got, right)


def outcome(function, args):
    """(the arguments afterwards, what came out): an error that is not `Unfinished` is an outcome too."""
    args = tuple(copied(value) for value in args)
    try:
        return args, function(*args)
    except (Unfinished, NotImplementedError):
        raise
    except Exception as error:
        return args, error


def copied(value):
    """A tensor is copied, with its wish for a gradient; anything else is shared."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    return value


def same(mine, other, tolerance=0.0):
    """Equal in shape and, up to `tolerance` of their size, in value; any dtype, lists and numpy as well."""
    if isinstance(mine, Exception) or isinstance(other, Exception):
        return type(mine) is type(other)
    if isinstance(other, dict):
        return isinstance(mine, dict) and mine.keys() == other.keys() and all(
            same(mine[key], other[key], tolerance) for key in other
        )  # fmt: skip
    if isinstance(other, tuple):
        return isinstance(mine, tuple | list) and len(mine) == len(other) and all(
            same(one, two, tolerance) for one, two in zip(mine, other, strict=True)
        )  # fmt: skip
    mine, other = tensor(mine), tensor(other)
    if mine is None or other is None or mine.shape != other.shape:
        return mine is None and other is None
    size = other.abs().nan_to_num(0.0, 0.0).max().item() if other.numel() else 0.0  # a mistake may give NaN
    room = tolerance * max(size, 1e-12)
    return bool(torch.allclose(mine, other, rtol=0.0, atol=room, equal_nan=True))


def tensor(value):
    """`value` as a tensor in double precision, or None where it is no array of numbers."""
    try:
        if isinstance(value, list | tuple) and any(isinstance(item, torch.Tensor) for item in value):
            value = torch.stack([torch.as_tensor(item) for item in value])
        return torch.as_tensor(value).detach().double().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None


def difference(task, got, right):
    """The first case in which an unknown mistake shows, in a sentence."""
    for number, (mine, wanted) in enumerate(zip(got, right, strict=True), 1):
        if same(mine, wanted, task.tolerance):
            continue
        where = f"On input {number} of {len(right)}"
        if isinstance(mine, Exception):
            return f"{where} it stops with {type(mine).__name__}: {mine}"
        if isinstance(wanted, tuple | dict):
            return f"{where} it gives something other than {task.returns}."
        one, two = tensor(mine), tensor(wanted)
        if one is None:
            return f"{where} it gives a {type(mine).__name__}, and {task.returns} is wanted."
        if one.shape != two.shape:
            return f"{where} it gives {tuple(one.shape)}, and {task.returns} is {tuple(two.shape)}."
        room = task.tolerance * max(two.abs().max().item(), 1e-12)
        far = ~torch.isclose(one, two, rtol=0.0, atol=room, equal_nan=True)
        if not one.ndim:
            return f"{where} it gives {one.item():.5g}, and {two.item():.5g} is right."
        first = tuple(far.nonzero()[0].tolist())
        return (
            f"{where} the shape {tuple(two.shape)} is right, but {int(far.sum())} of {two.numel()} values "
            f"differ; the first is at {list(first)}: {one[first].item():.4g}, and {two[first].item():.4g} "
            "is right."
        )
    return "It differs from the right answer."


# --- showing ----------------------------------------------------------------------------------------


class Source:
    """The library's own code for an exercise, shown as code."""

    def __init__(self, task):
        self.task = task

    def parts(self):
        for found in self.task.source:
            lines, first = inspect.getsourcelines(found)
            path = Path(inspect.getsourcefile(found)).resolve().relative_to(PACKAGE.parent)
            yield f"# {path.as_posix()}, line {first}\n{textwrap.dedent(''.join(lines))}"

    def __repr__(self):
        return "\n\n".join(self.parts())

    def _repr_markdown_(self):
        return f"```python\n{self!r}\n```"


class Hint(str):
    """A sentence, shown without quotes."""

    def __repr__(self):
        return textwrap.fill(str(self), 100)
