"""The machine underneath, in the order in which a command meets it; nothing here knows of images or models.

failures (how a command ends), pipes (output that nobody reads), signals (Ctrl-C between two steps),
progress (a bar, or lines), distributed (several processes), memory, caches and locks (places on the
disk), file_names (as text for people).
"""

__all__ = [
    "caches",
    "distributed",
    "failures",
    "file_names",
    "locks",
    "memory",
    "pipes",
    "progress",
    "signals",
]
