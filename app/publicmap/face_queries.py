"""Statements that derive: the public face of work orders, and what of the faces lies in each cell.

Of a statement all parts see the same moment: it reads the faces as they were counted, writes them as they are, and
adds the difference to the cells.
"""

from __future__ import annotations

from sqlalchemy import TextClause, text

from app.publicmap.grid import (
    AGE_NAMES,
    AGES,
    BLOCK_LEVEL,
    CELL_BITS,
    CLASS,
    COARSEST,
    COUNTS,
    FINEST,
    FINEST_OF_ALL,
    FINEST_OF_CLASS,
    FINEST_OF_ITEM,
    FINEST_OF_STREET,
    HALF_M,
    ITEM,
    STREET,
    TILE_ROWS,
    Shown,
)
from app.workorders.states import STEP_OF, State

# What was not taken on, and what lives on in another one, nobody sees.
_HIDDEN = (State.DECLINED, State.MERGED)
_COLUMNS = (
    "work_order_id, public_id, item, class, street, state, step, sensitive, geom, x, y, "
    "opened_at, done_at, age, ages_at"
)
_WIDTH = 1 << FINEST
_BLOCK = 1 << (FINEST - BLOCK_LEVEL)
_STEPS = " ".join(f"WHEN '{state}' THEN '{step}'" for state, step in STEP_OF.items())
_SHOWN = f"CASE state WHEN 'fixed' THEN '{Shown.FIXED}' WHEN 'closed' THEN '{Shown.CLOSED}' ELSE '{Shown.OPEN}' END"
_AGE = " ".join(
    f"WHEN done_at > :now - interval '{days} days' THEN {number}" for number, days in enumerate(AGES, start=1)
)
_NEXT = " ".join(f"WHEN {number} THEN done_at + interval '{days} days'" for number, days in enumerate(AGES, start=1))
CLASS_CODE = (
    "trim(BOTH '-' FROM lower(regexp_replace(coalesce(nullif(major_en, ''), major_zh), '[^[:alnum:]]+', '-', 'g')))"
)


def _middle(cell: str, *, down: bool = False) -> str:
    """Give the coordinate of the middle of the block of a cell of the finest level, in metres of the projection."""
    unit = f"(({cell} / {_BLOCK}) * {_BLOCK} + {_BLOCK / 2})::float8 * {2 * HALF_M!r} / {_WIDTH}"
    return f"{HALF_M!r} - {unit}" if down else f"{unit} - {HALF_M!r}"


def _cell(geom: str) -> str:
    return (
        f"floor((ST_X({geom}) + {HALF_M!r}) / {2 * HALF_M!r} * {_WIDTH})::bigint AS x, "
        f"floor(({HALF_M!r} - ST_Y({geom})) / {2 * HALF_M!r} * {_WIDTH})::bigint AS y"
    )


def _faces(which: str) -> str:
    """Select the public faces of some work orders as they are now.

    Of a sensitive one position, cell and street are those of its block's middle: nothing tells where in it it lies.
    """
    return f"""
        SELECT id AS work_order_id, public_id, item_code AS item, class,
               CASE WHEN sensitive THEN coalesce((
                   SELECT code FROM areas
                   WHERE until IS NULL AND level = 'street' AND ST_Covers(areas.geom, ST_Transform(shown.geom, 4326))
                   ORDER BY area_m2, code LIMIT 1
               ), street) ELSE street END AS street,
               state, step, sensitive, geom, {_cell("geom")},
               opened_at, done_at, age, CASE age {_NEXT} END AS ages_at
        FROM (
            SELECT *, CASE WHEN sensitive
                      THEN ST_SetSRID(ST_MakePoint({_middle("x")}, {_middle("y", down=True)}), 3857)
                      ELSE exact END AS geom,
                   CASE WHEN done_at IS NULL THEN 0 {_AGE} ELSE {len(AGE_NAMES)} END AS age
            FROM (SELECT *, {_cell("exact")} FROM (
                SELECT w.id, w.public_id, w.item_code, {CLASS_CODE} AS class, w.street, w.sensitive, w.opened_at,
                       {_SHOWN} AS state, CASE w.state {_STEPS} END AS step,
                       CASE WHEN w.state IN ('fixed', 'closed') THEN coalesce(w.fixed_at, w.closed_at) END AS done_at,
                       ST_Transform(w.position::geometry, 3857) AS exact
                FROM work_orders w JOIN items ON items.id = w.item_id
                WHERE {which} AND w.state NOT IN ({", ".join(f"'{state}'" for state in _HIDDEN)})
            ) read) placed
        ) shown
    """  # what is put together here are constants of this module


def _when(count: str) -> str:
    state, _, age = count.partition("_")
    return f"state = '{state}'" + (f" AND age = {AGE_NAMES.index(age) + 1}" if age else "")


_KEYS = (
    f"(VALUES ('', {FINEST_OF_ALL}), ('{CLASS}' || class, {FINEST_OF_CLASS}), "
    f"('{ITEM}' || item, {FINEST_OF_ITEM}), ('{STREET}' || street, {FINEST_OF_STREET})) AS kept (key, finest)"
)
_NAMES = ("total", *COUNTS, "sum_x", "sum_y")
_CELL_COLUMNS = f"""level, key, "group", x, y, {", ".join(_NAMES)}"""
_EAST = f"floor((ST_X(geom) + {HALF_M!r}) * 10)::bigint"
_SOUTH = f"floor(({HALF_M!r} - ST_Y(geom)) * 10)::bigint"


def _group(x: str, y: str) -> str:
    return f"({x} >> {CELL_BITS}) * {TILE_ROWS} + ({y} >> {CELL_BITS})"


def _counted(source: str) -> str:
    """Sum signed faces (``sign``, ``level``, ``key`` beside their columns) by cell."""
    x, y = f"(x >> ({FINEST} - level))", f"(y >> ({FINEST} - level))"
    counts = ", ".join(f"coalesce(sum(sign) FILTER (WHERE {_when(name)}), 0)" for name in COUNTS)
    return (
        f"SELECT level, key, {_group(x, y)}, {x}, {y}, sum(sign), {counts}, sum(sign * east), sum(sign * south) "
        f"FROM {source} GROUP BY level, key, {x}, {y}"
    )


TAKE_CHANGES: TextClause = text("""
    WITH taken AS (
        DELETE FROM work_order_changes
        WHERE id = ANY (ARRAY(SELECT id FROM work_order_changes ORDER BY id LIMIT :limit))
        RETURNING work_order_id
    ), aged AS (
        SELECT work_order_id FROM map_points WHERE ages_at <= :now AND work_order_id <> ALL (CAST(:put_off AS uuid[]))
        ORDER BY ages_at LIMIT :limit
    )
    SELECT work_order_id FROM taken UNION ALL SELECT work_order_id FROM aged
""")

FOLD: TextClause = text(f"""
    WITH fresh AS MATERIALIZED ({_faces("w.id = ANY (CAST(:ids AS uuid[]))")}),
    known AS MATERIALIZED (SELECT {_COLUMNS} FROM map_points WHERE work_order_id = ANY (CAST(:ids AS uuid[]))),
    gone AS (
        DELETE FROM map_points USING known
        WHERE map_points.work_order_id = known.work_order_id
          AND NOT EXISTS (SELECT FROM fresh WHERE fresh.work_order_id = known.work_order_id)
    ),
    put AS (
        INSERT INTO map_points ({_COLUMNS}) SELECT {_COLUMNS} FROM fresh
        ON CONFLICT (work_order_id) DO UPDATE SET
            ({_COLUMNS}) = ({", ".join(f"excluded.{name.strip()}" for name in _COLUMNS.split(","))})
        WHERE map_points IS DISTINCT FROM excluded
    ),
    signed AS (
        SELECT -1 AS sign, * FROM known UNION ALL SELECT 1, {_COLUMNS} FROM fresh
    ),
    different AS (
        SELECT *, {_EAST} AS east, {_SOUTH} AS south FROM signed WHERE NOT EXISTS (
            SELECT FROM known JOIN fresh USING (work_order_id, item, class, street, state, age, x, y)
            WHERE work_order_id = signed.work_order_id AND known.geom = fresh.geom
        )
    )
    INSERT INTO map_cells ({_CELL_COLUMNS})
    {_counted(f"different CROSS JOIN LATERAL {_KEYS} CROSS JOIN LATERAL generate_series({COARSEST}, finest) level")}
    ON CONFLICT (level, key, "group", x, y) DO UPDATE SET
        {", ".join(f"{name} = map_cells.{name} + excluded.{name}" for name in _NAMES)}
""")

FORGET_EMPTY: TextClause = text("DELETE FROM map_cells WHERE total = 0")

FORGET_ALL: tuple[TextClause, ...] = (text("DELETE FROM map_cells"), text("DELETE FROM map_points"))
# The next work orders by key, behind the last one; how many they are and which is the last of them.
PUT_NEXT: TextClause = text(f"""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM work_orders WHERE CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid)
        ORDER BY id LIMIT :limit
    ),
    put AS (INSERT INTO map_points ({_COLUMNS})
            SELECT {_COLUMNS} FROM ({_faces("w.id IN (SELECT id FROM chosen)")}) faces)
    SELECT count(*) AS looked_at, (SELECT id FROM chosen ORDER BY id DESC LIMIT 1) AS last FROM chosen
""")

# Each key at its finest level, by whether it is of all, a class, an item or a street.
FINEST_OF = {
    "''": FINEST_OF_ALL,
    f"'{CLASS}' || class": FINEST_OF_CLASS,
    f"'{ITEM}' || item": FINEST_OF_ITEM,
    f"'{STREET}' || street": FINEST_OF_STREET,
}


def count_finest(key: str) -> TextClause:
    """Give the statement that counts all faces in the finest cells of a key."""
    counted = _counted(
        f"(SELECT 1 AS sign, {FINEST_OF[key]} AS level, {key} AS key, state, age, x, y, "
        f"{_EAST} AS east, {_SOUTH} AS south FROM map_points) faces"
    )
    return text(f"INSERT INTO map_cells ({_CELL_COLUMNS}) {counted}")


def _count_coarser() -> TextClause:
    sums = ", ".join(f"sum({name})" for name in _NAMES)
    return text(f"""
        INSERT INTO map_cells ({_CELL_COLUMNS})
        SELECT level - 1, key, {_group("(x >> 1)", "(y >> 1)")}, x >> 1, y >> 1, {sums}
        FROM map_cells WHERE level = CAST(:level AS bigint) AND starts_with(key, :prefix)
          AND (:prefix <> '' OR key = '')
        GROUP BY level, key, x >> 1, y >> 1
    """)


# Sum the cells of a level, of one kind of key, into those of the level above.
COUNT_COARSER = _count_coarser()
