"""The address that the service will listen on, checked before anything else is done."""

import errno
import socket

from dev.console import Refusal

HIGHEST = 65535


def read_port(text: str) -> int:
    """Return the port that PORT names."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= HIGHEST:
        raise Refusal(f"PORT is {text!r}; it must be a number from 1 to {HIGHEST}.")
    return int(text)


def require_free(host: str, port: int, name: str = "PORT") -> None:
    """Refuse when nothing could listen on `host` and `port`, and say what to do; `name` is the variable of the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as fault:
        raise Refusal(f"HOST is {host!r}, which is no address.") from fault
    except OSError as fault:
        raise Refusal(_reason(fault, host, port, name)) from fault


def _reason(fault: OSError, host: str, port: int, name: str) -> str:
    if fault.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Choose another: make run {name}={_other(port)}"
    if fault.errno == errno.EACCES:
        return f"Port {port} is for root only. Choose another: make run {name}=8000"
    if fault.errno == errno.EADDRNOTAVAIL:
        return f"HOST is {host}, which is no address of this machine."
    return f"Nothing can listen on {host}:{port}: {fault.strerror}"


def _other(port: int) -> int:
    return port + 1 if port < HIGHEST else port - 1
