"""What a browser is shown when something is not there, not allowed, broken or away."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from werkzeug.exceptions import MethodNotAllowed, NotFound

from app import db

ENGLISH = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en"}
CHINESE = ENGLISH | {"Accept-Language": "zh-CN"}
FAULTS = {
    404: NotFound(),
    405: MethodNotAllowed(["GET"]),
    500: RuntimeError("broken on purpose"),
    503: OperationalError("SELECT 1", None, Exception("gone")),
}
TITLES = {
    404: ("Not found", "没有找到"),
    405: ("Not like this", "不能这样操作"),
    500: ("Sorry, that did not work", "抱歉"),
    503: ("Not available right now", "暂时无法使用"),
}


@pytest.mark.parametrize("status", FAULTS)
def test_an_error_is_a_page_with_one_thing_to_do_in_the_language_of_the_browser(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def fail(**_: Any) -> str:
        raise FAULTS[status]

    monkeypatch.setitem(client.application.view_functions, "web.problems", fail)

    english, chinese = client.get("/problems", headers=ENGLISH), client.get("/problems", headers=CHINESE)

    for page, title in zip((english, chinese), TITLES[status], strict=True):
        assert (page.status_code, page.mimetype) == (status, "text/html")
        assert title in re.findall(r"<h1>([^<]*)</h1>", page.text)[0]
        assert len(re.findall(r'class="button first"', page.text)) == 1
        assert "<script" not in page.text
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "What you reported before is safe." in english.text
    assert "之前上报的内容都在" in chinese.text


def test_what_may_be_tried_again_leads_to_the_same_page(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> str:
        raise FAULTS[503]

    monkeypatch.setitem(client.application.view_functions, "web.map.show", fail)

    page = client.get("/map?street=440305007", headers=ENGLISH)

    assert 'class="button first" href="?street=440305007&amp;lang=en"' in page.text
    assert page.headers["Retry-After"]


def test_what_was_sent_when_it_broke_may_be_sent_again(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> str:
        raise FAULTS[500]

    monkeypatch.setitem(client.application.view_functions, "web.file", fail)

    page = client.post("/", data={}, headers=ENGLISH)

    assert page.status_code == 500
    assert "one form is filed only once" in page.text


def test_an_unknown_address_is_a_page_without_the_database_too(app: Flask) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@/none?host=/nowhere", poolclass=NullPool)
    db.Reading.configure(bind=nowhere)

    page = app.test_client().get("/nowhere", headers=ENGLISH)

    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "Not found" in page.text
