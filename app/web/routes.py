"""The pages: file a report, is it one of these, follow it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, current_app, g, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session as SessionType
from werkzeug.wrappers import Response

from app.api.clock import now
from app.api.errors import set_pages
from app.api.guard import public
from app.api.ratelimit import count_request
from app.api.uploads import read_each
from app.catalogue.city import Channel
from app.catalogue.models import Item, Joining
from app.catalogue.queries import list_items
from app.catalogue.service import get_item
from app.db import Reading, Session
from app.errors import Problem
from app.fieldwork.service import Brought
from app.geo.datums import Datum, to_wgs84
from app.geo.types import Point
from app.media import service as media
from app.media.errors import NoSuchPhoto
from app.media.models import Photo
from app.media.queries import find_photos
from app.notify import keys
from app.notify.push import public_key
from app.reports import service
from app.reports.errors import KeyReused
from app.reports.queries import POOR, Similar, find_similar, was_filed
from app.reports.suggesting import Question
from app.reports.views import show_thumbnail, show_track, version_of
from app.web import (
    data_routes,
    feed_routes,
    files,
    icon_routes,
    map_routes,
    sitemap_routes,
    telling_routes,
    text_routes,
    words,
)
from app.web.answers import Answer, Step, Thanks, stand, was_taken
from app.web.catalogue import problem_kinds
from app.web.draft import Draft, accept_each
from app.web.error_pages import ERROR_PAGES, show_again_by
from app.web.visit import begin_visit
from app.workorders.errors import IllegalMove
from app.workorders.states import EventKind

blp = Blueprint("web", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
blp.after_request(files.set_caching)
blp.record_once(lambda state: set_pages(state.app.extensions, ERROR_PAGES))
blp.record_once(lambda state: state.app.extensions.update(check_front_end=files.find_fault))
blp.add_app_template_filter(words.name_of, "named")
blp.add_app_template_filter(words.local, "local")
blp.register_blueprint(telling_routes.blp)
blp.register_blueprint(map_routes.blp)
blp.register_blueprint(feed_routes.blp)
blp.register_blueprint(data_routes.blp)
blp.register_blueprint(sitemap_routes.blp)
blp.register_blueprint(text_routes.blp)
blp.register_blueprint(icon_routes.blp)


FILES = ("web.static", "web.icons.")


@blp.before_request
def begin() -> None:
    """Find the language of the request and the city; a file needs neither."""
    if not (request.endpoint or "").startswith(FILES):
        begin_visit()


@blp.app_context_processor
def vocabulary() -> dict[str, Any]:
    """Give the templates their words."""
    return {
        "say": words.say,
        "name_of": words.name_of,
        "place_of": words.place_of,
        "moment": words.moment,
        "in_language": words.in_language,
        "credit": words.credit,
        "explain": words.explain,
        "asset": files.asset,
        "title_of": words.title_of,
    }


@blp.get("/")
@public
def form() -> str:
    """Show the form."""
    return _form(Draft())


@blp.post("/")
@public
def file() -> Response | str:
    """Take the form: keep its photos, ask whether it is one of those nearby, file it, show how to follow it."""
    draft = Draft.read(request.form)
    show_again_by(partial(_form_again, draft))
    count_request(current_app.config["REPORTS_PER_MINUTE"])
    _keep_photos(draft)
    fields = draft.fields(g.language)
    found = [] if "same_as" in fields or draft.another else _suggestions(draft, fields)
    if found:
        return render_template("same.html", draft=draft, found=found, picture=show_thumbnail)
    fields["none_of_them"] = draft.another
    new = service.NewReport(**fields, idempotency_key=draft.key, photo_ids=draft.photo_ids)
    with Session.begin() as session:
        filed = service.file_report(session, new, now=now())
        shown = service.show(session, filed.report)
    secret = shown.tracking_url.rsplit("/", 1)[1]
    return redirect(url_for("web.track", secret=secret, lang=g.language), code=303)


@blp.get("/track/<secret>")
@public
def track(secret: str) -> Response:
    """Show a report to the one who sent it."""
    return _track(secret)


@blp.get(f"/track/<secret>/<any({','.join(Step)}):step>")
@public
def answer(secret: str, step: str) -> Response:  # noqa: ARG001  # it is in the address of a page that was refused
    """Show the report where the address of an answer is opened again."""
    return redirect(url_for("web.track", secret=secret, lang=g.language))


@blp.post("/track/<secret>/confirm")
@public
def confirm(secret: str) -> Response:
    """Take the word of a reporter that it is fixed."""
    _begin_answer(secret, Step.CONFIRM)
    with Session.begin() as session:
        service.confirm(session, service.find_report(session, secret), now=now())
    return _thank(secret, Thanks.CONFIRM)


@blp.post("/track/<secret>/object")
@public
def object_to(secret: str) -> Response:
    """Take the word of a reporter that it is not fixed, with a reason or photos."""
    draft = _begin_answer(secret, Step.OBJECT)
    _keep_photos(draft)
    reason, brought = draft.reason(), Brought(ids=draft.photo_ids)
    with Session.begin() as session:
        service.object_to(session, service.find_report(session, secret), reason=reason, brought=brought, now=now())
    return _thank(secret, Thanks.AGAIN)


@blp.post("/track/<secret>/rate")
@public
def rate(secret: str) -> Response:
    """Take a rating."""
    said = _begin_answer(secret, Step.RATE).said()
    with Session.begin() as session:
        service.rate(session, service.find_report(session, secret), said, now=now())
    return _thank(secret, Thanks.AGAIN if said.overall <= POOR else Thanks.RATE)


@blp.get("/problems")
@public
def problems() -> str:
    """Name every problem that the service answers; the types of problems point here."""
    return render_template("problems.html", kinds=problem_kinds())


def _form_again(draft: Draft, problem: Problem) -> str:
    """Show the form with what was typed, the photos that were kept, and what is missing."""
    if isinstance(problem, KeyReused):
        draft.key = uuid4()  # who sends it again after having read why means another report
    return _form(draft, problem)


def _answer_again(draft: Answer, problem: Problem) -> Response:
    """Show a report with the answer that was refused; who sent one objection twice is thanked as the first time."""
    if isinstance(problem, IllegalMove | NoSuchPhoto):
        with Reading() as session:
            taken = was_taken(session, draft)
        if taken:
            return _thank(draft.secret, Thanks.AGAIN)
    return _track(draft.secret, draft, problem)


def _begin_answer(secret: str, step: Step) -> Answer:
    """Read an answer that may be refused: from here on the page shows what was typed. Raises NoSuchReport, TooMany."""
    with Reading() as session:
        service.find_report(session, secret)
    draft = Answer.read(secret, step, request.form)
    show_again_by(partial(_answer_again, draft))
    count_request(current_app.config["REPORTS_PER_MINUTE"])
    return draft


def _thank(secret: str, thanks: Thanks) -> Response:
    return redirect(url_for("web.track", secret=secret, lang=g.language, thanks=thanks.value), code=303)


def _track(secret: str, draft: Answer | None = None, problem: Problem | None = None) -> Response:
    """Show a report, and an answer that was refused with the reason; that page has no tag and is never kept."""
    with Reading() as session:
        found = service.track(session, secret)
        standing = stand(session, found, now=now())
        kept = _unclaimed(session, draft) if draft else []
    version = f"{version_of(found)} {standing.version} {g.language} {files.RELEASE}"
    tag = hashlib.blake2b(version.encode(), digest_size=12).hexdigest()
    page = render_template(
        "track.html",
        report=show_track(found),
        kinds=[kind.value for kind in EventKind],
        live_apart=bool(current_app.config["SETTINGS"].live_url),
        standing=standing,
        thanks=Thanks.read(request.args.get("thanks", ""), found.work_order.state),
        closes_at=found.work_order.close_at,
        hold_until=found.work_order.hold_until,
        secret=secret,
        tag="" if problem else f'W/"{tag}"',
        draft=draft,
        kept=kept,
        problem=problem,
        faults=words.faults_of(problem) if problem else {},
        picture=_kept_picture,
        push_key=public_key(keys.current().settings),
    )
    response = make_response(page)
    if problem:
        return response
    response.set_etag(tag, weak=True)
    return response.make_conditional(request)


def _form(draft: Draft, problem: Problem | None = None) -> str:
    with Reading() as session:
        items = list_items(session)
        kept = _unclaimed(session, draft)
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.major_zh, item.major_en), []).append(item)
    return render_template(
        "form.html",
        draft=draft,
        groups=groups,
        kept=kept,
        problem=problem,
        faults=words.faults_of(problem) if problem else {},
        datums=list(Datum),
        picture=_kept_picture,
        script_words=words.script_words(),
    )


def _kept_picture(photo: Photo) -> str:
    """Give the link of a photo that was sent a moment ago, to who sent it."""
    return media.rendition_url(media.current(), photo.id, min(media.SIZES))


def _unclaimed(session: SessionType, draft: Draft | Answer) -> list[Photo]:
    """Give the photos that can still be used: not those of a report, not those that were swept meanwhile."""
    photos = find_photos(session, draft.photo_ids) if draft.photo_ids else []
    return [photo for photo in photos if photo.claimed_at is None]


def _keep_photos(draft: Draft | Answer) -> None:
    """Store the photos of a form before anything else can go wrong; the page then carries their ids."""
    sent, too_large = read_each(request.files.getlist("photos"))
    accepted, refusal = accept_each([media.Upload(name, data) for name, data in sent], kept=len(draft.photo_ids))
    if accepted:
        with Session.begin() as session:
            draft.photo_ids += _record(session, accepted)
    refusal = too_large or refusal
    if refusal:
        raise refusal


def _record(session: SessionType, accepted: Sequence[media.Accepted]) -> list[UUID]:
    return [media.record(session, photo, now=now(), claimed=False).id for photo in accepted]


def _suggestions(draft: Draft, fields: dict[str, Any]) -> Sequence[Similar]:
    """Find what it could be the same as, where the resident is to say so."""
    with Reading() as session:
        item = get_item(session, fields["item"]) if fields.get("item") else None
        if item is not None and item.joining is not Joining.SUGGEST:
            return []
        if was_filed(session, draft.key):
            return []  # its answer was lost on the way: the resident must not be asked about their own report
        photos = find_photos(session, draft.photo_ids) if draft.photo_ids else []
        point = _point(photos, fields)
        if point is None:
            return []
        question = Question(
            point=point,
            item=item,
            accuracy_m=fields.get("accuracy") or 0.0,
            channel=Channel.WEB,
            description=fields.get("description") or "",
            hashes=[photo.dhash for photo in photos if photo.dhash is not None],
        )
        return find_similar(session, question, city=g.city, now=now())


def _point(photos: Sequence[Photo], fields: dict[str, Any]) -> Point | None:
    if "lon" in fields:
        return to_wgs84(fields["lon"], fields["lat"], fields.get("datum") or Datum.WGS84)
    return next((photo.position for photo in photos if photo.position is not None), None)
