"""Claims about opening one image file (image_files.py).

1. What is no regular file (pipe, socket, device, folder) is refused at once, everywhere a picture is taken.
2. No other program is run: a .jpg that is EPS is no image, and the package opens images in one place alone.
3. No more than MOST_PIXELS are decoded, on any thread and in any process; a JPEG counts as it is decoded.
4. Every format that is listed is read where this Pillow can, by each of its endings.
"""

import importlib
import os
import re
import socket
import struct
import threading
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

import jepa_lite
from jepa_lite import data
from jepa_lite.data import image_files
from jepa_lite.data.readers import Files
from jepa_lite.data.trees import class_trees
from jepa_lite.widgets.masks import find_image
from jepa_lite.widgets.standalone_page import explorer_page

pytestmark = pytest.mark.usefixtures("private_cache")

NO_FILE = "not a regular file"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
READERS = {  # all that take a file by its path
    "read": lambda path: image_files.read(path, (8, 8)),
    "read_image": lambda path: image_files.read_image(path, (8, 8)),
    "widget": lambda path: find_image(path, (8, 8)),
    "page": lambda path: explorer_page(str(path), grid=(8, 8), draws=1),
    "stream": lambda path: Files(path.parent, [path.name], (8, 8), workers=0).sample(1),
    "load": lambda path: data.load("folder", image_size=8, root=path.parents[1], progress=False),
}


def finished(function, *arguments):
    """What `function` returns or raises; it is given ten seconds, because a pipe is waited for for ever."""
    answer = []

    def call():
        try:
            answer.append(function(*arguments))
        except Exception as error:
            answer.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(10)
    assert answer, "it waits"
    return answer[0]


# --- 1: regular files -----------------------------------------------------------------------------


@pytest.fixture(params=["pipe", "socket", "device", "folder"])
def no_file(request, tmp_path, monkeypatch):
    """An x.jpg, alone in its folder, that is no file."""
    path = tmp_path / "alone" / "class" / "x.jpg"
    path.parent.mkdir(parents=True)
    if request.param == "folder":
        path.mkdir()
    elif os.name == "nt":
        pytest.skip("Windows has no such files")
    elif request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    else:
        monkeypatch.chdir(path.parent)  # a socket's address must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("x.jpg")
    return path


@pytest.mark.filterwarnings("ignore:skipped")
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(no_file, reader):  # 1
    error = finished(READERS[reader], no_file)
    assert isinstance(error, OSError | ValueError), error
    words = (
        "neither images nor folders|hold no image files" if no_file.is_dir() and reader == "load" else NO_FILE
    )
    assert re.search(words, str(error)), error


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_that_takes_a_files_place_is_not_waited_for(tmp_path, monkeypatch):  # 1
    os.mkfifo(tmp_path / "x.jpg")
    monkeypatch.setattr(image_files.stat, "S_ISREG", lambda mode: True)
    error = finished(image_files.read, tmp_path / "x.jpg", (8, 8))
    assert isinstance(error, ValueError) and "empty" in str(error), error


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_hides_no_tree_of_pictures(tmp_path):  # 1
    for name in ("pipes", "files"):
        (tmp_path / name / "class").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipes" / "class" / "1.jpg")
    Image.new("RGB", (9, 9)).save(tmp_path / "files" / "class" / "1.jpg")
    assert {tree.name for tree in finished(class_trees, tmp_path)} == {"pipes", "files"}


# --- 2: raster formats ----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:skipped")
@pytest.mark.parametrize("reader", READERS)
def test_no_other_program_is_run(tmp_path, monkeypatch, reader):  # 2
    run = []
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *_, **__: run.append(1) or Image.new("RGB", (9, 9)).im
    )
    path = tmp_path / "alone" / "class" / "x.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(EPS)
    assert Image.open(path).format == "EPS", "the file is one that Pillow would read"
    with pytest.raises((ValueError, OSError), match="not an image"):
        READERS[reader](path)
    assert not run, "Ghostscript was asked"


def test_images_are_opened_in_one_place():  # 2
    package = Path(jepa_lite.__file__).parent
    places = [p.name for p in package.rglob("*.py") if re.search(r"Image\.open\(", p.read_text("utf-8"))]
    assert places == ["image_files.py"], places


# --- 3: pixels ------------------------------------------------------------------------------------


def png_header(width, height):
    """A PNG that says how large it is, and holds no pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b""))]
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(13_000, 13_000), (9_460, 9_460), (500_000, 179)])
def test_too_many_pixels_are_refused_and_the_limit_is_said(tmp_path, size):  # 3
    (tmp_path / "x.png").write_bytes(png_header(*size))
    with warnings.catch_warnings(), pytest.raises(ValueError) as error:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image_files.read(tmp_path / "x.png", (8, 8))
    for words in (f"{size[0]:,} x {size[1]:,}", f"{image_files.MOST_PIXELS:,}", "smaller"):
        assert words in str(error.value), error.value


def test_pillow_does_not_warn_of_the_same(tmp_path):  # 3
    (tmp_path / "x.png").write_bytes(png_header(13_000, 13_000))
    with warnings.catch_warnings(record=True) as said:
        importlib.reload(image_files)  # pytest has put the filters back that were there before
        with pytest.raises(ValueError, match="13,000 x 13,000"):
            image_files.read(tmp_path / "x.png", (8, 8))
    assert not said, said[0]


def test_the_limit_itself_is_not_too_many(tmp_path):  # 3
    (tmp_path / "x.png").write_bytes(png_header(9_459, 9_459))
    assert 9_459**2 <= image_files.MOST_PIXELS < 9_460**2
    assert image_files.MOST_PIXELS == Image.MAX_IMAGE_PIXELS
    with pytest.raises(Exception, match=r"truncated|broken|cannot|not enough"):  # decoded, that is
        image_files.read(tmp_path / "x.png", (8, 8))


def test_a_jpeg_counts_as_it_is_decoded(tmp_path, monkeypatch):  # 3
    monkeypatch.setattr(image_files, "MOST_PIXELS", 100 * 100)
    for name in ("x.jpg", "x.png"):
        Image.new("RGB", (400, 320), (9, 90, 200)).save(tmp_path / name)
    assert image_files.read(tmp_path / "x.jpg", (24, 24)).shape == (3, 24, 24)
    for name, size in (("x.jpg", 150), ("x.png", 24)):
        with pytest.raises(ValueError, match="400 x 320 pixels, and no more than 10,000"):
            image_files.read(tmp_path / name, (size, size))


# --- 4: formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", sorted({*image_files.EXTENSIONS} - {".pfm"}))  # that one holds floats
def test_every_ending_that_is_listed_is_read(tmp_path, end):  # 4
    Image.new("RGB", (31, 23), (200, 30, 90)).save(tmp_path / "x", Image.registered_extensions()[end])
    os.rename(tmp_path / "x", tmp_path / f"x{end}")
    means = image_files.read(tmp_path / f"x{end}", (8, 12)).mean((1, 2))
    assert abs(means - (200, 30, 90)).max() < 8, means


def test_what_pillow_reads_is_listed(tmp_path):  # 4
    assert {".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff"} <= {
        *image_files.EXTENSIONS
    }
    for end in (".avif", ".jp2", ".webp"):
        try:
            Image.new("RGB", (31, 23), (200, 30, 90)).save(tmp_path / f"x{end}")
            can = True
        except (ValueError, OSError, KeyError):  # this Pillow was built without it
            can = False
        assert (end in image_files.EXTENSIONS) == can, end
    assert not {".eps", ".ps", ".pdf", ".wmf", ".fits", ".h5"} & {*image_files.EXTENSIONS}
