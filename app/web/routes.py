"""The pages: file a report, is it one of these, follow it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, current_app, g, make_response, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, ValidationError
from werkzeug.wrappers import Response

from app.api.guard import public
from app.api.ratelimit import count_request
from app.api.uploads import read_uploads
from app.catalogue.city import current_city
from app.catalogue.models import Joining
from app.catalogue.queries import list_items
from app.catalogue.service import get_item
from app.db import Reading, Session, utcnow
from app.errors import Problem, Unprocessable
from app.geo.datums import Datum, to_wgs84
from app.geo.types import Point
from app.media import service as media
from app.media.queries import find_photos
from app.reports import service
from app.reports.errors import NoSuchReport
from app.reports.queries import Similar, find_similar
from app.reports.schemas import NewReportIn
from app.reports.views import show_picture, show_track, version_of
from app.web import words
from app.web.catalogue import problem_kinds

blp = Blueprint("web", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
STATIC = Path(__file__).parent / "static"
VERSIONS = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:10] for path in STATIC.iterdir()}
FORM = ("lon", "lat", "accuracy", "datum", "item", "description", "contact", "same_as")


@blp.before_request
def begin() -> None:
    """Find the city and the language of the request."""
    with Reading() as session:
        g.city = current_city(session)
    g.language = words.choose_language(g.city)


blp.add_app_template_filter(words.name_of, "named")
blp.add_app_template_filter(words.local, "local")


@blp.context_processor
def vocabulary() -> dict[str, Any]:
    """Give the templates their words."""
    return {
        "say": words.say,
        "name_of": words.name_of,
        "place_of": words.place_of,
        "moment": words.moment,
        "explain": words.explain,
        "asset": lambda name: url_for("web.static", filename=name, v=VERSIONS[name]),
    }


@dataclass(slots=True)
class Draft:
    """What a person has typed so far; ``photo_ids`` are photos that are stored and not yet claimed."""

    values: dict[str, str] = field(default_factory=dict)
    photo_ids: list[UUID] = field(default_factory=list)
    key: str = field(default_factory=lambda: str(uuid4()))

    @classmethod
    def from_form(cls) -> Draft:
        """Read the form of the request; ids of photos that are no ids are left out."""
        values = {name: request.form[name].strip() for name in FORM if request.form.get(name, "").strip()}
        ids = [text for text in request.form.getlist("photo_ids") if _is_uuid(text)]
        key = request.form.get("key", "")
        return cls(values, [UUID(text) for text in ids], key if _is_uuid(key) else str(uuid4()))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@blp.get("/")
@public
def form() -> str:
    """Show the form."""
    return _form(Draft())


@blp.post("/")
@public
def file() -> Response | str:
    """Take the form: keep its photos, ask whether it is one of those nearby, file it, show how to follow it."""
    g.draft = draft = Draft.from_form()
    count_request(current_app.config["REPORTS_PER_MINUTE"])
    _keep_photos(draft)
    fields = _read(draft)
    if "same_as" not in fields and not request.form.get("another"):
        found = _suggestions(draft, fields)
        if found:
            return render_template("same.html", draft=draft, found=found, picture=show_picture)
    new = service.NewReport(**fields, idempotency_key=UUID(draft.key), photo_ids=draft.photo_ids)
    with Session.begin() as session:
        filed = service.file_report(session, new, now=utcnow())
        shown = service.show(session, filed.report)
    secret = shown.tracking_url.rsplit("/", 1)[1]
    return redirect(url_for("web.track", secret=secret, lang=request.values.get("lang")), code=303)


@blp.get("/track/<secret>")
@public
def track(secret: str) -> Response:
    """Show a report to the one who sent it."""
    with Reading() as session:
        found = service.track(session, secret)
    shown = show_track(found)
    response = make_response(render_template("track.html", report=shown, secret=secret))
    tag = hashlib.blake2b(f"{version_of(found)} {g.language}".encode(), digest_size=12).hexdigest()
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(request)


@blp.get("/problems")
@public
def problems() -> str:
    """Name every problem that the service answers; the types of problems point here."""
    return render_template("problems.html", kinds=problem_kinds())


@blp.errorhandler(NoSuchReport)
def no_such_report(_: NoSuchReport) -> tuple[str, int]:
    """Say in plain words that the link leads nowhere."""
    return render_template("missing.html"), 404


@blp.errorhandler(Problem)
def form_again(problem: Problem) -> tuple[str, int] | Response:
    """Show the form again with what was typed, the photos that were kept, and what is missing."""
    draft = g.get("draft") or Draft()
    page = make_response(_form(draft, problem), problem.status)
    page.headers.extend(problem.headers)
    return page


def _form(draft: Draft, problem: Problem | None = None) -> str:
    with Reading() as session:
        items = list_items(session)
    groups = [(major, list(each)) for major, each in groupby(items, key=lambda item: (item.major_zh, item.major_en))]
    faults = (
        {error["pointer"].lstrip("/").split("/")[0] for error in problem.members.get("errors", [])}
        if problem
        else set()
    )
    return render_template(
        "form.html",
        draft=draft,
        groups=groups,
        problem=problem,
        faults=faults,
        datums=list(Datum),
        picture=show_picture,
    )


def _keep_photos(draft: Draft) -> None:
    """Store the photos of the form before anything else can go wrong; the page then carries their ids."""
    files, _ = read_uploads(request.files.getlist("photos"))
    uploads = [media.Upload(name, data) for name, data in files]
    if not uploads:
        return
    accepted = media.accept(media.current(), uploads)
    with Session.begin() as session:
        draft.photo_ids += [media.record(session, photo, now=utcnow(), claimed=False).id for photo in accepted]


def _read(draft: Draft) -> dict[str, Any]:
    """Read the fields as the API does. Raises Unprocessable."""
    try:
        fields: dict[str, Any] = NewReportIn(unknown=EXCLUDE).load(draft.values)
    except ValidationError as fault:
        errors = [{"pointer": f"/{name}", "detail": " ".join(said)} for name, said in dict(fault.messages_dict).items()]
        raise Unprocessable(" ".join(error["detail"] for error in errors), errors=errors) from fault
    fields.pop("photos")
    fields["language"] = g.language
    return fields


def _suggestions(draft: Draft, fields: dict[str, Any]) -> Sequence[Similar]:
    """Find what it could be the same as, where the resident is to say so."""
    with Reading() as session:
        item = get_item(session, fields["item"]) if fields.get("item") else None
        if item is not None and item.joining is not Joining.SUGGEST:
            return []
        point = _point(session, draft, fields)
        return find_similar(session, point, item=item, city=g.city, now=utcnow()) if point else []


def _point(session: Any, draft: Draft, fields: dict[str, Any]) -> Point | None:
    if "lon" in fields:
        return to_wgs84(fields["lon"], fields["lat"], fields.get("datum") or Datum.WGS84)
    photos = find_photos(session, draft.photo_ids) if draft.photo_ids else []
    return next((photo.position for photo in photos if photo.position is not None), None)
