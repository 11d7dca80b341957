"""Lives of work orders, from sign to fix: which ones, what is asked for, and how they are put back after a round."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.accounts.service import ANY_UNIT, add_staff, issue_token
from app.workorders.lifecycle import Action
from benchmarks.web import Request
from dev.cluster import APP, Cluster
from dev.console import Refusal

STEPS = (Action.SIGN, Action.NOTE, Action.FIX)
WORDS = "已到现场，换了灯泡。 Lamp replaced, it is lit again."

# What is put back, by table. Every life begins dispatched, with two lines of history and two clocks that run.
_PUT_BACK = {
    "work_orders": ("id", "state updated_at outcome fixed_at close_at closed_at events head"),
    "deadlines": ("work_order_id", "met_at stopped_at next_at paused_at left_s due_at"),
    "assignments": ("work_order_id", "signed_at signed_by finished_at ended_at"),
}
_FORGET = """
DELETE FROM evidence_checks WHERE work_order_id IN (SELECT work_order_id FROM bench.lives);
DELETE FROM taken_steps WHERE work_order_id IN (SELECT work_order_id FROM bench.lives);
DELETE FROM timeline_payloads p USING timeline_events e, bench.lives l
    WHERE e.id = p.event_id AND e.work_order_id = l.work_order_id AND e.number > 2;
DELETE FROM timeline_events e USING bench.lives l WHERE e.work_order_id = l.work_order_id AND e.number > 2;
ALTER SEQUENCE bench.next_life RESTART;
VACUUM work_orders, deadlines, assignments, evidence_checks, taken_steps, timeline_payloads, timeline_events
"""


@dataclass(frozen=True, slots=True)
class Life:
    """A dispatched work order: the values that are its own, by the column of ``bench.lives`` that holds them."""

    own: dict[str, Any]

    def requests(self, token: str, keys: Sequence[UUID]) -> list[Request]:
        """Ask for its three steps, each under a key of its own."""
        path = f"/api/v1/work-orders/{self.own['public_id']}/moves"
        return [
            Request(
                "POST",
                path,
                json.dumps({"action": step, "note": "" if step is Action.SIGN else WORDS}).encode(),
                {
                    "Content-Type": "application/json",
                    "Authorization": f"Bearer {token}",
                    "Idempotency-Key": str(key),
                },
            )
            for step, key in zip(STEPS, keys, strict=True)
        ]


@dataclass(slots=True, kw_only=True)
class Lives:
    """The lives of one database. The first ``floor`` are for pgbench, the rest are taken one by one by ``take``."""

    cluster: Cluster
    database: str
    token: str
    floor: int
    lives: Sequence[Life]
    _taken: int = 0

    @classmethod
    def choose(cls, cluster: Cluster, database: str, engine: Engine, *, area: str, floor: int, ours: int) -> Lives:
        """Choose lives and keep how they begin; add a crew that acts for all units."""
        cluster.psql(_CHOOSE.format(count=floor + ours, app=APP), database)
        for table, (owner, _) in _PUT_BACK.items():
            cluster.psql(
                f"CREATE TABLE bench.begin_{table} AS SELECT t.* FROM {table} t "
                f"JOIN bench.lives l ON l.work_order_id = t.{owner}",
                database,
            )
        with Session(engine) as session, session.begin():
            now = dt.datetime.now(dt.UTC)
            crew = add_staff(session, name="Made-up crew", role=Role.CREW, unit=ANY_UNIT, area=area, now=now)
            token = issue_token(session, crew, label="bench", now=now)
            rows = session.execute(text("SELECT * FROM bench.lives ORDER BY n")).mappings().all()
        if len(rows) < floor + ours:
            raise Refusal(f"Only {len(rows)} work orders of {database} can be moved, {floor + ours} are needed.")
        lives = [Life({name: _plain(value) for name, value in row.items() if name != "n"}) for row in rows]
        return cls(cluster=cluster, database=database, token=token, floor=floor, lives=lives[floor:])

    def take(self, count: int) -> Sequence[Life]:
        """Give lives that nobody has lived since the last ``put_back``."""
        self._taken += count
        taken = self.lives[self._taken - count : self._taken]
        if len(taken) < count:
            raise Refusal(f"The lives of {self.database} are used up.")
        return taken

    def put_back(self) -> None:
        """Let all of them begin again."""
        self._taken = 0
        updates = [
            f"UPDATE {table} t SET {', '.join(f'{name} = b.{name}' for name in names.split())} "
            f"FROM bench.begin_{table} b WHERE b.id = t.id"
            for table, (_, names) in _PUT_BACK.items()
        ]
        self.cluster.psql(";\n".join([*updates, _FORGET]), self.database)


_CHOOSE = """
CREATE TABLE bench.lives AS
SELECT row_number() OVER (ORDER BY w.id) AS n, w.id AS work_order_id, w.public_id, w.head, w.lead_unit,
       a.id AS assignment_id
FROM work_orders w JOIN assignments a ON a.work_order_id = w.id
WHERE w.state = 'dispatched' AND w.events = 2 AND w.co_units = '[]'
ORDER BY w.id LIMIT {count};
ALTER TABLE bench.lives ADD PRIMARY KEY (n);
ANALYZE bench.lives;
CREATE SEQUENCE bench.next_life;
GRANT SELECT ON bench.lives TO {app};
GRANT USAGE ON bench.next_life TO {app}
"""


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def share_out(lives: Sequence[Life], token: str, clients: int) -> list[Request]:
    """Give the requests of whole lives, so that each of ``clients``, taking every so-manieth, lives its own."""
    shares = [
        [request for life in lives[first::clients] for request in life.requests(token, [uuid4() for _ in STEPS])]
        for first in range(clients)
    ]
    return [request for turn in zip(*shares, strict=True) for request in turn]


def by_life(milliseconds: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """Part latencies in the order in which each client had them into lives."""
    for first in range(0, len(milliseconds), len(STEPS)):
        yield tuple(milliseconds[first : first + len(STEPS)])
