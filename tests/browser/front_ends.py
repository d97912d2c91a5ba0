"""JupyterLab, Notebook 7 and Voila on this machine, a browser to open notebooks in, an ear for faults.

Servers run on a copy, with settings, tokens and a home of their own. Nothing here knows what a widget shows.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds until something that does not answer counts as broken
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"]
PLACES = [  # where installers of macOS and Windows put one, outside of PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    *(
        f"{os.environ[root]}/{path}"
        for root in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        if root in os.environ
        for path in ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
    ),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
# The theme follows the browser's preference, which a test can change; no news are fetched.
SETTINGS = {
    "notification": {"fetchNews": "false", "checkForUpdates": False},
    "themes": {
        "adaptive-theme": True,
        "preferred-light-theme": "JupyterLab Light",
        "preferred-dark-theme": "JupyterLab Dark",
    },
}
ERROR = re.compile(rb'"msg_type"\s*:\s*"error"')  # an exception in a kernel, in a cell or in a callback


def find_browser():
    """The path of a Chromium or Chrome, or None. The variable CHROMIUM names another one."""
    found = (os.environ.get("CHROMIUM"), *map(shutil.which, BROWSERS), *PLACES)
    return next((path for path in found if path and Path(path).exists()), None)


def write_notebook(path, sources):
    """A notebook of code cells."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{i}",
            "metadata": {},
            "outputs": [],
            "source": s,
        }
        for i, s in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), "utf-8")


def save(page, path):
    """Saves the notebook that is open, and waits until the outputs of all its cells are in the file.

    JupyterLab empties the file before it writes it, so that a reader may find nothing in it for a moment.
    """
    page.locator(".jp-Notebook").press("Control+s")
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(ValueError):
            if all(cell["outputs"] for cell in json.loads(path.read_text("utf-8"))["cells"]):
                return
        page.wait_for_timeout(100)
    raise TimeoutError(f"{path} has cells without outputs {PATIENCE} seconds after it was saved")


def environment(home):
    """Environment variables with a home, configuration and settings of their own, and this library."""
    kinds = {f"JUPYTER_{kind}_DIR": home / kind.lower() for kind in ("CONFIG", "DATA", "RUNTIME")}
    kinds |= {f"JUPYTERLAB_{kind}_DIR": home / kind.lower() for kind in ("SETTINGS", "WORKSPACES")}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {"HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": path}
    return inherited | {k: str(v) for k, v in kinds.items()} | own


@contextlib.contextmanager
def served(home, module, options, path):
    """The address of `python -m module` with `options` ({port}, {token} filled in), once it answers."""
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / "apputils-extension" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), "utf-8")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", module, *(o.format(port=port, token=token) for o in options)]
    with open(home / f"{module}.log", "wb") as log:
        process = subprocess.Popen(command, cwd=home, env=environment(home), stdout=log, stderr=log)
    try:
        await_answer(process, f"http://127.0.0.1:{port}{path}?token={token}", home / f"{module}.log")
        yield f"http://127.0.0.1:{port}", token
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_answer(process, url, log):
    for _ in range(PATIENCE * 5):
        with contextlib.suppress(OSError):
            try:
                return urllib.request.urlopen(url, timeout=PATIENCE).close()
            except urllib.error.HTTPError:
                return None  # it answers, if only with "not found"
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {log.read_text('utf-8', 'replace')[-3000:]}")


JUPYTER = ["--no-browser", "--ip=127.0.0.1", "--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
JUPYTER += ["--IdentityProvider.token={token}", "--ServerApp.root_dir=notebooks"]


def jupyterlab(home):
    return served(home, "jupyterlab", [*JUPYTER, "--LabApp.extension_manager=readonly"], "/api")


def notebook7(home):
    return served(home, "notebook", JUPYTER, "/api")


def voila(home, name):
    options = [f"notebooks/{name}", "--no-browser", "--port={port}", "--Voila.ip=127.0.0.1"]
    return served(home, "voila", options, "/static/no-such-file")  # the page itself would start a kernel


class Faults:
    """What goes wrong on a page from now on: script errors, errors in its kernel, requests to elsewhere."""

    def __init__(self, page, ignored=()):
        self.found, self.ignored = [], ignored
        page.on("console", lambda m: self.add("console", m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.add("script", f"{error} {error.stack}"))
        page.on("request", lambda request: self.hear(request.url))
        page.on("websocket", lambda socket: socket.on("framereceived", self.read))

    def add(self, kind, words):
        if not any(part in words for part in self.ignored):
            self.found.append(f"{kind}: {words[:2000]}")

    def hear(self, url):
        if not re.match(r"(?:blob|data|file|about):|(?:http|ws)://127\.0\.0\.1:", url):
            self.add("request", url)

    def read(self, frame):
        frame = frame.encode() if isinstance(frame, str) else frame
        if ERROR.search(frame):
            self.add("kernel", frame.decode("utf-8", "replace"))


def await_kernel(address, name):
    """Until the notebook's kernel is idle: before that, Run All is lost or asks for a kernel."""
    url, token = address
    for _ in range(PATIENCE * 5):
        with urllib.request.urlopen(f"{url}/api/sessions?token={token}", timeout=PATIENCE) as answer:
            sessions = json.load(answer)
        if any(s["path"] == name and s["kernel"]["execution_state"] == "idle" for s in sessions):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the kernel of {name} did not start: {sessions}")


def run_all(page):
    """Run every cell, and wait until each has its number."""
    page.locator(".jp-KernelName", has_text="Python 3").first.wait_for(timeout=PATIENCE * 1000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(
        timeout=PATIENCE * 1000
    )
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        r"""() => { const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
            return prompts.length && prompts.every((e) => /\[\d+\]/.test(e.textContent)); }""",
        timeout=PATIENCE * 1000,
    )


def open_lab(page, address, name):
    url, token = address
    page.goto(f"{url}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}?reset&token={token}")
    await_kernel(address, name)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=PATIENCE * 1000)
    run_all(page)


def open_notebook7(page, address, name):
    url, token = address
    page.goto(f"{url}/notebooks/{name}?token={token}")
    await_kernel(address, name)
    run_all(page)


def open_voila(page, address, name):
    """Voila serves one notebook, whose `name` it was started with, and runs it when its page is asked for."""
    page.goto(address[0], timeout=PATIENCE * 1000)
