"""Figures that one notebook draws, a file each: start, ambiguity, collapses, probing, meaning, scaling,
effects, neighbours."""

__all__ = ["ambiguity", "collapses", "effects", "meaning", "neighbours", "probing", "scaling", "start"]
