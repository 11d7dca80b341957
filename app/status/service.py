"""The status of the service and its alarms: each has a name that monitoring can match, and says what to do."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Reading
from app.installation import OTHER_KEY, find_installation, has_other_key
from app.media import service as media
from app.media.breaker import CircuitState
from app.media.marker import check_store
from app.media.spool import spooled_bytes
from app.notify.service.holding import count_held
from app.outages import outage_of
from app.readiness import OK, check_schema
from app.restores import is_in_force
from app.status.queries import (
    FailingRows,
    Queue,
    Worker,
    count_overdue_clocks,
    count_overdue_deliveries,
    read_failing_rows,
    read_queues,
    read_workers,
)

log = logging.getLogger(__name__)

HEARTBEAT_S = 60
WAIT_S = 600
CLOCKS_S = 300
DELIVERIES_S = 900
FREE_SHARE = 0.05
GIGABYTE = 1 << 30


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look at."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Room:
    """The file system of MEDIA_ROOT, in bytes."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Store:
    """The photo store: the circuit of the process that is asked, and the bytes that wait in the database for it.

    ``since`` is when the circuit last opened or closed (RFC 3339), ``spool_limit`` the most bytes that may wait.
    """

    circuit: str = CircuitState.CLOSED.value
    since: str | None = None
    fault: str = ""
    spooled: int = 0
    spool_limit: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """What the service as a whole does. ``room`` is None where photos lie in a bucket."""

    workers: list[Worker]
    queues: list[Queue]
    clocks_overdue: int
    deliveries_overdue: int
    room: Room | None
    failing: list[FailingRows] = field(default_factory=list)
    store: Store = Store()

    def alarms(self) -> list[Alarm]:
        """Return what a person must look at."""
        return [*self._worker_alarms(), *self._overdue_alarms(), *self._store_alarms()]

    def _worker_alarms(self) -> Iterator[Alarm]:
        if all(worker.heartbeat_s > HEARTBEAT_S for worker in self.workers):
            yield Alarm("workers", f"no worker has beaten for {HEARTBEAT_S} seconds: start `flask worker`")
        for queue in self.queues:
            if queue.oldest_s > WAIT_S:
                yield Alarm(f"queue-late:{queue.name}", f"a job waits for {queue.oldest_s:.0f} seconds")
            if queue.failed_today:
                yield Alarm(f"jobs-failed:{queue.name}", f"{queue.failed_today} jobs failed for good in the last day")
        for failing in self.failing:
            detail = f"{failing.rows} rows are put off, the worst failed {failing.failures} times: see table setbacks"
            yield Alarm(f"rows-failing:{failing.kind}", detail)

    def _overdue_alarms(self) -> Iterator[Alarm]:
        if self.clocks_overdue:
            yield Alarm("clocks-overdue", f"{self.clocks_overdue} clocks are overdue by more than {CLOCKS_S} seconds")
        if self.deliveries_overdue:
            late = f"{self.deliveries_overdue} messages are overdue by more than {DELIVERIES_S} seconds"
            yield Alarm("deliveries-overdue", late)

    def _store_alarms(self) -> Iterator[Alarm]:
        if self.store.spooled > self.store.spool_limit / 2:
            waiting = f"{self.store.spooled:,} of {self.store.spool_limit:,} bytes of photos wait for the bucket"
            yield Alarm("photo-spool", waiting)
        if self.room and self.room.free < min(GIGABYTE, FREE_SHARE * self.room.total):
            yield Alarm("media-room", f"{self.room.free:,} bytes are left in MEDIA_ROOT: make room")


def read_status(session: Session, settings: Settings) -> Status:
    """Read the status: counts and ages alone, nothing of a person."""
    return Status(
        workers=read_workers(session),
        queues=read_queues(session),
        clocks_overdue=count_overdue_clocks(session, seconds=CLOCKS_S),
        deliveries_overdue=count_overdue_deliveries(session, seconds=DELIVERIES_S),
        room=None if settings.s3_endpoint else _room_of(settings.media_root),
        failing=read_failing_rows(session),
        store=_read_store(session),
    )


def _read_store(session: Session) -> Store:
    health = media.store_health()
    since = health.since.isoformat(timespec="seconds") if health.since else None
    return Store(health.state.value, since, health.fault, spooled_bytes(session), media.current().spool_bytes)


def take_status(settings: Settings) -> tuple[Status | None, list[Alarm]]:
    """Read the status and its alarms; without a usable database there is an alarm alone."""
    try:
        with Reading() as session:
            schema = check_schema(session)
            if schema != OK:
                return None, [Alarm("schema", schema)]
            status = read_status(session, settings)
            contents = list(_contents_alarms(session, settings))
    except Exception as error:
        outage = outage_of(error)
        if outage is None:
            raise
        return None, [Alarm("database", f"the database {outage.explain()}")]
    return status, [*contents, *status.alarms()]


def _contents_alarms(session: Session, settings: Settings) -> Iterator[Alarm]:
    """Return what is wrong with the secret key and the store of photos, and a restore that nobody ended."""
    if is_in_force(session):
        held = sum(count_held(session).values())
        yield Alarm(
            "restore", f"a restore is in force, {held} messages are held: `flask restored release` or `discard`"
        )
    if has_other_key(session, settings):
        yield Alarm("key", OTHER_KEY)
    installation = find_installation(session)
    if installation is not None and installation.store_marked_at is not None:
        state = check_store(media.current().store, installation.store_id)
        if state.fault:
            yield Alarm("store", f"the store of photos {state.fault}")


def as_json(status: Status | None, alarms: list[Alarm]) -> dict[str, Any]:
    """Return the document of /statusz and ``flask status``."""
    return {
        "status": "alarm" if alarms else "ok",
        "alarms": [asdict(alarm) for alarm in alarms],
        **(asdict(status) if status else {}),
    }


def log_alarms(alarms: list[Alarm]) -> None:
    """Write each alarm into the log."""
    for alarm in alarms:
        log.error("alarm", extra={"alarm": alarm.name, "detail": alarm.detail})


def _room_of(folder: Path) -> Room | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return Room(0, 1)
    return Room(usage.free, usage.total)
