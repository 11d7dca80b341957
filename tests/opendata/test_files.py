"""What stands in the files: all of the public list and nothing else, in columns that others know."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from pyarrow import parquet
from shapely import from_wkb
from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from app import db
from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.config import Settings
from app.media import masking
from app.media import service as media
from app.opendata import records
from app.opendata.columns import COLUMNS, GEOREPORT
from app.opendata.shelf import Format, Shelf
from app.publicmap.filters import Wanted
from app.publicmap.grid import Period
from app.publicmap.lists import Page, list_lines
from app.publicmap.models import TextVerdict
from app.publicmap.moderation import decide_words
from app.publicmap.service import fold
from app.publicmap.views import show_lines, show_one
from app.reports.models import Report
from app.reports.queries import photos_of_report
from app.reports.service import show
from tests.make import NOW, YUEHAI, fix, make_person, make_photo, make_report
from tests.opendata.conftest import ROOT, Export, read, read_csv, read_table

DAY = dt.timedelta(days=1)
SENSITIVE = "S0101"


def id_of(session: Session, report: Report) -> str:
    return show(session, report).work_order.public_id


def file_with_public_photo(session: Session, **over: Any) -> Report:
    accepted = media.accept(media.current(), [media.Upload("private-name.jpg", make_photo("red"))])
    report = make_report(session, photos=accepted, **over)
    (photo,) = photos_of_report(session, report.id)
    opened = media.current()
    media.make_renditions(opened, photo)
    media.mark_rendered(session, photo.id, now=NOW)
    session.flush()
    session.refresh(photo)
    boxes, _ = masking.make_masked(opened, photo)
    masking.mark_masked(session, photo, boxes, detected=True, now=NOW)
    return report


@pytest.fixture
def four(shenzhen: Session) -> list[str]:
    """Give the ids of a work order with a picture, a fixed one, a sensitive one, and one in a park."""
    reports = [
        file_with_public_photo(shenzhen),
        make_report(shenzhen, lon=YUEHAI[0] + 0.004, now=NOW + dt.timedelta(minutes=1)),
        make_report(shenzhen, item=SENSITIVE, lon=YUEHAI[0] + 0.006, now=NOW + dt.timedelta(minutes=2)),
        make_report(shenzhen, item="B0408", lon=YUEHAI[0] + 0.008, now=NOW + dt.timedelta(minutes=3)),
    ]
    fix(shenzhen, reports[1], now=NOW + dt.timedelta(hours=12))
    return [id_of(shenzhen, report) for report in reports]


def break_rows(monkeypatch: pytest.MonkeyPatch, *positions: int) -> None:
    """Let rows of the map, by their position from the oldest, not be shown."""
    seen: list[Any] = []

    def show(session: Session, rows: Sequence[RowMapping], **more: Any) -> Any:
        seen.extend(row["work_order_id"] for row in rows if row["work_order_id"] not in seen)
        if any(seen.index(row["work_order_id"]) in positions for row in rows):
            raise KeyError("what a row was to have")
        return show_lines(session, rows, **more)

    monkeypatch.setattr("app.opendata.records.show_lines", show)


def test_a_row_that_cannot_be_shown_keeps_no_other(
    four: list[str],
    shenzhen: Session,
    shelf: Shelf,
    export: Export,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_rows(monkeypatch, 1)

    export(shenzhen)

    rows = read_table(shelf).to_pylist()
    assert [row["service_request_id"] for row in rows] == [four[0], *four[2:]]


def test_where_many_rows_cannot_be_shown_no_edition_is_made(
    four: list[str], shenzhen: Session, shelf: Shelf, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_MOST_LEFT_OUT", len(four) - 1)
    break_rows(monkeypatch, *range(len(four)))

    with pytest.raises(KeyError):
        export(shenzhen)

    assert shelf.editions() == []


def test_the_rows_are_those_of_the_public_list(
    four: list[str], shenzhen: Session, shelf: Shelf, export: Export
) -> None:
    export(shenzhen)
    lines, _ = list_lines(
        shenzhen, Wanted(period=Period.ALL), Page(limit=100), city=current_city(shenzhen), now=NOW + DAY
    )

    rows = read_table(shelf).to_pylist()

    assert [row["service_request_id"] for row in rows] == four == [line["id"] for line in lines][::-1]
    for row, line in zip(rows, lines[::-1], strict=True):
        assert (row["long"], row["lat"]) == (line["position"]["lon"], line["position"]["lat"])
        assert (row["requested_datetime"], row["fixed_datetime"]) == (line["opened"], line["fixed"])
        assert (row["service_code"], row["area"]) == (line["item"]["code"], line["place"]["code"])
        assert (row["state"], row["step"], row["class"]) == (line["state"], line["step"], line["class"])
        assert (row["unit"], row["agency_responsible"]) == (line["unit"]["code"], line["unit"]["name"])
        assert (row["reports"], row["followers"]) == (line["reports"], line["followers"])
        assert row["days_to_fix"] == line["days_to_fix"]
        assert (row["media_url"] is None) == (line["thumbnail"] is None)
    assert [row["status"] for row in rows] == ["open", "closed", "open", "open"]
    assert [row["position"] for row in rows] == ["exact", "exact", "block", "exact"]
    assert rows[0]["media_url"] == f"{ROOT}/api/v1/public/work-orders/{four[0]}/thumbnail"
    assert [row["media_url"] for row in rows[1:]] == [None] * 3


def test_parquet_is_geoparquet(four: list[str], shenzhen: Session, shelf: Shelf, export: Export) -> None:
    export(shenzhen)

    table = read_table(shelf)
    described = parquet.ParquetFile(io.BytesIO(read(shelf, Format.PARQUET))).metadata.metadata
    geo = json.loads(described[b"geo"])
    points = from_wkb(table["geometry"].to_pylist())

    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"], column["geometry_types"]) == ("1.1.0", "WKB", ["Point"])
    assert "crs" not in column
    assert [point.x for point in points] == table["long"].to_pylist()
    assert [point.y for point in points] == table["lat"].to_pylist()
    west, south, east, north = column["bbox"]
    assert (west, east) == (min(point.x for point in points), max(point.x for point in points))
    assert (south, north) == (min(point.y for point in points), max(point.y for point in points))
    assert str(table.schema.field("requested_datetime").type) == "timestamp[us, tz=UTC]"
    assert described[b"attribution"].decode() == current_city(shenzhen).attribution


def test_an_empty_city_has_files_too(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    edition = export(shenzhen)

    assert edition.rows == 0
    assert read_csv(shelf) == []
    assert read_table(shelf).num_rows == 0


def test_the_table_begins_with_the_columns_of_georeport(
    four: list[str], shenzhen: Session, shelf: Shelf, export: Export
) -> None:
    export(shenzhen)

    heading = read(shelf, Format.CSV).decode("utf-8-sig").splitlines()[0].split(",")
    rows = read_csv(shelf)

    assert heading == [column.name for column in COLUMNS]
    assert heading[:17] == [
        *("service_request_id", "status", "status_notes", "service_name", "service_code", "description"),
        *("agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime"),
        *("address", "address_id", "zipcode", "lat", "long", "media_url"),
    ]
    assert len(GEOREPORT) == 17
    assert rows[1]["fixed_datetime"] == "2026-11-23T22:00:00+08:00"
    assert [row["service_request_id"] for row in rows] == four


def test_both_tables_say_the_same_and_the_index_says_what_they_are(
    four: list[str], shenzhen: Session, shelf: Shelf, export: Export
) -> None:
    edition = export(shenzhen)

    assert gzip.decompress(read(shelf, Format.CSV_GZ)) == read(shelf, Format.CSV)
    assert [(edition.rows, len(edition.files))] == [(4, 3)]
    for file in edition.files:
        content = read(shelf, file.format)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    assert shelf.editions() == [edition]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝", "－"])
def test_words_are_no_formula(begin: str, shenzhen: Session, shelf: Shelf, export: Export) -> None:
    words = f'{begin}HYPERLINK("https://example.org","路灯, 不亮")\n第二行'
    make_report(shenzhen, description=words)

    export(shenzhen)

    assert read_csv(shelf)[0]["description"] == f"'{words}"
    assert read_table(shelf)["description"].to_pylist() == [words]
    assert f"\"'{begin}HYPERLINK".encode() in read(shelf, Format.CSV)


def test_a_longitude_of_the_west_is_a_number(boston: Session, shelf: Shelf, export: Export) -> None:
    make_report(boston, lon=-71.0603, lat=42.3557, item=None, language="en", description="a hole")

    export(boston)

    assert read_csv(shelf)[0]["long"].startswith("-71.06")


def test_words_stand_in_the_files_as_on_the_page(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    said = ["路灯不亮三天了", "打 138 0013 8000 找我", "请放行 139 0013 9000", "请隐藏"]
    ids = [
        id_of(shenzhen, make_report(shenzhen, description=words, lon=YUEHAI[0] + n / 200, now=NOW + n * DAY / 1440))
        for n, words in enumerate(said)
    ]
    by, _ = make_person(shenzhen, Role.DISPATCHER)
    decide_words(shenzhen, ids[2], TextVerdict.RELEASED, by=by, now=NOW)
    decide_words(shenzhen, ids[3], TextVerdict.HIDDEN, by=by, now=NOW)

    export(shenzhen)

    told = read_table(shelf)["description"].to_pylist()
    city = current_city(shenzhen)
    assert told == [said[0], None, said[2], None]
    assert told == [show_one(shenzhen, each, city=city, now=NOW + DAY)["description"] for each in ids]


def test_an_hour_long_the_time_of_filing_is_the_hour(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    filed = NOW + dt.timedelta(minutes=17, seconds=5)
    make_report(shenzhen, now=filed)

    export(shenzhen, now=filed + dt.timedelta(minutes=59))
    fresh = read_table(shelf).to_pylist()[0]
    export(shenzhen, now=filed + dt.timedelta(minutes=60))
    later = read_table(shelf).to_pylist()[0]

    assert (fresh["requested_datetime"], fresh["updated_datetime"]) == (NOW, NOW)
    assert later["requested_datetime"] == filed


def test_rows_come_by_a_cursor_of_the_server(shenzhen: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BATCH", 1)
    for n in range(3):
        make_report(shenzhen, lon=YUEHAI[0] + n / 200)
    fold(shenzhen, now=NOW)

    batches = records.read_records(shenzhen, city=current_city(shenzhen), root=ROOT, now=NOW)
    first = next(batches)
    cursors = shenzhen.scalar(text("SELECT count(*) FROM pg_cursors"))

    assert (len(first), cursors) == (1, 1)
    assert len(list(batches)) == 2


def test_all_rows_are_of_one_moment(committed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BATCH", 1)
    with db.Session.begin() as session:
        ids = [id_of(session, make_report(session, lon=YUEHAI[0] + n / 200)) for n in range(3)]
        fold(session, now=NOW)

    with db.Snapshot.begin() as snapshot:
        batches = records.read_records(snapshot, city=current_city(snapshot), root=ROOT, now=NOW)
        read_before = next(batches)
        with db.Session.begin() as session:
            make_report(session, lon=YUEHAI[0] + 0.05)
            session.execute(text("UPDATE map_points SET state = 'fixed'"))
            fold(session, now=NOW)
        read_after = [record for batch in batches for record in batch]

    assert sorted(record["id"] for record in [*read_before, *read_after]) == sorted(ids)
    assert {record["state"] for record in read_after} == {"open"}


def test_row_groups_are_cut_at_their_size(
    four: list[str], shenzhen: Session, shelf: Shelf, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BATCH", 1)
    monkeypatch.setattr("app.opendata.geoparquet.ROW_GROUP", 3)

    export(shenzhen)

    groups = parquet.ParquetFile(io.BytesIO(read(shelf, Format.PARQUET))).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [3, 1]


def test_who_does_not_write_loads_no_arrow() -> None:
    code = "import sys, app; app.create_app; import app.web.routes, app.opendata.tasks; print('pyarrow' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"
