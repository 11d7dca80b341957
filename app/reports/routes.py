"""HTTP of reports: file, find similar, follow; and the staff's view of a work order."""

from __future__ import annotations

from typing import Any

from flask import request

from app.api.blueprint import Blueprint
from app.api.etag import answer_conditionally
from app.api.guard import current_person, public, staff_only
from app.api.ratelimit import limited
from app.api.uploads import read_uploads
from app.catalogue.city import City, current_city
from app.catalogue.queries import search_items
from app.catalogue.service import get_item
from app.db import Reading, Session, utcnow
from app.geo.datums import to_wgs84
from app.media import service as media
from app.reports import schemas, service
from app.reports.queries import Similar, find_similar
from app.reports.views import View, show_picture, show_track, show_work_order, version_of

blp = Blueprint("reports", __name__, url_prefix="/api/v1", description="Reports of residents")


@blp.post("/reports")
@public
@limited
@blp.arguments(schemas.Key, location="headers")
@blp.arguments(schemas.NewReportIn, location="body")
@blp.response(201, schemas.ReportOut)
def file_report(headers: dict[str, Any], new: dict[str, Any]) -> tuple[View, int, dict[str, str]]:
    """File a report

    One multipart form with photos, or JSON. Send an Idempotency-Key of your own (a UUID): the same request sent
    again, after hours offline too, answers the same report. The position may be left out where a photo carries one.
    """
    files, ids = read_uploads(new.pop("photos"))
    accepted = media.accept(media.current(), [media.Upload(name, data) for name, data in files]) if files else ()
    with Session.begin() as session:
        new["language_sent"] = new["language"]
        new["language"] = preferred_language(current_city(session), new["language"])
        filed = service.file_report(
            session, service.NewReport(**new, **headers, photos=accepted, photo_ids=ids), now=utcnow()
        )
        shown = show_track(service.show(session, filed.report))
    answer = {"Location": shown["tracking_url"]}
    if filed.replayed:
        answer["Idempotent-Replayed"] = "true"
    return shown, 201, answer


def preferred_language(city: City, given: str | None) -> str:
    """Give the city's language that was named (``zh-CN`` names ``zh``), or that the client likes best."""
    languages = [language.value for language in city.languages]
    named = (given or "").partition("-")[0].lower()
    return named if named in languages else request.accept_languages.best_match(languages) or languages[0]


@blp.get("/similar")
@public
@blp.arguments(schemas.SimilarIn, location="query")
@blp.response(200, schemas.SimilarOut(many=True))
def similar(where: dict[str, Any]) -> list[dict[str, Any]]:
    """Find up to three work orders nearby that may be about the same problem

    Open ones, and those that were fixed within three days. Send the id of one as `same_as` to join it.
    """
    point = to_wgs84(where["lon"], where["lat"], where["datum"])
    with Reading() as session:
        item = get_item(session, where["item"]) if where.get("item") else None
        found = find_similar(session, point, item=item, city=current_city(session), now=utcnow())
    return [show_similar(each) for each in found]


def show_similar(found: Similar) -> dict[str, Any]:
    """Give the members of a similar work order."""
    work_order = found.work_order
    return {
        "id": work_order.public_id,
        "item": work_order.item,
        "state": work_order.state,
        "opened_at": work_order.opened_at,
        "distance_m": round(found.distance_m, 1),
        "reports": work_order.reports,
        "thumbnail": show_picture(found.photo_id)["small"] if found.photo_id else None,
    }


@blp.get("/items")
@public
@blp.arguments(schemas.ItemIn, location="query")
@blp.response(200, schemas.ItemOut(many=True))
def items(wanted: dict[str, Any]) -> list[Any]:
    """Search the catalogue of what can be reported"""
    with Reading() as session:
        return list(search_items(session, wanted["q"], language=wanted["language"], limit=20))


@blp.get("/track/<secret>")
@public
@blp.response(200, schemas.TrackOut)
def track(secret: str) -> Any:
    """Follow a report by its secret link: every public step with its time, unit and photos"""
    with Reading() as session:
        found = service.track(session, secret)
    return answer_conditionally(show_track(found), schemas.TrackOut(), version=version_of(found))


@blp.get("/work-orders/<public_id>")
@staff_only
@blp.response(200, schemas.WorkOrderOut)
def work_order(public_id: str) -> Any:
    """Show a work order to staff, with the explanation of its assignment"""
    with Reading() as session:
        shown = show_work_order(session, public_id, by=current_person())
    return answer_conditionally(shown, schemas.WorkOrderOut(), version=shown["version"])
