"""The course's things to touch, for JupyterLab, Notebook and Voila; each has a static twin.

A file each: masks (what is hidden), positions (whose address resembles whose), attention (where a patch
looks), predictions (what the predictor says is in a hole), live (a run that trains), collapse (what keeps it
from collapsing), and what they share: shell, and player, which trains while you watch.
"""

from .attention import AttentionExplorer
from .collapse import CollapseLab
from .live import LiveTraining
from .masks import MaskExplorer
from .positions import PositionExplorer
from .predictions import PredictionExplorer

__all__ = [
    "AttentionExplorer",
    "CollapseLab",
    "LiveTraining",
    "MaskExplorer",
    "PositionExplorer",
    "PredictionExplorer",
]
