"""The minute job: some clocks are breached among many that run, in databases of their own.

Each measurement acts on all of the breached ones, batch by batch as the job does, and is rolled back: the work is the
same every time. What a commit adds is in the table of the calls.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.catalogue.city import City as Pack
from app.db import utcnow
from app.dispatch.escalation import BATCH, act_on_breaches
from benchmarks.multiply import CHUNK, COPIED, copy_statement
from benchmarks.record import Recorder, Statement
from dev.cluster import SUPERUSER, Cluster
from dev.console import Refusal

JOB = "act_on_breaches"
A_WORK_ORDER = 2  # clocks: one to sign for, one to handle

# Two clocks of each work order run for weeks; of every ``step``-th the handling clock was due within the last hour.
_COPIES = """
CREATE TABLE bench.copies AS
SELECT n, w.id AS seed, w.lead_unit, w.street, w.district, bench.key(now() - n * interval '1 second') AS id,
       ST_SetSRID(ST_MakePoint(ST_X(w.position::geometry) + (random() - 0.5) / 100,
                               ST_Y(w.position::geometry) + (random() - 0.5) / 100), 4326)::geography AS position,
       now() - n * interval '1 second' - w.opened_at AS later
FROM generate_series(0, {copies} - 1) AS n
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM work_orders WHERE lead_unit IS NOT NULL) w
    ON w.place = n % (SELECT count(*) FROM work_orders WHERE lead_unit IS NOT NULL)
ORDER BY n DESC;
ALTER TABLE bench.copies ADD PRIMARY KEY (n);
ANALYZE bench.copies
"""
_CLOCKS = """
INSERT INTO deadlines (id, work_order_id, kind, unit, counts, starts_at, due_at, next_at, level)
SELECT bench.key(at), c.id, k.kind, c.lead_unit, 'minutes', at, due, due, 0
FROM bench.copies c
CROSS JOIN (VALUES ('sign_for'), ('handling')) AS k (kind)
CROSS JOIN LATERAL (SELECT now() - c.n * interval '1 second' AS at) t
CROSS JOIN LATERAL (
    SELECT CASE WHEN k.kind = 'handling' AND c.n % {step} = 0 THEN now() - random() * interval '1 hour'
                ELSE now() + interval '1 day' + random() * interval '30 days' END AS due
) d
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """A database with ``size`` open clocks, ``breached`` of them breached at ``now``."""

    cluster: Cluster
    size: int
    breached: int
    database: str
    engine: Engine
    pack: Pack
    now: dt.datetime = field(default_factory=utcnow)

    @property
    def url(self) -> str:
        """Give the URL of the database."""
        return self.cluster.url(self.database)

    def act(self) -> float:
        """Act on all that is breached, each batch in a session of its own; give milliseconds, and leave no trace."""
        return self._act(self.engine)

    def statements(self) -> Sequence[Statement]:
        """Record what a whole run sends."""
        recorder = Recorder.open(self.url)
        with recorder.recording() as statements:
            self._act(recorder.engine)
        recorder.engine.dispose()
        return statements

    def settle(self) -> None:
        """Clear away what was rolled back."""
        self.cluster.psql(
            "VACUUM work_orders, deadlines, timeline_events, timeline_payloads, notices, procrastinate_jobs",
            self.database,
        )

    def _act(self, engine: Engine) -> float:
        with engine.connect() as connection, connection.begin() as transaction:
            acted, began = 0, time.perf_counter()
            while acted < self.breached:
                with Session(connection, join_transaction_mode="create_savepoint") as session, session.begin():
                    some = act_on_breaches(session, city=self.pack, now=self.now)
                acted += some
                if some < BATCH and acted < self.breached:
                    raise Refusal(f"Of {self.breached} breached clocks only {acted} were acted on.")
            took = (time.perf_counter() - began) * 1000
            transaction.rollback()
        return took


def make_clocks(cluster: Cluster, database: str, size: int, breached: int, *, ground: str) -> None:
    """Make a database with work orders whose clocks run."""
    cluster.drop_database(database)
    cluster.ensure_database(database, template=ground)
    copies = size // A_WORK_ORDER
    with psycopg.connect(cluster.url(database, SUPERUSER).replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        connection.execute("TRUNCATE deadlines CASCADE")
        connection.execute(_COPIES.format(copies=copies))
        for first in range(0, copies, CHUNK):
            connection.execute(copy_statement(COPIED[0]), {"first": first, "next": first + CHUNK})
        connection.execute(_CLOCKS.format(step=copies // breached))
        connection.execute("DROP TABLE bench.copies")
        connection.execute("VACUUM (FREEZE, ANALYZE) work_orders, deadlines")
        connection.execute("CHECKPOINT")
