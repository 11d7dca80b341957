"""HTTP of the desk: the lists of what waits for somebody, notices, figures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.accounts.groups import LEADING
from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.guard import current_person, staff_only
from app.api.pages import BY_TIME, PageIn, page, read_cursor, time_page
from app.catalogue.city import current_city
from app.catalogue.queries import list_units
from app.db import Reading, Session
from app.dispatch import lists, schemas
from app.dispatch.due import due_of_states
from app.dispatch.figures import FirstDispatch, first_dispatch_success
from app.dispatch.models import Notice

blp = Blueprint("desk", __name__, url_prefix="/api/v1", description="The desk: what waits, disputes, registers")


@blp.get("/work-orders")
@staff_only
@blp.arguments(schemas.WorkOrdersIn, location="query")
@blp.response(200, schemas.WorkOrdersOut)
def work_orders(wanted: dict[str, Any]) -> dict[str, Any]:
    """List work orders, oldest first

    `state=awaiting_dispatch` is the dispatchers' list: each line says why it waits, until when, and whom the rules
    propose. `clock` is the one that runs in the state of the line.
    """
    which = lists.Wanted(
        states=wanted["state"], unit=wanted["unit"], street=wanted["street"], overdue=wanted["overdue"]
    )
    after, limit = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"]
    with Reading() as session:
        scope = {"by": current_person(), "city": current_city(session)}
        found = lists.list_work_orders(session, which, **scope, limit=limit + 1, after=after)
        answer = time_page("work_orders", found, limit, "opened_at")
        shown = answer["work_orders"]
        waits = lists.why_they_wait(session, [each.id for each in shown])
        clocks = due_of_states(session, shown, now=now())
    lines = [{"work_order": each, "waits": waits.get(each.id), "clock": clocks.get(each.id)} for each in shown]
    return answer | {"work_orders": lines}


@blp.get("/units")
@staff_only
@blp.arguments(schemas.UnitsIn, location="query")
@blp.response(200, schemas.UnitsOut)
def units(wanted: dict[str, Any]) -> dict[str, Any]:
    """Find the code of a unit: by words of its code or names, by role, by area"""
    after, limit = read_cursor(wanted["cursor"], str), wanted["limit"]
    which = {"role": wanted["role"], "area": wanted["area"], "after": after[0] if after else ""}
    with Reading() as session:
        found = list_units(session, wanted["q"], **which, limit=limit + 1)
    shown, following = page(found, limit, lambda each: (each.code,))
    return {"units": shown, "next": following}


@blp.get("/disputes")
@staff_only(roles=LEADING)
@blp.arguments(schemas.DisputesIn, location="query")
@blp.response(200, schemas.DisputesOut)
def disputes(wanted: dict[str, Any]) -> dict[str, Any]:
    """List the disputes that wait for a ruling, or with `ended=true` what became of the others, oldest first"""
    after, limit, ended = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"], wanted["ended"]
    with Reading() as session:
        scope = {"by": current_person(), "city": current_city(session)}
        found = lists.list_disputes(session, ended=ended, **scope, limit=limit + 1, after=after)
        answer = time_page("disputes", found, limit, "opened_at")
        waiting = [] if ended else [each.work_order for each in answer["disputes"]]
        clocks = due_of_states(session, waiting, now=now())
    lines = [{"dispute": each, "clock": clocks.get(each.work_order_id)} for each in answer["disputes"]]
    return answer | {"disputes": lines}


@blp.get("/declines")
@staff_only(roles=LEADING)
@blp.arguments(schemas.DeclinesIn, location="query")
@blp.response(200, schemas.DeclinesOut)
def declines(wanted: dict[str, Any]) -> dict[str, Any]:
    """List the register of what the city did not take on, oldest first"""
    after, limit, reviewed = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"], wanted["reviewed"]
    with Reading() as session:
        scope = {"by": current_person(), "city": current_city(session)}
        found = lists.list_declines(session, reviewed=reviewed, **scope, limit=limit + 1, after=after)
    return time_page("declines", found, limit, "decided_at")


@blp.get("/supervisions")
@staff_only(roles=LEADING)
@blp.arguments(schemas.SupervisionsIn, location="query")
@blp.response(200, schemas.SupervisionsOut)
def supervisions(wanted: dict[str, Any]) -> dict[str, Any]:
    """List the answers that units owe, first due first"""
    after, limit, answered = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"], wanted["answered"]
    with Reading() as session:
        scope = {"by": current_person(), "city": current_city(session)}
        found = lists.list_supervisions(session, answered=answered, **scope, limit=limit + 1, after=after)
    return time_page("supervisions", found, limit, "due_at")


@blp.get("/notices")
@staff_only
@blp.arguments(PageIn, location="query")
@blp.response(200, schemas.NoticesOut)
def notices(wanted: dict[str, Any]) -> dict[str, Any]:
    """List what my unit was told and nobody has read, oldest first"""
    after, limit = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"]
    with Reading() as session:
        city = current_city(session)
        found = lists.list_notices(session, by=current_person(), city=city, limit=limit + 1, after=after)
    return time_page("notices", found, limit, "at")


@blp.post("/notices/<uuid:notice_id>/read")
@staff_only
@blp.response(200, schemas.NoticeOut)
def read_notice(notice_id: UUID) -> Notice:
    """Say that a notice was read"""
    with Session.begin() as session:
        city = current_city(session)
        return lists.read_notice(session, notice_id, by=current_person(), city=city, now=now())


@blp.get("/figures/first-dispatch")
@staff_only(roles=LEADING)
@blp.arguments(schemas.PeriodIn, location="query")
@blp.response(200, schemas.FirstDispatchesOut)
def first_dispatch(period: dict[str, Any]) -> dict[str, Any]:
    """Say which share of work orders stayed with the unit that they were dispatched to first

    Never refused, transferred or ruled away, by the history; by the unit of the first dispatch.
    """
    with Reading() as session:
        units = first_dispatch_success(session, **period, by=current_person(), city=current_city(session))
    total = FirstDispatch("", sum(each.dispatched for each in units), sum(each.stayed for each in units))
    return {"dispatched": total.dispatched, "stayed": total.stayed, "share": total.share, "units": units}
