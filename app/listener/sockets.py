"""The listening socket: bound by nobody else, or inherited from whoever bound it."""

from __future__ import annotations

import os
import resource
import socket
import stat
from pathlib import Path

BACKLOG = 4096
UNANSWERED_MILLISECONDS = 60_000
SPARE_FILES = 200


def open_listener(
    program: str, *, host: str, port: int, uds: Path | None = None, fd: int | None = None
) -> socket.socket:
    """Listen on an inherited descriptor, a Unix socket or an address; end with one line where none can."""
    where = f"descriptor {fd}" if fd is not None else uds or f"{host}:{port}"
    try:
        if fd is not None:
            return adopt(fd)
        return bind_unix(uds) if uds else bind(host, port)
    except OSError as fault:
        raise SystemExit(f"{program}: nothing can listen on {where}: {fault.strerror}") from fault


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address alone. Raises OSError.

    Without SO_REUSEPORT a second server cannot share the port. A socket that is bound and does not listen would not
    keep it: two of them may be bound with SO_REUSEADDR.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        return prepare(bound)
    except OSError:
        bound.close()
        raise


def bind_unix(path: Path) -> socket.socket:
    """Listen on a Unix socket; what an earlier process left at its place is removed."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    return prepare(bound)


def adopt(descriptor: int) -> socket.socket:
    """Take a socket that another process bound. Raises OSError where the descriptor is no socket.

    No child inherits the copy; the descriptor itself, which may be standard input, leads nowhere from now on.
    """
    taken = socket.socket(fileno=os.dup(descriptor))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), descriptor)
    return prepare(taken)


def prepare(bound: socket.socket) -> socket.socket:
    """Let it listen; what is set here holds for every connection."""
    if bound.family != socket.AF_UNIX:
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MILLISECONDS)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound.listen(BACKLOG)
    bound.setblocking(False)  # noqa: FBT003  # positional by its nature
    return bound


def raise_file_limit(wanted: int) -> int:
    """Raise the limit of file descriptors for so many connections; give how many the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    able = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft < able:
        resource.setrlimit(resource.RLIMIT_NOFILE, (able, hard))
    return min(wanted, max(soft, able) - SPARE_FILES)
