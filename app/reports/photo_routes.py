"""HTTP of pictures for staff: what is masked in public, release, hide, show."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.accounts.groups import DESK
from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.guard import current_person, staff_only
from app.db import Reading, Session
from app.media.models import Photo
from app.media.queries import decisions_of
from app.media.schemas import HideIn, MaskedPhotoOut, MasksIn, PhotoHistoryOut
from app.reports.service import pictures

blp = Blueprint("pictures", __name__, url_prefix="/api/v1/photos", description="What the public sees of photos")


@blp.get("/<uuid:photo_id>")
@staff_only(roles=DESK)
@blp.response(200, PhotoHistoryOut)
def show_state(photo_id: UUID) -> dict[str, Any]:
    """Show what is masked in a photo, whether the public sees it, and who decided what"""
    with Reading() as session:
        photo = pictures.find_picture(session, photo_id, by=current_person())
        state = {name: getattr(photo, field.attribute or name) for name, field in MaskedPhotoOut().fields.items()}
        return {**state, "is_public": photo.is_public, "decisions": decisions_of(session, photo_id)}


@blp.put("/<uuid:photo_id>/masks")
@staff_only(roles=DESK)
@blp.arguments(MasksIn)
@blp.response(200, MaskedPhotoOut)
def redo_boxes(new: dict[str, Any], photo_id: UUID) -> Photo:
    """Say all that is masked in a photo

    The list replaces what stood there. Each box is masked with a quarter of its size around it. The public sees no
    picture until it is made anew, some seconds.
    """
    with Session.begin() as session:
        return pictures.redo_boxes(session, photo_id, new["boxes"], by=current_person(), now=now())


@blp.post("/<uuid:photo_id>/release")
@staff_only(roles=DESK)
@blp.response(200, MaskedPhotoOut)
def release(photo_id: UUID) -> Photo:
    """Let the public see a picture that no detector looked at"""
    with Session.begin() as session:
        return pictures.release_picture(session, photo_id, by=current_person(), now=now())


@blp.post("/<uuid:photo_id>/hide")
@staff_only(roles=DESK)
@blp.arguments(HideIn)
@blp.response(200, MaskedPhotoOut)
def hide(new: dict[str, Any], photo_id: UUID) -> Photo:
    """Hide a picture from the public, with the reason

    Staff and whoever sent it still see it.
    """
    with Session.begin() as session:
        return pictures.hide_picture(session, photo_id, **new, by=current_person(), now=now())


@blp.post("/<uuid:photo_id>/show")
@staff_only(roles=DESK)
@blp.response(200, MaskedPhotoOut)
def unhide(photo_id: UUID) -> Photo:
    """Show a picture again that was hidden"""
    with Session.begin() as session:
        return pictures.unhide_picture(session, photo_id, by=current_person(), now=now())
