"""Where numbers end and how a refusal says so: limits of settings, values and names in messages.

Beyond these limits a number is a slip, and would take hours or all memory before it shows. What is checked
against them is config.py's and cli.py's affair.
"""

import difflib
import reprlib
from collections.abc import Collection

MOST_PIXELS = 4096  # a side of an image
MOST_PATCHES = 128 * 128  # in the grid
MOST_WEIGHTS = 22e9  # in an encoder: those of the largest vision transformer so far
MOST_SEED = 2**32 - 1  # what every generator takes

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = 80
brief = _brief.repr  # a value in a message, cut where it is endless


def require(holds: bool, message: str) -> None:
    """Raise ValueError with this sentence unless it `holds`."""
    if not holds:
        raise ValueError(message)


def check_count(name: str, value: object, least: int = 1, most: int = 10**6) -> None:
    """Raise ValueError unless `value`, which the sentence calls `name`, is a whole number in these limits."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole and value >= least, f"{name} must be at least {least} and whole, not {brief(value)}")
    require(value <= most, f"{name} must be at most {most:,}, not {brief(value)}")


def did_you_mean(value: object, names: Collection[str]) -> str:
    """ "; did you mean 'laptop'?" for the end of a refusal, or nothing where no name is like it."""
    close = difflib.get_close_matches(str(value)[:80], names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_of(value: object, choices: Collection[str], name: str) -> None:
    """Raise ValueError, with the nearest choice, unless `value`, which the sentence calls `name`, is one."""
    listed, hint = ", ".join(choices), did_you_mean(value, choices)
    require(value in choices, f"{name} must be one of {listed}, not {brief(value)}{hint}")
