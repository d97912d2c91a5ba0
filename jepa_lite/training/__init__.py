"""A training run that can be left alone. Read run (the loop) first, then pretrain (the same on disk).

What they write: run_log, checkpoints (with packing, and damage, which finds what a disk has spoilt),
provenance (the facts beside a result) and fingerprint (which images these were). What watches the loop:
step_timer and collapse_alarms. Weights of other people: weight_files and published_weights; those of the
package: shipped_weights. Before a run: cost and plan.
"""

__all__ = [
    "checkpoints",
    "collapse_alarms",
    "cost",
    "damage",
    "fingerprint",
    "packing",
    "plan",
    "pretrain",
    "provenance",
    "published_weights",
    "run",
    "run_log",
    "shipped_weights",
    "step_timer",
    "weight_files",
]
