"""One request of the past as the rows that a report, its work order and their history are.

The lines of history are written now and say when it happened: history is append-only, so what is added today belongs to
today's anchor, whatever year it tells of.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.accounts.service import SYSTEM
from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import Item, Unit
from app.crockford import random_name
from app.dispatch.models import Assignment, Part
from app.dispatch.resolve import Choice
from app.dispatch.service import say_unit
from app.geo.service import Place
from app.history.rows import Request
from app.notify.keys import tracking_hash, tracking_secret
from app.reports.models import How, PositionSource, Report, ReportLink
from app.reports.service.file import say_place
from app.workorders.models import TimelineEvent, TimelinePayload, WorkOrder, WorkOrderChange
from app.workorders.service import PUBLIC_ID_LENGTH
from app.workorders.states import EventKind, Outcome, State
from app.workorders.timeline import GENESIS, SALT_BYTES, canonical, line_hash, payload_digest

CHANNEL = "import"

Made = Iterator[tuple[type, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Past:
    """A request with what was found out about it: item, place, asset, who is responsible today."""

    request: Request
    item: Item
    place: Place
    asset: NearAsset | None
    choice: Choice | None
    key: UUID
    report_id: UUID
    work_order_id: UUID

    @property
    def unit(self) -> Unit | None:
        """Give the unit that is responsible today."""
        return self.choice.unit if self.choice else None

    def rows(self, city: City, *, now: dt.datetime) -> Made:
        """Give the rows to insert, each with its table."""
        number = f"{city.report_prefix}-{self.request.id}".upper()
        lines = list(self._lines(number, now=now))
        last = lines[-1][0]
        yield WorkOrderChange, {"work_order_id": self.work_order_id}
        yield WorkOrder, self._work_order(now) | {"events": last["number"], "head": last["hash"]}
        yield Report, self._report(city, number)
        link = {"report_id": self.report_id, "work_order_id": self.work_order_id}
        yield ReportLink, link | {"how": How.OPENED, "linked_at": self.request.requested_at}
        for line, payload in lines:
            yield TimelineEvent, line
            yield TimelinePayload, payload
        if self.choice is not None:
            yield Assignment, self._assignment(self.choice)

    @property
    def _state(self) -> State:
        if self.request.closed_at is not None:
            return State.CLOSED
        return State.DISPATCHED if self.unit else State.AWAITING_DISPATCH

    def _work_order(self, now: dt.datetime) -> dict[str, Any]:
        request, item, place = self.request, self.item, self.place
        return {
            "id": self.work_order_id,
            "public_id": random_name(PUBLIC_ID_LENGTH),
            "item_id": item.id,
            "item_code": item.code,
            "urgency": item.urgency,
            "sensitive": item.sensitive,
            "state": self._state,
            # Nothing in the file proves a repair.
            "outcome": Outcome.UNKNOWN if request.closed_at else None,
            "position": place.point,
            "accuracy_m": 0.0,
            "community": place.community.code if place.community else None,
            "street": place.street.code,
            "district": place.district.code if place.district else None,
            "asset_id": self.asset.asset.id if self.asset else None,
            "lead_unit": self.unit.code if self.unit else None,
            "co_units": [],
            "opened_at": request.requested_at,
            "updated_at": now,
            "due_at": request.due_at,
            "closed_at": request.closed_at,
            "rounds": 0,
            "reports": 1,
            "flags": [],
        }

    def _report(self, city: City, number: str) -> dict[str, Any]:
        request, point = self.request, self.request.point
        sent = {"lon": point.lon, "lat": point.lat, "datum": "wgs84", "address": request.address}
        sent |= {"id": request.id, "channel": request.channel}
        return {
            "id": self.report_id,
            "number": number,
            "idempotency_key": self.key,
            "content_digest": hashlib.sha256(canonical(sent)).digest(),
            "tracking_digest": tracking_hash(tracking_secret(self.report_id)),
            "description": "",
            "language": city.languages[0],
            "channel": CHANNEL,
            "item_code": self.item.code,
            "position": point,
            "position_source": PositionSource.SENT,
            "accuracy_m": 0.0,
            "sent": sent,
            "place": say_place(self.place),
            "filed_at": request.requested_at,
        }

    def _assignment(self, choice: Choice) -> dict[str, Any]:
        unit = choice.unit
        return {
            "id": uuid7(),
            "work_order_id": self.work_order_id,
            "unit_id": unit.id,
            "unit_code": unit.code,
            "part": Part.LEAD,
            "explanation": {"unit": unit.code, "basis": choice.basis.value, "history": True},
            "ruled": False,
            "assigned_at": self.request.requested_at,
            "finished_at": self.request.closed_at,
        }

    def _lines(self, number: str, *, now: dt.datetime) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Write the lines of the history, numbered and chained as ``timeline.append`` does, with their payloads."""
        previous = GENESIS
        for place, (kind, content) in enumerate(self._told(number), 1):
            salt = secrets.token_bytes(SALT_BYTES)
            line = {
                "id": uuid7(),
                "work_order_id": self.work_order_id,
                "number": place,
                "kind": kind,
                "at": now,
                "by": SYSTEM.signature,
                "public": True,
                "payload_digest": payload_digest(salt, content),
                "previous": previous,
            }
            line["hash"] = previous = line_hash(SimpleNamespace(**line), kind=kind.value)
            yield line, {"event_id": line["id"], "salt": salt, "content": content}

    def _told(self, number: str) -> Iterator[tuple[EventKind, dict[str, Any]]]:
        item, request = self.item, self.request
        received: dict[str, Any] = {
            "report": str(self.report_id),
            "number": number,
            "item": {"code": item.code, "name_zh": item.name_zh, "name_en": item.name_en},
            "place": say_place(self.place),
            "happened_at": request.requested_at.isoformat(),
            "history": True,
        }
        if self.unit is not None:
            received["unit"] = say_unit(self.unit)
        yield EventKind.RECEIVED, received
        if request.closed_at is not None:
            closed = {"outcome": Outcome.UNKNOWN.value, "happened_at": request.closed_at.isoformat(), "history": True}
            yield EventKind.CLOSED, closed
