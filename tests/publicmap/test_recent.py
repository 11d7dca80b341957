"""What happened last in a district: of all its streets, the newest first, no more than asked for."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.catalogue.city import current_city
from app.publicmap import list_queries
from app.publicmap.lists import list_recent
from app.publicmap.service import fold
from app.reports.service import show
from tests.make import NOW, YUEHAI, fix, make_report

ELSEWHERE = (113.9600, 22.5900)  # another street of the same district
DISTRICT = "440305"


def test_the_last_of_all_streets_come_first_and_no_more_than_asked(shenzhen: Session) -> None:
    reports = [
        make_report(shenzhen, lon=lon + n / 200, lat=lat, now=NOW + timedelta(minutes=n))
        for n, (lon, lat) in enumerate((YUEHAI, ELSEWHERE, YUEHAI, ELSEWHERE))
    ]
    fix(shenzhen, reports[0], now=NOW + timedelta(hours=1))
    fold(shenzhen, now=NOW + timedelta(hours=2))
    ids = [show(shenzhen, report).work_order.public_id for report in reports]
    city = current_city(shenzhen)

    lines = list_recent(shenzhen, area=DISTRICT, limit=3, city=city, now=NOW)

    assert len({line["place"]["code"] for line in lines}) == 2
    assert [line["id"] for line in lines] == [ids[0], ids[3], ids[2]]


def test_a_feed_reads_an_index_in_its_order_and_sorts_no_district(shenzhen: Session) -> None:
    # So few rows would be read whole and sorted: the planner is told not to, and has to find the indexes. How few it
    # takes them for depends on what other tests have left in the pages of the table.
    shenzhen.execute(text("SET LOCAL enable_seqscan = off"))
    shenzhen.execute(text("SET LOCAL enable_bitmapscan = off"))
    shenzhen.execute(text("SET LOCAL enable_sort = off"))

    plans = [
        "\n".join(
            shenzhen.scalars(
                text(f"EXPLAIN {list_queries.recent(area=area).text}"), {"code": DISTRICT, "limit": 50}
            ).all()
        )
        for area in (True, False)
    ]

    assert "ix_map_points_street_changed" in plans[0]
    assert "ix_map_points_item_changed" in plans[1]
