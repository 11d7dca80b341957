"""Feeds of areas and items: what was opened and fixed, newest first, with a place, and nothing that is private."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.publicmap.service import fold
from app.workorders.lifecycle import Action
from tests.make import NOW, fix, make_report, take

ATOM, GEORSS = "{http://www.w3.org/2005/Atom}", "{http://www.georss.org/georss}"
STREET, DISTRICT = "/feeds/areas/440305007.atom", "/feeds/areas/440305.atom"


def entries(client: FlaskClient, path: str) -> list[ET.Element]:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/atom+xml")
    feed = ET.fromstring(answer.get_data())  # noqa: S314  # our own
    assert {feed.findtext(f"{ATOM}{name}") != "" for name in ("id", "title", "updated")} == {True}
    return feed.findall(f"{ATOM}entry")


@pytest.mark.parametrize("path", [STREET, DISTRICT, "/feeds/items/B0121.atom"], ids=["street", "district", "item"])
def test_a_feed_tells_what_was_opened_and_fixed(client: FlaskClient, shenzhen: Session, path: str) -> None:
    fixed = make_report(shenzhen)
    make_report(shenzhen, lon=113.9431)
    take(shenzhen, fixed, Role.CREW, Action.SIGN)
    fix(shenzhen, fixed)
    fold(shenzhen, now=NOW)

    found = entries(client, f"{path}?lang=en")

    states = [each.find(f"{ATOM}category").get("term") for each in found]  # type: ignore[union-attr]  # each has one
    assert sorted(map(str, states)) == ["fixed", "open"]
    assert {str(each.findtext(f"{ATOM}title")).rsplit(" ", 1)[1] for each in found} == {"open", "fixed"}
    lat, lon = map(float, str(found[0].findtext(f"{GEORSS}point")).split())
    assert (round(lat), round(lon)) == (23, 114)
    assert len({each.findtext(f"{ATOM}id") for each in found}) == 2


def test_a_reader_that_has_it_is_told_so(client: FlaskClient, shenzhen: Session) -> None:
    make_report(shenzhen)
    fold(shenzhen, now=NOW)
    first = client.get(STREET)

    again = client.get(STREET, headers={"If-None-Match": first.headers["ETag"]})
    make_report(shenzhen, lon=113.9431)
    fold(shenzhen, now=NOW)
    changed = client.get(STREET, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, changed.status_code) == (304, 200)


@pytest.mark.parametrize("path", ["/feeds/areas/nowhere.atom", "/feeds/items/nothing.atom"])
def test_an_unknown_area_or_item_has_no_feed(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_words_and_contact_are_in_no_feed(client: FlaskClient, shenzhen: Session) -> None:
    make_report(shenzhen, description="call 13800000000 <now>", contact="one@example.org")
    fold(shenzhen, now=NOW)

    told = client.get(STREET).text

    assert all(private not in told for private in ("13800000000", "now>", "example.org/one", "one@"))
