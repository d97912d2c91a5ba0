"""What the cards of docs/results.md are put together from (cards.py): counts, ranges and lists in words,
means with their spread, and the facts below each table.
"""

import re
import textwrap
from collections.abc import Iterable

from benchmarks.tables import percent, points, result
from jepa_lite.course.effects import decided_together, verdict

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def count(number: int, noun: str = "") -> str:
    """'three runs', 'one run', 'none'; numbers above twelve as digits."""
    if not number:
        return f"no {noun}s" if noun else "none"
    word = WORDS[number - 1] if number <= len(WORDS) else f"{number:,}"
    return f"{word} {noun}{'s' * (number != 1)}" if noun else word


def listed(words: Iterable) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def span(values: Iterable[float], form: str = ".2f") -> str:
    """'0.90 to 1.13', or one number where all are the same to this precision."""
    values = list(values)
    return " to ".join(dict.fromkeys(f"{end:{form}}" for end in (min(values), max(values))))


def decided(found: list[dict]) -> str:
    """Which of `found` effects are decided: each alone, and when all are tested together."""
    alone = [effect for effect in found if verdict(effect) in ("higher", "lower")]
    sure = decided_together([effect["differences"] for effect in found])
    both = [f'"{effect["name"]}"' for effect, is_sure in zip(found, sure, strict=True) if is_sure]
    told = [f'"{effect["name"]}" ({points(effect)} points)' for effect in alone]
    return f"""{count(len(alone))} had an effect whose 95% interval excludes zero, namely
        {listed(told or ["no change"])}. When all are tested together, these are still decided:
        {listed(both or ["none"])}."""


def beside(value: float, other: float) -> str:
    """Whether `value` is above or below `other`, to the tenth of a percent that a reader sees."""
    ours, theirs = float(percent(value)), float(percent(other))
    return "above" if ours > theirs else "below" if ours < theirs else "equal to"


def told_seeds(facts: dict, accuracy: bool = False) -> str:
    """The seeds of a file, wherever it holds them; of accuracies of one seed, what that leaves open."""
    if isinstance(facts.get("seed"), str):
        return facts["seed"]
    seeds = facts.get("seeds") or ([facts["seed"]] if "seed" in facts else [r["seed"] for r in facts["runs"]])
    if len(seeds) > 1:
        return f"{count(len(seeds))} ({listed(seeds)})"
    return f"one ({seeds[0]})" + ", so the spread over seeds is not known" * accuracy


def made_with(rows: list[dict]) -> list[str]:
    """Versions, machines and dates of rows, each distinct one once."""
    made, dates = [], sorted({row["date"] for row in rows if "date" in row})
    for row in rows:
        versions, machine = row["versions"], row["machine"]
        names = {"python": "Python", "torch": "PyTorch", "scikit-learn": "scikit-learn"}
        software = listed(f"{called} {versions[name]}" for name, called in names.items() if name in versions)
        where = f"{count(machine['threads'], 'thread')} of {machine['processor']} ({machine['system']})"
        device = machine.get("device", "cpu")
        made.append(f"{software}, on {where if device == 'cpu' else device}")
    lines = [f"Made with: {'; '.join(dict.fromkeys(made))}."]
    if dates:
        of = "" if all("date" in row for row in rows) else ", of the rows that recorded one"
        lines.append(f"Date: {' to '.join(dict.fromkeys((dates[0], dates[-1])))}{of}.")
    return lines


def card(title: str, name: str, claim: str, shown: str, on: str, seeds="", rows=None, commands=()) -> str:
    """A card: claim (sentences), table, and the facts of results/NAME.json, or of some `rows` of it."""
    facts = result(name)
    said = listed(f"`{command}`" for command in commands or [facts["command"]])
    points = [
        f"Measured on: {on}.",
        f"Seeds: {seeds or told_seeds(facts)}.",
        f"Measured by: {said}. The data are in [{name}.json](../benchmarks/results/{name}.json).",
        *([f"Made by: {facts['made_by']}."] if "made_by" in facts else []),
        *made_with(rows or [facts]),
    ]
    points = [filled(f"- {point}", "  ") for point in points]
    return "\n".join([f"## {title}", filled(claim), "", shown, "", *points, ""])


def filled(text: str, indent: str = "") -> str:
    """Text in lines of the width of the other pages; code and a value with its spread stay whole."""
    words = re.sub(r"`[^`]*`|\S+ ± \S+", lambda found: found[0].replace(" ", "\0"), " ".join(text.split()))
    lines = textwrap.fill(
        words, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines.replace("\0", " ")
