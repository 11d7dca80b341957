"""Restores of the database to a moment: what may have happened after it already, outside of the database.

Messages went out, photos came into the store, and no row says so. While a restore is in force, telling that may have
happened already is held (app/notify/service/holding.py); for two weeks the sweep spares photos that came since.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from app.db import Base, Identified

SPARED_FOR = dt.timedelta(days=14)
# Who takes a step on a clock or a limit of time, in the words of history.
SYSTEM = "system"


class Restore(Base, Identified):
    """A restore of the database to ``at``; ``earliest`` and ``latest`` allow for clocks that differ.

    In force from ``began_at`` until ``ended_at``, when everything that was held is decided.
    """

    __tablename__ = "restores"

    at: Mapped[dt.datetime]
    earliest: Mapped[dt.datetime]
    latest: Mapped[dt.datetime]
    began_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


def in_force(session: Session, *, for_update: bool = False) -> Restore | None:
    """Give the restore that is in force, locked: it ends before the caller's transaction begins or after it ends."""
    statement = select(Restore).where(Restore.ended_at.is_(None)).with_for_update(read=not for_update)
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def is_in_force(session: Session) -> bool:
    """Tell whether a restore is in force, for who only reads."""
    return session.scalar(select(select(Restore.id).where(Restore.ended_at.is_(None)).exists())) or False


def may_be_told(session: Session, *, at: dt.datetime, by: str) -> bool:
    """Say whether people may have heard of a step already, as of ``at`` and taken by ``by``, before a restore.

    Steps of before the moment, and what clocks do since the restore: they do again what was done after the moment.
    """
    restore = in_force(session)
    return restore is not None and (at <= restore.latest or by == SYSTEM)


def spared_since(session: Session, *, now: dt.datetime) -> dt.datetime | None:
    """Give the moment since which no object of the store is swept, None without a restore in the last two weeks."""
    statement = select(Restore.earliest).where(Restore.began_at > now - SPARED_FOR).order_by(Restore.earliest).limit(1)
    return session.scalar(statement)
