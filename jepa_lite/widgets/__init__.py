"""The course's things to touch, for JupyterLab, Notebook and Voila; each has a static figure.

A file each: masks (what is hidden), positions (whose address resembles whose), attention (where a patch
looks), predictions (what the predictor says is in a hole), live (a run that trains), collapse (what keeps
it from collapsing, in a run of collapse_run). What they share: base, background_training (it trains while
you watch) and sliders (stock ones, over any figure). standalone_page is the mask explorer as a page
without a kernel.
"""

try:
    import anywidget as _anywidget  # noqa: F401 - with ipywidgets, an extra: training needs neither
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f'the widgets need {error.name}; run python -m pip install "jepa-lite[widgets]"', name=error.name
    ) from None

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
