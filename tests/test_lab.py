"""What must hold of `make lab`, which can run any code as its user: the very command is started, and asked.

1. Without the token, or with another one, it gives nothing away; with the token of its own runtime file it
   lists the notebooks, opens one's own copy of the first, and serves every file that a copy shows or links.
2. It listens on 127.0.0.1 and on no other address of the machine.
3. No document, command or configuration of the project turns token or password off, or starts JupyterLab in
   notebooks/, from where it cannot serve what they link.
"""

import contextlib
import http.client
import json
import os
import posixpath
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from make_lab import FIRST, copy_course, lab_command

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 120  # seconds until a JupyterLab that does not answer counts as broken
STARTS = re.compile(r"(?:jupyter[ -]?lab|jupyter[ -](?:notebook|server))\b", re.I)
OPENS = re.compile(
    r"token|passw|allow_(?:origin|remote)|disable_check|IdentityProvider|0\.0\.0\.0|ip=['\"]?\*"
)


class Lab:
    """A running JupyterLab: its process, port, token and home, and `get`, which asks it for a path."""

    def __init__(self, process, about, home):
        self.process, self.port, self.token, self.home = process, about["port"], about["token"], home

    def get(self, path, token=None):
        """(status, body) of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Authorization": f"token {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """`make lab` on a copy of the course, without a browser, settings or a token of the user's own."""
    home = tmp_path_factory.mktemp("lab")
    copy_course(home)
    kinds = ("CONFIG", "DATA", "RUNTIME")
    own = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in kinds}
    own |= {f"JUPYTERLAB_{kind}_DIR": str(home / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [*lab_command(), "--no-browser", f"--port={port}", *root]
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=home, env=inherited | own | {"HOME": str(home)}, stdout=log, stderr=log
        )
    try:
        yield started(process, home)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def started(process, home):
    """The `Lab`, once it answers; what it said, where it does not."""
    for _ in range(PATIENCE * 5):
        time.sleep(0.2)
        try:
            (about,) = (home / "runtime").glob("jpserver-*.json")
            lab = Lab(process, json.loads(about.read_text("utf-8")), home)
            lab.get("/api")
            return lab
        except (ValueError, OSError):  # no file yet, half a file, or nobody there
            if process.poll() is not None:
                break
    pytest.fail(f"JupyterLab did not start: {(home / 'log').read_text('utf-8', 'replace')[-3000:]}")


# 1 -------------------------------------------------------------------------------------------------------

PRIVATE = [
    "/api/contents",
    "/api/contents/my-notebooks/02_patches.ipynb",
    "/api/kernels",
    "/api/sessions",
    "/api/terminals",
]


@pytest.mark.parametrize("token", [None, "", "0" * 48])
def test_without_its_token_nothing_is_given_away(lab, token):
    for path in [*PRIVATE, f"/api/contents?token={token or ''}"]:
        status, body = lab.get(path, token)
        assert status == 403 and "ipynb" not in body, (
            f"{path} with the token {token!r}: {status} {body[:300]}"
        )
    for path in ("/lab", "/tree", "/files/my-notebooks/02_patches.ipynb"):  # pages: to the login, or nowhere
        status, body = lab.get(path, token)
        assert status in (302, 403, 404) and "cells" not in body, f"{path}: {status} {body[:300]}"


def test_with_its_token_the_notebooks_are_there(lab):
    assert re.fullmatch(r"[0-9a-f]{32,}", lab.token), f"the token {lab.token!r} can be guessed"
    status, body = lab.get("/api/contents/my-notebooks", lab.token)
    listed = {entry["name"] for entry in json.loads(body)["content"]}
    wanted = {p.name for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert status == 200 and wanted and wanted <= listed, f"{status}: {listed}"


def test_it_opens_the_first_notebook(lab):
    (page,) = (lab.home / "runtime").glob("jpserver-file-to-run-*.html")  # what it gives to the browser
    assert f"/lab/tree/{FIRST}?" in page.read_text("utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_it_serves_what_notebooks_link(lab, path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^):\s]+)\)", prose) + re.findall(r'(?:href|src)="([^":]+)"', prose)
    assert f"../images/course/{path.stem[:2]}.png" in links
    for link in set(links):
        goal = posixpath.normpath(posixpath.join("my-notebooks", link.partition("#")[0]))
        status, body = lab.get(f"/api/contents/{goal}?content=0", lab.token)
        assert status == 200, f"{path.name} links {link}, and the server says {status} {body}"


# 2 -------------------------------------------------------------------------------------------------------


def listening(pid):
    """[(address, port)] of a Linux process's listening sockets, as its kernel says."""
    links, found = set(), []
    for link in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.add(os.readlink(f"/proc/{pid}/fd/{link}"))
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in links:
                address, port = fields[1].split(":")
                parts = [int(address[i : i + 8], 16) for i in range(0, len(address), 8)]
                kind = socket.AF_INET if family == "tcp" else socket.AF_INET6
                found.append((socket.inet_ntop(kind, struct.pack(f"={len(parts)}I", *parts)), int(port, 16)))
    return found


def test_it_listens_on_this_machine_only(lab):
    if sys.platform == "linux":
        sockets = listening(lab.process.pid)
        assert ("127.0.0.1", lab.port) in sockets, sockets
        assert {address for address, _ in sockets} == {"127.0.0.1"}, f"JupyterLab listens on {sockets}"
    elif not socket.gethostbyname(socket.gethostname()).startswith("127."):
        with socket.socket() as s, pytest.raises(OSError):
            s.settimeout(10)
            s.connect((socket.gethostname(), lab.port))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_kernels_list_tells_addresses_apart():
    for address in ("127.0.0.1", "0.0.0.0", "127.1.2.3"):
        with socket.create_server((address, 0)) as server:
            assert server.getsockname() in listening(os.getpid())


# 3 -------------------------------------------------------------------------------------------------------


def openings(text):
    """The lines that start a Jupyter, or configure one, and open it to others."""
    return [line for line in text.splitlines() if STARTS.search(line) and OPENS.search(line)]


def test_nothing_turns_the_token_off():
    documents = [ROOT / "Makefile", ROOT / ".ci" / "run", *ROOT.glob("*.md"), *ROOT.glob(".github/**/*.yml")]
    found = {str(path): lines for path in documents if (lines := openings(path.read_text("utf-8")))}
    assert not found, f"opened to others: {found}"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert not OPENS.search(makefile), "the Makefile speaks of tokens, passwords or other addresses"
    settings = list(ROOT.glob("jupyter*config*"))  # Jupyter reads those of the folder that it starts in
    assert not settings, f"a configuration of Jupyter, which the test above does not start with: {settings}"


def test_every_command_serves_the_whole_folder():
    documents = [*ROOT.glob("*.md"), *ROOT.glob("notebooks/*.md"), *ROOT.glob("docs/*.md")]
    lines = [line for path in documents for line in path.read_text("utf-8").splitlines()]
    starts = [command for line in lines for command in re.findall(r"jupyter lab ([-\w][^`]*)", line)]
    assert len(starts) == 4, starts
    for command in starts:
        assert command == " ".join(lab_command()[3:]), f"make lab runs something else than {command}"


@pytest.mark.parametrize(
    "line",
    [
        "jupyter lab --IdentityProvider.token='' notebooks",
        "@$(BIN)/python -m jupyterlab --ServerApp.token= --ip=127.0.0.1 notebooks",
        "jupyter-lab --ServerApp.password='' notebooks",
        "jupyter lab --NotebookApp.token='' --ip=127.0.0.1",
        "jupyter lab --ip=0.0.0.0 notebooks",
        "jupyter server --ip='*'",
        "jupyter lab --ServerApp.allow_origin='*'",
    ],
)
def test_what_would_turn_it_off_is_found(line):
    assert openings(f"fine\n{line}\n    jupyter lab --ip=127.0.0.1 notebooks") == [line]
