"""HTTP of the field: steps of a work order, the crew's queue, batch sign-for, evidence that a person looks at."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.accounts.groups import FIELD
from app.accounts.roles import Role
from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.etag import stated_version, tag_header
from app.api.guard import current_person, staff_only
from app.api.pages import BY_TIME, PageIn, page, read_cursor, time_page
from app.api.uploads import read_uploads
from app.catalogue.city import current_city
from app.db import Reading, Session
from app.dispatch.case import Asked
from app.fieldwork import schemas, service
from app.fieldwork.models import EvidenceCheck
from app.fieldwork.queries import open_checks
from app.fieldwork.queue import BY_CLOCK, BY_DISTANCE, add_clocks, crew_queue, place_of
from app.geo.datums import to_wgs84
from app.media import service as media

blp = Blueprint("moves", __name__, url_prefix="/api/v1", description="Steps of a work order, and the work of crews")


@blp.post("/work-orders/<public_id>/moves")
@staff_only
@blp.arguments(schemas.StepHeaders, location="headers")
@blp.arguments(schemas.NewMoveIn, location="body")
@blp.response(200, schemas.MoveOut)
def move_work_order(
    headers: dict[str, Any], new: dict[str, Any], public_id: str
) -> tuple[service.Taken, int, dict[str, str]]:
    """Take the next step with a work order

    docs/lifecycle.md has the table: which step from which state, who may, what it needs. Send If-Match with the ETag
    that you read, and 412 tells you that somebody was faster. Send an Idempotency-Key of your own (a UUID), and a
    step that is sent again after hours offline is taken once; `phone_at` keeps the time on the phone.
    """
    files, ids = read_uploads(new.pop("photos"))
    accepted = media.accept(media.current(), [media.Upload(name, data) for name, data in files]) if files else ()
    with Session.begin() as session:
        taken = service.take_step(
            session,
            public_id,
            Asked(**new),
            brought=service.Brought(accepted, ids),
            by=current_person(),
            now=now(),
            key=headers["idempotency_key"],
            matches=stated_version(),
        )
    answer = tag_header(taken.work_order.version)
    if taken.replayed:
        answer["Idempotent-Replayed"] = "true"
    return taken, 200, answer


@blp.get("/crew/queue")
@staff_only(roles=(*FIELD, Role.AUDITOR))
@blp.arguments(schemas.QueueIn, location="query")
@blp.response(200, schemas.QueueOut)
def queue(wanted: dict[str, Any]) -> dict[str, Any]:
    """Show what waits for me and my unit

    Urgent first, then by the clock; with lon and lat the nearest first.
    """
    near = to_wgs84(wanted["lon"], wanted["lat"], wanted["datum"]) if wanted["lon"] is not None else None
    after = read_cursor(wanted["cursor"], *(BY_DISTANCE if near else BY_CLOCK))
    with Reading() as session:
        city = current_city(session)
        tasks = crew_queue(session, by=current_person(), city=city, limit=wanted["limit"] + 1, near=near, after=after)
        shown, following = page(tasks, wanted["limit"], place_of)
        shown = add_clocks(session, shown, now=now())
    return {"tasks": shown, "next": following}


@blp.post("/crew/sign-for")
@staff_only(roles=FIELD)
@blp.arguments(schemas.BatchIn)
@blp.response(200, schemas.SignedOut(many=True))
def sign_for(new: dict[str, Any]) -> list[service.Signed]:
    """Sign for several work orders at once

    Each stands for itself: what is refused of one is told, and does not touch the others.
    """
    with Session.begin() as session:
        return service.sign_for_all(
            session, new["work_orders"], by=current_person(), now=now(), phone_at=new["phone_at"]
        )


@blp.get("/evidence-checks")
@staff_only(roles=(Role.UNIT_MANAGER, Role.SUPERVISOR, Role.AUDITOR))
@blp.arguments(PageIn, location="query")
@blp.response(200, schemas.EvidenceChecksOut)
def evidence_checks(wanted: dict[str, Any]) -> dict[str, Any]:
    """Show the repairs of my unit whose photos did not pass the check, oldest first"""
    after = read_cursor(wanted["cursor"], *BY_TIME)
    with Reading() as session:
        found = open_checks(session, by=current_person(), limit=wanted["limit"] + 1, after=after)
    return time_page("checks", found, wanted["limit"], "at")


@blp.post("/evidence-checks/<uuid:check_id>")
@staff_only(roles=(Role.UNIT_MANAGER, Role.SUPERVISOR))
@blp.arguments(schemas.VerdictIn)
@blp.response(200, schemas.CheckOut)
def decide_check(new: dict[str, Any], check_id: UUID) -> EvidenceCheck:
    """Accept a repair's evidence, or reject it, which sends the repair back to the crew"""
    with Session.begin() as session:
        return service.judge_evidence(session, check_id, **new, by=current_person(), now=now())
