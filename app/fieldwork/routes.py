"""HTTP of the field: the steps of a work order."""

from __future__ import annotations

from typing import Any

from app.api.blueprint import Blueprint
from app.api.guard import current_person, staff_only
from app.api.uploads import read_uploads
from app.db import Session, utcnow
from app.fieldwork import service
from app.fieldwork.schemas import MoveOut, NewMoveIn
from app.media import service as media
from app.workorders.models import WorkOrder

blp = Blueprint("moves", __name__, url_prefix="/api/v1/work-orders", description="Steps of a work order")


@blp.post("/<public_id>/moves")
@staff_only
@blp.arguments(NewMoveIn, location="body")
@blp.response(200, MoveOut)
def move_work_order(new: dict[str, Any], public_id: str) -> WorkOrder:
    """Take the next step with a work order

    sign: the unit takes it on. note: what was done or found. fix: done, with a photo taken after. close: accepted.
    """
    files, ids = read_uploads(new.pop("photos"))
    accepted = media.accept(media.current(), [media.Upload(name, data) for name, data in files]) if files else ()
    now = utcnow()
    with Session.begin() as session:
        photos = [*media.claim(session, ids, now=now)] if ids else []
        photos += [media.record(session, photo, now=now, claimed=True) for photo in accepted]
        return service.move(session, public_id, **new, photos=photos, by=current_person(), now=now)
