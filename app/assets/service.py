"""Find the asset that a report is about."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assets.models import Asset
from app.geo.types import Point, is_point, is_polygon, metres, near, square_metres


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


def holds_class(session: Session, asset_class: str) -> bool:
    """Tell whether the current version has any asset of a class."""
    statement = select(Asset.id).where(Asset.until.is_(None), Asset.asset_class == asset_class).limit(1)
    return session.scalar(statement) is not None
