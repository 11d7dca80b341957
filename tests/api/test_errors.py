"""Every route and what can go wrong with it: nothing answers 5xx unless it is broken, and no log holds a path."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.routing import Rule

from app.logs import JsonLines

SECRET = "n0t-f0r-l0gs"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
PROGRAMS = ("/api/", "/tiles/")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")


class Lines(logging.Handler):
    """Keep every line as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


def rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)


def fill(rule: Rule, text: str = SECRET) -> str:
    """Give a path of a rule with ``text`` wherever it takes any text."""

    def value(found: re.Match[str]) -> str:
        kind = found[1].rpartition(":")[0]
        if kind.startswith("any("):
            return kind.removeprefix("any(").partition(",")[0].rstrip(")")
        return {"uuid": ID, "int": "1", "path": f"{text}/{text}"}.get(kind, text)

    return re.sub(r"<([^>]+)>", value, rule.rule)


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def walk(client: FlaskClient, accept: str, text: str = SECRET, **sent: Any) -> list[tuple[str, int]]:
    """Send each method that each route takes and that can carry what is ``sent``; give those that answered 5xx.

    Where a browser asks, the API is left out: it answers browsers and programs alike.
    """
    headers = {"Accept": accept, **sent.pop("headers", {})}
    answers = [
        (rule.rule, client.open(fill(rule, text), method=method, buffered=True, headers=headers, **sent).status_code)
        for rule in rules(client.application)
        if (accept != BROWSER or not rule.rule.startswith(PROGRAMS)) and (text == SECRET or rule.arguments)
        for method in methods(rule)
        if "data" not in sent or method != "GET"
    ]
    return [(asked, status) for asked, status in answers if status >= 500]


READY = [("/readyz", 503), ("/statusz", 503)]  # no worker runs here

ODD: dict[str, dict[str, Any]] = {
    "a name that nothing has": {},
    "a NUL in the path": {"text": f"{SECRET}%00"},
    "bad UTF-8 in the path": {"text": f"{SECRET}%ff"},
    "a lone surrogate in the path": {"text": f"{SECRET}%ed%a0%80"},
    "a very long name": {"text": SECRET * 300},
    "a NUL in the query": {"query_string": "q=%00&lang=%00&w=%00&street=%00&item=%00&cursor=%00"},
    "bad UTF-8 in the query": {"query_string": "q=%ff&lang=%ff&w=%ff&street=%ff&item=%ff&cursor=%ff"},
    "a token that nobody has": {"headers": {"Authorization": "Bearer wrong\xff"}},
    "a body that is no JSON": {"data": b"\xff{", "content_type": "application/json"},
    "a body that is no form": {"data": b"\xff\x00", "content_type": "multipart/form-data; boundary=x"},
    "a body without a type": {"data": b"x=1"},
    "a body of a charset that nobody knows": {"data": b"{}", "content_type": "application/json; charset=none"},
    "a body that is too large": {"data": b"x" * 70_000, "content_type": "application/json"},
}


@pytest.mark.parametrize("accept", ["*/*", BROWSER], ids=["program", "browser"])
@pytest.mark.parametrize("odd", ODD)
def test_no_route_breaks_of_what_a_stranger_sends(
    client: FlaskClient, logged: list[str], odd: str, accept: str
) -> None:
    broken = walk(client, accept, **ODD[odd])

    assert [each for each in broken if each not in READY] == []
    assert [line for line in logged if SECRET in line] == []


@pytest.mark.parametrize("accept", ["*/*", BROWSER], ids=["program", "browser"])
def test_a_body_over_the_limit_of_all_is_refused_by_every_route_that_reads_it(
    app: Flask, client: FlaskClient, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 10)

    broken = walk(client, accept, data={"lon": "1" * 100})

    assert [each for each in broken if each not in READY] == []


def test_a_method_that_a_route_does_not_take_is_405_and_names_those_that_it_takes(
    app: Flask, client: FlaskClient, logged: list[str]
) -> None:
    addresses = app.url_map.bind("reports.example.org")
    for rule in rules(app):
        taken = set(addresses.allowed_methods(fill(rule)))
        for method in set(METHODS) - taken:
            answer = client.open(fill(rule), method=method)

            assert answer.status_code == 405, (method, rule.rule)
            assert set(answer.headers["Allow"].split(", ")) == taken
            assert answer.mimetype == "application/problem+json"
    assert [line for line in logged if SECRET in line] == []


def fail(*_: Any, **__: Any) -> Response:
    raise RuntimeError("broken on purpose")


def lose_database(*_: Any, **__: Any) -> Response:
    raise OperationalError("SELECT 1", None, Exception("gone"))


FAULTS = {500: fail, 503: lose_database}


@pytest.mark.parametrize("status", FAULTS)
@pytest.mark.parametrize("accept", ["*/*", BROWSER], ids=["program", "browser"])
def test_a_fault_inside_is_answered_as_it_was_asked_for_and_logged_by_its_rule(
    client: FlaskClient, logged: list[str], monkeypatch: pytest.MonkeyPatch, accept: str, status: int
) -> None:
    for rule in rules(client.application):
        monkeypatch.setitem(client.application.view_functions, rule.endpoint, FAULTS[status])
        for method in methods(rule):
            answer = client.open(fill(rule), method=method, headers={"Accept": accept})

            program = rule.rule.startswith(PROGRAMS) or (accept == "*/*" and not is_page(rule))
            assert answer.status_code == status, (method, rule.rule)
            assert answer.mimetype == ("application/problem+json" if program else "text/html"), (method, rule.rule)
            assert ("Retry-After" in answer.headers) == (status == 503)
    assert [line for line in logged if SECRET in line] == []
    if status == 500:
        assert any('"route": "/track/<secret>"' in line and "broken on purpose" in line for line in logged)


def is_page(rule: Rule) -> bool:
    """Say which routes are pages, as a stranger would by their addresses."""
    files = ("/static", "/feeds", "/sitemap", "/robots.txt", "/data/files", "/photos", "/favicon", "/apple-touch-icon")
    machine = (*files, "/healthz", "/readyz", "/statusz")
    return not rule.rule.startswith(machine)


def test_the_api_answers_a_wrong_link_with_a_problem(client: FlaskClient) -> None:
    ended = client.post("/api/v1/subscriptions/end/abc", json={}, headers={"Accept": BROWSER})
    confirmed = client.post("/api/v1/contacts/confirm", json={"token": "abc"}, headers={"Accept": BROWSER})

    for answer in (ended, confirmed):
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
        assert answer.get_json()["type"].endswith("#no-such-link")


@pytest.mark.parametrize("path", ["/nowhere", "/static/nowhere.css", "/feeds/areas/none.atom", "/healthz/none"])
def test_an_unknown_address_is_a_page_for_a_browser_and_a_problem_for_a_program(client: FlaskClient, path: str) -> None:
    browser = client.get(path, headers={"Accept": BROWSER, "Accept-Language": "en"})
    program = client.get(path)

    assert (browser.status_code, browser.mimetype) == (404, "text/html")
    assert "Not found" in browser.text
    assert (program.status_code, program.mimetype) == (404, "application/problem+json")
    assert "Accept" in browser.headers["Vary"]
    assert "Accept" in program.headers["Vary"]


def test_a_page_that_fails_while_it_shows_an_error_is_replaced_by_a_plain_one(
    app: Flask, client: FlaskClient, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.error_pages.render_template", fail)

    answer = client.get(f"/track/{SECRET}", headers={"Accept": BROWSER})

    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "Sorry, that did not work" in answer.text
    assert [line for line in logged if SECRET in line] == []
    assert any('"route": "/track/<secret>"' in line and "broken on purpose" in line for line in logged)


def test_a_fault_after_the_answer_was_made_is_answered_and_logged_without_its_path(
    app: Flask, client: FlaskClient, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.after_request_funcs, "health", [fail])

    answer = client.get(f"/healthz?{SECRET}")

    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert [line for line in logged if SECRET in line] == []
    assert any("broken on purpose" in line for line in logged)


def test_no_blueprint_answers_errors_by_itself(app: Flask) -> None:
    nearer = {name: kinds for name, kinds in app.error_handler_spec.items() if name and any(kinds.values())}

    assert nearer == {}
