"""Reads: which codes the lists dropped, and what still uses them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.accounts.models import Staff
from app.catalogue.models import Item, Origin, Responsibility, Unit
from app.catalogue.packs.left_behind import CodeKind
from app.geo.models import Area
from app.notify.models import Subscription
from app.notify.queries import LISTS_CHANGED
from app.notify.webhook_models import Webhook
from app.workorders.models import LIVE, WorkOrder
from app.workorders.states import State

_LISTS: dict[CodeKind, type[Area | Unit | Item]] = {CodeKind.AREA: Area, CodeKind.UNIT: Unit, CodeKind.ITEM: Item}
OPEN_WORK = "open work orders"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A code that is in no current list: its last names, and the version that dropped it."""

    kind: CodeKind
    code: str
    name_zh: str
    name_en: str
    dropped_in: int

    @property
    def name(self) -> str:
        """Give its name in either language."""
        return self.name_zh or self.name_en


def dropped_codes(session: Session, kind: CodeKind) -> list[Dropped]:
    """List the codes of a kind whose last row is closed."""
    model = _LISTS[kind]
    last = (
        select(model.code, model.name_zh, model.name_en, model.until)
        .ext(distinct_on(model.code))
        .order_by(model.code, model.until.desc().nulls_first())
        .subquery()
    )
    rows = session.execute(select(last).where(last.c.until.is_not(None)).order_by(last.c.code))
    return [Dropped(kind, row.code, row.name_zh, row.name_en, row.until) for row in rows]


def is_current(session: Session, kind: CodeKind, code: str) -> bool:
    """Tell whether a code is in the current list of a kind."""
    model = _LISTS[kind]
    return session.scalar(select(model.code).where(model.code == code, model.until.is_(None))) is not None


_FOLLOWED = and_(
    Subscription.ended_at.is_(None),
    Subscription.work_order_id.is_(None),
    # Who was told that nothing more comes is not left behind.
    or_(~Subscription.about.has_key(LISTS_CHANGED), Subscription.about[LISTS_CHANGED]["moved"].as_boolean()),
)
_RULED = and_(Responsibility.until.is_(None), Responsibility.origin == Origin.RULING)
_ACTIVE = Staff.disabled_at.is_(None)
_HEARD = Webhook.disabled_at.is_(None)

# What may use a code of a kind: by which columns, of which rows. A column of JSON is a list of codes.
_USES: dict[CodeKind, Sequence[tuple[str, Sequence[Any], Any]]] = {
    CodeKind.AREA: (
        (OPEN_WORK, (WorkOrder.street, WorkOrder.community, WorkOrder.district), LIVE),
        ("followers", (Subscription.area,), _FOLLOWED),
        ("accounts", (Staff.area,), _ACTIVE),
        ("rulings", (Responsibility.area,), _RULED),
        ("webhooks", (Webhook.areas,), _HEARD),
    ),
    CodeKind.UNIT: (
        (OPEN_WORK, (WorkOrder.lead_unit, WorkOrder.co_units), LIVE),
        ("accounts", (Staff.unit,), _ACTIVE),
        ("rulings", (Responsibility.unit, Responsibility.asset_owner), _RULED),
    ),
    CodeKind.ITEM: (
        (OPEN_WORK, (WorkOrder.item_code,), LIVE),
        ("followers", (Subscription.item,), _FOLLOWED),
        ("rulings", (Responsibility.item,), _RULED),
        ("webhooks", (Webhook.items,), _HEARD),
    ),
}
_LISTED = frozenset({WorkOrder.co_units, Webhook.areas, Webhook.items})


def uses_of(session: Session, dropped: Dropped) -> dict[str, int]:
    """Count what uses a code, by what it is; nothing that is not used is named."""
    found = {}
    for what, columns, rows in _USES[dropped.kind]:
        names_it = or_(*(_names(column, dropped.code) for column in columns))
        count = session.scalar(select(func.count()).select_from(columns[0].class_).where(rows, names_it))
        if count:
            found[what] = count
    return found


def _names(column: Any, code: str) -> ColumnElement[bool]:
    named: ColumnElement[bool] = column.contains([code]) if column in _LISTED else column == code
    return named


def accounts_of(session: Session, dropped: Dropped) -> list[str]:
    """Name the accounts that act for a dropped unit or area."""
    column = {CodeKind.UNIT: Staff.unit, CodeKind.AREA: Staff.area}.get(dropped.kind)
    if column is None:
        return []
    return list(session.scalars(select(Staff.name).where(_ACTIVE, column == dropped.code).order_by(Staff.name)))


def work_to_rehome(
    session: Session,
    *,
    areas: Collection[str],
    units: Collection[str],
    items: Collection[str],
    co_units: Collection[str],
) -> list[UUID]:
    """List the open work orders that use dropped codes, oldest first.

    ``co_units`` are those whose successor is known. A dispute keeps its unit until an adjudicator rules.
    """
    lead_is_gone = and_(WorkOrder.lead_unit.in_(units), WorkOrder.state != State.DISPUTED)
    placed = or_(*(column.in_(areas) for column in (WorkOrder.street, WorkOrder.community, WorkOrder.district)))
    involved = or_(*(WorkOrder.co_units.contains([code]) for code in sorted(co_units)), false())
    wanted = or_(placed, WorkOrder.item_code.in_(items), lead_is_gone, involved)
    return list(session.scalars(select(WorkOrder.id).where(LIVE, wanted).order_by(WorkOrder.opened_at, WorkOrder.id)))


def webhooks_naming(session: Session, dropped: Dropped) -> Sequence[Webhook]:
    """Lock the webhooks whose filter names a dropped area or item."""
    column = Webhook.areas if dropped.kind is CodeKind.AREA else Webhook.items
    statement = select(Webhook).where(_HEARD, column.contains([dropped.code])).order_by(Webhook.id).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).all()
