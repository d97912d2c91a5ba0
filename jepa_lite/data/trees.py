"""Trees of class folders: find those that a folder holds, and write images out as one.

Such a tree, `<class>/<any name>.jpg`, is how own images are best kept: the data set `folder`
(class_folders.py) reads it, and so does nearly every other program.
"""

from pathlib import Path

from PIL import Image

from ..system.file_names import shown
from . import PHOTOS, Images, load, photo
from .image_files import opened
from .scan import Scan
from .splits import NAMES

QUALITY = 95  # of the JPEGs


def class_trees(folder: str | Path) -> list[Path]:
    """The trees of class folders in `folder`, or the folder itself if it is one; small pictures first.

    How large a tree's pictures are, its first one says. Raises FileNotFoundError for a folder that is none.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {shown(folder)}; name one that holds a folder of images per class"
        )
    inside = [folder] if _first_image(folder) else [folder / name for name in Scan(folder).folders()]
    firsts = {tree: _first_image(tree) for tree in inside}
    return sorted((tree for tree, first in firsts.items() if first), key=lambda tree: _pixels(firsts[tree]))


def _first_image(tree: str | Path) -> Path | None:
    """An image file of a tree `<class>/<file>` or `train/<class>/<file>`, or None if it is no such tree."""
    scan = Scan(tree)
    train = [path for name, path in scan.folders().items() if name.lower() in NAMES["train"]]
    for top in (*train, ""):
        for images in (scan.look(path)[2] for path in scan.folders(top).values()):
            if images:
                return Path(tree) / images[0][0]
    return None


def _pixels(path):
    try:
        with opened(path) as image:
            return image.width * image.height
    except Exception:  # a broken file says nothing of the others
        return 0


def _write_tree(images: Images, folder: Path) -> None:
    """Write an `Images` to `folder` as `<class>/<number>.jpg`."""
    for number, (pixels, label) in enumerate(zip(images.images, images.labels.tolist(), strict=True)):
        path = folder / images.classes[label] / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path, quality=QUALITY)


def write_crops(folder: str | Path, image_size: int = 48, train: int = 600, test: int = 200) -> Path:
    """Crops of the bundled photographs as `folder`/train and `folder`/test, which never overlap."""
    for split, limit in (("train", train), ("test", test)):
        _write_tree(load("photos", split, image_size=image_size, limit=limit), Path(folder) / split)
    return Path(folder)


def write_photographs(folder: str | Path) -> Path:
    """The bundled photographs whole, each as its own class: `folder`/<name>/<name>.jpg."""
    for name in PHOTOS:
        path = Path(folder) / name / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(name).save(path, quality=QUALITY)
    return Path(folder)
