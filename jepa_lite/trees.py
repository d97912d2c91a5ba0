"""Trees of class folders: find those that a folder holds, and write images out as one.

Such a tree, `<class>/<any name>.jpg`, is how own images are best kept: the data set `folder` (folder.py)
reads it, and so does nearly every other program.
"""

from pathlib import Path

from PIL import Image

from .data import PHOTOS, load, photo
from .folder import EXTENSIONS

QUALITY = 95  # of the JPEGs


def class_trees(folder):
    """The trees of class folders in `folder`, or the folder itself if it is one; small pictures first.

    How large a tree's pictures are, its first one says. Raises FileNotFoundError for a folder that is none.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}; name one that holds a folder of images per class"
        )
    inside = [folder] if first_image(folder) else sorted(folder.iterdir())
    firsts = {tree: first_image(tree) for tree in inside if tree.is_dir()}
    return sorted((tree for tree, first in firsts.items() if first), key=lambda tree: _pixels(firsts[tree]))


def first_image(tree):
    """An image file of a tree `<class>/<file>` or `train/<class>/<file>`, or None if it is no such tree."""
    for top in (Path(tree) / "train", Path(tree)):
        classes = sorted(p for p in top.iterdir() if p.is_dir()) if top.is_dir() else []
        for part in (p for p in classes if not p.name.startswith(".")):
            found = next((f for f in part.iterdir() if f.suffix.lower() in EXTENSIONS), None)
            if found:
                return found
    return None


def _pixels(path):
    try:
        with Image.open(path) as image:
            return image.width * image.height
    except OSError:  # a broken file says nothing of the others
        return 0


def write_tree(images, folder):
    """Write an `Images` to `folder` as `<class>/<number>.jpg`; returns the folder."""
    folder = Path(folder).expanduser()
    for number, (pixels, label) in enumerate(zip(images.images, images.labels.tolist(), strict=True)):
        path = folder / images.classes[label] / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path, quality=QUALITY)
    return folder


def write_crops(folder, image_size=48, train=600, test=200):
    """Crops of the bundled photographs as `folder`/train and `folder`/test, which never overlap."""
    for split, limit in (("train", train), ("test", test)):
        write_tree(load("photos", split, image_size=image_size, limit=limit), Path(folder) / split)
    return Path(folder)


def write_photographs(folder):
    """The bundled photographs whole, each as its own class: `folder`/<name>/<name>.jpg."""
    for name in PHOTOS:
        path = Path(folder) / name / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(name).save(path, quality=QUALITY)
    return Path(folder)
