"""Figures that one notebook draws, a file each: start, ambiguity, probing, meaning, scaling, effects,
neighbours."""

__all__ = ["ambiguity", "effects", "meaning", "neighbours", "probing", "scaling", "start"]
