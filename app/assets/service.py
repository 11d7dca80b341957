"""Find the asset that a report is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, TableValuedAlias, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from app.assets.models import Asset
from app.geo.types import (
    Point,
    is_point,
    is_polygon,
    many_points,
    meets,
    metres,
    metres_from,
    near,
    near_each,
    square_metres,
    touches,
)


@dataclass(frozen=True, slots=True)
class NearAsset:
    """An asset and its true distance from a point in metres, 0 inside a polygon.

    ``is_point`` tells a thing at one spot from a road or a park.
    """

    asset: Asset
    distance_m: float
    is_point: bool = True


def nearest_asset(session: Session, point: Point, *, asset_class: str, within_m: float) -> NearAsset | None:
    """Give the nearest current asset of a class within ``within_m`` metres, None where there is none.

    Inside a polygon the distance is 0; of several at one distance the smaller area counts, then the code.
    """
    distance = metres(Asset.geom, point)
    statement = (
        select(Asset, distance, is_point(Asset.geom))
        .where(Asset.until.is_(None), Asset.asset_class == asset_class, near(Asset.geom, point, within_m))
        .order_by(distance, square_metres(Asset.geom), Asset.code)
        .limit(1)
    )
    found = session.execute(statement).first()
    return NearAsset(found[0], float(found[1]), found[2]) if found else None


def covering_asset(session: Session, point: Point) -> NearAsset | None:
    """Give the current asset of any class on whose ground a point lies: the smallest polygon that holds it."""
    statement = (
        select(Asset)
        .where(Asset.until.is_(None), near(Asset.geom, point, 0.0), is_polygon(Asset.geom))
        .order_by(square_metres(Asset.geom), Asset.code)
        .limit(1)
    )
    found = session.scalars(statement).first()
    return NearAsset(found, 0.0, is_point=False) if found else None


def nearest_assets(
    session: Session, points: Sequence[Point], *, asset_class: str, within_m: float
) -> list[NearAsset | None]:
    """Give for many points what ``nearest_asset`` gives for each, in two statements."""
    here, spot = many_points()
    around = _current(near_each(Asset.geom, spot, within_m), "around")
    distance = metres_from(around.c.geom, spot)
    closest = (
        select(here.c.number, around.c.id, distance.label("metres"), is_point(around.c.geom).label("is_point"))
        .select_from(here)
        .join(around, around.c.asset_class == asset_class)
        .ext(distinct_on(here.c.number))
        .order_by(here.c.number, distance, square_metres(around.c.geom), around.c.code)
        .subquery("closest")
    )
    rows = session.execute(_each(here, closest), _arrays(points)).all()
    found = _by_id(session, {row.id for row in rows})
    return [NearAsset(found[row.id], float(row.metres), row.is_point) if row.id else None for row in rows]


def covering_assets(session: Session, points: Sequence[Point]) -> list[NearAsset | None]:
    """Give for many points what ``covering_asset`` gives for each, in two statements.

    Asset by asset, for what PostGIS prepares of a shape serves the points that it is compared with one after the other.
    """
    here, spot = many_points()
    around = _current(meets(Asset.geom, spot), "around")
    candidates = (
        select(here.c.number, spot.label("spot"), around.c.id, around.c.code, around.c.geom)
        .select_from(here)
        .join(around, is_polygon(around.c.geom))
        .order_by(around.c.id)
        .cte("candidates")
        .prefix_with("MATERIALIZED")
    )
    ground = (
        select(candidates.c.number, candidates.c.id)
        .where(touches(candidates.c.geom, candidates.c.spot))
        .ext(distinct_on(candidates.c.number))
        .order_by(candidates.c.number, square_metres(candidates.c.geom), candidates.c.code)
        .subquery("ground")
    )
    ids = [row.id for row in session.execute(_each(here, ground), _arrays(points))]
    found = _by_id(session, set(ids))
    return [NearAsset(found[asset_id], 0.0, is_point=False) if asset_id else None for asset_id in ids]


def _current(where: ColumnElement[bool], name: str) -> LateralFromClause:
    """Give the current assets that lie so, by the index of shapes.

    Right after a pack was loaded PostgreSQL has no statistics of them yet and would rather walk over all: OFFSET keeps
    what else is asked of them out of its choice.
    """
    columns = (Asset.id, Asset.code, Asset.asset_class, Asset.geom)
    return select(*columns).where(Asset.until.is_(None), where).offset(0).lateral(name)


def _each(here: TableValuedAlias, found: Subquery) -> Select[Any]:
    """Give a row a point, in their order: what was found of its number, or nulls."""
    return select(found).select_from(here.outerjoin(found, found.c.number == here.c.number)).order_by(here.c.number)


def _arrays(points: Sequence[Point]) -> dict[str, list[float]]:
    return {"lons": [point.lon for point in points], "lats": [point.lat for point in points]}


def _by_id(session: Session, ids: set[UUID | None]) -> dict[UUID, Asset]:
    return {asset.id: asset for asset in session.scalars(select(Asset).where(Asset.id.in_(ids - {None})))}


def holds_class(session: Session, asset_class: str) -> bool:
    """Tell whether the current version has any asset of a class."""
    statement = select(Asset.id).where(Asset.until.is_(None), Asset.asset_class == asset_class).limit(1)
    return session.scalar(statement) is not None
