"""The page of open data and its files: before and after the first night, whole, in parts, and unchanged.

``buffered`` is how the client of the tests reads a stream to its end and closes it, as a server does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import db
from app.catalogue.city import current_city
from app.media import service as media
from app.media.store import FolderStore
from app.opendata import service
from app.opendata.columns import COLUMNS
from app.opendata.shelf import DataFile, Edition, Format, Shelf
from app.publicmap.service import fold
from app.web import data_routes
from app.web.texts.columns import COLUMN_TEXTS
from tests.make import NOW, YUEHAI, make_report

DAY = dt.timedelta(days=1)


@pytest.fixture
def shelf(client: FlaskClient, tmp_path: Path) -> Iterator[Shelf]:
    before = media.current()
    media.configure(replace(before, store=FolderStore(tmp_path / "own")))
    yield Shelf(media.current().store)
    media.configure(before)


@pytest.fixture(autouse=True)
def _the_day_after(app: Flask) -> Iterator[None]:
    real = app.extensions["clock"]
    app.extensions["clock"] = lambda: NOW + DAY
    yield
    app.extensions["clock"] = real


def write(shenzhen: Session, shelf: Shelf, now: dt.datetime = NOW + DAY) -> Edition:
    city = current_city(shenzhen)
    with service.open_drafts() as drafts:
        with db.Snapshot.begin() as snapshot:
            rows = service.write(snapshot, drafts, city=city, root="https://reports.example.org", now=now)
        return service.keep(shelf, drafts, rows, city=city, now=now, days=30)


@pytest.fixture
def edition(shenzhen: Session, shelf: Shelf) -> Edition:
    for n in range(5):
        make_report(shenzhen, lon=YUEHAI[0] + n / 200)
    fold(shenzhen, now=NOW)
    return write(shenzhen, shelf)


def of(edition: Edition, wanted: Format) -> DataFile:
    found = edition.file_of(wanted)
    assert found is not None
    return found


def path_of(edition: Edition, wanted: Format = Format.CSV) -> str:
    return f"/data/files/{of(edition, wanted).name}"


@pytest.mark.parametrize(("language", "says"), [("en", "None was written yet"), ("zh", "还没有生成")])
def test_before_the_first_night_the_page_says_when_and_how(
    language: str, says: str, client: FlaskClient, shelf: Shelf
) -> None:
    page = client.get(f"/data?lang={language}")

    assert page.status_code == 200
    assert says in page.text
    assert "flask data export" in page.text
    assert "2026-11-24" in page.text
    assert "03:00" in page.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_names_files_columns_and_licence(language: str, client: FlaskClient, edition: Edition) -> None:
    page = client.get(f"/data?lang={language}").text

    for file in edition.files:
        assert f'href="/data/files/{file.name}"' in page
        assert file.sha256 in page
    assert [column.name for column in COLUMNS if f"<code>{column.name}</code>" not in page] == []
    assert "OpenStreetMap" in page
    assert "2026-11-25" in page
    assert {name for each in COLUMN_TEXTS.values() for name in each} == {column.name for column in COLUMNS}


def test_the_page_describes_itself_to_search_engines(client: FlaskClient, edition: Edition) -> None:
    page = client.get("/data")

    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text)
    assert found
    told = json.loads(found[1])
    assert (told["@type"], told["dateModified"]) == ("Dataset", "2026-11-24T02:00:00+00:00")
    assert [each["sha256"] for each in told["distribution"]] == [file.sha256 for file in edition.files]
    assert "license" not in told
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


def test_every_page_links_to_it(client: FlaskClient, shelf: Shelf) -> None:
    for path in ("/", "/map", "/problems"):
        assert 'href="/data?lang=' in client.get(path, buffered=True).text


@pytest.mark.parametrize("wanted", list(Format))
def test_a_file_comes_whole(wanted: Format, client: FlaskClient, edition: Edition) -> None:
    answer = client.get(path_of(edition, wanted), buffered=True)

    assert answer.status_code == 200
    assert hashlib.sha256(answer.get_data()).hexdigest() == of(edition, wanted).sha256
    assert answer.content_type == wanted.media_type
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["ETag"] == f'"{of(edition, wanted).sha256}"'
    assert answer.headers["Last-Modified"] == "Tue, 24 Nov 2026 02:00:00 GMT"
    assert of(edition, wanted).name in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "begin", "end"), [("bytes=0-3", 0, 4), ("bytes=100-", 100, None), ("bytes=-50", -50, None)]
)
def test_a_part_comes_where_a_part_is_asked_for(
    asked: str, begin: int, end: int | None, client: FlaskClient, edition: Edition
) -> None:
    path, size = path_of(edition), of(edition, Format.CSV).bytes
    whole = client.get(path, buffered=True).get_data()

    answer = client.get(path, buffered=True, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.get_data() == whole[begin:end]
    assert answer.headers["Content-Range"].endswith(f"/{size}")


def test_a_part_of_another_version_is_not_mixed_in(client: FlaskClient, edition: Edition) -> None:
    path, tag = path_of(edition), of(edition, Format.CSV).sha256

    same, other, beyond = (
        client.get(path, buffered=True, headers={"Range": asked, "If-Range": f'"{known}"'})
        for asked, known in (("bytes=0-3", tag), ("bytes=0-3", "other"), ("bytes=99999999-", tag))
    )

    assert [same.status_code, other.status_code, beyond.status_code] == [206, 200, 416]


def test_who_has_it_is_told_so_and_a_head_has_no_body(client: FlaskClient, edition: Edition) -> None:
    path = path_of(edition)
    first = client.get(path, buffered=True)

    by_tag = client.get(path, buffered=True, headers={"If-None-Match": first.headers["ETag"]})
    by_date = client.get(path, buffered=True, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    head = client.head(path, buffered=True)

    assert [by_tag.status_code, by_date.status_code] == [304, 304]
    assert (head.status_code, head.get_data()) == (200, b"")
    assert head.headers["Content-Length"] == str(of(edition, Format.CSV).bytes)


def test_the_newest_is_under_one_address(
    client: FlaskClient, shenzhen: Session, shelf: Shelf, edition: Edition
) -> None:
    first = client.get("/data/latest/work-orders.csv.gz")
    make_report(shenzhen, lon=YUEHAI[0] + 0.05)
    fold(shenzhen, now=NOW)
    newer = write(shenzhen, shelf, NOW + 2 * DAY)
    second = client.get("/data/latest/work-orders.csv.gz")

    assert [first.status_code, second.status_code] == [302, 302]
    assert first.headers["Location"] == path_of(edition, Format.CSV_GZ)
    assert second.headers["Location"] == path_of(newer, Format.CSV_GZ)
    assert client.get(path_of(edition), buffered=True).status_code == 200


def test_the_index_is_for_programs(client: FlaskClient, edition: Edition) -> None:
    answer = client.get("/data/files/index.json")
    again = client.get("/data/files/index.json", headers={"If-None-Match": answer.headers["ETag"]})

    (told,) = answer.get_json()["editions"]
    assert (told["day"], told["rows"]) == ("2026-11-24", 5)
    assert [each["sha256"] for each in told["files"]] == [file.sha256 for file in edition.files]
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["files/other.csv", "files/..%2Fsecret", "latest/work-orders.xls", "latest/photos"])
def test_there_is_no_other_file(path: str, client: FlaskClient, edition: Edition) -> None:
    assert client.get(f"/data/{path}").status_code == 404


@pytest.mark.parametrize("path", ["files/index.json", "latest/work-orders.csv"])
def test_before_the_first_night_there_is_no_file(path: str, client: FlaskClient, shelf: Shelf) -> None:
    assert client.get(f"/data/{path}").status_code == 404


def test_slow_readers_do_not_hold_all_threads(client: FlaskClient, edition: Edition) -> None:
    path = path_of(edition)
    slow = [client.get(path) for _ in range(data_routes.AT_ONCE)]

    refused = client.get(path, buffered=True)
    page = client.get("/data")
    for each in slow:
        each.close()
    again = client.get(path, buffered=True)

    assert [each.status_code for each in slow] == [200] * data_routes.AT_ONCE
    assert (refused.status_code, page.status_code, again.status_code) == (503, 200, 200)
    assert int(refused.headers["Retry-After"]) > 0
