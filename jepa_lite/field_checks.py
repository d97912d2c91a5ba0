"""What a field of a config must be: counts, numbers, flags, sizes, intervals. Each refuses in one sentence.

The configs are frozen dataclasses (config.py); what is checked here may be replaced by an equal value of a
plainer type.
"""

import dataclasses

from .limits import MOST_PIXELS, brief, check_count, require


def _is_number(value, kind=(int, float)):
    return isinstance(value, kind) and not isinstance(value, bool) and abs(value) < 1e300


def plain(value: object) -> object:
    """A number of numpy or PyTorch as Python's own, alone or in a list or tuple: JSON knows no others."""
    if isinstance(value, list | tuple):
        return type(value)(v.tolist() if hasattr(v, "tolist") else v for v in value)
    return value.tolist() if hasattr(value, "tolist") else value


def make_plain(config: object) -> None:
    """Make every field of a frozen dataclass `plain`."""
    for f in dataclasses.fields(config):
        object.__setattr__(config, f.name, plain(getattr(config, f.name)))


def counts(config: object, *names: str, least: int = 1, most: int = 10**6) -> None:
    """The fields `names` must be whole numbers from `least` to `most`."""
    for name in names:
        check_count(name, getattr(config, name), least, most)


def numbers(
    config: object, *names: str, low: float = 0.0, high: float = 1e100, without_low: bool = False
) -> None:
    """The fields `names` must be numbers from `low` (or above it, `without_low`) to `high`."""
    for name in names:
        value = getattr(config, name)
        inside = _is_number(value) and low <= value <= high and not (without_low and value == low)
        span = f"{'above' if without_low else 'from'} {low:g} to {high:g}"
        require(inside, f"{name} must be a number {span}, not {brief(value)}")


def given(config: object, *names: str) -> list[str]:
    """Those of the fields `names` that are not None."""
    return [name for name in names if getattr(config, name) is not None]


def flags(config: object, *names: str) -> None:
    """The fields `names` must be True or False."""
    for name in names:
        value = getattr(config, name)
        require(isinstance(value, bool), f"{name} must be True or False, not {brief(value)}")


def sizes(config: object, name: str) -> None:
    """A whole number or two of them becomes two (lists come from JSON)."""
    value = getattr(config, name)
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    require(
        len(pair) == 2 and all(_is_number(v, int) and v > 0 for v in pair),
        f"{name} must be a positive whole number or two of them (height, width), not {brief(value)}",
    )
    require(max(pair) <= MOST_PIXELS, f"{name} must be at most {MOST_PIXELS:,} a side, not {brief(value)}")
    object.__setattr__(config, name, pair)


def intervals(config: object, *names: str, top: float = 1000, ordered: bool = True) -> None:
    """The fields `names` must be two numbers: 0 < low <= high <= top, or from 0 to top if not `ordered`."""
    for name in names:
        value = getattr(config, name)
        pair = isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_number, value))
        if ordered:
            rule = f"0 < low <= high <= {top:g}"
            holds = pair and 0 < value[0] <= value[1] <= top
        else:
            rule, holds = f"both from 0 to {top:g}", pair and min(value) >= 0 and max(value) <= top
        require(holds, f"{name} must be two numbers, {rule}, not {brief(value)}")
        object.__setattr__(config, name, (float(value[0]), float(value[1])))
