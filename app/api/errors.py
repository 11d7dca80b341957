"""The one place that decides how an error is answered: as a page where a browser asks for one, else as a problem.

No blueprint registers a handler of its own: it would be nearer than this one and answer for requests of others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import InternalServerError
from werkzeug.http import parse_accept_header

from app.api.problems import MEDIA_TYPE, from_error

_HTML = "text/html"
_JSON = "application/json"
_EXTENSION = "error_pages"
# Whatever a client of these accepts, it is a program.
_PROGRAMS = ("/api/", "/tiles/")


@dataclass(frozen=True, slots=True)
class ErrorPages:
    """How a face with pages answers errors.

    ``render`` makes the page of an error from its answer as a problem, whose status and headers hold; ``render_plain``
    makes one that cannot fail. ``is_page`` says whether the matched route is a page, which is HTML to any client that
    does not prefer something else.
    """

    render: Callable[[Exception, Response], Response]
    render_plain: Callable[[Response], Response]
    is_page: Callable[[], bool]


class Application(Flask):
    """A Flask that logs no path: a path may hold a secret link."""

    def log_exception(
        self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None] | BaseException | None
    ) -> None:
        """Log nothing: ``answer_error`` logs each error that nobody foresaw, with the rule of its route."""


def install(app: Flask) -> None:
    """Let every error of ``app`` be answered here."""
    app.register_error_handler(Exception, answer_error)


def set_pages(extensions: dict[str, Any], pages: ErrorPages) -> None:
    """Let errors of the application with these extensions be answered by pages too."""
    extensions[_EXTENSION] = pages


def answer_error(error: Exception) -> Response:
    """Answer an error. A page that fails itself is replaced by a plain one."""
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, Exception):
        error = error.original_exception
    answer = from_error(error)
    pages: ErrorPages | None = current_app.extensions.get(_EXTENSION)
    if pages is None or request.path.startswith(_PROGRAMS):
        return answer
    if is_page_asked(by_default=pages.is_page()):
        answer = _render(pages, error, answer)
    answer.vary.add("Accept")
    return answer


def is_page_asked(*, by_default: bool) -> bool:
    """Tell whether the client asks for HTML; ``by_default`` decides where it accepts anything."""
    return _prefers_page(request.accept_mimetypes, by_default=by_default)


def is_page_accepted(accept: str) -> bool:
    """Tell whether an Accept header prefers HTML to a problem."""
    return _prefers_page(parse_accept_header(accept, MIMEAccept), by_default=False)


def _prefers_page(kinds: MIMEAccept, *, by_default: bool) -> bool:
    if not kinds:
        return by_default
    offered = [_HTML, MEDIA_TYPE, _JSON] if by_default else [MEDIA_TYPE, _JSON, _HTML]
    return bool(kinds.best_match(offered) == _HTML)


def _render(pages: ErrorPages, error: Exception, answer: Response) -> Response:
    try:
        return pages.render(error, answer)
    except Exception as fault:  # noqa: BLE001  # whatever it is, the client gets an answer and the log the fault
        return pages.render_plain(from_error(fault))


def status_and_headers(answer: Response) -> tuple[int, list[tuple[str, Any]]]:
    """Give what a page takes over from the answer as a problem."""
    own = {"content-type", "content-length"}
    return answer.status_code, [(name, value) for name, value in answer.headers.items() if name.lower() not in own]
