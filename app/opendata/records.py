"""What the files tell of each work order: its line of the public list, its public words, how it ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from app.catalogue.city import City
from app.opendata.columns import Record
from app.publicmap import list_queries
from app.publicmap.first_words import first_words
from app.publicmap.grid import Shown
from app.publicmap.views import show_lines

BATCH = 1000
EXACT, BLOCK = "exact", "block"


def read_records(session: Session, *, city: City, root: str, now: dt.datetime) -> Iterator[list[Record]]:
    """Read all work orders of the map batch by batch, oldest first, by a cursor of the server.

    ``root`` is the public address. All batches are of one moment where ``session`` is a ``Snapshot``.
    """
    rows = session.execute(list_queries.everything(), execution_options={"yield_per": BATCH}).mappings()
    for batch in rows.partitions(BATCH):
        yield _show(session, batch, city=city, root=root, now=now)


def _show(session: Session, rows: Sequence[RowMapping], *, city: City, root: str, now: dt.datetime) -> list[Record]:
    lines = show_lines(session, rows, city=city, now=now)
    words = first_words(session, [row["work_order_id"] for row in rows if not row["sensitive"]])
    public = {key: each.description for key, each in words.items() if each.is_public}
    return [
        line
        | {
            "root": root,
            "description": public.get(row["work_order_id"]),
            "outcome": row["outcome"] if line["state"] == Shown.CLOSED else None,
            "precision": BLOCK if row["sensitive"] else EXACT,
        }
        for row, line in zip(rows, lines, strict=True)
    ]
