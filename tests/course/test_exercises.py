"""What must hold of the exercises.

1. Each has at least three right answers, written in different ways, and each of these is judged right.
2. Each has at least four wrong answers; each is judged wrong and told apart: its message holds words that no
   other wrong answer of that exercise is told. A second bank (slips) has at least ten more.
3. No stub raises or passes, in whatever way it returns nothing; what PyTorch raises, or None for one input of
   several, is no stub.
4. Nothing that is handed in raises: what is no function, what stops, what returns nonsense.
5. Every mistake that an exercise knows differs from the right answer and from all other mistakes.
6. There are at least 24; each has a hint that is not the answer, and its source is the library's own.
7. A misspelled exercise is an error that names near ones; completion lists them all.
8. Over both banks: no wrong answer passes, no right one fails, at least 90% of the wrong ones hear their
   mistake named, and none hears of a mistake that it does not make.
9. What differs is said of the item that differs, in digits that differ, and the line that stops is shown.
"""

import functools
import importlib.util
import inspect
import itertools
import re
import sys
from pathlib import Path

import pytest
import torch

import jepa_lite
from jepa_lite.course.exercises import check, engine, exercises, hint, reveal
from jepa_lite.course.exercises.differences import apart, same

pytestmark = pytest.mark.slow


def modules(pattern):
    for path in sorted((Path(__file__).parent / "answers").glob(pattern)):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield path.stem[-2:], module


BANKS, SLIPS = {}, {}
for notebook, bank in modules("answers_*.py"):
    for name in sorted({*bank.RIGHT, *bank.WRONG}):  # in the same order in every process
        BANKS[name] = (notebook, bank.RIGHT.get(name, []), bank.WRONG.get(name, []))
for _, bank in modules("slips_*.py"):
    SLIPS |= bank.SLIPS

NAMES = list(exercises())
RIGHTS = [(name, answer) for name, (_, right, _) in BANKS.items() for answer in right]
WRONGS = [(name, answer, words) for name, (_, _, wrong) in BANKS.items() for answer, words in wrong]


@functools.cache
def judged(name, answer):
    """The verdict on an answer of the banks, which several tests look at."""
    return getattr(check, name)(answer)


def named(value):
    return getattr(value, "__name__", None) or (value if isinstance(value, str) and value in NAMES else None)


# 1, 2 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, answer", RIGHTS, ids=named)
def test_a_right_answer_is_right(name, answer):
    verdict = judged(name, answer)
    assert verdict.state == "right", f"{name}, {answer.__name__}: {verdict}"


@pytest.mark.parametrize("name, answer, words", WRONGS, ids=named)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, words):
    verdict = judged(name, answer)
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
    told = {words: judged(name, answer).message for answer, words in wrong}
    for words in told:
        others = [other for key, other in told.items() if key != words]
        assert not any(words in other for other in others), (
            f"{name}: {words!r} is told to several wrong answers"
        )
    assert len(told) == len(wrong), f"{name}: two wrong answers are told the same"


def told(name):
    """[(mistake, what words are expected, the verdict)] of the second bank."""
    return [(mistake, words, getattr(check, name)(answer)) for mistake, answer, words in SLIPS[name]]


@pytest.mark.parametrize("name", NAMES)
def test_each_slip_hears_its_name_and_none_is_misled(name):
    task, verdicts = exercises()[name], told(name)
    assert len(verdicts) >= 10
    sentences = [mistake[0] for mistake in task.mistakes] + list(task.traps())
    for mistake, words, verdict in verdicts:
        assert verdict.state == "wrong", f"{name}, {mistake}, passes: {verdict}"
        if words:
            assert words in verdict.message, f"{name}, {mistake}: {words!r} is not in {verdict.message!r}"
        else:  # nothing is known of it: then nothing may be claimed
            assert not any(verdict.message.startswith(one) for one in sentences), (
                f"{name}, {mistake}: {verdict}"
            )
            assert "right" in verdict.message or "not equally often" in verdict.message


def test_nine_of_ten_wrong_answers_hear_their_mistake_named():
    values = (
        "is right.",
        "values differ",
        "it gives",
        "no rectangle",
        "numbered from",
    )  # words that name nothing
    words = [words for slips in SLIPS.values() for _, _, words in slips] + [words for _, _, words in WRONGS]
    named = [one for one in words if one and not any(one.startswith(value) for value in values)]
    assert len(named) >= 0.9 * len(words), f"{len(named)} of {len(words)}"


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


def _pytorch_refuses(*args):
    torch.lerp(torch.tensor(1), torch.tensor(2), torch.tensor(1))


def _once_in_a_while(answer):
    calls = itertools.count()
    return lambda *args: answer(*args) if next(calls) else None


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_stub_is_wrong(name):
    refused = getattr(check, name)(_pytorch_refuses)
    assert refused.state == "wrong" and "torch.lerp" in refused.message, f"{name}: {refused}"
    silent = getattr(check, name)(_once_in_a_while(exercises()[name].answer))
    assert silent.state == "wrong" and "returns nothing, though others" in silent.message, f"{name}: {silent}"


def _stops(*args):
    raise KeyError("lost")


def _exits(*args):
    sys.exit(3)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_handed_in_raises(name):
    nonsense = [
        _stops,
        _exits,
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
def test_every_known_mistake_is_a_mistake_and_like_no_other(name):
    task = exercises()[name]
    known = [(task.answer, engine.answers(task.answer, task.cases()))] if not task.judge else []
    for message, *wrongs in task.mistakes:
        known += [(message, engine.answers(wrong, task.cases())) for wrong in wrongs]
    for (one, first), (two, second) in itertools.combinations(known, 2):
        alike = all(same(*pair, task.tolerance, nan=True) for pair in zip(first, second, strict=True))
        assert one == two or not alike, f"{name}: {one!r} comes out like {two!r}"
    for message, results in known:
        assert any(engine.shows_numbers(one) for one in results), f"{name}: {message!r} shows no numbers"


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
    for wrong, meant in (("unpatchfy", "unpatchify"), ("pick_token", "pick_tokens")):
        with pytest.raises(AttributeError) as error:
            getattr(check, wrong)
        near = re.fullmatch(rf"there is no exercise '{wrong}'; did you mean (.+)\?", str(error.value))[1]
        near = near.split(", ")
        assert near[0] == meant and len(near) <= 3 and set(near) <= set(NAMES), near
    with pytest.raises(AttributeError, match=r"no exercise 'xyzzy'; there are: ") as error:
        _ = check.xyzzy
    assert all(name in str(error.value) for name in NAMES), "nothing is near it: all are listed"
    assert set(dir(check)) == set(dir(hint)) == set(dir(reveal)) == set(NAMES)
    with pytest.raises(ValueError, match="two exercises named"):
        engine.exercise(
            **{
                f: getattr(exercises()["pick_tokens"], f)
                for f in ("name", "notebook", "answer", "cases", "hint", "source", "returns")
            }
        )


# 9 ---------------------------------------------------------------------------------------------------


def test_of_a_tuple_the_item_that_differs_is_named_with_its_values():
    verdict = check.interval(lambda values: (values.mean(), values.mean() * 0 + 3.25))
    assert verdict.message.startswith("Right: the mean. Wrong: the half width."), verdict
    assert "it gives 3.25, and" in verdict.message


def test_two_numbers_that_differ_are_written_so_that_they_differ():
    assert apart(0.33333334, 0.33333333) == ("0.33333334", "0.33333333")
    assert apart(2.0, 3.0) == ("2", "3")


def test_an_answer_of_nothing_but_nan_hears_only_that():
    for name in NAMES:
        right = exercises()[name].answer
        if exercises()[name].judge is None and name not in ("standardise", "mend_the_sampler"):
            verdict = getattr(check, name)(lambda *args, right=right: _all_nan(right(*args)))
            assert "nothing but nan" in verdict.message, f"{name}: {verdict}"


def _all_nan(result):
    if isinstance(result, tuple):
        return tuple(_all_nan(item) for item in result)
    return torch.as_tensor(result).double() * float("nan")


def test_the_line_that_stops_is_shown():
    def pick_tokens(tokens, idx):
        wrong = tokens + idx[..., None, None, None, None]
        return wrong[99]

    assert "in the line `return wrong[99]`: index 99" in check.pick_tokens(pick_tokens).message
