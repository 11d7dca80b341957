"""Tiles: which layers each has, written one after the other (layers of a vector tile are parts of one message)."""

from __future__ import annotations

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from app.catalogue.city import City
from app.geo.models import Level
from app.publicmap import tile_queries as queries
from app.publicmap.errors import NoSuchTile
from app.publicmap.filters import Wanted
from app.publicmap.grid import CELLS_UNTIL, Tile

# Up to here a tile with too many work orders shows cells.
DENSE_UNTIL = 16
DISTRICTS_UNTIL, STREETS_FROM, ASSETS_FROM = 12, 11, 15
GROUND_KEPT = 4000
PICTURES = "/api/v1/public/work-orders/"


def draw(session: Session, tile: Tile, wanted: Wanted, *, city: City) -> bytes:
    """Write a tile; empty where nothing lies in it. Raises NoSuchTile."""
    if not tile.exists:
        raise NoSuchTile(f"There is no tile {tile.z}/{tile.x}/{tile.y}.")
    return _work(session, tile, wanted, city) + _ground(session, tile, city)


def _work(session: Session, tile: Tile, wanted: Wanted, city: City) -> bytes:
    keys = wanted.keys(tile.level) if tile.z <= DENSE_UNTIL else []
    if tile.z <= CELLS_UNTIL or (tile.z <= DENSE_UNTIL and _is_dense(session, tile, wanted, keys)):
        made = queries.kept_cells(tile, wanted, keys) if keys else queries.counted_cells(tile, wanted)
    else:
        made = queries.work_orders(tile, wanted, zone=str(city.timezone), pictures=PICTURES)
    return _layer(session, *made)


def _is_dense(session: Session, tile: Tile, wanted: Wanted, keys: list[str] | None) -> bool:
    statement, parameters = queries.are_too_many(tile, wanted, keys or [])
    return bool(session.scalar(statement, parameters))


def _layer(session: Session, statement: TextClause, parameters: queries.Parameters) -> bytes:
    return bytes(session.scalar(statement, parameters) or b"")


def _ground(session: Session, tile: Tile, city: City) -> bytes:
    """Write what lies beneath: it changes with the city pack alone and is kept in this process."""
    key = (city.version, city.digest, tile)
    if key not in _grounds:
        while len(_grounds) >= GROUND_KEPT:
            _grounds.pop(next(iter(_grounds)), None)
        _grounds[key] = _draw_ground(session, tile)
    return _grounds[key]


def _draw_ground(session: Session, tile: Tile) -> bytes:
    place = queries.of_tile(tile)
    levels = [Level.CITY.value, *([Level.DISTRICT.value] if tile.z <= DISTRICTS_UNTIL else [])]
    levels += [Level.STREET.value] if tile.z >= STREETS_FROM else []
    drawn = _layer(session, queries.AREAS, place | {"levels": levels})
    if tile.z >= ASSETS_FROM:
        drawn += _layer(session, queries.ASSETS, place | {"most": queries.ASSETS_MOST})
    return drawn


_grounds: dict[tuple[int, str, Tile], bytes] = {}
