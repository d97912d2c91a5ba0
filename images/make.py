"""Make the README's pictures:  python images/make.py runs/demo  (a folder that `make demo` wrote)."""

import json
import sys
from pathlib import Path

import torch

from jepa_lite.data import denormalize, normalize
from jepa_lite.data.shapes import shapes
from jepa_lite.evaluation.probes import random_encoder
from jepa_lite.figures import masks as mask_figures
from jepa_lite.figures.curves import control_bars
from jepa_lite.figures.encoder import pca_features
from jepa_lite.method.masks import sample_masks
from jepa_lite.training.checkpoints import load_model

HERE = Path(__file__).parent
SHOWN = 6


def main(folder):
    model, config = load_model(folder)
    images = normalize(shapes(SHOWN, config.model.image_size, seed=99)[0])
    seen, grid = denormalize(images), config.model.grid
    masks = sample_masks(grid, SHOWN, config.masks, torch.Generator().manual_seed(3))
    random = random_encoder(config.model, seed=0)
    with torch.no_grad():
        features = model.target_encoder(images), random(images)
    save(mask_figures.masks(seen[0], masks), "masks")
    save(pca_features(seen, features[0], grid, control=features[1]), "features")
    rows = json.loads((HERE.parent / "benchmarks" / "results" / "demo.json").read_text())["controls"]
    save(control_bars(rows), "controls")


def save(figure, name):
    figure.savefig(HERE / f"{name}.png", dpi=110)
    print(f"images/{name}.png: {figure.alt_text}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "runs/demo")
