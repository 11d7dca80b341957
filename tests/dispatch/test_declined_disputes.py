"""A dispute does not outlive the work order that it is about."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.dispatch.case import Asked
from app.dispatch.models import Dispute
from app.fieldwork.service import Brought, take_step
from app.workorders.lifecycle import Action
from app.workorders.models import WorkOrder
from app.workorders.states import State
from tests.make import NOW, make_person, make_work_order


def test_a_decline_ends_the_dispute_and_the_next_one_is_ruled(shenzhen: Session) -> None:
    work_order = make_work_order(shenzhen)

    def step(action: Action, role: Role, **over: Any) -> WorkOrder:
        asked = Asked(action=action, **{"note": "说明", "reference": "文件 1", **over})
        by, now = make_person(shenzhen, role)[0], NOW + work_order.events * dt.timedelta(minutes=1)
        return take_step(shenzhen, work_order.public_id, asked, brought=Brought(), by=by, now=now).work_order

    step(Action.REFUSE, Role.UNIT_MANAGER)
    step(Action.DECLINE, Role.SUPERVISOR, reason="unclear")
    step(Action.RECONSIDER, Role.SUPERVISOR)
    step(Action.DISPATCH, Role.DISPATCHER, unit="sz-power")
    step(Action.REFUSE, Role.UNIT_MANAGER)
    ruled = step(Action.RULE, Role.ADJUDICATOR, unit="sz-gas")

    found = shenzhen.scalars(select(Dispute).order_by(Dispute.opened_at)).all()
    assert [(each.ended_at is not None, each.ruled_unit) for each in found] == [(True, None), (True, "sz-gas")]
    assert (ruled.state, ruled.lead_unit) == (State.DISPATCHED, "sz-gas")
