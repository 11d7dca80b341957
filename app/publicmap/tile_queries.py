"""Statements that write the layers of a tile (Mapbox Vector Tile 2.1), each by one ``ST_AsMVT``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import TextClause, text

from app.publicmap.filters import Wanted
from app.publicmap.grid import CELL_BITS, FINEST, HALF_M, Shown, Tile

WORK_ORDERS_MOST = 2000
TOO_MANY = 1000  # more of them in a tile cover each other: up to the zoom where cells end they are counted instead
ASSETS_MOST = 2000
Parameters = dict[str, Any]

_TILE = "ST_TileEnvelope(CAST(:z AS int), CAST(:x AS int), CAST(:y AS int))"
_CELLS = f"""
    SELECT ST_AsMVT(layer, 'cells', 4096, 'geom') FROM (
        SELECT ST_AsMVTGeom(ST_SetSRID(ST_MakePoint(
                   east::float8 / total_all / 10 - {HALF_M!r}, {HALF_M!r} - south::float8 / total_all / 10
               ), 3857), {_TILE}, 4096, 0, false) AS geom,
               open, fixed, closed, open + fixed + closed AS total, cell
        FROM ({{source}}) counted
        WHERE open + fixed + closed > 0
        ORDER BY cell
    ) layer
"""


def where_points(wanted: Wanted) -> tuple[str, Parameters]:
    """Give the condition on ``map_points`` (as ``p``) of what is wanted, with its parameters."""
    done = [shown.value for shown in wanted.states or tuple(Shown) if shown is not Shown.OPEN]
    is_open = "p.state = 'open' OR " if Shown.OPEN in (wanted.states or tuple(Shown)) else ""
    parts = [f"({is_open}(p.state = ANY (:done) AND p.age BETWEEN 1 AND :ages))"]
    parameters: Parameters = {"done": done, "ages": wanted.ages}
    chosen = (("item", list(wanted.items)), ("class", list(wanted.classes)), ("street", wanted.street))
    for name, value in chosen:
        if value:
            parts.append(f"p.{name} = {'ANY (:' + name + ')' if isinstance(value, list) else ':' + name}")
            parameters[name] = value
    return " AND ".join(parts), parameters


def kept_cells(tile: Tile, wanted: Wanted, keys: list[str]) -> tuple[TextClause, Parameters]:
    """Write the layer of cells from those that are kept."""
    sums = ", ".join(f"sum({_counted(wanted, shown)})::int AS {shown}" for shown in Shown)
    kept, parameters = _kept(tile, keys)
    source = f"""
        SELECT {sums}, sum(total) AS total_all, sum(sum_x) AS east, sum(sum_y) AS south,
               x * {1 << FINEST} + y AS cell
        FROM {kept}
        GROUP BY x, y
    """
    return text(_CELLS.format(source=source)), parameters


def _counted(wanted: Wanted, shown: Shown) -> str:
    return " + ".join(wanted.counts(shown)) or "0"


def _kept(tile: Tile, keys: list[str]) -> tuple[str, Parameters]:
    """Give the cells of a tile that are kept under some keys, as they stand behind FROM."""
    level = tile.level
    left, right, top, bottom = tile.cells(level)
    # Of an overview the groups are many and the cells few.
    place = 'AND "group" = ANY (:groups)' if level - tile.z <= CELL_BITS + 1 else ""
    parameters: Parameters = {"level": level, "keys": keys, **of_tile(tile)}
    if place:
        parameters["groups"] = tile.groups(level)
    parameters |= {"left": left, "right": right, "top": top, "bottom": bottom}
    return (
        f"""map_cells
        WHERE level = :level AND key = ANY (:keys) {place}
          AND x BETWEEN :left AND :right AND y BETWEEN :top AND :bottom""",
        parameters,
    )


def counted_cells(tile: Tile, wanted: Wanted) -> tuple[TextClause, Parameters]:
    """Write the layer of cells by counting the work orders themselves."""
    condition, parameters = where_points(wanted)
    shift = FINEST - tile.level
    counts = ", ".join(f"count(*) FILTER (WHERE p.state = '{shown}')::int AS {shown}" for shown in Shown)
    source = f"""
        SELECT {counts}, count(*) AS total_all,
               sum(floor((ST_X(p.geom) + {HALF_M!r}) * 10)) AS east,
               sum(floor(({HALF_M!r} - ST_Y(p.geom)) * 10)) AS south,
               (p.x >> {shift}) * {1 << FINEST} + (p.y >> {shift}) AS cell
        FROM map_points p
        WHERE p.geom && {_TILE} AND p.x BETWEEN :left AND :right AND p.y BETWEEN :top AND :bottom AND {condition}
        GROUP BY p.x >> {shift}, p.y >> {shift}
    """
    return text(_CELLS.format(source=source)), parameters | of_tile(tile) | _bounds(tile)


def are_too_many(tile: Tile, wanted: Wanted, keys: list[str]) -> tuple[TextClause, Parameters]:
    """Ask whether a tile has more work orders than are shown one by one; the cells tell it where they are kept."""
    if keys:
        kept, parameters = _kept(tile, keys)
        every = " + ".join(_counted(wanted, shown) for shown in Shown)
        statement = text(f"SELECT coalesce(sum({every}), 0) > :most FROM {kept}")
        return statement, {**parameters, "most": TOO_MANY}
    condition, parameters = where_points(wanted)
    statement = text(f"""
        SELECT count(*) > :most FROM (
            SELECT FROM map_points p WHERE p.geom && {_TILE} AND {condition} LIMIT :most + 1
        ) found
    """)
    return statement, parameters | of_tile(tile) | {"most": TOO_MANY}


def work_orders(tile: Tile, wanted: Wanted, *, zone: str, pictures: str) -> tuple[TextClause, Parameters]:
    """Write the layer of work orders, the newest where there are too many; ``pictures`` is the start of a link."""
    condition, parameters = where_points(wanted)
    statement = text(f"""
        SELECT ST_AsMVT(layer, 'work_orders', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(p.geom, {_TILE}, 4096, 64, true) AS geom,
                   p.public_id AS id, p.item, p.class, p.state, p.step,
                   to_char(p.opened_at AT TIME ZONE :zone, 'YYYY-MM-DD') AS opened,
                   to_char(p.done_at AT TIME ZONE :zone, 'YYYY-MM-DD') AS fixed,
                   CASE WHEN {_HAS_PICTURE} THEN :pictures || p.public_id || '/thumbnail' END AS thumbnail
            FROM (
                SELECT * FROM map_points p WHERE p.geom && {_TILE} AND {condition}
                ORDER BY p.opened_at DESC, p.work_order_id DESC LIMIT :most
            ) p
        ) layer
    """)
    more = {"most": WORK_ORDERS_MOST, "zone": zone, "pictures": pictures}
    return statement, parameters | of_tile(tile) | more


# As app.media.queries.is_public has it; of a sensitive one nobody sees a picture.
_HAS_PICTURE = """NOT p.sensitive AND EXISTS (
    SELECT FROM report_links JOIN report_photos USING (report_id) JOIN photos ON photos.id = photo_id
    WHERE report_links.work_order_id = p.work_order_id AND masked_at IS NOT NULL AND hidden_at IS NULL
      AND (detected_at IS NOT NULL OR released_at IS NOT NULL)
)"""

AREAS = text(f"""
    SELECT ST_AsMVT(layer, 'areas', 4096, 'geom') FROM (
        SELECT ST_AsMVTGeom(
                   ST_Simplify(ST_Transform(geom, 3857), {2 * HALF_M!r} / (1 << CAST(:z AS int)) / 2048, true),
                   {_TILE}, 4096, 64, true
               ) AS geom,
               code, coalesce(nullif(name_zh, ''), name_en) AS name, name_zh, name_en, level
        FROM areas
        WHERE until IS NULL AND level = ANY (:levels) AND geom && ST_Transform({_TILE}, 4326)
        ORDER BY code
    ) layer
""")

ASSETS = text(f"""
    SELECT ST_AsMVT(layer, 'assets', 4096, 'geom') FROM (
        SELECT ST_AsMVTGeom(ST_Transform(geom::geometry, 3857), {_TILE}, 4096, 64, true) AS geom,
               code AS id, asset_class AS class, name
        FROM assets WHERE until IS NULL AND geom && ST_Transform({_TILE}, 4326)::geography
        ORDER BY asset_class, code LIMIT :most
    ) layer
""")


def of_tile(tile: Tile) -> Parameters:
    """Give the parameters that name a tile."""
    return {"z": tile.z, "x": tile.x, "y": tile.y}


def _bounds(tile: Tile) -> Parameters:
    return dict(zip(("left", "right", "top", "bottom"), tile.cells(FINEST), strict=True))
