"""What must hold of the exercises.

1. Each has at least three right answers, written in different ways, and each of these is judged right.
2. Each has at least four wrong answers; each is judged wrong and told apart: its message holds words that no
   other wrong answer of that exercise is told.
3. No stub raises or passes, in whatever way it returns nothing.
4. Nothing that is handed in raises: what is no function, what stops, what returns nonsense.
5. Every mistake that an exercise knows differs from the right answer, and is met by one of the wrong ones.
6. There are at least 24; each has a hint that is not the answer, and its source is the library's own.
7. A misspelled exercise is an error that names near ones; completion lists them all.
"""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import jepa_lite
from jepa_lite.checks import check, engine, exercises, hint, reveal

BANKS = {}
for path in sorted((Path(__file__).parent / "checks").glob("answers_*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in {*module.RIGHT, *module.WRONG}:
        BANKS[name] = (path.stem[-2:], module.RIGHT.get(name, []), module.WRONG.get(name, []))

NAMES = list(exercises())
RIGHTS = [(name, answer) for name, (_, right, _) in BANKS.items() for answer in right]
WRONGS = [(name, answer, words) for name, (_, _, wrong) in BANKS.items() for answer, words in wrong]


def named(value):
    return getattr(value, "__name__", None) or (value if isinstance(value, str) and value in NAMES else None)


# 1, 2 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, answer", RIGHTS, ids=named)
def test_a_right_answer_is_right(name, answer):
    verdict = getattr(check, name)(answer)
    assert verdict.state == "right", f"{name}, {answer.__name__}: {verdict}"


@pytest.mark.parametrize("name, answer, words", WRONGS, ids=named)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, words):
    verdict = getattr(check, name)(answer)
    assert verdict.state == "wrong", f"{name}, {answer.__name__} passes: {verdict}"
    assert words in verdict.message, f"{name}, {answer.__name__}: {words!r} is not in {verdict.message!r}"


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_many_and_told_apart(name):
    notebook, right, wrong = BANKS[name]
    assert notebook == exercises()[name].notebook, f"{name} stands in answers_{notebook}.py"
    assert len(right) >= 3 and len(wrong) >= 4, (
        f"{name} has {len(right)} right and {len(wrong)} wrong answers"
    )
    assert right[0].__name__ == name, f"the first right answer is put into the notebook: name it {name}"
    told = {words: getattr(check, name)(answer).message for answer, words in wrong}
    for words in told:
        others = [other for key, other in told.items() if key != words]
        assert not any(words in other for other in others), (
            f"{name}: {words!r} is told to several wrong answers"
        )
    assert len(told) == len(wrong), f"{name}: two wrong answers are told the same"


# 3, 4 ------------------------------------------------------------------------------------------------


def _raises(*args):
    raise NotImplementedError("write me")


STUBS = {"None": lambda *args: None, "ellipsis": lambda *args: ..., "NotImplementedError": _raises}


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_is_not_yet(name):
    for stub, function in STUBS.items():
        verdict = getattr(check, name)(function)
        assert verdict.state == "not yet" and not verdict, f"{name}, a stub with {stub}: {verdict}"
        assert f"hint.{name}()" in repr(verdict).replace("\n", " ")


def _stops(*args):
    raise KeyError("lost")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_handed_in_raises(name):
    nonsense = [
        _stops,
        lambda: 0,
        lambda *args: "word",
        lambda *args: object(),
        lambda *args: [],
        lambda *args: {},
    ]
    for thing in (*nonsense, lambda *args: float("nan"), lambda *args: (1, 2, 3), 3, None, "word"):
        verdict = getattr(check, name)(thing)
        assert verdict.state == "wrong" and verdict.message, f"{name} of {thing!r}: {verdict!r}"


# 5 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_known_mistake_is_a_mistake_and_is_met(name):
    told = [getattr(check, name)(answer).message for answer, _ in BANKS[name][2]]
    for message, wrong in exercises()[name].mistakes:
        verdict = getattr(check, name)(wrong)
        assert verdict.message == message, f"{name}: {message!r} is told as {verdict!r}"
        assert message in told, f"{name}: no wrong answer of the bank is told {message!r}"


# 6, 7 ------------------------------------------------------------------------------------------------


def test_there_are_at_least_24_and_each_has_a_bank():
    assert len(NAMES) >= 24, f"{len(NAMES)} exercises"
    assert set(NAMES) == set(BANKS), set(NAMES) ^ set(BANKS)


@pytest.mark.parametrize("name", NAMES)
def test_hints_nudge_and_sources_are_the_librarys(name):
    task = exercises()[name]
    assert 40 <= len(task.hint) <= 500 and str(getattr(hint, name)()) == task.hint
    shown = repr(getattr(reveal, name)())
    for found in task.source:
        assert inspect.getsource(found).splitlines()[-1].strip() in shown
        assert Path(inspect.getsourcefile(found)).is_relative_to(Path(jepa_lite.__file__).parent)
    assert re.match(r"# jepa_lite/[\w/]+\.py, line \d+\n", shown), shown[:80]
    assert getattr(reveal, name)()._repr_markdown_().startswith("```python\n")


def test_a_misspelled_exercise_names_near_ones():
    with pytest.raises(AttributeError, match="unpatchify"):
        _ = check.unpatchfy
    assert set(dir(check)) == set(dir(hint)) == set(dir(reveal)) == set(NAMES)
    with pytest.raises(ValueError, match="two exercises named"):
        engine.exercise(
            **{
                f: getattr(exercises()["pick_tokens"], f)
                for f in ("name", "notebook", "answer", "hint", "source", "returns")
            }
        )
