"""The public map by HTTP: tiles, lists, one work order, what is private, caching."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from webargs.flaskparser import parser

from app.accounts.roles import Role
from app.publicmap import list_queries
from app.publicmap.filters import Wanted
from app.publicmap.grid import Tile
from app.publicmap.schemas import FiltersIn
from app.publicmap.service import fold
from app.publicmap.views import count_states
from app.reports.models import Report
from app.reports.service import show
from tests.make import NOW, YUEHAI, fix, make_person, make_report
from tests.publicmap.mvt import read_tile, tile_of

DAY = timedelta(days=1)
LIST = "/api/v1/public/work-orders"
SENSITIVE = "S0101"


@pytest.fixture(autouse=True)
def _at_noon(app: Flask) -> Iterator[None]:
    real = app.extensions["clock"]
    app.extensions["clock"] = lambda: NOW + DAY
    yield
    app.extensions["clock"] = real


def draw(client: FlaskClient, z: int, query: str = "", at: tuple[float, float] = YUEHAI) -> dict[str, Any]:
    answer = client.get(f"{tile_of(z, *at)}?{query}")
    assert answer.status_code == 200
    return read_tile(answer.get_data())


def total(layer: list[dict[str, Any]], name: str = "total") -> int:
    return sum(feature[name] for feature in layer)


def ids(client: FlaskClient, query: str = "") -> list[str]:
    return [line["id"] for line in client.get(f"{LIST}?{query}").get_json()["items"]]


def id_of(session: Session, report: Report) -> str:
    return show(session, report).work_order.public_id


@pytest.fixture
def three(shenzhen: Session) -> list[str]:
    """Give the ids of a broken street light, one that was fixed, and something in a park, all apart."""
    places = ((YUEHAI[0], "B0121"), (YUEHAI[0] + 0.004, "B0121"), (YUEHAI[0] + 0.008, "B0408"))
    reports = [
        make_report(shenzhen, lon=lon, lat=YUEHAI[1], item=item, now=NOW + timedelta(minutes=n))
        for n, (lon, item) in enumerate(places)
    ]
    fix(shenzhen, reports[1], now=NOW + timedelta(hours=12))
    fold(shenzhen, now=NOW + DAY)
    return [id_of(shenzhen, report) for report in reports]


@pytest.mark.parametrize("z", [0, 3, 5, 6, 10, 13])
def test_cells_count_what_lies_in_them(z: int, three: list[str], client: FlaskClient) -> None:
    cells = draw(client, z)["cells"]

    assert (total(cells, "open"), total(cells, "fixed"), total(cells, "closed"), total(cells)) == (2, 1, 0, 3)
    assert all(0 <= value <= 4096 for cell in cells for value in cell["at"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=open", 2),
        ("state=fixed", 1),
        ("state=open,fixed", 3),
        ("state=closed", 0),
        ("item=B0121", 2),
        ("item=B0121&item=B0408", 3),
        ("class=parks-and-greenery", 1),
        ("class=public-utilities&item=B0121", 2),
        ("class=public-utilities&item=B0408", 0),
        ("item=B0121&state=open", 1),
        ("street=nowhere", 0),
        ("period=7d", 3),
    ],
)
def test_filters_hold_on_every_zoom_and_in_the_list(
    query: str, expected: int, three: list[str], client: FlaskClient
) -> None:
    near = [total(draw(client, z, query).get("cells", [])) for z in (8, 11, 13)]
    lines = ids(client, query)
    drawn = {each["id"] for z in (14,) for each in draw(client, z, query).get("work_orders", [])}

    assert near == [expected] * 3
    assert len(lines) == expected
    assert drawn <= set(lines)


def test_a_street_has_its_own(three: list[str], client: FlaskClient) -> None:
    street = client.get(f"{LIST}/{three[0]}").get_json()["place"]["code"]

    found = ids(client, f"street={street}")

    assert three[0] in found
    assert total(draw(client, 10, f"street={street}")["cells"]) == len(found)
    assert total(draw(client, 10, f"street={street}&item=B0121")["cells"]) == len(
        ids(client, f"street={street}&item=B0121")
    )


def test_what_was_fixed_long_ago_is_shown_where_it_is_asked_for(
    three: list[str], shenzhen: Session, client: FlaskClient
) -> None:
    fold(shenzhen, now=NOW + 100 * DAY)

    assert total(draw(client, 10)["cells"]) == 2
    assert total(draw(client, 10, "period=365d")["cells"]) == 3
    assert total(draw(client, 10, "period=all&state=fixed")["cells"]) == 1
    assert len(ids(client)) == 2


def test_above_the_cells_each_work_order_is_shown(three: list[str], client: FlaskClient) -> None:
    (shown,) = [each for each in draw(client, 17)["work_orders"] if each["id"] == three[0]]

    assert {name: value for name, value in shown.items() if name != "at"} == {
        "id": three[0],
        "item": "B0121",
        "class": "public-utilities",
        "state": "open",
        "step": "dispatched",
        "opened": "2026-11-23",
    }


def test_many_in_a_tile_become_cells_up_to_zoom_16(
    three: list[str], client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = len(draw(client, 16)["work_orders"])
    monkeypatch.setattr("app.publicmap.tile_queries.TOO_MANY", 0)

    dense = draw(client, 14)

    assert "work_orders" not in dense
    assert total(dense["cells"]) == len(ids(client))
    assert total(draw(client, 14, "item=B0121")["cells"]) == 2
    assert total(draw(client, 16)["cells"]) == alone == 1
    assert total(draw(client, 16, "item=B0121")["cells"]) == alone
    assert len(draw(client, 17)["work_orders"]) == alone


def test_areas_lie_beneath(three: list[str], client: FlaskClient) -> None:
    levels = {z: {area["level"] for area in draw(client, z)["areas"]} for z in (9, 11, 14)}

    assert levels == {9: {"city", "district"}, 11: {"city", "district", "street"}, 14: {"city", "street"}}
    assert any(area["name"] for area in draw(client, 11)["areas"])


def test_assets_are_shown_from_zoom_15(shenzhen: Session, client: FlaskClient) -> None:
    lon, lat = shenzhen.execute(
        text("SELECT ST_X(geom::geometry), ST_Y(geom::geometry) FROM assets WHERE until IS NULL LIMIT 1")
    ).one()

    shown = draw(client, 15, at=(lon, lat))

    assert shown["assets"]
    assert {"id", "class"} <= set(shown["assets"][0])
    assert "assets" not in draw(client, 14, at=(lon, lat))


def test_only_tiles_that_changed_change_their_tag(three: list[str], shenzhen: Session, client: FlaskClient) -> None:
    here, elsewhere = tile_of(13, *YUEHAI), tile_of(13, 114.0560, 22.5330)
    before = [client.get(path).headers["ETag"] for path in (here, elsewhere)]
    unchanged = client.get(here, headers={"If-None-Match": before[0]})

    make_report(shenzhen, lon=YUEHAI[0] + 0.0005, item="B0408")
    fold(shenzhen, now=NOW + DAY)

    after = [client.get(path).headers["ETag"] for path in (here, elsewhere)]
    assert unchanged.status_code == 304
    assert unchanged.get_data() == b""
    assert after[0] != before[0]
    assert after[1] == before[1]
    assert client.get(here, headers={"If-None-Match": before[0]}).status_code == 200


def test_answers_are_packed_cached_and_open_to_other_pages(three: list[str], client: FlaskClient) -> None:
    path = tile_of(11, *YUEHAI)

    plain, small = client.get(path), client.get(path, headers={"Accept-Encoding": "gzip"})

    assert gzip.decompress(small.get_data()) == plain.get_data()
    assert small.headers["ETag"] == plain.headers["ETag"]
    assert small.headers["Access-Control-Allow-Origin"] == "*"
    assert small.headers["Cache-Control"] == "public, max-age=3, s-maxage=1"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert len(small.get_data()) < 200_000


@pytest.mark.parametrize("path", ["/tiles/2/4/0.mvt", "/tiles/23/0/0.mvt"])
def test_a_tile_outside_of_the_scheme_is_refused(path: str, client: FlaskClient) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.get_json()["type"].endswith("no-such-tile")


def test_a_fix_is_on_tile_and_list_with_the_next_fold(three: list[str], shenzhen: Session, client: FlaskClient) -> None:
    report = make_report(shenzhen, lon=YUEHAI[0] + 0.012, item="B0408")
    fold(shenzhen, now=NOW)
    before = total(draw(client, 10)["cells"], "fixed")

    fix(shenzhen, report)
    fold(shenzhen, now=NOW)

    assert total(draw(client, 10)["cells"], "fixed") == before + 1
    assert id_of(shenzhen, report) in ids(client, "state=fixed")
    assert client.get(f"{LIST}/{id_of(shenzhen, report)}").get_json()["timeline"][-1]["kind"] == "fixed"


def test_the_list_goes_page_by_page_without_a_gap(three: list[str], client: FlaskClient) -> None:
    first = client.get(f"{LIST}?limit=2").get_json()
    answer = client.get(f"{LIST}?limit=2&cursor={first['next']}")

    assert [line["id"] for line in first["items"] + answer.get_json()["items"]] == three[::-1]
    assert answer.get_json()["next"] is None
    assert client.get(f"{LIST}?cursor=foreign").status_code == 422


def test_the_nearest_come_first_page_by_page(three: list[str], client: FlaskClient) -> None:
    near = f"near={YUEHAI[0]},{YUEHAI[1]}&limit=2"
    first = client.get(f"{LIST}?{near}").get_json()
    second = client.get(f"{LIST}?{near}&cursor={first['next']}").get_json()

    lines = first["items"] + second["items"]
    assert [line["id"] for line in lines] == three
    assert lines[0]["distance_m"] == pytest.approx(0, abs=0.5)
    assert lines[1]["distance_m"] == pytest.approx(411, rel=0.01)


def test_a_box_cuts_the_list(three: list[str], client: FlaskClient) -> None:
    lon, lat = YUEHAI

    assert ids(client, f"bbox={lon - 0.001},{lat - 0.001},{lon + 0.001},{lat + 0.001}") == [three[0]]
    assert client.get(f"{LIST}?bbox=1,2,3").status_code == 422
    assert client.get(f"{LIST}?bbox=1,2,3,nan").status_code == 422


def test_the_plan_of_a_list_is_made_for_its_box(three: list[str], shenzhen: Session) -> None:
    box = (YUEHAI[0] - 0.1, YUEHAI[1] - 0.1, YUEHAI[0] + 0.1, YUEHAI[1] + 0.1)
    kept = text("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%ST_MakeEnvelope%'")
    statement, parameters = list_queries.lines(Wanted(), boxes=(box,), near=None, after=None)

    # psycopg prepares what it has sent five times, and PostgreSQL then keeps one plan for any parameters.
    found = [len(shenzhen.execute(statement, parameters | {"limit": 9}).all()) for _ in range(8)]

    assert found == [len(three)] * 8
    assert {each.partition("ST_MakeEnvelope(")[2][:3] for each in shenzhen.scalars(kept)} == {"113"}


def test_the_list_comes_as_geojson_and_as_a_table(three: list[str], client: FlaskClient) -> None:
    places = client.get(LIST, headers={"Accept": "application/geo+json"})
    table = client.get(LIST, headers={"Accept": "text/csv"})

    features = places.get_json(force=True)["features"]
    rows = list(csv.DictReader(io.StringIO(table.get_data(as_text=True))))
    assert places.content_type == "application/geo+json"
    assert "boundar" in places.get_json(force=True)["attribution"].lower()
    assert features[-1]["geometry"]["coordinates"] == pytest.approx(list(YUEHAI), abs=1e-5)
    assert [row["id"] for row in rows] == three[::-1]
    assert (rows[1]["state"], rows[1]["days_to_fix"], rows[1]["item"]) == ("fixed", "0.5", "B0121")
    assert "Accept" in places.headers["Vary"]


def test_a_sensitive_one_stands_in_the_middle_of_its_block(shenzhen: Session, client: FlaskClient) -> None:
    shifts = ((0.0, 0.0), (0.00002, 0.00001))
    reports = [
        make_report(shenzhen, item=SENSITIVE, lon=YUEHAI[0] + east, lat=YUEHAI[1] + north) for east, north in shifts
    ]
    fold(shenzhen, now=NOW)
    lon, lat = YUEHAI

    shown = [client.get(f"{LIST}/{id_of(shenzhen, report)}").get_json() for report in reports]
    drawn = [each["at"] for each in draw(client, 16)["work_orders"]]

    assert len({(each["position"]["lon"], each["position"]["lat"]) for each in shown}) == 1
    assert len(set(drawn)) == 1
    assert abs(shown[0]["position"]["lon"] - lon) > 0.00005
    assert abs(shown[0]["position"]["lon"] - lon) < 0.002
    assert (shown[0]["thumbnail"], shown[0]["pair"], shown[0]["description"]) == (None, None, None)
    assert ids(client, f"bbox={lon - 0.00005},{lat - 0.00005},{lon + 0.00005},{lat + 0.00005}") == []


def test_the_exact_time_of_filing_is_told_after_an_hour(shenzhen: Session, client: FlaskClient, app: Flask) -> None:
    filed = NOW + timedelta(minutes=17, seconds=5)
    report = make_report(shenzhen, now=filed)
    fold(shenzhen, now=filed)
    path = f"{LIST}/{id_of(shenzhen, report)}"

    app.extensions["clock"] = lambda: filed + timedelta(minutes=59)
    fresh = client.get(path)
    app.extensions["clock"] = lambda: filed + timedelta(minutes=60)
    later = client.get(path).get_json()

    assert "02:17" not in fresh.get_data(as_text=True)
    assert fresh.get_json()["opened"] == "2026-11-23T02:00:00+00:00"
    assert later["opened"] == "2026-11-23T02:17:05+00:00"


def test_words_are_shown_as_filter_and_staff_say(shenzhen: Session, client: FlaskClient) -> None:
    plain, personal = (
        make_report(shenzhen, description=words, lon=YUEHAI[0] + n / 200)
        for n, words in enumerate(["路灯不亮三天了", "路灯不亮，打 138 0013 8000 找我"])
    )
    fold(shenzhen, now=NOW)
    first, second = (id_of(shenzhen, report) for report in (plain, personal))
    _, token = make_person(shenzhen, Role.DISPATCHER)
    staff = {"Authorization": f"Bearer {token}"}

    before = [client.get(f"{LIST}/{each}").get_json()["description"] for each in (first, second)]
    waiting = client.get(f"/api/v1/work-orders/{second}/description", headers=staff).get_json()
    for each, verdict in ((first, "hidden"), (second, "released")):
        answer = client.post(f"/api/v1/work-orders/{each}/description", json={"verdict": verdict}, headers=staff)
        assert answer.status_code == 200
    after = [client.get(f"{LIST}/{each}").get_json()["description"] for each in (first, second)]

    assert before == ["路灯不亮三天了", None]
    assert (waiting["filter"], waiting["is_public"], waiting["verdict"]) == ("pending", False, None)
    assert after == [None, "路灯不亮，打 138 0013 8000 找我"]


def test_nothing_of_the_reporter_is_in_any_answer(shenzhen: Session, client: FlaskClient) -> None:
    report = make_report(shenzhen, contact="resident@example.org", description="电话 13800138000")
    fold(shenzhen, now=NOW)
    one = f"{LIST}/{id_of(shenzhen, report)}"

    said = "".join(client.get(path).get_data(as_text=True) for path in (LIST, one))

    assert not [secret for secret in ("resident@", "13800138000", report.number, str(report.id)) if secret in said]


def test_a_work_order_that_is_not_on_the_map_is_not_found(client: FlaskClient) -> None:
    answers = [client.get(f"{LIST}/0000000000{end}") for end in ("", "/thumbnail")]

    assert [answer.get_json()["type"].rsplit("/", 1)[-1].split("#")[-1] for answer in answers] == ["not-on-map"] * 2


def test_areas_have_figures(three: list[str], client: FlaskClient) -> None:
    areas = {area["code"]: area for area in client.get("/api/v1/public/areas").get_json()["areas"]}
    district = areas["440305"]

    assert (district["level"], district["open"], district["fixed"]) == ("district", 2, 1)
    assert district["median_days_to_fix"] == pytest.approx(0.5, abs=0.05)
    assert sum(area["open"] for area in areas.values() if area["level"] == "street") == 2


def test_the_page_gets_what_it_needs_to_begin(three: list[str], client: FlaskClient) -> None:
    page = client.get("/api/v1/public/map").get_json()

    assert page["counts"] == {"open": 2, "fixed": 1, "closed": 0}
    assert page["bounds"][0] < YUEHAI[0] < page["bounds"][2]
    assert {"code": "B0121", "class": "public-utilities"}.items() <= page["items"][
        [i["code"] for i in page["items"]].index("B0121")
    ].items()
    assert "public-utilities" in [each["code"] for each in page["classes"]]
    assert page["style_url"] is None
    assert page["attribution"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (2, 1)),
        ("state=fixed", (2, 1)),
        ("class=parks-and-greenery", (1, 0)),
        ("item=B0121", (1, 1)),
        ("item=B0121,B0408", (2, 1)),
        ("class=public-utilities&item=B0121&period=7d", (1, 1)),
        ("class=public-utilities&item=B0408", (0, 0)),
        ("street=nowhere", (0, 0)),
        ("street=440305007", (2, 1)),
        ("street=440305007&class=public-utilities", (1, 1)),
    ],
)
def test_states_are_counted_as_the_other_filters_leave_them(
    query: str, expected: tuple[int, int], three: list[str], shenzhen: Session, app: Flask
) -> None:
    with app.test_request_context(f"/map?{query}"):
        wanted = Wanted.of(parser.parse(FiltersIn(), location="query"))

    counts = count_states(shenzhen, wanted)

    assert (counts["open"], counts["fixed"], counts["closed"]) == (*expected, 0)


@pytest.mark.parametrize("zoom", [7, 10, 13, 15])
def test_a_tile_shows_sixteen_cells_a_side(zoom: int) -> None:
    tile = Tile(zoom, 3, 5)

    left, right, top, bottom = tile.cells(tile.level)

    assert (right - left + 1, bottom - top + 1) == (16, 16)
