"""Pages of errors: what happened and what to do, in the language of the request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from flask import Response, g, make_response, render_template, request
from markupsafe import escape
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.wrappers import Response as AnyResponse

from app.api.errors import ErrorPages, status_and_headers
from app.api.guard import READING
from app.errors import NotFound, Problem, TooLarge, Unavailable
from app.web import words
from app.web.texts import PROBLEMS, TEXTS
from app.web.visit import begin_visit

ShowAgain = Callable[[Problem], AnyResponse | str]

# Of the routes of the pages, those whose answers programs read.
_PROGRAMS = ("web.static", "web.icons.", "web.feeds.", "web.sitemaps.", "web.open_data.file", "web.open_data.index")
_WRONG_METHOD, _OUR_FAULT = 405, 500
_SPEAKING: dict[int, type[Problem]] = {kind.status: kind for kind in (TooLarge, Unavailable)}


def show_again_by(show: ShowAgain) -> None:
    """Let a problem of this request be shown by ``show``: the page that was filled in, with what was typed."""
    g.show_again = show


def is_page() -> bool:
    """Tell whether the matched route is a page."""
    endpoint = request.endpoint or ""
    return endpoint.startswith("web.") and not endpoint.startswith(_PROGRAMS)


def render(error: Exception, answer: Response) -> Response:
    """Make the page of an error, with status and headers of its answer as a problem."""
    if "language" not in g:
        # A page without the city's name is better than none.
        with suppress(SQLAlchemyError, PoolTimeout, Problem):
            begin_visit()
    status, headers = status_and_headers(answer)
    page = make_response(_body(error, status))
    if page.status_code < 300:  # noqa: PLR2004  # what was taken before is answered by a redirect
        page.status_code = status
    page.headers.extend(headers)
    page.headers.setdefault("Cache-Control", "private, no-cache")
    page.vary.add("Accept-Language")
    return page


def _body(error: Exception, status: int) -> AnyResponse | str:
    show_again: ShowAgain | None = g.get("show_again")
    if show_again and isinstance(error, Problem) and not isinstance(error, NotFound):
        return show_again(error)
    return show_error(status, _explain(error, status))


def show_error(status: int, says: str, *, then: str = "") -> str:
    """Show what happened, what is safe, and the one thing to do; ``then`` is where else than to the start it leads."""
    titles = {
        NotFound.status: words.say("not_found_title"),
        _WRONG_METHOD: words.say("wrong_method_title"),
        Unavailable.status: words.say("unavailable_title"),
    }
    title = titles.get(status) or words.say("sorry_title")
    return render_template("error.html", status=status, title=title, says=says, safe=_safe(status), then=then)


def _safe(status: int) -> str:
    """Say what of the resident's is safe; what a refusal says itself is not said twice."""
    if request.method in READING:
        return words.say("safe_reading")
    return words.say("safe_sending") if status == _OUR_FAULT else ""


def _explain(error: Exception, status: int) -> str:
    """Give what an error says to a resident; one of the database says that nothing was kept."""
    if isinstance(error, NotFound) or status == NotFound.status:
        return words.say("not_found")
    if isinstance(error, Problem):
        return words.explain(error)
    if status == Unavailable.status and request.method in READING:
        return words.say("unavailable_reading")
    if status in _SPEAKING:
        return words.explain(_SPEAKING[status]())
    if status == _WRONG_METHOD:
        return words.say("wrong_method")
    return words.say("bad_request") if status < _OUR_FAULT else words.unforeseen()


def write_plain(status: int, slug: str = "") -> str:
    """Write a page in every language that needs no template, no city and no database; ``slug`` is the problem's."""
    says = [
        f"<p lang={lang!r}>{escape(PROBLEMS[lang].get(slug) or texts['sorry_title'])}</p>"
        for lang, texts in TEXTS.items()
    ]
    phone = '<meta name="viewport" content="width=device-width">'
    return f"<!doctype html><meta charset=utf-8>{phone}<title>{status}</title>{''.join(says)}"


def render_plain(answer: Response) -> Response:
    """Make the page of ``write_plain``, with status and headers of an answer as a problem."""
    page = Response(write_plain(answer.status_code))
    page.status_code, headers = status_and_headers(answer)
    page.headers.extend(headers)
    return page


ERROR_PAGES = ErrorPages(render=render, render_plain=render_plain, is_page=is_page)
