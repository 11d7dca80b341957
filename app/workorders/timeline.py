"""History: append-only, numbered and hash-chained per work order, and the outbox of telling people.

The hash of a line is SHA-256 (FIPS 180-4) over the canonical JSON (keys sorted, no spaces, UTF-8) of the list
[work order, number, kind, time, author, public, payload digest, previous hash]. The payload's digest covers a random
salt that lies beside the payload: once both are erased, short words cannot be guessed from the digest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.jobs import enqueue
from app.workorders.models import TimelineEvent, TimelinePayload, WorkOrder, WorkOrderChange
from app.workorders.states import EventKind

GENESIS = bytes(32)
SALT_BYTES = 16
CHANNEL = "timeline"
_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :told)")
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """Write a JSON value in the one form that is hashed."""
    return _CANONICAL.encode(value).encode()


def written_time(at: dt.datetime) -> str:
    """Write a time in the one form that is hashed: UTC, with microseconds."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")


def payload_digest(salt: bytes, content: Any) -> bytes:
    """Compute the digest of a payload, salt first."""
    return hashlib.sha256(salt + canonical(content)).digest()


def event_hash(event: TimelineEvent) -> bytes:
    """Compute the hash of a line from its own columns."""
    return line_hash(event, kind=event.kind.value)


def line_hash(line: TimelineEvent | Row[Any] | SimpleNamespace, *, kind: str) -> bytes:
    """Compute the hash of a line, or of what has its columns, whose kind stands in the table as ``kind``."""
    columns = [
        str(line.work_order_id),
        line.number,
        kind,
        written_time(line.at),
        line.by,
        line.public,
        line.payload_digest.hex(),
        line.previous.hex(),
    ]
    return hashlib.sha256(canonical(columns)).digest()


def happened_at(event: TimelineEvent) -> dt.datetime:
    """Give when what a line tells of happened: for what was loaded from the past long before it was written."""
    content = event.payload.content if event.payload else {}
    return dt.datetime.fromisoformat(content["happened_at"]) if "happened_at" in content else event.at


def append(
    session: Session,
    work_order: WorkOrder,
    kind: EventKind,
    *,
    at: dt.datetime,
    by: str,
    content: dict[str, Any],
    public: bool = True,
) -> TimelineEvent:
    """Add a line to the history of a work order whose row this transaction has locked or made.

    A public line enqueues the job that tells people, in the same transaction. Every line is sent to whoever listens
    when that commits (NOTIFY: work order, number, line): to the live stream, and to the worker that counts the work
    order anew on the public map. Time never runs backwards within one history: a step whose moment was read before it
    waited for the lock gets the time of the line before it.
    """
    at = max(at, work_order.updated_at)
    salt = secrets.token_bytes(SALT_BYTES)
    event = TimelineEvent(
        id=uuid7(),
        work_order_id=work_order.id,
        number=work_order.events + 1,
        kind=kind,
        at=at,
        by=by,
        public=public,
        payload_digest=payload_digest(salt, content),
        previous=work_order.head or GENESIS,
    )
    event.hash = event_hash(event)
    work_order.events, work_order.head, work_order.updated_at = event.number, event.hash, at
    session.add(event)
    session.flush()
    session.add(TimelinePayload(event_id=event.id, salt=salt, content=content))
    session.execute(_NOTIFY, {"told": f"{event.work_order_id} {event.number} {event.id}"})
    session.add(WorkOrderChange(work_order_id=work_order.id))
    if public:
        enqueue(session, "notify.fan_out", event_id=str(event.id))
    return event
