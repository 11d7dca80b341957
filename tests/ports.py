"""Ports for servers that tests start as processes of their own."""

from __future__ import annotations

import socket

# Below the range from which the kernel takes the ports of outgoing connections (ip_local_port_range).
FIRST, LAST = 24_000, 31_999
# As long as a socket is open its name is taken, for every process of the machine.
_reserved: list[socket.socket] = []


def reserve_port() -> int:
    """Return a port that nobody listens on and that no other test is given as long as this process lives."""
    for port in range(FIRST, LAST):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0suishoupai-test-port-{port}")
        except OSError:
            name.close()
            continue
        _reserved.append(name)
        if _is_free(port):
            return port
    message = f"no port of {FIRST} to {LAST} is free"
    raise RuntimeError(message)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
