"""Figures with alt text, as pure functions from a state to a Figure. Only report runs a model.

style: what all are drawn with, and dark, the same for a dark page. masks, curves, encoder, predictor,
positions, directions, photographs and collapse: a subject each. report and html: all of it as one page.
"""

__all__ = [
    "collapse",
    "curves",
    "dark",
    "directions",
    "encoder",
    "html",
    "masks",
    "photographs",
    "positions",
    "predictor",
    "report",
    "style",
]
