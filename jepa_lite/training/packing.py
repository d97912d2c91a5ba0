"""A run's state as plain JSON and named tensors, and back, exactly: what safetensors and JSON can hold.

A state is nested dicts, lists and tuples of tensors, numbers, strings and None, as an optimizer's is. JSON
alone would turn its tuples into lists and its int keys into strings, and a pickle could run code.
"""

from typing import Any

import torch
from torch import Tensor


def pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """`value` as plain JSON. Its tensors go to the flat dict `tensors`, copied: a state may share them."""
    if isinstance(value, torch.Tensor):
        tensors[str(len(tensors))] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(value, dict) and all(type(key) in (str, int) for key in value):
        return {"dict": [[key, pack(item, tensors)] for key, item in value.items()]}
    if type(value) in (list, tuple):
        return {type(value).__name__: [pack(item, tensors) for item in value]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(f"a state may hold tensors, numbers, strings, lists and dicts, not {value!r}")


def unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    """The value that `pack` was given, bit for bit. Raises KeyError, TypeError or ValueError for others."""
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensors[content].clone()  # not a map of a file that the next save may delete
    if kind == "dict":
        return {key: unpack(item, tensors) for key, item in content}
    return {"list": list, "tuple": tuple}[kind](unpack(item, tensors) for item in content)
