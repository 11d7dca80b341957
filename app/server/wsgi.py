"""One call of a WSGI application (PEP 3333): its environment, and its answer in pieces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from app.listener.connections import Message, Scope

PIECE_BYTES = 64 * 1024
# nginx has the same rule: in the environment X_Forwarded_For could not be told from X-Forwarded-For.
_UNDERSCORE = b"_"
_PLAIN = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
_DROPPED = frozenset({b"proxy", b"transfer-encoding", b"content-length", b"expect"})

Headers = list[tuple[bytes, bytes]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def make_environ(scope: Scope, body: IO[bytes], size: int) -> dict[str, Any]:
    """Give the environment of a request whose body has ``size`` bytes."""
    host, port = scope.get("server") or ("localhost", None)
    client = scope.get("client") or ("", 0)
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    _add_headers(environ, scope["headers"])
    return environ


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name in _DROPPED or _UNDERSCORE in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in _PLAIN else f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text


class Exchange:
    """One request at the application and its answer. Every method runs in a thread of the pool, one after the other."""

    def __init__(self, app: Application, environ: dict[str, Any]) -> None:
        self._app = app
        self._environ = environ
        self._parts: Iterator[bytes] = iter(())
        self._close: Callable[[], object] = lambda: None
        self.status = 0
        self.headers: Headers = []
        self.done = False

    def begin(self) -> bytes:
        """Call the application; give the first piece of its answer."""
        answer = self._app(self._environ, self._start)
        self._close = getattr(answer, "close", self._close)
        self._parts = iter(answer)
        return self.more()

    def more(self) -> bytes:
        """Give the next piece: what the application yields until there are ``PIECE_BYTES``, or all of it."""
        pieces, size = [], 0
        for piece in self._parts:
            pieces.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES:
                break
        else:
            self.end()
        return b"".join(pieces)

    def end(self) -> None:
        """Close the answer, whether or not all of it was taken."""
        if not self.done:
            self.done = True
            with suppress(GeneratorExit):
                self._close()

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        if exc_info and self.status:
            raise exc_info[1].with_traceback(exc_info[2])
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def head(self, first: bytes) -> Message:
        """Give the message that begins the answer, with its length where that is known."""
        headers = self.headers
        lengthless = self._environ["REQUEST_METHOD"] == "HEAD" or self.status in (204, 304)
        if self.done and not lengthless and not any(name == b"content-length" for name, _ in headers):
            headers = [*headers, (b"content-length", str(len(first)).encode())]
        return {"type": "http.response.start", "status": self.status, "headers": headers}
