"""Make the pictures of synthetic images:  python images/make.py runs/demo  (a folder that `make demo` wrote).

Each is made twice, by day and by night: masks.png and masks_dark.png, and the like. The README and the pages
in docs/ show the one that fits the reader's theme.
"""

import io
import sys
from pathlib import Path

import torch
from PIL import Image

from jepa_lite.config import MaskConfig
from jepa_lite.data import denormalize, normalize
from jepa_lite.data.fields import directions_of, draw_fields, fields
from jepa_lite.evaluation.directions import hidden_directions
from jepa_lite.evaluation.probes import random_encoder
from jepa_lite.figures import directions
from jepa_lite.figures import masks as mask_figures
from jepa_lite.figures.encoder import pca_features
from jepa_lite.method.masks import sample_masks
from jepa_lite.training.checkpoints import load_model

HERE = Path(__file__).parent
SHOWN, COLUMNS = 6, 4  # images with features, and those whose hidden directions are drawn
MADE, SEED = 512, 99  # images, none of which the demo trained on


def main(folder):
    model, config = load_model(folder)
    drawn = fields(MADE, config.model.image_size, seed=SEED)[0]
    images = normalize(drawn[:SHOWN])
    seen, grid = denormalize(images), config.model.grid
    masks = sample_masks(grid, SHOWN, MaskConfig(), torch.Generator().manual_seed(3))  # the paper's
    random = random_encoder(config.model, seed=0)
    with torch.no_grad():
        features = model.target_encoder(images), random(images)
    save(mask_figures.masks(seen[0], masks), "masks")
    save(pca_features(seen, features[0], grid, control=features[1]), "features")
    angle = directions_of(draw_fields(MADE, SEED), grid)
    masks = sample_masks(grid, MADE, config.masks, torch.Generator().manual_seed(3))
    hidden, found = hidden_directions(model, drawn, angle, masks, COLUMNS)
    save(directions.directions(drawn[:COLUMNS] / 255, grid, hidden, found), "directions", colours=256)


def save(figure, name, dpi=110, colours=None):
    """Write a figure by day and by night; `colours` is a palette, without which fine hatching is large."""
    for png, suffix in zip(figure.day_and_night(dpi), ("", "_dark"), strict=True):
        image = Image.open(io.BytesIO(png)).convert("RGB")  # nothing in it is transparent
        image = image.quantize(colours) if colours else image
        image.save(HERE / f"{name}{suffix}.png", optimize=True)
    print(f"images/{name}.png, {name}_dark.png: {figure.alt_text}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "runs/demo")
