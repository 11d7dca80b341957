"""Fill a database: copy the rows of the seeds under new keys, names, times and places, by INSERT … SELECT.

What a row holds is not known here: every column is copied but keys (drawn anew, references with them), moments
(moved), positions with their street, and the names that are unique. The unit stays the seed's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import DateTime, Table

from app.db import Base
from app.dispatch.models import Assignment
from app.geo.types import GeographyPoint
from app.media.models import Photo
from app.notify.models import Subscription
from app.reports.models import Report, ReportLink, ReportPhoto
from app.workorders.models import Deadline, TimelineEvent, TimelinePayload, WorkOrder
from benchmarks.draws import City
from benchmarks.seeds import AGE_DAYS

CHUNK = 20_000
DAY_SECONDS = 86_400

# Keys are UUIDv7 (RFC 9562) as the application's are: they grow with time, so that indexes grow at their right end.
# A copy's rows share its key but for the last byte, which numbers them.
FUNCTIONS = """
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
CREATE FUNCTION bench.key(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1), 'hex')::uuid $$;
CREATE FUNCTION bench.child(parent uuid, number int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(set_byte(uuid_send(parent), 15, number), 'hex')::uuid $$;
CREATE FUNCTION bench.name(length int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + floor(random() * 32)::int, 1), '')
    FROM generate_series(1, length) $$;
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """A table whose rows belong to a work order: how they are found, and the columns that have a rule of their own."""

    model: type[Base]
    owner: str = "s.work_order_id"
    joined: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """Give the table."""
        table = self.model.__table__
        if not isinstance(table, Table):
            raise TypeError(self.model.__name__)
        return table


COPIED = (
    Copied(
        WorkOrder,
        "s.id",
        rules={"public_id": "bench.name(10)", "street": "c.street", "district": "c.district"},
    ),
    Copied(
        Report,
        "l.work_order_id",
        "JOIN report_links l ON l.report_id = s.id",
        # Longer than in life, for the names of one day are not drawn again here when two are alike.
        {
            "number": "left(s.number, -6) || bench.name(10)",
            "idempotency_key": "gen_random_uuid()",
            "tracking_digest": "sha256(uuid_send(gen_random_uuid()))",
        },
    ),
    Copied(ReportLink),
    Copied(
        Photo,
        "l.work_order_id",
        "JOIN report_photos p ON p.photo_id = s.id JOIN report_links l ON l.report_id = p.report_id",
        {"digest": "encode(sha256(uuid_send(gen_random_uuid())), 'hex')", "rendered_at": "s.stored_at + c.later"},
    ),
    Copied(ReportPhoto, "l.work_order_id", "JOIN report_links l ON l.report_id = s.report_id"),
    Copied(Assignment),
    Copied(TimelineEvent),
    Copied(TimelinePayload, "e.work_order_id", "JOIN timeline_events e ON e.id = s.event_id"),
    Copied(Deadline),
    Copied(Subscription, rules={"subscriber": "{subscriber}"}),
)
_NAMES = [each.table.name for each in COPIED]


def keep_seeds() -> Iterator[str]:
    """Give the statements that put the rows of the seeds aside, numbered within their work order."""
    yield "UPDATE photos SET rendered_at = stored_at"
    # A repair is moved to fixed with a note alone: a photo would measure its decoding.
    yield "UPDATE items SET evidence = 'note'"
    yield "TRUNCATE procrastinate_jobs CASCADE"
    for each in COPIED:
        yield (
            f"CREATE TABLE bench.seed_{each.table.name} AS SELECT s.*, {each.owner} AS seed "
            f"FROM {each.table.name} s {each.joined}; "
            f"CREATE INDEX ON bench.seed_{each.table.name} (seed)"
        )
    numbered = [
        f"SELECT id AS old, row_number() OVER (PARTITION BY seed ORDER BY id)::int AS number FROM bench.seed_{name}"
        for name in _NAMES
        if "id" in Base.metadata.tables[name].columns
    ]
    yield f"CREATE TABLE bench.seed_keys AS {' UNION ALL '.join(numbered)}"
    yield "ALTER TABLE bench.seed_keys ADD PRIMARY KEY (old)"
    yield "VACUUM ANALYZE"


def fill(
    connection: psycopg.Connection[Any],
    size: int,
    city: City,
    *,
    chance: np.random.Generator,
    tell: Callable[[str], None],
) -> None:
    """Bring a database with seeds to ``size`` open work orders; ``connection`` is the superuser's, on autocommit."""
    # Foreign keys hold by construction; checking ten of them a copy would take longer than writing it.
    connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    seeds = [row[0] for row in connection.execute("SELECT id FROM work_orders ORDER BY id").fetchall()]
    copies = max(0, size - len(seeds))
    _draw_copies(connection, copies, seeds, city, chance)
    for first in range(0, copies, CHUNK):
        for each in COPIED:
            connection.execute(copy_statement(each), {"first": first, "next": first + CHUNK})
        tell(f"{min(copies, first + CHUNK) + len(seeds):,} of {size:,} work orders")
    connection.execute("DROP TABLE bench.copies")
    tell("vacuum and statistics")
    connection.execute("VACUUM (FREEZE, ANALYZE)")
    connection.execute("CHECKPOINT")


def _draw_copies(
    connection: psycopg.Connection[Any], copies: int, seeds: list[Any], city: City, chance: np.random.Generator
) -> None:
    """Write the table of the copies, the oldest first: of which seed, where, when."""
    chosen = chance.integers(len(seeds), size=copies)
    streets = chance.integers(len(city.codes), size=copies)
    places = np.empty((copies, 2))
    for street in np.unique(streets):
        here = streets == street
        places[here] = city.scatter(int(street), int(here.sum()), chance)
    ages = np.sort(chance.uniform(0, AGE_DAYS * DAY_SECONDS, copies))[::-1]
    connection.execute("CREATE TEMP TABLE drawn (n int, seed uuid, street text, lon float8, lat float8, age float8)")
    with connection.cursor().copy("COPY drawn FROM STDIN") as copy:
        for n, (seed, street, place, age) in enumerate(zip(chosen, streets, places.tolist(), ages, strict=True)):
            copy.write_row((n, seeds[seed], city.codes[street], *place, float(age)))
    connection.execute("ANALYZE drawn")
    connection.execute("""
        CREATE TABLE bench.copies AS
        SELECT n, seed, d.street, district.code AS district, bench.key(at) AS id,
               ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography AS position,
               at - opened_at AS later
        FROM (SELECT *, now() - age * interval '1 second' AS at FROM drawn) d
        JOIN work_orders w ON w.id = d.seed
        JOIN areas street ON street.code = d.street AND street.until IS NULL
        LEFT JOIN areas district
            ON district.code = street.parent AND district.until IS NULL AND district.level = 'district'
        ORDER BY n;
        ALTER TABLE bench.copies ADD PRIMARY KEY (n);
        DROP TABLE drawn;
        ANALYZE bench.copies
    """)


def copy_statement(each: Copied) -> str:
    """Give the statement that copies the rows of a table, for the copies from ``first`` to before ``next``."""
    names = [column.name for column in each.table.columns]
    values = ", ".join(_value(each, name) for name in names)
    return (
        f"INSERT INTO {each.table.name} ({', '.join(names)}) SELECT {values} "
        f"FROM bench.copies c JOIN bench.seed_{each.table.name} s ON s.seed = c.seed "
        "WHERE c.n >= %(first)s AND c.n < %(next)s ORDER BY c.n"
    )


def _value(each: Copied, name: str) -> str:
    if name in each.rules:
        return each.rules[name].format(subscriber=_new_key("subscriber"))
    column = each.table.columns[name]
    if each.model is WorkOrder and name == "id":
        return "c.id"
    if name == "id" or any(key.column.table.name in _NAMES for key in column.foreign_keys):
        return "c.id" if name == "work_order_id" else _new_key(name)
    if isinstance(column.type, DateTime):
        return f"s.{name} + c.later"
    return "c.position" if isinstance(column.type, GeographyPoint) else f"s.{name}"


def _new_key(name: str) -> str:
    return f"bench.child(c.id, (SELECT k.number FROM bench.seed_keys k WHERE k.old = s.{name}))"
