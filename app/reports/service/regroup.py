"""What a merge changes, kept so that it can be undone: links, subscriptions, clocks, parts, supervision."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.dispatch.models import Assignment
from app.dispatch.queries import open_parts
from app.dispatch.service.supervise import open_supervision, reopen_supervision
from app.notify import service as notify
from app.reports.models import How, ReportLink
from app.workorders import clocks
from app.workorders.models import WorkOrder
from app.workorders.states import State


@dataclass(frozen=True, slots=True)
class Before:
    """A work order as it was before its reports went to another one; ids and times as text, so that it is JSON.

    ``links`` holds for each report how it came and when, ``clocks`` of each clock when it was to be looked at next,
    ``followers`` of each follower's subscription from which line on it hears. ``target_sensitive`` is whether the one
    they went to was sensitive already.
    """

    state: str
    hold_until: str | None
    links: dict[str, tuple[str, str]]
    followers: dict[str, int]
    clocks: dict[str, str | None]
    parts: tuple[str, ...]
    supervision: str | None
    target_sensitive: bool

    @classmethod
    def of(cls, session: Session, work_order: WorkOrder, *, target: WorkOrder) -> Self:
        """Read what there is now of a locked work order whose reports are about to go to ``target``."""
        links = session.scalars(select(ReportLink).where(ReportLink.work_order_id == work_order.id))
        found = open_supervision(session, work_order)
        return cls(
            state=work_order.state.value,
            hold_until=_say(work_order.hold_until),
            links={str(each.report_id): (each.how.value, each.linked_at.isoformat()) for each in links},
            followers={str(each): after for each, after in notify.followers_of(session, work_order.id)},
            clocks={str(each.id): _say(each.next_at) for each in clocks.running(session, work_order)},
            parts=tuple(str(part.id) for part in open_parts(session, work_order.id)),
            supervision=str(found.id) if found else None,
            target_sensitive=target.sensitive,
        )

    @classmethod
    def load(cls, kept: dict[str, Any]) -> Self:
        """Read it back."""
        return cls(**kept)

    def dump(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)


def move_reports(
    session: Session, reports: Collection[UUID], source: WorkOrder, to: WorkOrder, *, how: How, now: dt.datetime
) -> None:
    """Let reports of a work order belong to another one; both rows are locked."""
    chosen = ReportLink.report_id.in_(reports)
    session.execute(update(ReportLink).where(chosen).values(work_order_id=to.id, how=how, linked_at=now))
    source.reports -= len(reports)
    to.reports += len(reports)


def give_back(session: Session, before: Before, gone: WorkOrder, survivor: WorkOrder) -> list[UUID]:
    """Let the reports that a merge moved, and are still where it moved them, belong where they did, as they did.

    Clocks, parts and supervision go on as if nothing had been: what fell due meanwhile is acted on now.
    """
    back: list[UUID] = []
    here = ReportLink.work_order_id == survivor.id
    for report_id, (how, linked_at) in before.links.items():
        values = {"work_order_id": gone.id, "how": How(how), "linked_at": dt.datetime.fromisoformat(linked_at)}
        moved = update(ReportLink).where(ReportLink.report_id == UUID(report_id), here).values(values)
        back += session.scalars(moved.returning(ReportLink.report_id))
    notify.return_subscriptions(session, back, _ids(before.followers), from_work_order_id=survivor.id, to=gone)
    session.execute(update(Assignment).where(Assignment.id.in_(_ids(before.parts))).values(ended_at=None))
    clocks.restart(session, {UUID(each): _read(next_at) for each, next_at in before.clocks.items()})
    if before.supervision:
        reopen_supervision(session, UUID(before.supervision))
    gone.reports, survivor.reports = len(back), survivor.reports - len(back)
    return back


def state_before(before: Before) -> tuple[State, dt.datetime | None]:
    """Give the state that it was in, and until when it was on hold."""
    return State(before.state), _read(before.hold_until)


def _say(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _read(moment: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(moment) if moment else None


def _ids(named: Any) -> list[UUID]:
    return [UUID(each) for each in named]
