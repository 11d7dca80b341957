"""Change the rules that rulings made: the next version of the lists, without a pack.

A rule of the pack is not closed here: the next load of the pack would bring it back, because it adds what its file has
and the current rows have not. It is overruled instead, by a ruling with the same columns, which ranks before it from
the same day on; a load leaves rulings alone and names those that the pack contradicts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.catalogue.city import SESSION_KEY
from app.catalogue.errors import NoCity
from app.catalogue.models import Origin, PackVersion, Responsibility
from app.catalogue.packs import current_version, lock_versions
from app.versions import digest_of


def change_rulings(
    session: Session,
    *,
    add: Sequence[Mapping[str, Any]],
    close: Collection[UUID],
    note: str,
    now: dt.datetime,
) -> tuple[int, list[Responsibility]]:
    """Close and add rules of rulings as the next version; give its number and the rules that were added.

    ``add`` has every column of a rule but its origin. The city's settings and the digest of its files stay, so that
    the same pack again still changes nothing. Raises NoCity where nothing is loaded.
    """
    lock_versions(session)
    newest = current_version(session)
    if newest is None:
        raise NoCity
    number = newest.number + 1
    _close(session, close, number)
    rules = [_rule(row, number) for row in add]
    session.add_all(rules)
    session.add(
        PackVersion(
            number=number,
            city_code=newest.city_code,
            loaded_at=now,
            digest=newest.digest,
            settings=newest.settings,
            counts=newest.counts,
            notes=[note],
        )
    )
    session.flush()
    session.info.pop(SESSION_KEY, None)
    return number, rules


def _close(session: Session, ids: Collection[UUID], number: int) -> None:
    rules = Responsibility
    if not ids:
        return
    statement = update(rules).where(rules.id.in_(ids), rules.until.is_(None), rules.origin == Origin.RULING)
    closed = session.scalars(statement.values(until=number).returning(rules.id)).all()
    if len(closed) != len(ids):
        message = f"{len(ids)} rulings were to be closed, {len(closed)} are current"
        raise RuntimeError(message)


def _rule(row: Mapping[str, Any], number: int) -> Responsibility:
    values = {**row, "origin": Origin.RULING}
    return Responsibility(**values, since=number, digest=digest_of(Responsibility, values))
