"""What the lists tell of a work order: plain members for the wire shapes, and nothing that nobody may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from app.catalogue.city import City, Language
from app.crockford import normalise
from app.geo.models import Area
from app.media import service as media
from app.media.links import Kind
from app.publicmap import list_queries as queries
from app.publicmap.errors import NotOnMap
from app.publicmap.filters import Wanted
from app.publicmap.first_words import first_words
from app.publicmap.grid import CELLS_UNTIL
from app.publicmap.models import MapPoint
from app.publicmap.tiles import DENSE_UNTIL
from app.publicmap.words import Filtered, judge
from app.reports.queries import first_photos, street_of
from app.reports.service.pair import public_pair
from app.reports.views import Subject, show_pair
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.queries import find_work_order, history
from app.workorders.timeline import happened_at

View = dict[str, Any]
# Who was seen at a place at a time could be known by the time of filing; within the hour the hour alone is told.
FRESH = dt.timedelta(hours=1)
_FILED = (EventKind.RECEIVED, EventKind.JOINED)
_DAY = 86_400
SMALL = 320


def blurred(filed_at: dt.datetime, now: dt.datetime) -> dt.datetime:
    """Give a time of filing as it may be told: to the hour while it is under an hour old."""
    return filed_at.replace(minute=0, second=0, microsecond=0) if now - filed_at < FRESH else filed_at


def find_point(session: Session, public_id: str) -> MapPoint:
    """Find what everybody may see of a work order. Raises NotOnMap."""
    point = session.scalars(select(MapPoint).where(MapPoint.public_id == normalise(public_id))).one_or_none()
    if point is None:
        raise NotOnMap("No work order of this id is on the map.")
    return point


def thumbnail_url(session: Session, public_id: str) -> str:
    """Give the link of the first picture that everybody may see of a work order. Raises NotOnMap without one."""
    point = find_point(session, public_id)
    found = {} if point.sensitive else first_photos(session, [point.work_order_id])
    if not found:
        raise NotOnMap("Nobody may see a picture of this work order.")
    return _small(found[point.work_order_id])


def _small(photo_id: UUID) -> str:
    return media.rendition_url(media.current(), photo_id, SMALL, kind=Kind.MASKED, absolute=True)


def show_lines(session: Session, rows: Sequence[RowMapping], *, city: City, now: dt.datetime) -> list[View]:
    """Show some work orders in a list."""
    photos = first_photos(session, [row["work_order_id"] for row in rows if not row["sensitive"]])
    return [_show_line(row, photos.get(row["work_order_id"]), city=city, now=now) for row in rows]


def _show_line(row: RowMapping, photo_id: UUID | None, *, city: City, now: dt.datetime) -> View:
    return {
        "id": row["id"],
        "item": _named(row, "item", row["item"], city),
        "class": row["class"],
        "state": row["state"],
        "step": row["step"],
        "position": {"lon": round(row["lon"], 6), "lat": round(row["lat"], 6)},
        "place": _named(row, "street", row["street"], city),
        "opened": blurred(row["opened_at"], now),
        "fixed": row["fixed_at"] if row["done_at"] else None,
        "closed": row["closed_at"] if row["done_at"] else None,
        "days_to_fix": round((row["done_at"] - row["opened_at"]).total_seconds() / _DAY, 1) if row["done_at"] else None,
        "unit": _named(row, "unit", row["lead_unit"], city) if row["lead_unit"] else None,
        "reports": row["reports"],
        "followers": row["followers"],
        "thumbnail": _small(photo_id) if photo_id else None,
        "distance_m": None if row["distance_m"] is None else round(row["distance_m"], 1),
    }


def _named(row: RowMapping, prefix: str, code: str, city: City) -> View:
    names = {f"name_{each}": row[f"{prefix}_{each}"] or "" for each in ("zh", "en")}
    first = names[f"name_{city.languages[0].value}"]
    return {"code": code, "name": first or names["name_zh"] or names["name_en"] or code, **names}


def show_one(session: Session, public_id: str, *, city: City, now: dt.datetime) -> View:
    """Show a work order with its public history, its pair and its words. Raises NotOnMap."""
    shown = find_one(session, public_id, city=city, now=now)
    if shown is None:
        raise NotOnMap("No work order of this id is on the map.")
    return shown


def find_one(session: Session, public_id: str, *, city: City, now: dt.datetime) -> View | None:
    """Show a work order as ``show_one`` does; None where it is not on the map."""
    row = session.execute(queries.one(), {"id": normalise(public_id)}).mappings().one_or_none()
    work_order = find_work_order(session, public_id) if row else None
    if row is None or work_order is None:
        return None
    return {
        **show_lines(session, [row], city=city, now=now)[0],
        "sensitive": row["sensitive"],
        "timeline": _show_timeline(session, work_order, now),
        "pair": _show_pair(session, work_order),
        "description": public_words(session, work_order),
        "attribution": city.attribution,
    }


def _show_pair(session: Session, work_order: WorkOrder) -> View | None:
    street: Area | None = street_of(session, work_order.street)
    return (
        None if work_order.sensitive else show_pair(public_pair(session, work_order), Subject(work_order.item, street))
    )


def _show_timeline(session: Session, work_order: WorkOrder, now: dt.datetime) -> list[View]:
    return [
        _show_event(event, sensitive=work_order.sensitive, now=now)
        for event in history(session, work_order.id, public_only=True)
    ]


def _show_event(event: TimelineEvent, *, sensitive: bool, now: dt.datetime) -> View:
    """Show a line of history; its words where the filter lets them pass, for crews too write names and numbers."""
    note = str((event.payload.content if event.payload else {}).get("note") or "")
    shown = note and not sensitive and judge(note) is Filtered.OK
    # The first steps are taken with the filing: all of them tell its time.
    return {"at": blurred(happened_at(event), now), "kind": event.kind.value, "text": note if shown else None}


def public_words(session: Session, work_order: WorkOrder) -> str | None:
    """Give the words of a work order where everybody may read them."""
    found = {} if work_order.sensitive else first_words(session, [work_order.id])
    words = found.get(work_order.id)
    return words.description if words and words.is_public else None


def show_areas(session: Session, wanted: Wanted, *, city: City) -> list[View]:
    """Show streets and districts with what is open, what was fixed in the period, and the median days of that."""
    rows = session.execute(queries.figures(), {"ages": wanted.ages}).mappings()
    return [
        {
            **{name: row[name] for name in ("code", "level", "parent", "name_zh", "name_en", "open", "fixed")},
            "name": _first(row, "name", city),
            "median_days_to_fix": None if row["median_days"] is None else round(row["median_days"], 1),
        }
        for row in rows
    ]


def show_map(session: Session, wanted: Wanted, *, city: City, style_url: str) -> View:
    """Show what a page needs to begin: where the city lies, what can be filtered by, how many there are."""
    items = session.execute(queries.CLASSES).mappings().all()
    bounds = [float(value) for value in session.execute(queries.BOUNDS).one()]
    return {
        "bounds": bounds,
        "centre": [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2],
        "zoom": 10,
        "levels": {"cells_until": CELLS_UNTIL, "dense_until": DENSE_UNTIL},
        "items": [_show_item(row, city) for row in items],
        "classes": _show_classes(items, city),
        "counts": count_states(session, wanted),
        "attribution": city.attribution,
        "style_url": style_url or None,
    }


def count_states(session: Session, wanted: Wanted) -> dict[str, int]:
    """Count by state what the other filters leave: of a state that is not wanted too, it is one to choose."""
    return dict(session.execute(*queries.totals(replace(wanted, states=()))).mappings().one())


def _show_item(row: RowMapping, city: City) -> View:
    names = {name: row[name] for name in ("name_zh", "name_en")}
    return {"code": row["code"], "class": row["class"], "name": _first(row, "name", city), **names}


def _show_classes(rows: Sequence[RowMapping], city: City) -> list[View]:
    known: dict[str, View] = {}
    for row in rows:
        names = {"name_zh": row["major_zh"], "name_en": row["major_en"]}
        known.setdefault(row["class"], {"code": row["class"], "name": _first(row, "major", city), **names})
    return list(known.values())


def _first(row: RowMapping, prefix: str, city: City) -> str:
    zh, en = str(row[f"{prefix}_zh"]), str(row[f"{prefix}_en"])
    return (zh or en) if city.languages[0] is Language.ZH else (en or zh)
