"""The widgets that every front end must show: a line each, its name and the cell that makes it.

A new widget goes into this table, and the checks of test_every_widget.py are made of it everywhere.
"""

SMALL = """import torch
from jepa_lite import IJEPA, Config, ModelConfig, Run, TrainConfig, sincos_positions
from jepa_lite.data.shapes import shapes
torch.set_num_threads(1)
images = shapes(24, 32, seed=0)[0]
config = Config(ModelConfig(image_size=32, width=16, depth=2, heads=2, predictor_width=16, predictor_depth=1),
                train=TrainConfig(steps=100000, batch_size=8))
"""
WIDGETS = {
    "MaskExplorer": "from jepa_lite.widgets import MaskExplorer\nmasks = MaskExplorer(grid=(8, 12))\nmasks",
    "PositionExplorer": SMALL
    + """from jepa_lite.widgets import PositionExplorer
model = IJEPA(config.model)
positions = PositionExplorer(
    {"sin-cos": sincos_positions((8, 8), 16), "untrained": model.predictor.positions.detach()}, (8, 8))
positions""",
    "AttentionExplorer": """from jepa_lite.widgets import AttentionExplorer
attention = AttentionExplorer(model.encoder, "coffee")
attention""",
    "PredictionExplorer": """from jepa_lite.widgets import PredictionExplorer
predictions = PredictionExplorer(model, images, hole=(2, 3))
predictions""",
    "LiveTraining": """from jepa_lite.widgets import LiveTraining
live = LiveTraining(Run(config, images))
live.train(12)
live""",
    "CollapseLab": """from jepa_lite.widgets import CollapseLab
lab = CollapseLab(steps=40)
lab""",
}
# Whether so many widgets are there, each with a picture.
SETTLED = """(wanted) => { const roots = [...document.querySelectorAll(".jepa")];
    return roots.length === wanted && roots.every((root) => root.querySelector("canvas")); }"""
