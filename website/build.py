"""Build the site:  python -m website.build [--out build/site] [--executed build/executed] [--as-is]

First executes the notebooks whose outputs are missing or stale, which takes minutes. With --as-is their pages
show the outputs that are committed.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

from . import executed
from .stage import ROOT, stage


def build(out: Path, outputs: Path | None, options: tuple[str, ...] = ()) -> int:
    """Write the site to `out`, anew, with the executed notebooks in `outputs`; returns the exit status."""
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="jepa-lite-site-") as folder:
        source = Path(folder) / "source"
        source.mkdir()
        stage(source, outputs)
        extra = f"html_extra_path={source / 'extra'}"
        strict = ["-W", "--keep-going", "-n", "-q", "-D", extra, "-d", f"{folder}/doctrees"]
        return build_main([*strict, *options, "-c", str(ROOT / "website"), str(source), str(out)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the site.")
    kept = os.environ.get(executed.VARIABLE) or ROOT / "build" / "executed"
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="the folder of the site")
    parser.add_argument("--executed", type=Path, default=Path(kept), help="the folder of executed notebooks")
    parser.add_argument("--as-is", action="store_true", help="execute nothing; show committed outputs")
    options = parser.parse_args()
    if not options.as_is:
        notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
        stale = [path for path in notebooks if not executed.find(path, options.executed)]
        executed.execute(stale, options.executed)
    status = build(options.out, options.executed)
    if not status:
        print(f"the site is in {options.out}: open {options.out / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
