"""Make the pictures of the widgets:  python images/widgets.py runs/demo  (a folder that `make demo` wrote).

They are photographed in a real JupyterLab, in its light and its dark theme; mask_explorer.png and the like. A
browser must be on the machine, as for the tests, whose way of opening JupyterLab this uses.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

from front_ends import FLAGS, find_browser, jupyterlab, open_lab, write_notebook  # noqa: E402

DARK = ("mask_explorer", "collapse_lab")  # of which the dark picture is kept, too
MODEL = """import torch
from jepa_lite import sincos_positions, widgets
from jepa_lite.training.checkpoints import load_model
from jepa_lite.baselines.switches import Switches
from jepa_lite.data.shapes import shapes
torch.set_num_threads(1)
model, config = load_model({folder!r})
images = shapes(48, config.model.image_size, seed=99)[0]"""
CELLS = {
    "mask_explorer": "widgets.MaskExplorer(grid=(8, 8), patch_size=28, seed=7)",
    "position_explorer": "grid = model.config.grid\nwidgets.PositionExplorer({'sin-cos': "
    "sincos_positions(grid, 64), 'learned': model.predictor.positions.detach()}, grid, patch=18)",
    "attention_explorer": "widgets.AttentionExplorer(model.target_encoder, images[0], patch=27)",
    "prediction_explorer": "widgets.PredictionExplorer(model, images)",
    "collapse_lab": """lab = widgets.CollapseLab(Switches(target_norm="layer"))
lab.train()
lab.stop_gradient = False
lab.train()
lab""",
    "live_training": """from jepa_lite import Run
from jepa_lite.evaluation.probes import features, knn
labelled = shapes(400, config.model.image_size, seed=5)
def probe(encoder):
    x = features(encoder, labelled[0])
    return {"knn": knn(x[:200], labelled[1][:200], x[200:], labelled[1][200:])}
run = Run(config.with_values({"train.steps": 60, "train.seconds": None, "train.probes": 6}),
          shapes(1000, config.model.image_size, seed=1)[0], probe=probe)
live = widgets.LiveTraining(run)
live.train()
live""",
}


def main(folder):
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        (Path(home) / "notebooks").mkdir()
        cells = [MODEL.format(folder=str(Path(folder).resolve())), *CELLS.values()]
        write_notebook(Path(home) / "notebooks" / "w.ipynb", cells)
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        with jupyterlab(Path(home)) as address:
            page = browser.new_page(viewport={"width": 1460, "height": 1900})
            open_lab(page, address, "w.ipynb")
            for scheme, suffix in (("light", ""), ("dark", "_dark")):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(2000)
                for i, name in enumerate(CELLS):
                    if suffix and name not in DARK:
                        continue
                    save(page.locator(".jepa").nth(i).screenshot(), HERE / f"{name}{suffix}.png")
        browser.close()


def save(png, path):
    Image.open(io.BytesIO(png)).convert("RGB").save(path, optimize=True)
    print(f"images/{path.name}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "runs/demo")
