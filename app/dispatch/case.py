"""A step that somebody asks for, with what must be known of the work order to take it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import Item
from app.catalogue.service import get_item
from app.dispatch.errors import NobodyResponsible
from app.dispatch.models import Assignment, Part
from app.dispatch.queries import open_parts
from app.dispatch.resolve import Resolution, find_asset, resolve
from app.geo.datums import Datum, to_wgs84
from app.geo.service import Place, locate
from app.media.models import Photo
from app.workorders.lifecycle import Action, When
from app.workorders.models import WorkOrder
from app.workorders.states import Outcome, State

Content = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the request brought. ``note`` is words: what was done, or the reason. ``unit`` and ``item`` are codes.

    ``reason`` is a code of the pack's reasons to decline, ``reference`` names the document that a refusal or a hold
    rests on. ``phone_at`` is when the step was taken by the clock of a phone that may have been offline.
    """

    action: Action
    note: str = ""
    public: bool = True
    photos: Sequence[Photo] = ()
    unit: str | None = None
    reason: str | None = None
    reference: str = ""
    until: dt.datetime | None = None
    item: str | None = None
    lon: float | None = None
    lat: float | None = None
    accuracy: float = 0.0
    datum: Datum | None = None
    make_rule: bool = False
    outcome: Outcome | None = None
    phone_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a change of item or position leads to; without ``resolution`` nobody is responsible for it."""

    item: Item
    place: Place
    asset: NearAsset | None
    resolution: Resolution | None


@dataclass(slots=True, kw_only=True)
class Case:
    """A locked work order and the step that ``by`` asks for. ``mine`` is the part that the step is about."""

    work_order: WorkOrder
    asked: Asked
    by: Person
    city: City
    now: dt.datetime
    parts: Sequence[Assignment] = ()
    mine: Assignment | None = None
    found: Found | None = None
    facts: set[When] = field(default_factory=set)

    @property
    def lead(self) -> Assignment | None:
        """Give the lead unit's part."""
        return next((part for part in self.parts if part.part is Part.LEAD), None)


def study(session: Session, work_order: WorkOrder, asked: Asked, *, by: Person, city: City, now: dt.datetime) -> Case:
    """Find out what a step needs to know before anything is changed."""
    case = Case(work_order=work_order, asked=asked, by=by, city=city, now=now)
    case.parts = open_parts(session, work_order.id)
    case.mine = _mine(case)
    if case.mine is not None:
        case.facts.add(When.LEAD if case.mine.part is Part.LEAD else When.CO)
    case.facts.add(When.LEFT if _others_left(case) else When.LAST)
    if asked.action is Action.CHANGE:
        case.found = _find_anew(session, case)
        resolution = case.found.resolution
        same = resolution is not None and case.lead is not None and resolution.unit.code == case.lead.unit.code
        case.facts.add(When.SAME if same else When.OTHER)
    return case


def _mine(case: Case) -> Assignment | None:
    """Choose the part of the person's unit; who acts for all units takes the first that still wants the step."""
    parts = [part for part in case.parts if case.by.all_units or part.unit_code == case.by.unit]
    wanting = [part for part in parts if _wants(part, case.asked.action)]
    return next(iter(wanting or parts), None)


def _wants(part: Assignment, action: Action) -> bool:
    if action is Action.SIGN:
        return part.signed_at is None
    return part.finished_at is None if action is Action.FIX else part.part is Part.LEAD


def _others_left(case: Case) -> bool:
    """Tell whether a part is unfinished besides the one that this step finishes or releases."""
    if case.asked.action is Action.RELEASE:
        others = [part for part in case.parts if part.unit_code != case.asked.unit]
    else:
        others = [part for part in case.parts if part is not case.mine]
    return any(part.finished_at is None for part in others)


def _find_anew(session: Session, case: Case) -> Found:
    asked, work_order = case.asked, case.work_order
    item = get_item(session, asked.item) if asked.item else work_order.item
    point, accuracy = work_order.position, work_order.accuracy_m
    if asked.lon is not None and asked.lat is not None:
        point, accuracy = to_wgs84(asked.lon, asked.lat, asked.datum or Datum.WGS84), asked.accuracy
    place = locate(session, point, accuracy, nearest_limit_m=case.city.nearest_street_limit_m)
    found = find_at(session, item, place, city=case.city, now=case.now)
    # What waits goes on waiting, and says so; what a unit has is not taken away from it for nobody.
    if found.resolution is None and work_order.state is not State.AWAITING_DISPATCH:
        resolve_at(session, item, place, city=case.city, now=case.now)
    return found


def find_at(session: Session, item: Item, place: Place, *, city: City, now: dt.datetime) -> Found:
    """Find the asset and the unit for an item at a place, now, or that nobody is responsible."""
    asset = find_asset(session, item, place, city=city)
    try:
        resolution = resolve(session, item, place, asset, city=city, on=now.astimezone(city.timezone).date())
    except NobodyResponsible:
        return Found(item=item, place=place, asset=asset, resolution=None)
    return Found(item=item, place=place, asset=asset, resolution=resolution)


def resolve_at(session: Session, item: Item, place: Place, *, city: City, now: dt.datetime) -> Resolution:
    """Find the asset and the unit for an item at a place, now. Raises NobodyResponsible."""
    asset = find_asset(session, item, place, city=city)
    return resolve(session, item, place, asset, city=city, on=now.astimezone(city.timezone).date())
