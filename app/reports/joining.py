"""Which work order a report joins: the item's rule, by place; or one that is named. DESIGN, "Duplicates".

A wrong join hides a problem, so the machine joins by itself only where the item says ``auto`` and the place is the
same: the same asset, or within the item's radius. A poor accuracy widens the radius up to the pack's cap; two
different known assets are never the same place. ``suggesting`` has what is asked, and what the model is sure of.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import Item, Joining
from app.crockford import normalise
from app.geo.service import Place
from app.geo.types import Point, metres, near
from app.reports.errors import NotTheSame, SameAsClosed
from app.workorders.models import LIVE, WorkOrder
from app.workorders.service import lock_all
from app.workorders.states import ENDED, OPEN, State

SAME_WITHIN_M = 500.0
FIXED_DAYS = 3
CELL_DEGREES = 0.002
_CELLS_AROUND = round(360 / CELL_DEGREES)
_METRES_A_DEGREE = 111_320.0
_LAST_LATITUDE = 89.0

_OPEN_SQL = text("work_orders.state IN (" + ", ".join(f"'{state}'" for state in OPEN) + ")")


def joining_radius(item: Item, accuracy_m: float, *, city: City) -> float:
    """Give the radius in metres within which a report of an item is about the same problem."""
    return max(item.dedup_radius_m, min(accuracy_m, city.limits.joining_accuracy_cap_m))


def cells(point: Point, radius_m: float) -> Iterator[tuple[int, int]]:
    """Give every cell of the grid (0.002 degrees) that the bounding box of a circle touches; columns wrap at 180."""
    tall = radius_m / _METRES_A_DEGREE
    latitude = min(abs(point.lat) + tall, _LAST_LATITUDE)
    wide = tall / math.cos(math.radians(latitude))
    for column in range(_cell(point.lon - wide), _cell(point.lon + wide) + 1):
        for row in range(_cell(point.lat - tall), _cell(point.lat + tall) + 1):
            yield column % _CELLS_AROUND, row


def _cell(degrees: float) -> int:
    return math.floor(degrees / CELL_DEGREES)


def _lock_key(*parts: object) -> int:
    data = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def lock_place(session: Session, item: Item, place: Place, asset: NearAsset | None, *, city: City) -> None:
    """Hold every lock that another report of the same problem would need, in order, until the transaction ends.

    Two reports that could join lie within the radius of one of them, so that one holds the other's own cell.
    The widest radius is used, since the other's accuracy is not known.
    """
    radius = joining_radius(item, city.limits.joining_accuracy_cap_m, city=city)
    keys = {_lock_key("cell", item.code, *cell) for cell in cells(place.point, radius)}
    if asset is not None:
        keys.add(_lock_key("asset", item.code, asset.asset.id))
    session.execute(
        text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) WITH ORDINALITY AS locks(key, n)"),
        {"keys": sorted(keys)},
    )


def find_same(
    session: Session, item: Item, place: Place, asset: NearAsset | None, *, city: City, now: dt.datetime
) -> WorkOrder | None:
    """Find and lock the open work order that a report joins by itself; the nearest, then the oldest."""
    if item.joining is not Joining.AUTO:
        return None
    lock_place(session, item, place, asset, city=city)
    radius = joining_radius(item, place.accuracy_m, city=city)
    there = near(WorkOrder.position, place.point, radius)
    if asset is not None:
        there = there & or_(WorkOrder.asset_id.is_(None), WorkOrder.asset_id == asset.asset.id)
        if asset.is_point:
            there = or_(there, WorkOrder.asset_id == asset.asset.id)
    same = (_OPEN_SQL, LIVE, WorkOrder.item_code == item.code, there)
    recent = WorkOrder.opened_at > now - dt.timedelta(days=item.dedup_window_days)
    nearest = (
        select(WorkOrder.id)
        .where(*same, recent)
        .order_by(metres(WorkOrder.position, place.point), WorkOrder.opened_at)
        .limit(1)
    )
    # One that stopped being the same while we waited for its lock is passed over: the next one is looked for.
    while (candidate := session.scalar(nearest)) is not None:
        for found in lock_all(session, select(WorkOrder).where(WorkOrder.id == candidate, *same)):
            return found
    return None


def take_sure(session: Session, work_order_id: UUID) -> WorkOrder | None:
    """Lock a work order that the model is sure of; None where it is not open any more."""
    same = select(WorkOrder).where(WorkOrder.id == work_order_id, _OPEN_SQL, LIVE)
    return next(iter(lock_all(session, same)), None)


def take_same(session: Session, public_id: str, item: Item, place: Place, *, now: dt.datetime) -> WorkOrder:
    """Find and lock the work order that the resident says is the same.

    Raises NotTheSame where it is unknown, not public, never joins or lies over 500 m away, SameAsClosed where it has
    ended or was fixed over three days ago.
    """
    if item.sensitive:
        message = "Reports of this item are not public and join no others; leave out same_as."
        raise NotTheSame(message)
    work_order = next(
        iter(lock_all(session, select(WorkOrder).where(WorkOrder.public_id == normalise(public_id)))), None
    )
    if work_order is None or work_order.sensitive or work_order.item.joining is Joining.NEVER:
        message = "No public work order has this id; leave out same_as."
        raise NotTheSame(message)
    distance = place.point.distance_m(work_order.position)
    if distance > SAME_WITHIN_M:
        message = f"It is {distance:.0f} m away; the same problem lies within {SAME_WITHIN_M:.0f} m. Leave out same_as."
        raise NotTheSame(message)
    long_fixed = work_order.state is State.FIXED and (work_order.fixed_at or now) < now - dt.timedelta(days=FIXED_DAYS)
    if work_order.state in ENDED or long_fixed:
        raise SameAsClosed
    return work_order
