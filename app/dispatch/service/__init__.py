"""Verbs of dispatch, one matter a file. ``VERBS`` has the one of each step that a person asks for.

A verb changes what the step is about (parts, clocks, registers) and gives what history says of it; the state changes
afterwards, in ``app.workorders.service.take``.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.dispatch.case import Case, Content
from app.dispatch.service.again import close, reopen
from app.dispatch.service.assign import assign, dispatch, handling_due, lead_assignment, say_unit, transfer
from app.dispatch.service.change import change
from app.dispatch.service.decline import decline, reconsider, uphold
from app.dispatch.service.dispute import refuse, rule, secure
from app.dispatch.service.hold import hold, resume, resume_ended
from app.dispatch.service.parts import involve, release
from app.dispatch.service.sign import finish, sign_for
from app.dispatch.service.supervise import answer, supervise
from app.dispatch.service.urgent import mark_urgent
from app.workorders.lifecycle import Action


def note(_session: Session, case: Case) -> Content:
    """Say what was done or found."""
    unit = case.mine.unit if case.mine else case.lead.unit if case.lead else None
    return {"unit": say_unit(unit) if unit else None, "note": case.asked.note}


VERBS: dict[Action, Callable[[Session, Case], Content]] = {
    Action.DISPATCH: dispatch,
    Action.SIGN: sign_for,
    Action.NOTE: note,
    Action.FIX: finish,
    Action.REFUSE: refuse,
    Action.SECURE: secure,
    Action.RULE: rule,
    Action.TRANSFER: transfer,
    Action.INVOLVE: involve,
    Action.RELEASE: release,
    Action.CHANGE: change,
    Action.MARK_URGENT: mark_urgent,
    Action.HOLD: hold,
    Action.RESUME: resume,
    Action.DECLINE: decline,
    Action.UPHOLD: uphold,
    Action.RECONSIDER: reconsider,
    Action.SUPERVISE: supervise,
    Action.ANSWER: answer,
    Action.CLOSE: close,
    Action.REOPEN: reopen,
}

__all__ = ["VERBS", "assign", "handling_due", "lead_assignment", "resume_ended", "say_unit"]
