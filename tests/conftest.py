"""What every test shares: few threads, no hub, and no network at all but a web server on this machine.

A test that connects to another machine fails, even if the code under test swallows the error.
"""

import http.server
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before anything imports transformers
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a waiting thread gives way: other work may run beside

import hypothesis
import pytest
import torch

torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
hypothesis.settings.register_profile("jepa-lite", deadline=None, print_blob=True)  # no test asserts a time
hypothesis.settings.load_profile("jepa-lite")

_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
_attempts = []


def _is_local(host):
    host = host.decode() if isinstance(host, bytes) else host
    return host in (None, "", "localhost", "::1", "0.0.0.0", socket.gethostname()) or host.startswith("127.")


def _refuse_unless_local(host):
    if not _is_local(host):
        _attempts.append(host)
        raise OSError(f"the tests run without a network, and something asked for {host}")


def _guarded(connect):
    def guarded(sock, address):
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_local(address[0])
        return connect(sock, address)

    return guarded


def _guarded_getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    _refuse_unless_local(host)
    return _getaddrinfo(host, port, family, type, proto, flags)


def pytest_configure():
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # as in a job that a shell started in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    socket.socket.connect, socket.socket.connect_ex = _guarded(_connect), _guarded(_connect_ex)
    socket.getaddrinfo = _guarded_getaddrinfo


def pytest_unconfigure():
    socket.socket.connect, socket.socket.connect_ex = _connect, _connect_ex
    socket.getaddrinfo = _getaddrinfo


@pytest.fixture(autouse=True)
def connections_refused():
    """The hosts that this test has asked for so far: it fails at its end if there is one left here."""
    _attempts.clear()
    yield _attempts
    assert not _attempts, f"the test opened connections to other machines: {_attempts}"


@pytest.fixture
def private_cache(tmp_path_factory, monkeypatch):
    """A cache of this test's own, and no folder of images that the environment names."""
    monkeypatch.setenv("JEPA_LITE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("JEPA_LITE_DATA", raising=False)


@pytest.fixture(scope="session")
def site():
    """The folder of the site, which all processes of a test run share."""
    from filelock import FileLock
    from make_site import build_site

    folder = Path(os.environ["JEPA_LITE_TEST_COURSE"]) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "searchindex.js").exists():
            status, said = build_site(folder)
            assert status == 0, said[-4000:]
    return folder


class Host(http.server.ThreadingHTTPServer):
    """A web server on this machine, whose every fault can be chosen, path by path or for all of them.

    files: {path: (body, length it claims)}. cut: {path: bytes after which it goes dead}, which `silent`
    makes a silence instead of an end. ranges: how it takes a Range request, "well" or one of the faults in
    `answer`. redirects: {path: address it sends to}. pace: seconds between pieces of 2 KB. What happened:
    asked, the paths; ranges_asked, the Range headers; sent, the number of bytes of each answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files, self.cut, self.ranges, self.silent, self.pace = {}, {}, "well", False, 0.0
        self.redirects = {}
        self.asked, self.ranges_asked, self.sent, self.open = [], [], [], threading.Event()

    def handle_error(self, *_):
        pass  # a client that was killed in the middle is what is wanted here

    def answer(self, path, asked):
        """(status, Content-Range, body, Content-Length) to a request for a file that is there."""
        body, length = self.files[path]
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        if not asked or self.ranges == "ignored":
            return 200, None, body, length
        if self.ranges == "refused" or begin >= len(body):
            return 416, f"bytes */{length}", b"", 0
        told = {"elsewhere": begin // 2, "nonsense": "x"}.get(self.ranges, begin)
        rest = body[begin // 2 :] if self.ranges in ("elsewhere", "lie") else body[begin:]
        return 206, f"bytes {told}-{length - 1}/{length}", rest, length - len(body) + len(rest)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host, asked = self.server, self.headers.get("Range")
        host.asked.append(self.path)
        host.ranges_asked.append(asked)
        host.sent.append(0)
        number = len(host.sent) - 1
        if self.path in host.redirects:
            self.send_response(302)
            self.send_header("Location", host.redirects[self.path])
            return self.end_headers()
        if self.path not in host.files:
            return self.send_error(404)
        status, content_range, body, length = host.answer(self.path, asked)
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        body = body[: host.cut.get(self.path)]
        for i in range(0, len(body), 2048):
            host.sent[number] += len(body[i : i + 2048])  # before: a client may be done before this thread
            self.wfile.write(body[i : i + 2048])
            time.sleep(host.pace)
        if host.silent and self.path in host.cut:
            host.open.wait()

    def log_message(self, *_):
        pass


@pytest.fixture
def host(monkeypatch):
    """A `Host` that answers while the test runs."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with Host() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.open.set()
        server.shutdown()
