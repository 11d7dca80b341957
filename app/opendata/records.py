"""What the files tell of each work order: its line of the public list, its public words, how it ended."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.catalogue.city import City
from app.opendata.columns import Record
from app.publicmap import list_queries
from app.publicmap.first_words import first_words
from app.publicmap.grid import Shown
from app.publicmap.views import show_lines

log = logging.getLogger(__name__)

BATCH = 1000
_MOST_LEFT_OUT = 10
EXACT, BLOCK = "exact", "block"


def read_records(session: Session, *, city: City, root: str, now: dt.datetime) -> Iterator[list[Record]]:
    """Read all work orders of the map batch by batch, oldest first, by a cursor of the server.

    ``root`` is the public address. All batches are of one moment where ``session`` is a ``Snapshot``.
    """
    left: list[UUID] = []
    show = partial(_show, session, city=city, root=root, now=now)
    with session.execute(list_queries.everything(), execution_options={"yield_per": BATCH}) as result:
        for batch in result.mappings().partitions(BATCH):
            yield _show_all_but_bad(show, batch, left)


def _show_all_but_bad(
    show: Callable[[Sequence[RowMapping]], list[Record]], rows: Sequence[RowMapping], left: list[UUID]
) -> list[Record]:
    """Show rows, and where that fails halves of them, until the bad ones stand alone: they are told and left out.

    Those of all batches are collected in ``left``; where they are more than ten, the fault is no row's, and is raised.
    """
    try:
        return show(rows)
    except SQLAlchemyError:
        raise
    except Exception:
        if len(rows) > 1:
            middle = len(rows) // 2
            return [each for half in (rows[:middle], rows[middle:]) for each in _show_all_but_bad(show, half, left)]
        left.append(rows[0]["work_order_id"])
        log.exception("work order left out of the open data", extra={"work_order": str(left[-1])})
        if len(left) > _MOST_LEFT_OUT:
            raise
        return []


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
