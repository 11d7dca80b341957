"""Load requests of the past in batches; nobody is told of them, and no clock runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.assets.service import NearAsset
from app.bulk import copy_rows
from app.catalogue.city import City, current_city
from app.catalogue.models import Item
from app.dispatch.models import Assignment
from app.dispatch.resolve import Choice, Facts
from app.dispatch.responsibilities.queries import current_rules, current_units
from app.dispatch.rule_book import RuleBook
from app.geo.service import Place
from app.history.past import Past
from app.history.rows import Request, Unreadable
from app.history.spots import Spots
from app.reports.models import Report, ReportLink
from app.workorders.models import TimelineEvent, TimelinePayload, WorkOrder, WorkOrderChange

# The bigger the batch, the fewer round trips; the smaller, the less is done again after it was interrupted.
BATCH = 1000
# In the order in which they refer to each other.
TABLES = (WorkOrder, WorkOrderChange, Report, ReportLink, TimelineEvent, TimelinePayload, Assignment)


@dataclass
class Ledger:
    """What became of the rows."""

    loaded: int = 0
    known: int = 0
    faults: list[Unreadable] = field(default_factory=list)


@dataclass
class Loader:
    """Loads batches of one city; the lists that each request is looked up in are read once.

    Call ``load`` in a transaction for each batch. What was loaded before is left alone: the city's code and the
    request's id are its key.
    """

    city: City
    now: dt.datetime
    items: Mapping[str, Item]
    rule_book: RuleBook
    ledger: Ledger = field(default_factory=Ledger)
    spots: Spots = field(default_factory=Spots)

    @classmethod
    def begin(cls, session: Session, *, now: dt.datetime) -> Self:
        """Read the lists as they are today."""
        city = current_city(session)
        items = {item.code: item for item in session.scalars(select(Item).where(Item.until.is_(None)))}
        on = now.astimezone(city.timezone).date()
        return cls(city, now, items, RuleBook(current_rules(session), current_units(session), city=city, on=on))

    def load(self, session: Session, batch: Sequence[Request]) -> None:
        """Load a batch, but for what is there already and what lies outside of the city."""
        keys = {self._key(request): request for request in batch}
        there = set(session.scalars(select(Report.idempotency_key).where(Report.idempotency_key.in_(keys))))
        self.ledger.known += len(there)
        rows: dict[type, list[dict[str, Any]]] = {}
        for past in self._find_out(session, {key: request for key, request in keys.items() if key not in there}):
            for table, row in past.rows(self.city, now=self.now):
                rows.setdefault(table, []).append(row)
            self.ledger.loaded += 1
        for table in TABLES:
            copy_rows(session, table, rows.get(table, []))

    def _key(self, request: Request) -> UUID:
        return uuid5(NAMESPACE_URL, f"history:{self.city.code}:{request.id}")

    def _find_out(self, session: Session, new: Mapping[UUID, Request]) -> Iterator[Past]:
        """Find place, asset and unit of each request; one without a place or an item is a fault."""
        self.spots.learn(session, new.values(), self.items, city=self.city)
        for key, request in new.items():
            place, item = self.spots.places[request.point], self.items.get(request.item)
            if place is None or item is None:
                reason = f"item: {request.item} is not known" if item is None else "lon, lat: this is outside the city"
                self.ledger.faults.append(Unreadable(request.line, reason))
                continue
            asset = self.spots.assets[item.asset_class, request.point]
            yield Past(request, item, place, asset, self._responsible(item, place, asset), key, uuid7(), uuid7())

    def _responsible(self, item: Item, place: Place, asset: NearAsset | None) -> Choice | None:
        owner = asset.asset.owner if asset else ""
        areas = tuple(area.code for area in place.areas)
        return self.rule_book.choose(Facts(item.code, item.responsible_role, owner, areas))
