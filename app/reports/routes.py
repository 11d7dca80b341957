"""HTTP of reports: file, find similar, follow; and the staff's view of a work order."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app.accounts.groups import DESK, INTAKE, LEADING
from app.accounts.service import Person
from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.etag import answer_conditionally, stated_version, tag_header
from app.api.fields import primary_language
from app.api.guard import current_person, public, staff_only
from app.api.pages import BY_TIME, PageIn, read_cursor, time_page
from app.api.ratelimit import limited
from app.api.uploads import read_uploads
from app.catalogue.city import City, current_city
from app.catalogue.queries import search_items
from app.catalogue.service import get_item
from app.db import Reading, Session
from app.dispatch.schemas import PeriodIn
from app.fieldwork.service import Brought
from app.geo.datums import to_wgs84
from app.media import service as media
from app.notify.schemas import ContactIn
from app.reports import schemas, service
from app.reports.desk import check_channel
from app.reports.models import SpotCheck
from app.reports.queries import Similar, find_similar, open_spot_checks, ratings_by_unit
from app.reports.suggesting import Question, find_duplicates, load
from app.reports.views import View, show_thumbnail, show_track, show_work_order, version_of
from app.workorders.models import WorkOrder
from app.workorders.queries import find_work_order
from app.workorders.service import check_scope

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
    return _file(headers, new)


@blp.post("/desk/reports")
@staff_only(roles=INTAKE, scope="file")
@blp.arguments(schemas.Key, location="headers")
@blp.arguments(schemas.DeskReportIn, location="body")
@blp.response(201, schemas.ReportOut)
def file_at_desk(headers: dict[str, Any], new: dict[str, Any]) -> tuple[View, int, dict[str, str]]:
    """File a report for a caller, a visitor, or on patrol

    The same checks and the same answer as for a resident: give the caller the number and the link.
    """
    return _file(headers, new, filed_by=current_person())


def _file(
    headers: dict[str, Any], new: dict[str, Any], *, filed_by: Person | None = None
) -> tuple[View, int, dict[str, str]]:
    files, ids = read_uploads(new.pop("photos"))
    accepted = media.accept(media.current(), [media.Upload(name, data) for name, data in files]) if files else ()
    with Session.begin() as session:
        city = current_city(session)
        if filed_by is not None:
            check_channel(new["channel"], filed_by, city)
            new["filed_by"] = filed_by.id
        new["language_sent"] = new["language"]
        new["language"] = preferred_language(city, new["language"])
        filed = service.file_report(
            session, service.NewReport(**new, **headers, photos=accepted, photo_ids=ids), now=now()
        )
        shown = show_track(service.show(session, filed.report))
    answer = {"Location": shown["tracking_url"]}
    if filed.replayed:
        answer["Idempotent-Replayed"] = "true"
    return shown, 201, answer


def preferred_language(city: City, given: str | None) -> str:
    """Give the city's language that was named (``zh-CN`` names ``zh``), or that the client likes best."""
    languages = [language.value for language in city.languages]
    named = primary_language(given or "")
    return named if named in languages else request.accept_languages.best_match(languages) or languages[0]


@blp.get("/similar")
@public
@blp.arguments(schemas.SimilarIn, location="query")
@blp.response(200, schemas.SimilarOut(many=True))
def similar(where: dict[str, Any]) -> list[dict[str, Any]]:
    """Find up to three work orders nearby that may be about the same problem, the likeliest first

    Open ones, and those that were fixed within three days. Send the id of one as `same_as` to join it.
    """
    point = to_wgs84(where["lon"], where["lat"], where["datum"])
    with Reading() as session:
        item = get_item(session, where["item"]) if where.get("item") else None
        question = Question(point=point, item=item, accuracy_m=where["accuracy"])
        found = find_similar(session, question, city=current_city(session), now=now())
    return [show_similar(each) for each in found]


def show_similar(found: Similar) -> dict[str, Any]:
    """Give the members of a similar work order."""
    work_order, picture = found.work_order, show_thumbnail(found)
    return {
        "id": work_order.public_id,
        "item": work_order.item,
        "state": work_order.state,
        "opened_at": work_order.opened_at,
        "distance_m": round(found.distance_m, 1),
        "reports": work_order.reports,
        "thumbnail": picture["small"] if picture else None,
        "alt": picture["alt"] if picture else None,
        "why": found.brief,
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
    return answer_conditionally(shown, schemas.WorkOrderOut(), version=shown["version"], beside=shown["beside"])


@blp.post("/track/<secret>/confirm")
@public
@limited
@blp.response(200, schemas.TrackOut)
def confirm(secret: str) -> View:
    """Say that it is fixed

    It closes after a day in which no other reporter says that it is not.
    """
    with Session.begin() as session:
        report = service.find_report(session, secret)
        service.confirm(session, report, now=now())
        return show_track(service.show(session, report))


@blp.post("/track/<secret>/object")
@public
@limited
@blp.arguments(schemas.ObjectionIn, location="body")
@blp.response(200, schemas.TrackOut)
def object_to(new: dict[str, Any], secret: str) -> View:
    """Say that it is not fixed, with a photo or a reason: it is worked on again at once"""
    files, ids = read_uploads(new["photos"])
    accepted = media.accept(media.current(), [media.Upload(name, data) for name, data in files]) if files else ()
    with Session.begin() as session:
        report = service.find_report(session, secret)
        service.object_to(session, report, reason=new["reason"], brought=Brought(accepted, ids), now=now())
        return show_track(service.show(session, report))


@blp.post("/track/<secret>/rating")
@public
@limited
@blp.arguments(schemas.RatingIn)
@blp.response(200, schemas.TrackOut)
def rate(new: dict[str, Any], secret: str) -> View:
    """Rate a repair from 1 to 5

    3 and more confirm it. 1 or 2 send it back to the unit, and the second time a supervisor asks the unit why.
    """
    with Session.begin() as session:
        report = service.find_report(session, secret)
        service.rate(session, report, service.Said(**new), now=now())
        return show_track(service.show(session, report))


@blp.post("/track/<secret>/contacts")
@public
@limited
@blp.arguments(ContactIn)
@blp.response(200, schemas.TrackOut)
def add_contact(new: dict[str, Any], secret: str) -> View:
    """Hear of it by one more way, or at another address

    A browser that agreed to messages sends its PushSubscription with the channel `push`. Other addresses are asked
    first, but for those that were confirmed before.
    """
    with Session.begin() as session:
        report = service.find_report(session, secret)
        service.add_contact(session, report, **new, now=now())
        return show_track(service.show(session, report))


@blp.post("/track/<secret>/contacts/<uuid:contact_id>/ask")
@public
@limited
@blp.response(200, schemas.TrackOut)
def ask_again(secret: str, contact_id: UUID) -> View:
    """Ask an address once more, as the question did not come"""
    with Session.begin() as session:
        report = service.find_report(session, secret)
        service.ask_again(session, report, contact_id, now=now())
        return show_track(service.show(session, report))


@blp.delete("/track/<secret>/contacts/<uuid:contact_id>")
@public
@limited
@blp.response(200, schemas.TrackOut)
def drop_contact(secret: str, contact_id: UUID) -> View:
    """Hear nothing more by one of the ways"""
    with Session.begin() as session:
        report = service.find_report(session, secret)
        service.drop_contact(session, report, contact_id, now=now())
        return show_track(service.show(session, report))


@blp.get("/work-orders/<public_id>/similar")
@staff_only(roles=DESK)
@blp.response(200, schemas.DuplicateOut(many=True))
def duplicates(public_id: str) -> list[dict[str, Any]]:
    """Find work orders that may be about the same problem, and say why

    Up to ten, the likeliest first: what to merge is the desk's own judgement.
    """
    with Reading() as session:
        city = current_city(session)
        asked = check_scope(find_work_order(session, public_id), by=current_person(), city=city)
        found = load(session, find_duplicates(session, asked, city=city, now=now()))
    return [
        {
            "id": work_order.public_id,
            "item": work_order.item,
            "state": work_order.state,
            "opened_at": work_order.opened_at,
            "distance_m": round(each.sighting.distance_m, 1),
            "reports": work_order.reports,
            "chance": round(each.score, 4),
            "brief": each.brief,
            "why": each.why,
        }
        for work_order, each in found
    ]


@blp.post("/work-orders/<public_id>/merge")
@staff_only(roles=DESK)
@blp.arguments(schemas.MergeIn)
@blp.response(200, schemas.MergeOut)
def merge(new: dict[str, Any], public_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Merge a work order into an open one about the same problem

    Its reporters move along and are told; the clocks of the survivor stand. Takes If-Match.
    """
    with Session.begin() as session:
        gone, survivor = service.merge(
            session, public_id, **new, by=current_person(), now=now(), matches=stated_version()
        )
    shown = {
        "id": gone.public_id,
        "state": gone.state,
        "into": survivor.public_id,
        "reports": survivor.reports,
    }
    return shown, 200, tag_header(gone.version)


@blp.post("/work-orders/<public_id>/unmerge")
@staff_only(roles=DESK)
@blp.arguments(schemas.UnmergeIn)
@blp.response(200, schemas.SplitOut)
def unmerge(new: dict[str, Any], public_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Undo the merge of a work order: it is what it was, and its reporters are told

    Reports, subscriptions, clocks and units are as they were; the answer names its survivor first. Takes If-Match.
    """
    with Session.begin() as session:
        back, left = service.unmerge(
            session, public_id, **new, by=current_person(), now=now(), matches=stated_version()
        )
    return _say_split(left, back), 200, tag_header(back.version)


@blp.post("/work-orders/<public_id>/split")
@staff_only(roles=DESK)
@blp.arguments(schemas.SplitIn)
@blp.response(201, schemas.SplitOut)
def split(new: dict[str, Any], public_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Give reports that are about another problem a work order of their own

    It is dispatched as if it had been filed now; its reporters are told. Takes If-Match.
    """
    with Session.begin() as session:
        left, opened = service.split(
            session, public_id, **new, by=current_person(), now=now(), matches=stated_version()
        )
    return _say_split(left, opened), 201, tag_header(left.version)


def _say_split(left: WorkOrder, there: WorkOrder) -> dict[str, Any]:
    return {
        "id": left.public_id,
        "reports": left.reports,
        "into": there.public_id,
        "into_state": there.state,
        "into_reports": there.reports,
    }


@blp.get("/spot-checks")
@staff_only(roles=LEADING)
@blp.arguments(PageIn, location="query")
@blp.response(200, schemas.SpotChecksOut)
def spot_checks(wanted: dict[str, Any]) -> dict[str, Any]:
    """List the repairs that wait for a call or a visit before they close, oldest first"""
    after, limit = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"]
    with Reading() as session:
        city = current_city(session)
        found = open_spot_checks(session, by=current_person(), city=city, limit=limit + 1, after=after)
    return time_page("checks", found, limit, "at")


@blp.post("/spot-checks/<uuid:spot_check_id>")
@staff_only(roles=DESK)
@blp.arguments(schemas.SpotCheckIn)
@blp.response(200, schemas.SpotCheckOut)
def spot_check(new: dict[str, Any], spot_check_id: UUID) -> SpotCheck:
    """Record what a call or a visit found: it closes after a day, or goes back to the unit"""
    with Session.begin() as session:
        return service.check(session, spot_check_id, **new, by=current_person(), now=now())


@blp.get("/figures/ratings")
@staff_only(roles=LEADING)
@blp.arguments(PeriodIn, location="query")
@blp.response(200, schemas.RatingsOut)
def ratings(period: dict[str, Any]) -> dict[str, Any]:
    """Give the ratings of a period by unit

    Every reporter of a work order may rate each of its repairs: `ratings` counts those, `work_orders` the problems.
    """
    with Reading() as session:
        units = ratings_by_unit(session, **period, by=current_person(), city=current_city(session))
    return {"units": units}
