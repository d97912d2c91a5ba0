"""How much main memory there is and how much of it is free: of the machine, or of the container around us.

A container or a batch system limits its processes by a control group (Linux). What the machine has beyond
that is not theirs, and a process that takes it is killed without a word.
"""

import ctypes
import os
from pathlib import Path

ROOT = Path("/")  # below which Linux tells; another in the tests


def main_memory() -> int:
    """Bytes of memory that this machine or container has."""
    return min([_machine()[0], *(limit for limit, _ in _groups())])


def free_memory() -> int:
    """Bytes of memory that this process can still take; half of it all where the system does not say."""
    return max(0, min([_machine()[1], *(free for _, free in _groups())]))


def _machine():
    """(bytes of memory, bytes of it that are free) of the machine."""
    if os.name == "nt":
        return _windows()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    told = [line.split() for line in _lines(ROOT / "proc/meminfo") if line.startswith("MemAvailable:")]
    return total, int(told[0][1]) * 1024 if told else total // 2


class _Status(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32)]
    _fields_ += [(name, ctypes.c_uint64) for name in ("total", "free", "pages", "free_pages", "a", "b", "c")]


def _windows():
    status = _Status(length=ctypes.sizeof(_Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return status.total, status.free


def _groups():
    """(limit, what is left of it) of each control group around this process that has a limit, in bytes."""
    for line in _lines(ROOT / "proc/self/cgroup"):
        _, kinds, path = line.split(":", 2)
        if kinds == "" or "memory" in kinds.split(","):  # version 2, or 1
            top = ROOT / "sys/fs/cgroup" / ("memory" if kinds else "")
            inner = top / path.strip("/")
            for folder in (inner, *inner.parents)[: len(inner.parts) - len(top.parts) + 1]:
                limit = _number(folder, "memory.max", "memory.limit_in_bytes")
                if limit is not None:
                    used = _number(folder, "memory.current", "memory.usage_in_bytes") or 0
                    yield limit, limit - used + _given_back(folder)


def _given_back(folder):
    """Bytes of files that a group holds in memory as long as nobody else wants it."""
    facts = dict(line.split() for line in _lines(folder / "memory.stat") if line.count(" ") == 1)
    return int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))


def _number(folder, *names):
    """What the first of these files says; None for "max", or where there is none."""
    told = [lines[0] for name in names if (lines := _lines(folder / name))]
    return int(told[0]) if told and told[0].isdigit() else None


def _lines(path):
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
