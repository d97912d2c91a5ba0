"""Keeps a Python, and all that it starts, on this machine: asking another one for anything is an error.

Read at the start of every Python whose PYTHONPATH names this folder. Each host asked for is also written to
the file JEPA_LITE_HOSTS_ASKED, so that code which swallows the error is found out too.
"""

import os
import socket

_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def _refuse_unless_local(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", "::1", "0.0.0.0", socket.gethostname()) or host.startswith("127."):
        return
    with open(os.environ["JEPA_LITE_HOSTS_ASKED"], "a", encoding="utf-8") as file:
        file.write(f"{host}\n")
    raise OSError(f"the course runs without a network, and something asked for {host}")


def _guarded(connect):
    def guarded(sock, address):
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_local(address[0])
        return connect(sock, address)

    return guarded


def _guarded_getaddrinfo(host, *args, **named):
    _refuse_unless_local(host)
    return _getaddrinfo(host, *args, **named)


if "JEPA_LITE_HOSTS_ASKED" in os.environ:
    socket.socket.connect, socket.socket.connect_ex = _guarded(_connect), _guarded(_connect_ex)
    socket.getaddrinfo = _guarded_getaddrinfo
