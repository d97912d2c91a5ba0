"""Figures that one notebook draws, or two, a file each, in the course's order: start, ambiguity, patches,
masking, asking, collapses, whole, probing, meaning, scaling, effects, neighbours."""

__all__ = [
    "ambiguity",
    "asking",
    "collapses",
    "effects",
    "masking",
    "meaning",
    "neighbours",
    "patches",
    "probing",
    "scaling",
    "start",
    "whole",
]
