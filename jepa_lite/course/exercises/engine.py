"""What an exercise is, and how an answer is judged. The exercises themselves are in the files beside this.

An answer is run on inputs that cannot hide a bug and compared with the right one and with every mistake that
is known: a wrong answer is told what it did, not only that it is wrong. Nothing a learner hands in raises.
What is said of a mistake that nobody thought of is in differences.py.
"""

import copy
import dis
import inspect
import itertools
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from .differences import difference, listed, same, tensor

PACKAGE = Path(__file__).resolve().parents[2]
REGISTRY = {}


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course.

    name: that of the function to write, and of `check.NAME`. notebook: its number, "02". answer: the right
    function. cases: () -> a list of tuples of arguments, on which all known mistakes differ from the answer
    and from each other. mistakes: ((message, wrong function, ...), ...), the functions being ways of making
    it. traps: () -> {sentence: arguments}, what else has to come out right: an answer that is right on all
    cases and wrong there is told the sentence. hint: one nudge. source: the objects of the library that
    `reveal` shows. returns: what comes out, in the course's alphabet; parts: the names of its items, when it
    is a tuple. gradients: which tensors of floats a gradient reaches, as True or False each -> a message, or
    None. judge: for answers that are random or have no single value, (the calls on the
    cases, up to the first that stops) -> a message, or None when they are right.
    """

    name: str
    notebook: str
    answer: Callable
    hint: str
    source: tuple
    returns: str
    cases: Callable
    traps: Callable = dict
    mistakes: tuple = ()
    parts: tuple = ()
    gradients: Callable | None = None
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


@dataclass(frozen=True)
class Call:
    """One call of an answer: what it was asked, its own copy of that as it is now, and what came out."""

    case: tuple
    args: tuple
    result: object  # or the exception that it stopped with


class Unfinished(Exception):
    """The stub as it came: it returned nothing, whatever it was asked."""


def exercise(**fields: object) -> None:
    """Add an `Exercise` to the registry."""
    made = Exercise(**fields)
    if made.name in REGISTRY:
        raise ValueError(f"there are two exercises named {made.name}")
    REGISTRY[made.name] = made


# --- judging ----------------------------------------------------------------------------------------


def judge(task: Exercise, function: Callable) -> Verdict:
    """The `Verdict` on a learner's function; whatever it does, nothing is raised."""
    if not callable(function):
        return Verdict("wrong", f"Hand over the function itself, not what it returns: check.{task.name}"
                                f"({task.name}), without a call.")  # fmt: skip
    try:
        problem = compare(task, function)
    except Unfinished:
        return Verdict("not yet", f"{task.name} returns nothing so far. Fill it in (or is its `return` "
                                  f"missing?) and run the cell again; hint.{task.name}() gives a nudge."
                                  )  # fmt: skip
    except Exception as error:  # what came out is so odd that reading it fails; Ctrl-C still interrupts
        return Verdict("wrong", f"What it gives cannot be read as {task.returns}: {error}")
    if problem:
        return Verdict("wrong", problem)
    return Verdict("right", f"reveal.{task.name}() shows how the library does it.")


def compare(task: Exercise, function: Callable) -> str | None:
    """None if `function` does what `task.answer` does on every case and every trap, else what is wrong."""
    calls = [call(function, case) for case in task.cases()]
    if all(nothing(one.result) for one in calls):
        raise Unfinished
    traps = {sentence: call(function, case) for sentence, case in task.traps().items()}
    if problem := silent(calls) or changed([*calls, *traps.values()]):
        return problem
    if task.judge:
        good = list(itertools.takewhile(lambda one: not isinstance(one.result, BaseException), calls))
        return task.judge(good) or (stopped(calls[len(good)].result) if len(good) < len(calls) else None)
    got, right = [one.result for one in calls], answers(task.answer, task.cases())
    if not all(same(*pair, task.tolerance) for pair in zip(got, right, strict=True)):
        return known(task, got) or stumbles(got) or difference(task, got, right)
    return caught(task, traps) or unlearned(task, function)


def call(function: Callable, case: tuple) -> Call:
    """The `Call` of a function with copies of the arguments."""
    args = tuple(copied(value) for value in case)
    try:
        return Call(case, args, function(*args))
    except (Exception, SystemExit) as error:
        return Call(case, args, error)


def answers(function: Callable, cases: list[tuple]) -> list:
    return [call(function, case).result for case in cases]


def copied(value: object) -> object:
    """A tensor, with its wish for a gradient, a list and a network are copied; anything else is shared."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    return copy.deepcopy(value) if isinstance(value, list | torch.nn.Module) else value


def nothing(result: object) -> bool:
    """Whether this is what a stub returns: None, an ellipsis, or its own `raise NotImplementedError`.

    PyTorch raises that error as well, for whole numbers where it wants others; then no `raise` is at fault.
    """
    if not isinstance(result, NotImplementedError):
        return result is None or result is ...
    last = result.__traceback__
    while last.tb_next:
        last = last.tb_next
    code = last.tb_frame.f_code
    ours = "site-packages" not in code.co_filename
    return ours and code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def silent(calls: list[Call]) -> str | None:
    """What is said when nothing comes out for some inputs, or None."""
    for number, one in enumerate(calls, 1):
        if one.result is None or one.result is ...:
            return (
                f"{asked(one.case, number, len(calls))} returns nothing, though others return something: "
                "one way through the function ends without a `return`."
            )
    return None


def changed(calls: list[Call]) -> str | None:
    """What is said when an argument is no longer what it was, or None."""
    for one in calls:
        if not all(untouched(mine, before) for mine, before in zip(one.args, one.case, strict=True)):
            return "It changes its input: work on a copy, for the caller may need what was handed in."
    return None


def untouched(mine: object, before: object) -> bool:
    if isinstance(before, torch.nn.Module):
        pairs = zip(mine.parameters(), before.parameters(), strict=True)
        return all(untouched(one, two) for one, two in pairs)
    if isinstance(before, torch.Tensor):
        return mine.requires_grad == before.requires_grad and torch.equal(mine, before)
    return mine == before


def known(task: Exercise, got: list) -> str | None:
    """The message of the known mistake that gives the same on every case, or None.

    An error or nothing but nan is no trace of a mistake: some case has to show numbers.
    """
    for message, *wrongs in task.mistakes:
        for theirs in (answers(wrong, task.cases()) for wrong in wrongs):
            alike = all(same(*pair, task.tolerance, nan=True) for pair in zip(got, theirs, strict=True))
            if alike and any(shows_numbers(mine) for mine in got):
                return message
    return None


def shows_numbers(result: object) -> bool:
    numbers = [tensor(item) for item in (result if isinstance(result, tuple | list) else [result])]
    return any(item is not None and item.isfinite().any() for item in numbers)


def stumbles(got: list) -> str | None:
    """What is said of the first error that it stops with, or None."""
    for number, mine in enumerate(got, 1):
        if isinstance(mine, BaseException):
            others = "" if isinstance(got[0], BaseException) else f"On input {number} of {len(got)}: "
            return others + stopped(mine)
    return None


def stopped(error: BaseException) -> str:
    """An error in a sentence, with the learner's line in which it happened."""
    if isinstance(error, SystemExit):
        return "It ends the whole program with exit(): take that out, and return the answer."
    inside = error.__traceback__.tb_next if error.__traceback__ else None
    where = inside and linecache.getline(inside.tb_frame.f_code.co_filename, inside.tb_lineno).strip()
    at = f", in the line `{textwrap.shorten(where, 90)}`" if where else ""
    return f"It stops with {type(error).__name__}{at}: {error}"


def caught(task: Exercise, traps: dict[str, Call]) -> str | None:
    """The sentence of the first trap on which an answer goes wrong that is right on all cases, or None."""
    for sentence, one in traps.items():
        right = call(task.answer, one.case).result
        if one.result is None or one.result is ...:
            return f"{sentence} Here it returns nothing."
        if isinstance(one.result, BaseException):
            return f"{sentence} {stopped(one.result)}"
        if not same(one.result, right, task.tolerance):
            return f"{sentence} {difference(task, [one.result], [right])}"
    return None


def unlearned(task: Exercise, function: Callable) -> str | None:
    """What is said when a gradient does not go where it should, or None."""
    if not task.gradients:
        return None
    args = [copied(value) for value in task.cases()[0]]
    floats = [v.requires_grad_() for v in args if isinstance(v, torch.Tensor) and v.is_floating_point()]
    try:
        result = listed(function(*args))
    except RuntimeError:  # numpy refuses what wants a gradient: nothing can be seen then
        return None
    reached = [None] * len(floats)
    if isinstance(result, torch.Tensor) and result.requires_grad:
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view_as(result)
        reached = torch.autograd.grad((result * weights).sum(), floats, allow_unused=True)
    return task.gradients(*[g is not None and bool(g.any()) for g in reached])


def asked(case: tuple, number: int, count: int) -> str:
    """How a sentence begins that is about one input: with the numbers themselves where they are few."""
    plain = all(isinstance(value, int | float | tuple | list) for value in case)
    shown = ", ".join(map(repr, case))
    return f"Asked for ({shown}), it" if plain and len(shown) < 90 else f"On input {number} of {count} it"


# --- showing ----------------------------------------------------------------------------------------


class Source:
    """The library's own code for an exercise, shown as code."""

    def __init__(self, task: Exercise) -> None:
        self.task = task

    def parts(self) -> Iterator[str]:
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
