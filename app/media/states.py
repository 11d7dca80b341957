"""Reads of what rows say of the store, for those who compare the two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, select, text
from sqlalchemy.orm import Session

from app.media.models import Photo, SpooledPhoto


@dataclass(frozen=True, slots=True)
class State:
    """What a row says that is in the store; ``rendering`` and ``masking`` where a job of this kind waits or runs.

    ``spooled`` where the original waits in the database for the store.
    """

    id: UUID
    digest: str
    key: str
    size: int
    rendered_at: dt.datetime | None
    render_fault: str | None
    mask_revision: int
    masked_at: dt.datetime | None
    mask_fault: str | None
    rendering: bool
    masking: bool
    spooled: bool = False


_COLUMNS = (
    Photo.id,
    Photo.digest,
    Photo.key,
    Photo.size,
    Photo.rendered_at,
    Photo.render_fault,
    Photo.mask_revision,
    Photo.masked_at,
    Photo.mask_fault,
)


def count(session: Session, *, start: str = "", since: dt.datetime | None = None) -> int:
    """Give the number of photos, of those that ``page`` gives."""
    return session.scalar(select(func.count()).select_from(Photo).where(*_wanted(start, since))) or 0


def page(
    session: Session, *, start: str = "", after: State | None = None, since: dt.datetime | None = None, limit: int
) -> list[State]:
    """Give the next photos in the order of their digests, which is the order of the store.

    They begin with the digest ``start``, or behind ``after``; those stored before ``since`` are left out. A photo that
    is being uploaded has no digest yet. Jobs are not looked for: ``states`` does.
    """
    statement = select(*_COLUMNS).where(*_wanted(after.digest if after else start, since))
    if after:
        statement = statement.where((Photo.digest > after.digest) | (Photo.id > after.id))
    rows = session.execute(statement.order_by(Photo.digest, Photo.id).limit(limit))
    return [State(*row, rendering=False, masking=False) for row in rows]


def _wanted(start: str, since: dt.datetime | None) -> Sequence[ColumnElement[bool]]:
    return [Photo.digest >= start, *([Photo.stored_at >= since] if since else [])]


def states(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, State]:
    """Give the states of photos; those that were removed are left out.

    Rows and jobs are of one moment: a row that nobody works on, and that no job waits for, stays as it is.
    """
    spooled = Photo.id.in_(select(SpooledPhoto.photo_id))
    statement = select(*_COLUMNS, _awaits("media.render"), _awaits("media.mask"), spooled)
    rows: Sequence[Any] = session.execute(statement.where(Photo.id.in_(list(photo_ids)))).all()
    return {row.id: State(*row) for row in rows}


def _awaits(task: str) -> ColumnElement[bool]:
    # In these words the queue's own index over what waits and runs is used; done jobs are not looked at.
    jobs = text(
        f"SELECT args->>'photo_id' FROM procrastinate_jobs WHERE task_name = '{task}' AND status IN ('todo', 'doing')"
    ).columns(photo_id=Text)
    return cast(Photo.id, Text).in_(jobs)
