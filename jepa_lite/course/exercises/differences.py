"""In what way an answer differs from the right one, when no known mistake explains it.

All that is said here is a fact: a constant factor, an axis too many, which item of a tuple. What the learner
did is left to him; where many make the same mistake, it belongs into `mistakes` of the exercise.
"""

import math

import torch
from torch import Tensor

# --- equal or not -----------------------------------------------------------------------------------


def same(mine: object, other: object, tolerance: float = 0.0, nan: bool = False) -> bool:
    """Equal in shape and, up to `tolerance` of their size, in value; any dtype, lists and numpy as well."""
    if isinstance(mine, BaseException) or isinstance(other, BaseException):
        return nan and type(mine) is type(other)
    if isinstance(other, tuple):
        return is_row(mine) and len(mine) == len(other) and all(
            same(one, two, tolerance, nan) for one, two in zip(mine, other, strict=True)
        )  # fmt: skip
    mine, other = tensor(mine), tensor(other)
    if mine is None or other is None or mine.shape != other.shape:
        return nan and mine is None and other is None
    return bool(near(mine, other, tolerance, nan).all())


def near(mine: Tensor, other: Tensor, tolerance: float, nan: bool = False) -> Tensor:
    """Value by value, whether two tensors of one shape are equal up to `tolerance` of the largest one."""
    size = other.abs().nan_to_num(0.0, 0.0).max().item() if other.numel() else 0.0  # a mistake may give NaN
    return torch.isclose(mine, other, rtol=0.0, atol=tolerance * max(size, 1e-12), equal_nan=nan)


def is_row(value: object) -> bool:
    """Whether it has items: a list or a tuple, or an array with an axis."""
    return isinstance(value, tuple | list) or bool(getattr(value, "ndim", 0))


def listed(value: object) -> object:
    """A list of tensors as one tensor, its gradient kept; anything else as it is."""
    if isinstance(value, list | tuple) and any(isinstance(item, torch.Tensor) for item in value):
        return torch.stack([torch.as_tensor(item) for item in value])
    return value


def tensor(value: object) -> Tensor | None:
    """`value` as a tensor in double precision, or None where it is no array of numbers."""
    try:
        return torch.as_tensor(listed(value)).detach().double().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None


# --- what differs -----------------------------------------------------------------------------------


def difference(task, got: list, right: list) -> str:
    """In a sentence, how what came out on each input differs from what is right; some of it does."""
    if isinstance(right[0], tuple):
        return _of_parts(task, got, right)
    return _of_arrays(task.returns, got, right, task.tolerance)


def _of_parts(task, got, right):
    """Of tuples: which items are right, and what is wrong with the first that is not."""
    count, names = len(right[0]), task.parts
    for mine in got:
        if not is_row(mine) or len(mine) != count:
            return f"It gives {_kind(mine)}, and {count} things are wanted: {' and '.join(names)}."
    if all(same(mine[::-1], wanted, task.tolerance) for mine, wanted in zip(got, right, strict=True)):
        return f"They come out in the wrong order: wanted are {' and '.join(names)}."
    columns = [([one[i] for one in got], [one[i] for one in right]) for i in range(count)]
    good = [all(same(*pair, task.tolerance) for pair in zip(*column, strict=True)) for column in columns]
    fine = " and ".join(name for name, is_right in zip(names, good, strict=True) if is_right)
    wrong = good.index(False)
    said = _of_arrays(names[wrong], *columns[wrong], task.tolerance)
    return f"Right: {fine}. Wrong: {names[wrong]}. {said}" if fine else f"Wrong: {names[wrong]}. {said}"


def _of_arrays(name, got, right, tolerance):
    """Of numbers and arrays: kind, shape, nan, a simple relation, or else the first value that differs."""
    count = len(right)
    for number, (mine, wanted) in enumerate(zip(got, right, strict=True), 1):
        one, two, where = tensor(mine), tensor(wanted), f"On input {number} of {count} it gives"
        if one is None:
            return f"{where} {_kind(mine)}, and {name} is wanted."
        if one.shape != two.shape:
            return f"{where} {tuple(one.shape)}, and {name} is {tuple(two.shape)}.{_shapes(one, two)}"
    pairs = [(tensor(mine), tensor(wanted)) for mine, wanted in zip(got, right, strict=True)]
    return _of_nan(pairs) or _of_half(got, pairs) or relation(pairs, tolerance) or _first(pairs, tolerance)


def _kind(value):
    if isinstance(value, BaseException):
        return f"the error {type(value).__name__}: {value}"
    kind = type(value).__name__
    if getattr(value, "ndim", 0):
        return f"one {kind} of the shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {kind} of {len(value)}"
    return "one number" if tensor(value) is not None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _shapes(mine, wanted):
    """More about two shapes that differ, where there is something to be said."""
    if mine.squeeze().shape == wanted.squeeze().shape:
        more = mine.ndim > wanted.ndim
        return " An axis of size 1 is " + ("too many." if more else "lost: does it squeeze?")
    if mine.shape == wanted.mT.shape if wanted.ndim > 1 else False:
        return " Its last two axes are swapped."
    if mine.numel() == wanted.numel():
        return " The number of values is right, how they are arranged is not."
    return ""


def _of_nan(pairs):
    lost = [one.isnan() for one, _ in pairs]
    if all(mask.all() for mask in lost):
        return (
            "It gives nothing but nan: somewhere 0 / 0, the root of a negative number, or a softmax over "
            "minus infinities alone is computed."
        )
    for number, mask in enumerate(lost, 1):
        if mask.any():
            share = f"{int(mask.sum())} of {mask.numel()} values are" if mask.numel() > 1 else "the answer is"
            return f"On input {number} of {len(pairs)} {share} nan: is something divided by 0 there?"
    return None


def _of_half(got, pairs):
    for mine in got:
        kind = getattr(mine, "dtype", None)
        if kind in (torch.float16, torch.bfloat16) and all(same(*pair, 0.02) for pair in pairs):
            return (
                f"It is right up to the rounding of {str(kind).removeprefix('torch.')}, which keeps three "
                "digits: stay in the precision of the input."
            )
    return None


def _first(pairs, tolerance):
    """The first value that differs."""
    for number, (one, two) in enumerate(pairs, 1):
        far = ~near(one, two, tolerance)
        if not far.any():
            continue
        others = " (the inputs before are right)" if number > 1 else ""
        where = f"On input {number} of {len(pairs)}{others}"
        first = tuple(far.nonzero()[0].tolist())
        mine, wanted = apart(one[first].item(), two[first].item())
        if not one.ndim:
            return f"{where} it gives {mine}, and {wanted} is right."
        return (
            f"{where} the shape {tuple(two.shape)} is right, but {int(far.sum())} of {two.numel()} values "
            f"differ; the first is at {list(first)}: {mine}, and {wanted} is right."
        )
    return "It differs from the right answer."


def apart(mine: float, wanted: float) -> tuple[str, str]:
    """Two different numbers in as many digits as show that they differ."""
    digits = next((d for d in range(5, 17) if f"{mine:.{d}g}" != f"{wanted:.{d}g}"), 17)
    return f"{mine:.{digits}g}", f"{wanted:.{digits}g}"


# --- simple relations -------------------------------------------------------------------------------

CHANGES = (
    ("Every value has the wrong sign.", torch.neg),
    ("These are the squares of the right values.", torch.square),
    ("These are the square roots of the right values.", lambda x: x.abs().sqrt()),
    ("This is 1 minus the right answer: yes and no are exchanged.", lambda x: 1 - x),
    ("This is 1 over the right answer.", torch.reciprocal),
    ("The right values have lost their signs.", torch.abs),
    ("The right values are rounded down to whole numbers.", torch.floor),
    ("The right values are rounded up to whole numbers.", torch.ceil),
    ("The right values are rounded to whole numbers.", torch.round),
)


def relation(pairs: list[tuple[Tensor, Tensor]], tolerance: float) -> str | None:
    """The one simple thing that turns every right value into what came out, in a sentence, or None."""
    mine, wanted = (torch.cat([pair[i].flatten() for pair in pairs]) for i in (0, 1))
    if wanted.unique().numel() < 2:  # anything is simple on a single value
        return None
    for said, change in CHANGES:
        if same(mine, change(wanted), tolerance):
            return said
    return _scaled(pairs, mine, wanted, tolerance) or _arranged(pairs, tolerance)


def _scaled(pairs, mine, wanted, tolerance):
    """A constant factor, for all or on each input, or a constant that is added."""
    factor = _factor(mine, wanted, tolerance)
    if factor:
        return f"Every value is {factor:.4g} times the right one."
    shift = (mine - wanted).mean().item()
    if wanted.numel() > 2 and same(mine, wanted + shift, tolerance):
        return f"Every value is {abs(shift):.4g} too {'large' if shift > 0 else 'small'}."
    factors = [_factor(*pair, tolerance) if pair[0].numel() > 2 else None for pair in pairs]
    if all(factors):
        each = ", ".join(f"{one:.4g}" for one in factors)
        return f"Every value is right up to a factor, which is another one for each input: {each}."
    return None


def _factor(mine, wanted, tolerance):
    size = (wanted * wanted).sum().item()
    factor = (mine * wanted).sum().item() / size if size else 0.0
    good = math.isfinite(factor) and factor and same(mine, wanted * factor, tolerance)
    return factor if good else None


def _arranged(pairs, tolerance):
    """The right values in other places, or right for the first of them only."""
    if all(one.numel() < 3 for one, _ in pairs):
        return None
    for axis in range(-min(one.ndim for one, _ in pairs), 0):
        if all(same(one.flip(axis), two, tolerance) for one, two in pairs):
            return f"The values are right, but run backwards along axis {axis}."
    if all(same(one.flatten().sort().values, two.flatten().sort().values, tolerance) for one, two in pairs):
        return "The values are right, but they stand in the wrong places."
    if all(one.ndim > 2 and len(one) > 1 and same(one[0], two[0], tolerance) for one, two in pairs):
        return "The first image ([0]) is right on every input, and those that follow are not."
    return None
