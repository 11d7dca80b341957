"""Find the area that a point lies in. DESIGN: finding who is responsible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import shapely
from sqlalchemy import Row, case, or_, select
from sqlalchemy.orm import Session

from app.geo import queries
from app.geo.errors import OutsideCity
from app.geo.measure import circle, metres_per_degree
from app.geo.models import Area, Level
from app.geo.types import Point
from app.versions import Counts, Progress, supersede

# A phone that knows no better than this knows a district; a wider circle would only cost time.
WIDEST_CIRCLE_M = 5000.0

Found = Row[*tuple[Any, ...]]


class Match(StrEnum):
    """Whether a street covers the point or is the nearest one within the limit."""

    EXACT = "exact"
    NEAREST = "nearest"


@dataclass(frozen=True, slots=True)
class AreaRef:
    """An area by code, level and names."""

    code: str
    level: Level
    name_zh: str
    name_en: str

    @property
    def name(self) -> str:
        """Give the names in both languages as one text."""
        return f"{self.name_zh} ({self.name_en})" if self.name_zh and self.name_en else self.name_zh or self.name_en


@dataclass(frozen=True, slots=True)
class Candidate:
    """A street that the accuracy circle touches, with the share (0 to 1) of the circle's area in it."""

    area: AreaRef
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a point lies. ``areas`` has the smallest level first: community, street, district, city.

    ``distance_m`` is the way to ``street``, 0 for an exact match. ``candidates`` are all streets that the accuracy
    circle touches, the largest share first; just ``street`` when the circle lies inside it or has no radius.
    """

    point: Point
    accuracy_m: float
    street: AreaRef
    areas: tuple[AreaRef, ...]
    match: Match
    distance_m: float
    approximate: bool
    candidates: tuple[Candidate, ...]

    @property
    def community(self) -> AreaRef | None:
        """Give the community; None where the city has no such level, or the point lies in none."""
        return next((area for area in self.areas if area.level is Level.COMMUNITY), None)

    @property
    def share_of_street(self) -> float:
        """Give the share of the accuracy circle that lies in the chosen street; 1 without a circle."""
        if not self.accuracy_m:
            return 1.0
        return sum(each.share for each in self.candidates if each.area.code == self.street.code)

    @property
    def district(self) -> AreaRef | None:
        """Give the district of the street; None where the city has no such level."""
        return next((area for area in self.areas if area.level is Level.DISTRICT), None)


def locate(session: Session, point: Point, accuracy_m: float = 0.0, *, nearest_limit_m: float) -> Place:
    """Find the street office whose area a point lies in, and the areas around it.

    A street that covers the point (its border included) is exact, of several the smallest. Where none does, the
    nearest within ``nearest_limit_m`` metres is given and marked. ``accuracy_m`` is the radius of the position's
    circle in metres, taken as 5 km at most.

    The common case, a circle inside one street, is one statement.

    Raises OutsideCity beyond the limit, and inside a hole of the city however near its edge is. A hole is a ring of
    the city's outline with room for a circle of 10 m; anything narrower is a gap of the digitising (``measure``).
    """
    where = {"lon": point.lon, "lat": point.lat}
    around = circle(point, min(accuracy_m, WIDEST_CIRCLE_M)) if accuracy_m > 0 else None
    where_circle = where | {"circle": queries.wkb(around) if around else None}
    covering = session.execute(queries.COVERING, where_circle).all()
    row = next((row for row in covering if row.area_level is Level.STREET), None)
    match, distance_m = Match.EXACT, 0.0
    if row is None:
        row = _nearest(session, point, nearest_limit_m)
        match, distance_m = Match.NEAREST, float(row.metres)
    street = _ref(row, "area")
    candidates: tuple[Candidate, ...] = (Candidate(street, 1.0 if match is Match.EXACT else 0.0),)
    if around and not (match is Match.EXACT and row.whole):
        candidates = _shares(session, where_circle) or candidates
    communities = [_ref(small, "area") for small in covering if small.area_level is Level.COMMUNITY][:1]
    return Place(
        point=point,
        accuracy_m=accuracy_m,
        street=street,
        areas=(*communities, street, *_ancestors(row)),
        match=match,
        distance_m=distance_m,
        approximate=row.approximate,
        candidates=candidates,
    )


def streets_of(session: Session, points: Sequence[Point]) -> list[str | None]:
    """Give for many points the code of the street that covers each, None where none does, in one statement."""
    lons, lats = [point.lon for point in points], [point.lat for point in points]
    return list(session.scalars(queries.STREETS, {"lons": lons, "lats": lats}))


def places_of(session: Session, points: Sequence[Point], *, nearest_limit_m: float) -> list[Place | None]:
    """Give for many points what ``locate`` gives for each without a circle; None outside the city.

    Two statements for all that a street covers, one or more for each other point.
    """
    arrays = {"lons": [point.lon for point in points], "lats": [point.lat for point in points]}
    streets = session.scalars(queries.STREETS, arrays).all()
    communities = session.scalars(queries.COMMUNITIES, arrays).all()
    known = _known_areas(session)
    places: list[Place | None] = []
    for point, street, community in zip(points, streets, communities, strict=True):
        if street is None:
            places.append(_place_of(session, point, nearest_limit_m))
            continue
        areas = [known[code][0] for code in (community, *_line(known, street)) if code]
        ref = known[street][0]
        place = Place(
            point=point,
            accuracy_m=0.0,
            street=ref,
            areas=tuple(areas),
            match=Match.EXACT,
            distance_m=0.0,
            approximate=known[street][2],
            candidates=(Candidate(ref, 1.0),),
        )
        places.append(place)
    return places


def _place_of(session: Session, point: Point, nearest_limit_m: float) -> Place | None:
    try:
        return locate(session, point, nearest_limit_m=nearest_limit_m)
    except OutsideCity:
        return None


def _known_areas(session: Session) -> dict[str, tuple[AreaRef, str, bool]]:
    """Give the current areas by code, with their parents and whether they were computed."""
    columns = (Area.code, Area.level, Area.name_zh, Area.name_en, Area.parent, Area.approximate)
    return {
        row.code: (AreaRef(row.code, row.level, row.name_zh, row.name_en), row.parent, row.approximate)
        for row in session.execute(select(*columns).where(Area.until.is_(None)))
    }


def _line(known: Mapping[str, tuple[AreaRef, str, bool]], code: str) -> Iterator[str]:
    """Walk from an area up to the city."""
    while code in known:
        yield code
        code = known[code][1]


def list_areas(session: Session, words: str = "", *, level: Level | None = None) -> Sequence[Area]:
    """List the current areas whose code or names hold all ``words``, the largest level first, then by code."""
    statement = select(Area).where(Area.until.is_(None))
    if level is not None:
        statement = statement.where(Area.level == level)
    for word in words.split():
        names = (Area.code, Area.name_zh, Area.name_en)
        statement = statement.where(or_(*(name.icontains(word, autoescape=True) for name in names)))
    order = case({each: place for place, each in enumerate(reversed(Level))}, value=Area.level)
    return session.scalars(statement.order_by(order, Area.code)).all()


def find_successor(session: Session, code: str, *, dropped_in: int) -> str | None:
    """Find the current area that covers most of one that a version dropped, None where none covers a tenth of it."""
    return session.scalar(queries.SUCCESSOR, {"code": code, "dropped_in": dropped_in})


def sample_point(session: Session) -> Point | None:
    """Give a point inside a middle-sized street of the city; None when no city is loaded."""
    found = session.scalar(queries.MIDDLE)
    if found is None:
        return None
    shape: Any = shapely.from_wkb(bytes(found))
    return Point(round(shape.x, 6), round(shape.y, 6))


def replace_areas(
    session: Session, rows: Iterable[Mapping[str, Any]], *, version: int, progress: Progress | None = None
) -> Counts:
    """Make ``rows`` the current areas; ``geom`` is hexadecimal EWKB (``queries.ewkb_hex``)."""
    return supersede(session, Area, rows, version=version, key=("code",), progress=progress)


def _nearest(session: Session, point: Point, limit_m: float) -> Found:
    """Find the nearest street by true metres. Raises OutsideCity beyond the limit and in a hole of the city."""
    east, north = metres_per_degree(point.lat)
    where = {"lon": point.lon, "lat": point.lat}
    row = session.execute(queries.NEAREST, where | {"east": east, "north": north}).first()
    hole = bool(session.scalar(queries.IN_HOLE, where))
    if row is None:
        raise OutsideCity(area="", name="unknown", distance_m=0.0, hole=False)
    if hole or row.metres > limit_m:
        nearest = _ref(row, "area")
        raise OutsideCity(area=nearest.code, name=nearest.name, distance_m=row.metres, hole=hole)
    return row


def _shares(session: Session, where: Mapping[str, Any]) -> tuple[Candidate, ...]:
    rows = session.execute(queries.SHARES, where).all()
    return tuple(Candidate(_ref(row, "area"), round(float(row.share), 6)) for row in rows if row.share > 0)


def _ancestors(row: Found) -> list[AreaRef]:
    return [_ref(row, prefix) for prefix in ("parent", "grandparent") if getattr(row, f"{prefix}_code")]


def _ref(row: Found, prefix: str) -> AreaRef:
    return AreaRef(*(getattr(row, f"{prefix}_{name}") for name in ("code", "level", "name_zh", "name_en")))
