"""The page of the map as a browser without scripts sees it, and what its script is given."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from app.media import service as media
from app.publicmap.service import fold
from app.publicmap.views import find_point
from app.reports.queries import reports_of
from app.reports.service import show
from app.web.words import credit
from tests.make import NOW, YUEHAI, fix, make_report
from tests.publicmap.test_pictures import file_with_photo, mask, pair_all

DAY = timedelta(days=1)
STREET = "440305007"


@pytest.fixture(autouse=True)
def _a_day_later(app: Flask) -> Iterator[None]:
    real = app.extensions["clock"]
    app.extensions["clock"] = lambda: NOW + DAY
    yield
    app.extensions["clock"] = real


@pytest.fixture
def three(shenzhen: Session) -> list[str]:
    """Give the ids of a broken street light, one that was fixed, and something in a park."""
    places = ((0.0, "B0121"), (0.004, "B0121"), (0.008, "B0408"))
    reports = [
        make_report(shenzhen, lon=YUEHAI[0] + east, item=item, now=NOW + timedelta(minutes=n))
        for n, (east, item) in enumerate(places)
    ]
    fix(shenzhen, reports[1], now=NOW + timedelta(hours=12))
    fold(shenzhen, now=NOW + DAY)
    return [show(shenzhen, report).work_order.public_id for report in reports]


def listed(page: str) -> list[str]:
    return re.findall(r'data-id="([^"]+)"', page.split('id="lines"')[1])


def counted(page: str) -> dict[str, str]:
    return dict(re.findall(r'data-count="(\w+)">([\d,]+)<', page))


def selected(page: str, name: str) -> list[str]:
    select = page.split(f'<select name="{name}">')[1].split("</select>", maxsplit=1)[0]
    return re.findall(r'value="([^"]*)" selected', select)


@pytest.mark.parametrize(
    ("query", "expected", "counts"),
    [
        ("", [2, 1, 0], ("2", "1")),
        ("state=fixed", [1], ("2", "1")),
        ("state=open&state=fixed", [2, 1, 0], ("2", "1")),
        ("class=parks-and-greenery", [2], ("1", "0")),
        ("item=B0121", [1, 0], ("1", "1")),
        (f"street={STREET}&state=open", [2, 0], ("2", "1")),
        ("period=7d&class=public-utilities", [1, 0], ("1", "1")),
        (f"near={YUEHAI[0]},{YUEHAI[1]}", [0, 1, 2], ("2", "1")),
        (f"bbox={YUEHAI[0] - 0.001},{YUEHAI[1] - 0.001},{YUEHAI[0] + 0.001},{YUEHAI[1] + 0.001}", [0], ("2", "1")),
    ],
)
def test_each_filter_chooses_what_is_listed_and_counted(
    query: str, expected: list[int], counts: tuple[str, str], three: list[str], client: FlaskClient
) -> None:
    page = client.get(f"/map?lang=en&{query}")

    assert page.status_code == 200
    assert listed(page.text) == [three[n] for n in expected]
    assert (counted(page.text)["open"], counted(page.text)["fixed"]) == counts
    assert "left out" not in page.text


@pytest.mark.parametrize(
    "query", ["state=bogus", "period=9", "near=here", "bbox=1,2", "limit=0", f"street={'x' * 101}", "near=1,2,3"]
)
def test_what_a_link_says_wrongly_is_left_out_and_said(query: str, three: list[str], client: FlaskClient) -> None:
    page = client.get(f"/map?lang=en&class=parks-and-greenery&{query}")

    assert page.status_code == 200
    assert "was left out" in page.text
    assert listed(page.text) == [three[2]]


def test_a_value_that_no_database_takes_is_no_fault_of_ours(client: FlaskClient) -> None:
    answers = [
        client.get(f"/map?lang=en&{name}=%00").status_code for name in ("street", "class", "item", "cursor", "w")
    ]

    assert set(answers) == {200}


def test_the_form_keeps_what_a_link_asks_for_besides(three: list[str], client: FlaskClient) -> None:
    page = client.get("/map?lang=en&item=B0121&class=public-utilities,parks-and-greenery&street=nowhere").text

    assert selected(page, "class") == ["public-utilities,parks-and-greenery"]
    assert selected(page, "street") == ["nowhere"]
    assert re.search(r'name="item" value="B0121" checked', page)
    assert listed(page) == []


def test_the_list_goes_on_by_a_link(three: list[str], client: FlaskClient) -> None:
    found, address = [], "/map?lang=en&limit=1&street=" + STREET
    for _ in range(4):
        page = client.get(address).text
        found += listed(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        address = following[1].replace("&amp;", "&")

    assert found == three[::-1]
    assert f"street={STREET}" in address


def test_a_page_of_the_list_that_is_not_there_is_said_in_plain_words(client: FlaskClient) -> None:
    answer = client.get("/map?lang=en&cursor=foreign")

    assert answer.status_code == 422
    assert "This page of the list is not there" in answer.text
    assert 'href="/map?lang=en"' in answer.text


def test_the_nearest_are_said_to_come_first_only_where_they_do(three: list[str], client: FlaskClient) -> None:
    newest, nearest = (client.get(f"/map?lang=en&{query}").text for query in ("", f"near={YUEHAI[0]},{YUEHAI[1]}"))

    assert "3 in the list, the newest first" in newest
    assert "3 in the list, the nearest first" in nearest


def test_the_other_language_shows_the_same(three: list[str], client: FlaskClient) -> None:
    page = client.get("/map?lang=en&state=fixed&item=B0121&w=" + three[1]).text

    link = re.search(r'class="language" lang="zh" href="([^"]+)"', page)

    assert link is not None
    other = client.get("/map" + link[1].replace("&amp;", "&")).text
    assert listed(other) == [three[1]]
    assert '<html lang="zh-Hans">' in other
    assert f'<article data-id="{three[1]}"' in other


def test_a_link_opens_the_work_order_in_the_panel(three: list[str], client: FlaskClient) -> None:
    page, gone, plain = (client.get(f"/map?lang=en&{query}").text for query in (f"w={three[0]}", "w=0000000000", ""))

    assert f'<article data-id="{three[0]}"' in page
    assert re.search(r'class="[^"]*close" href="/map\?lang=en"', page)
    assert "is not on the map, or not any more" in gone
    assert "is not on the map" not in plain
    assert all(re.search(r'<section id="detail"[^>]* hidden>', each) for each in (gone, plain))
    assert not re.search(r'<section id="detail"[^>]* hidden>', page)


def test_a_day_is_not_said_as_days(three: list[str], shenzhen: Session, client: FlaskClient) -> None:
    slow = make_report(shenzhen, lon=YUEHAI[0] + 0.012)
    fix(shenzhen, slow, now=NOW + timedelta(days=3))
    fold(shenzhen, now=NOW + 4 * DAY)

    english, chinese = (client.get(f"/map?lang={lang}").text for lang in ("en", "zh"))

    assert re.search(r"fixed in 1 day by \w", english)
    assert re.search(r"fixed in 3 days by \w", english)
    assert re.search(r"用1天修好", chinese)
    assert re.search(r"用3天修好", chinese)


def test_each_state_has_a_sign_in_list_and_filters(three: list[str], client: FlaskClient) -> None:
    page = client.get("/map?lang=en").text
    filters, lines = page.split('id="lines"')

    shapes = {
        state: re.findall(rf'data-state="{state}".*?d="([^"]+)".*?d="([^"]+)"', filters)[0] for state in counted(page)
    }

    assert len(set(shapes.values())) == 3
    assert lines.count('data-state="open"') == 2
    assert lines.count('data-state="fixed"') == 1


def test_the_list_by_itself_is_sent_again_only_when_it_changed(
    three: list[str], shenzhen: Session, client: FlaskClient
) -> None:
    first = client.get("/map/lines?lang=en&state=open")
    again = client.get("/map/lines?lang=en&state=open", headers={"If-None-Match": first.headers["ETag"]})
    make_report(shenzhen, lon=YUEHAI[0] + 0.012)
    fold(shenzhen, now=NOW + DAY)
    after = client.get("/map/lines?lang=en&state=open", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)
    assert listed(first.text) == [three[2], three[0]]
    assert "2 open, 1 fixed, 0 closed" in first.text
    assert "3 open, 1 fixed, 0 closed" in after.text


def test_the_panel_by_itself_is_sent_again_only_when_it_changed(
    three: list[str], shenzhen: Session, client: FlaskClient
) -> None:
    path = f"/map/work-orders/{three[0]}?lang=en&panel=1"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    fix(shenzhen, reports_of(shenzhen, find_point(shenzhen, three[0]).work_order_id)[0], now=NOW + DAY)
    fold(shenzhen, now=NOW + DAY)
    after = client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)
    assert first.text.lstrip().startswith("<article")
    assert "fixed in 1 day by" in after.text


@pytest.mark.parametrize("path", ["/", "/map", "/problems", "/map/work-orders/0000000000"])
def test_every_page_leads_to_the_map(path: str, client: FlaskClient) -> None:
    footer = client.get(f"{path}?lang=en").text.split("<footer>")[1]

    assert 'href="/map?lang=en"' in footer


def test_whose_data_it_is_is_shown_with_its_terms(client: FlaskClient) -> None:
    page = client.get("/map?lang=en").text

    named = credit("Boundaries: OpenStreetMap contributors, ODbL 1.0 <b>")

    assert 'href="https://www.openstreetmap.org/copyright"' in named
    assert "&lt;b&gt;" in named
    assert re.search(r'"credit": "Demonstration|"credit": "Boundaries', page)


@pytest.fixture
def styled(app: Flask) -> Iterator[str]:
    """Set a style of another host."""
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = dataclasses.replace(before, map_style_url="https://maps.example.org/styles/day.json")
    yield "https://maps.example.org"
    app.config["SETTINGS"] = before


def policy_of(app: Flask, client: FlaskClient, path: str) -> dict[str, list[str]]:
    if "/build/" in path:
        # The front end need not be built for this.
        with app.test_request_context(path):
            headers = app.process_response(Response()).headers
    else:
        headers = client.get(path, buffered=True).headers
    return {words[0]: words[1:] for part in headers["Content-Security-Policy"].split(";") if (words := part.split())}


def test_map_and_worker_alone_may_reach_the_host_of_a_style(styled: str, app: Flask, client: FlaskClient) -> None:
    paths = ("/map", "/static/build/assets/worker-1a2b.mjs", "/", "/static/share.js", "/static/build/manifest.json")

    reached = [[name for name, hosts in policy_of(app, client, path).items() if styled in hosts] for path in paths]

    assert reached == [["connect-src", "img-src"]] * 2 + [[]] * 3


def test_without_a_style_the_map_reaches_no_other_host(app: Flask, client: FlaskClient) -> None:
    assert policy_of(app, client, "/map") == policy_of(app, client, "/")


def test_a_shared_link_shows_before_and_after_in_one_picture(shenzhen: Session, client: FlaskClient) -> None:
    report, photo = file_with_photo(shenzhen)
    mask(shenzhen, photo)
    mask(shenzhen, fix(shenzhen, report))
    pair_all(shenzhen)
    fold(shenzhen, now=NOW)
    path = f"/map/work-orders/{show(shenzhen, report).work_order.public_id}"

    page, answer = client.get(path).text, client.get(f"{path}/card.jpg")

    assert f'property="og:image" content="http://reports.example.org{path}/card.jpg"' in page
    assert answer.mimetype == "image/jpeg"
    card: Any = Image.open(io.BytesIO(answer.get_data())).convert("RGB")
    assert card.size == (1200, 630)
    before, after = card.getpixel((300, 315)), card.getpixel((900, 315))
    assert (before[0] > 200, max(before[1:]) < 60) == (True, True)
    assert (after[1] > 100, max(after[0], after[2]) < 60) == (True, True)
    media.current().aligner.close()  # type: ignore[attr-defined]  # the local one has a child


def test_without_two_pictures_that_everybody_may_see_there_is_no_card(three: list[str], client: FlaskClient) -> None:
    answers = [client.get(f"/map/work-orders/{each}/card.jpg").status_code for each in (*three, "0000000000")]

    assert answers == [404] * 4


def test_a_moment_of_another_year_has_its_year(three: list[str], app: Flask, client: FlaskClient) -> None:
    page = f"/map/work-orders/{three[1]}?lang="
    fresh = [client.get(page + lang).text for lang in ("en", "zh")]

    app.extensions["clock"] = lambda: NOW + 365 * DAY
    later = [client.get(page + lang).text for lang in ("en", "zh")]

    assert [
        f"{words}, " in text for words, text in zip(("23 Nov", "23 Nov 2026"), (fresh[0], later[0]), strict=True)
    ] == [True] * 2
    assert [re.search(r"(\d{4}年)?11月23日", text)[1] for text in (fresh[1], later[1])] == [None, "2026年"]  # type: ignore[index]
