"""Make the pictures of what the shipped weights make of photographs: python images/photographs.py

photographs.png   which patches are alike; the README's first picture
attention.png     the head that looks most at a thing
neighbours.png    the nearest crops, by pooled features

Each is made twice, by day and by night: photographs.png and photographs_dark.png, and the like.

The photographs come with scikit-image and scikit-learn; none was trained on. The first two are seen at 256
pixels, four times the size that the encoder was trained at, at stretched addresses. Beside each stands a
network with random weights, of the same shape and with the same whitened input.

Tried and left out: the patches that are nearest to the prediction for a hidden block. They are of the right
photograph, but so do those nearest to the mean of the visible patches, for which no predictor is needed
(`predicted`, printed at the end); and of OTHER photographs even those nearest to the truth look unlike it.
"""

import torch
from make import save

from jepa_lite import normalize, pretrained
from jepa_lite.course.pointing import looks, seen, untrained
from jepa_lite.data.photos import PHOTOS, photo_crops
from jepa_lite.evaluation import probes
from jepa_lite.figures.photographs import alike, looks_at, nearest, neighbours
from jepa_lite.figures.predictor import nearest_patches, true_ranks
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import take
from jepa_lite.training.checkpoints import load_model

CROPS, ASKED, NEAREST = 1600, 400, 5


def main():
    model = pretrained("imagenette")
    pictures = {
        "photographs": alike(*seen(model)),
        "attention": looks_at(*looks(model)),
        "neighbours": neighbours(*crops(model), rows=list(range(len(PHOTOS)))),
    }
    for name, figure in pictures.items():
        save(figure, name, dpi=90 if name == "neighbours" else 110)
    for name, (right, rank) in predicted(model).items():
        print(f"{name}: {right:.1%} of the nearest patches are of the right photograph; own rank {rank:.1f}")


def crops(model):
    """What `neighbours` draws: crops to ask for, crops to find, and who finds which."""
    size = model.config.image_size
    bank, queries = photo_crops(CROPS, size, "train", seed=0), photo_crops(ASKED, size, "test", seed=1)
    views = {
        "trained": lambda images: probes.features(model.target_encoder, images),
        "untrained": lambda images: probes.features(untrained(model), images),
        "raw pixels": probes.pixels,
    }
    found = {name: nearest(see(queries.images), see(bank.images), NEAREST) for name, see in views.items()}
    return queries, bank, found


@torch.no_grad()
def predicted(model, count=CROPS // 2):
    """What the prediction for a hidden patch finds, beside what the mean of the visible patches finds.

    {name: (share of the nearest patches that are of the right photograph, mean rank of the true patch in its
    own image)}, the middle patch of the first target of ASKED crops; the bank has all patches of `count`."""
    size, masks = model.config.image_size, load_model("pretrained:imagenette")[1].masks
    bank, asked = photo_crops(count, size, "train", seed=0), photo_crops(ASKED, size, "test", seed=1)
    images = normalize(asked.images)
    targets, tokens = (model.targets(x) for x in (images, normalize(bank.images)))  # (n, N, D)
    drawn = sample_masks(model.config.grid, len(images), masks, torch.Generator().manual_seed(0))
    middle = drawn.target_idx.shape[2] // 2
    true, seen = drawn.target_idx[:, 0, middle], drawn.context_keep.unsqueeze(-1)  # (n,), (n, K, 1)
    visible = (take(targets, drawn.context_idx) * seen).sum(1) / seen.sum(1)
    vectors = {"prediction": model.predict(images, drawn)[:, 0, middle], "mean of the visible": visible}
    found = {}
    for name, wanted in vectors.items():
        of = bank.labels[nearest_patches(wanted, tokens.flatten(0, 1), NEAREST) // tokens.shape[1]]
        ranks = [true_ranks(*one) for one in zip(wanted[:, None], targets, true[:, None], strict=True)]
        found[name] = float((of == asked.labels[:, None]).float().mean()), float(torch.cat(ranks).mean())
    return found


if __name__ == "__main__":
    main()
