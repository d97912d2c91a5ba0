"""The course's things to touch, for JupyterLab, Notebook and Voila; each has a static twin.

A file each: masks (what is hidden), positions (whose address resembles whose), attention (where a patch
looks), predictions (what the predictor says is in a hole), and what they share, shell.
"""

from .attention import AttentionExplorer
from .masks import MaskExplorer
from .positions import PositionExplorer
from .predictions import PredictionExplorer

__all__ = ["AttentionExplorer", "MaskExplorer", "PositionExplorer", "PredictionExplorer"]
