"""Make the pictures of what the shipped weights make of photographs: python images/photographs.py

images/photographs.png, the README's first picture. The photographs come with scikit-image and scikit-learn;
none was trained on. They are seen at 256 pixels, four times the size that the encoder was trained at, at
stretched addresses.
"""

from pathlib import Path

import torch

from jepa_lite import normalize, pretrained
from jepa_lite.additions.stretched_positions import stretched
from jepa_lite.additions.whitened_patches import WhitenedLinear
from jepa_lite.data import denormalize, find_image
from jepa_lite.evaluation.probes import random_encoder
from jepa_lite.figures.photographs import alike

HERE = Path(__file__).parent
SIZE = (256, 256)
BLOCK = -2  # the last but one, chosen by eye
POINTED = {  # photograph: the row and the column of the patch to look at
    "cat": (11, 9), "flower": (14, 16), "astronaut": (20, 10), "palace": (14, 10), "coffee": (12, 15),
    "motorcycle": (14, 17),
}  # fmt: skip


def main():
    figure = alike(*seen())
    figure.savefig(HERE / "photographs.png", dpi=110)
    print(f"images/photographs.png: {figure.alt_text}")


@torch.no_grad()
def seen():
    """What `alike` draws: images, tokens, those of the untrained encoder, grid, the patches to look at."""
    model = pretrained("imagenette")
    images = normalize(torch.stack([find_image(name, SIZE) for name in POINTED]))
    encoder, control = (stretched(one, SIZE) for one in (model.target_encoder, untrained(model)))
    rows, columns = encoder.grid
    patches = [row * columns + column for row, column in POINTED.values()]
    tokens, random = (one.stages(images)[BLOCK] for one in (encoder, control))
    return denormalize(images), tokens, random, (rows, columns), patches


def untrained(model):
    """An encoder with random weights, and the input of the trained one."""
    encoder = random_encoder(model.config, seed=0)
    if isinstance(encoder.embed, WhitenedLinear):
        encoder.embed.mean, encoder.embed.whitening = model.encoder.embed.mean, model.encoder.embed.whitening
    return encoder


if __name__ == "__main__":
    main()
