"""The socket that the service will listen on, opened before anything else is done and kept until it serves."""

import errno
import socket
from contextlib import suppress

from dev.console import Refusal

HIGHEST = 65535
BACKLOG = 4096


def read_port(text: str) -> int:
    """Return the port that PORT names."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= HIGHEST:
        raise Refusal(f"PORT is {text!r}; it must be a number from 1 to {HIGHEST}.")
    return int(text)


def listen(host: str, port: int) -> socket.socket:
    """Listen on `host` and `port`, so that nobody else can; refuse when another does, and say what to do.

    Who connects from now on waits until the service answers.
    """
    try:
        return _listen(host, port)
    except socket.gaierror as fault:
        raise Refusal(f"HOST is {host!r}, which is no address.") from fault
    except OSError as fault:
        raise Refusal(_reason(fault, host, port)) from fault


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        # Without SO_REUSEPORT. Bound alone, two sockets may have one port; it is listening that keeps the others out.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _reason(fault: OSError, host: str, port: int) -> str:
    if fault.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Choose another: make run PORT={_free(host, port)}"
    if fault.errno == errno.EACCES:
        return f"Port {port} is for root only. Choose another: make run PORT=8000"
    if fault.errno == errno.EADDRNOTAVAIL:
        return f"HOST is {host}, which is no address of this machine."
    return f"Nothing can listen on {host}:{port}: {fault.strerror}"


def _free(host: str, taken: int) -> int:
    """Find a port that nobody listens on, near the one that is taken."""
    above = range(taken + 1, min(taken + 100, HIGHEST) + 1)
    for port in (*above, *range(taken - 1, max(taken - 100, 1024), -1)):
        with suppress(OSError):
            _listen(host, port).close()
            return int(port)
    return 8000
