"""Figures that one notebook draws, a file each: start, ambiguity, probing, meaning, scaling, effects."""

__all__ = ["ambiguity", "effects", "meaning", "probing", "scaling", "start"]
