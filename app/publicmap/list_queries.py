"""Statements of the lists: work orders, areas with their figures, the page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, TextClause, bindparam, text

from app.publicmap.box import Box
from app.publicmap.face_queries import CLASS_CODE
from app.publicmap.filters import Wanted
from app.publicmap.grid import COARSEST, Shown
from app.publicmap.tile_queries import where_points

Parameters = dict[str, Any]
# Written into the statement: whether to walk from the newest on or to sort what lies in the box is up to its size, and
# a plan that PostgreSQL keeps for any box takes every box for a small one (seconds for a city of a million).
_SIDES = ("west", "south", "east", "north")
_POINT = "ST_Transform(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), 3857)"
_LINE = """
    SELECT p.work_order_id, p.public_id AS id, p.item, p.class, p.state, p.step, p.sensitive, p.street,
           p.opened_at, w.fixed_at, w.closed_at, w.outcome, p.done_at, w.reports, w.lead_unit,
           ST_X(place.geom) AS lon, ST_Y(place.geom) AS lat,
           items.name_zh AS item_zh, items.name_en AS item_en,
           {names},
           (SELECT count(DISTINCT contact_id) FROM subscriptions s
            WHERE s.work_order_id = p.work_order_id AND s.ended_at IS NULL) AS followers,
           {distance} AS distance_m
    FROM ({chosen}) p
    JOIN work_orders w ON w.id = p.work_order_id
    JOIN items ON items.id = w.item_id
    CROSS JOIN LATERAL (SELECT ST_Transform(p.geom, 4326) AS geom) place
    LEFT JOIN areas street ON street.code = p.street AND street.until IS NULL
    LEFT JOIN units unit ON unit.code = w.lead_unit AND unit.until IS NULL
    ORDER BY {order}
"""
_METRES = "ST_Distance(place.geom::geography, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography)"


def _name(of: str, table: str, code: str, column: str) -> str:
    """Give a name of the current row, else that of the row that was dropped last."""
    last = f"SELECT {column} FROM {table} WHERE code = {code} ORDER BY until DESC LIMIT 1"
    return f"coalesce({of}.{column}, ({last})) AS {of}_{column.removeprefix('name_')}"


_NAMES = ", ".join(
    _name(*listed, column)
    for listed in (("street", "areas", "p.street"), ("unit", "units", "w.lead_unit"))
    for column in ("name_zh", "name_en")
)

# Where a work order stands in either order; one that left the map meanwhile still has its place.
PLACE_OF = text("""
    SELECT w.id, w.opened_at, ST_X(at.geom) AS east, ST_Y(at.geom) AS north
    FROM work_orders w LEFT JOIN map_points p ON p.work_order_id = w.id
    CROSS JOIN LATERAL (SELECT coalesce(p.geom, ST_Transform(w.position::geometry, 3857)) AS geom) at
    WHERE w.public_id = :id
""")


def lines(
    wanted: Wanted, *, boxes: tuple[Box, ...] | None, near: tuple[float, float] | None, after: Any | None
) -> tuple[TextClause, Parameters]:
    """List work orders, newest first or nearest first; ``after`` is a row of ``PLACE_OF``."""
    condition, parameters = where_points(wanted)
    sides = {
        f"{side}_{number}": value
        for number, box in enumerate(boxes or ())
        for side, value in zip(_SIDES, box, strict=True)
    }
    if boxes:
        condition += f" AND ({' OR '.join(_within(number) for number in range(len(boxes)))})"
        parameters |= sides
    if near:
        parameters |= {"lon": near[0], "lat": near[1]}
    place = f"p.geom <-> {_POINT}" if near else "0.0"
    if after:
        condition += f" AND {_behind(near=bool(near))}"
        parameters |= {"after": after.id, "opened": after.opened_at, "at_x": after.east, "at_y": after.north}
    order = "p.place, p.work_order_id" if near else "p.opened_at DESC, p.work_order_id DESC"
    chosen_by = order.replace("p.place", "place")
    chosen = f"SELECT p.*, {place} AS place FROM map_points p WHERE {condition} ORDER BY {chosen_by} LIMIT :limit"
    distance = _METRES if near else "NULL::float8"
    statement = text(_LINE.format(names=_NAMES, chosen=chosen, distance=distance, order=order))
    return statement.bindparams(*(bindparam(side, type_=Float, literal_execute=True) for side in sides)), parameters


def _within(number: int) -> str:
    sides = ", ".join(f":{side}_{number}" for side in _SIDES)
    return f"p.geom && ST_Transform(ST_MakeEnvelope({sides}, 4326), 3857)"


def _behind(*, near: bool) -> str:
    if not near:
        return "(p.opened_at, p.work_order_id) < (CAST(:opened AS timestamptz), CAST(:after AS uuid))"
    there = "ST_SetSRID(ST_MakePoint(:at_x, :at_y), 3857)"
    return f"(p.geom <-> {_POINT}, p.work_order_id) > ({there} <-> {_POINT}, CAST(:after AS uuid))"


def recent(*, area: bool) -> TextClause:
    """List what was opened or done last: in the area ``code`` or one right under it, or of the item ``code``."""
    order = "coalesce(p.done_at, p.opened_at) DESC, p.work_order_id DESC"
    # Of each street the last ones by its own index: of all at once every row of a district would be sorted.
    codes = """SELECT CAST(:code AS text) AS code
               UNION SELECT code FROM areas WHERE parent = :code AND until IS NULL"""
    last = "SELECT p.*, 0.0 AS place FROM map_points p WHERE {where} ORDER BY {order} LIMIT :limit"
    of_item = last.format(where="p.item = :code", order=order)
    of_street = last.format(where="p.street = within.code", order=order)
    of_area = f"""SELECT p.* FROM ({codes}) within CROSS JOIN LATERAL ({of_street}) p
                  ORDER BY {order} LIMIT :limit"""
    return text(_LINE.format(names=_NAMES, chosen=of_area if area else of_item, distance="NULL::float8", order=order))


def everything() -> TextClause:
    """List all work orders of the map, oldest first."""
    chosen = "SELECT p.*, 0.0 AS place FROM map_points p"
    return text(
        _LINE.format(names=_NAMES, chosen=chosen, distance="NULL::float8", order="p.opened_at, p.work_order_id")
    )


def one() -> TextClause:
    """Give one work order by its public id."""
    chosen = "SELECT p.*, 0.0 AS place FROM map_points p WHERE p.public_id = :id"
    return text(_LINE.format(names=_NAMES, chosen=chosen, distance="NULL::float8", order="p.work_order_id"))


def figures() -> TextClause:
    """Give for each street and district what is open, what was fixed in the period, and the median days of that."""
    is_done = f"p.state <> '{Shown.OPEN}' AND p.age BETWEEN 1 AND :ages"
    return text(f"""
        SELECT area.code, area.level, area.name_zh, area.name_en, nullif(area.parent, '') AS parent,
               coalesce(open, 0) AS open, coalesce(fixed, 0) AS fixed, median_days
        FROM areas area LEFT JOIN (
            SELECT coalesce(p.street, street.parent) AS code,
                   count(*) FILTER (WHERE p.state = '{Shown.OPEN}') AS open,
                   count(*) FILTER (WHERE {is_done}) AS fixed,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY p.days) FILTER (WHERE {is_done}) AS median_days
            FROM (
                SELECT *, (extract(epoch FROM done_at - opened_at) / 86400)::float8 AS days FROM map_points
            ) p JOIN areas street ON street.code = p.street AND street.until IS NULL
            GROUP BY GROUPING SETS ((p.street), (street.parent))
        ) counted USING (code)
        WHERE area.until IS NULL AND area.level IN ('street', 'district')
        ORDER BY area.level, area.code
    """)


def totals(wanted: Wanted) -> tuple[TextClause, Parameters]:
    """Count what is wanted by state: from the cells that are kept, else the work orders themselves."""
    keys = wanted.keys(COARSEST)
    if keys is None:
        condition, parameters = where_points(wanted)
        counts = ", ".join(f"count(*) FILTER (WHERE p.state = '{shown}') AS {shown}" for shown in Shown)
        return text(f"SELECT {counts} FROM map_points p WHERE {condition}"), parameters
    sums = ", ".join(
        f"coalesce(sum({' + '.join(wanted.counts(shown)) or '0'}), 0)::bigint AS {shown}" for shown in Shown
    )
    return text(f"SELECT {sums} FROM map_cells WHERE level = {COARSEST} AND key = ANY (:keys)"), {"keys": keys}


_CHANGED = "coalesce(done_at, opened_at)"
# The first public id of each part of a size: the index of ids alone is read.
PARTS = text("""
    SELECT public_id FROM (
        SELECT public_id, row_number() OVER (ORDER BY public_id) AS number FROM map_points
    ) numbered WHERE number % :size = 1 OR :size = 1 ORDER BY public_id
""")
PART = text(f"""
    SELECT public_id AS id, {_CHANGED} AS changed FROM map_points
    WHERE public_id >= :first ORDER BY public_id LIMIT :size
""")
CLASSES = text(f"""
    SELECT code, name_zh, name_en, {CLASS_CODE} AS class, major_zh, major_en
    FROM items WHERE until IS NULL ORDER BY position
""")
BOUNDS = text("""
    SELECT ST_XMin(box) AS west, ST_YMin(box) AS south, ST_XMax(box) AS east, ST_YMax(box) AS north
    FROM (SELECT ST_Extent(geom) AS box FROM areas WHERE until IS NULL AND level = 'city') city
""")
