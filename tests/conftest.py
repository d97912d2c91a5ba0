"""What every test shares: few threads, no hub, and no network at all.

A test that connects to another machine fails, even if the code under test swallows the error.
"""

import os
import socket

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
