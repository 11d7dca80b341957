"""What crawlers find: every page and every public work order, once, in parts that the protocol allows."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.publicmap.service import fold
from app.reports.service import show
from app.web import sitemap_routes
from tests.make import NOW, YUEHAI, fix, make_report

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def read(client: FlaskClient, path: str) -> list[tuple[str, str | None]]:
    """Give address and day of each entry."""
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    root = ET.fromstring(answer.get_data())  # noqa: S314  # our own
    return [(str(each.findtext(f"{NAMESPACE}loc")), each.findtext(f"{NAMESPACE}lastmod")) for each in root]


def test_robots_names_the_sitemap_and_keeps_crawlers_from_tracking_pages(client: FlaskClient, app: Flask) -> None:
    rules = client.get("/robots.txt").text.splitlines()

    assert {"User-agent: *", "Disallow: /track/", "Disallow: /api/"} <= set(rules)
    assert not any(rule.startswith("Disallow: /map") or rule == "Disallow: /" for rule in rules)
    assert f"Sitemap: {app.config['SETTINGS'].public_url}/sitemap.xml" in rules


def test_every_page_that_is_named_is_there(client: FlaskClient, shenzhen: Session) -> None:
    make_report(shenzhen)
    fold(shenzhen, now=NOW)

    for part, _ in read(client, "/sitemap.xml"):
        for page, _ in read(client, urlsplit(part).path):
            assert client.get(urlsplit(page).path).status_code == 200


def test_every_public_work_order_stands_once_and_no_other(
    client: FlaskClient, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap_routes, "PART", 2)
    reports = [make_report(shenzhen, lon=YUEHAI[0] + n / 200, now=NOW) for n in range(6)]
    fix(shenzhen, reports[0], now=NOW + timedelta(days=3))
    orders = [show(shenzhen, report).work_order for report in reports]
    shenzhen.execute(text("UPDATE work_orders SET state = 'declined' WHERE id = :id"), {"id": orders[5].id})
    fold(shenzhen, now=NOW + timedelta(days=3))

    _, *parts = read(client, "/sitemap.xml")
    pages = [read(client, urlsplit(part).path) for part, _ in parts]

    found = {page.rsplit("/", 1)[1]: day for part in pages for page, day in part}
    assert [len(part) for part in pages] == [2, 2, 1]
    assert found.keys() == {order.public_id for order in orders[:5]}
    assert found[orders[0].public_id] == "2026-11-26"
    assert {found[order.public_id] for order in orders[1:5]} == {"2026-11-23"}


def test_before_there_are_any_the_pages_are_named(client: FlaskClient) -> None:
    assert [urlsplit(path).path for path, _ in read(client, "/sitemap.xml")] == ["/sitemaps/pages.xml"]
