"""A step that comes again under its Idempotency-Key: how it was answered first, kept with the step.

Who may still see the work order is shown how it stands now. To everybody else it is shown as their own step left it:
a crew whose refusal was sent twice learns that it was taken, and nothing of what another unit does since.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.accounts.service import Person
from app.catalogue.city import City
from app.catalogue.models import Urgency
from app.workorders import service as workorders
from app.workorders.models import TakenStep, WorkOrder
from app.workorders.states import Outcome, State

_PLAIN = ("public_id", "lead_unit", "co_units", "rounds", "events")
_WORDS = {"state": State, "outcome": Outcome, "urgency": Urgency}
_MOMENTS = ("updated_at", "due_at", "hold_until", "fixed_at", "closed_at")


def keep(work_order: WorkOrder) -> dict[str, Any]:
    """Give what an answer says of a work order, in a form that can be stored."""
    moments = {name: getattr(work_order, name) for name in _MOMENTS}
    return {
        **{name: getattr(work_order, name) for name in _PLAIN},
        **{name: getattr(work_order, name) for name in _WORDS},
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }


def answer_again(known: TakenStep, work_order: WorkOrder, *, by: Person, city: City) -> WorkOrder:
    """Give the work order of a step to who took it: as it stands, or as the step left it where it left their scope.

    Raises NoSuchWorkOrder where that was not kept.
    """
    if known.answer is None or workorders.is_in_scope(work_order, by=by, city=city):
        return workorders.check_scope(work_order, by=by, city=city)
    kept = known.answer
    words = {name: kind(kept[name]) if kept[name] else None for name, kind in _WORDS.items()}
    moments = {name: dt.datetime.fromisoformat(kept[name]) if kept[name] else None for name in _MOMENTS}
    # Of no session: it is shown, and never written.
    return WorkOrder(**{name: kept[name] for name in _PLAIN}, **words, **moments)
