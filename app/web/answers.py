"""What a reporter may answer to a repair, what they have typed, and what they answered before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.media.models import Photo
from app.media.queries import find_photos
from app.reports.models import Rating
from app.reports.queries import POOR, has_confirmed, last_objection, rating_of
from app.reports.schemas import ObjectionIn, RatingIn
from app.reports.service import Said, Track, track
from app.web.draft import load, read_ids
from app.workorders.states import OPEN, State

STARS = ("overall", "speed", "attitude", "result")
ANSWER_FIELDS = ("reason", *STARS, "comment")
HELD = (State.ON_HOLD, State.AWAITING_DISPATCH)


class Step(StrEnum):
    """The three answers."""

    CONFIRM = "confirm"
    OBJECT = "object"
    RATE = "rate"


class Thanks(StrEnum):
    """What is said after an answer; each is true of some states only, and a link may be opened again later."""

    CONFIRM = "confirm"
    AGAIN = "again"
    RATE = "rate"

    @classmethod
    def read(cls, text: str, state: State) -> Thanks | None:
        """Read what a link says, as far as it is still true."""
        true = {cls.CONFIRM: (State.FIXED,), cls.AGAIN: OPEN, cls.RATE: (State.FIXED, State.CLOSED)}
        return next((thanks for thanks, states in true.items() if thanks == text and state in states), None)


@dataclass(slots=True)
class Answer:
    """An answer as it was typed; ``photo_ids`` are photos that are stored and not yet claimed."""

    secret: str
    step: Step
    values: dict[str, str] = field(default_factory=dict)
    photo_ids: list[UUID] = field(default_factory=list)

    @classmethod
    def read(cls, secret: str, step: Step, form: MultiDict[str, str]) -> Answer:
        """Read a form."""
        values = {name: form[name].strip() for name in ANSWER_FIELDS if form.get(name, "").strip()}
        return cls(secret, step, values, read_ids(form))

    def reason(self) -> str:
        """Give why it is not fixed. Raises Unprocessable."""
        return str(load(ObjectionIn, {"reason": self.values.get("reason", "")})["reason"])

    def said(self) -> Said:
        """Give the rating. Raises Unprocessable."""
        stars = {name: _number(self.values[name]) for name in STARS if name in self.values}
        return Said(**load(RatingIn, stars | {"comment": self.values.get("comment", "")}))

    @property
    def words(self) -> str:
        """Give what was written, to be shown where the form it came from is not there any more."""
        return self.values.get("reason") or self.values.get("comment", "")


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a repair stands with its reporter. ``open_until`` is when a closed one takes no answers any more."""

    asks: bool
    confirmed: bool
    rating: Rating | None
    late: bool
    open_until: dt.datetime | None

    @property
    def version(self) -> str:
        """Give what changes with the time alone; everything else changes with the history."""
        return f"{self.asks:d}{self.late:d}"


def stand(session: Session, found: Track, *, now: dt.datetime) -> Standing:
    """Find out what a reporter may answer now, and what they answered to this repair before."""
    work_order, report_id = found.work_order, found.report.id
    closed = work_order.closed_at if work_order.state is State.CLOSED else None
    open_until = closed + dt.timedelta(days=found.city.limits.rating_days) if closed else None
    rating = rating_of(session, report_id, work_order)
    good = rating is not None and rating.overall > POOR
    due = work_order.due_at if work_order.state in OPEN and work_order.state not in HELD else None
    return Standing(
        asks=work_order.state is State.FIXED or (open_until is not None and now <= open_until),
        confirmed=good or has_confirmed(session, report_id, work_order),
        rating=rating,
        late=due is not None and due < now,
        open_until=open_until,
    )


def was_taken(session: Session, draft: Answer) -> bool:
    """Tell whether a refused objection is the one that was taken before: sent twice, or its answer lost on the way.

    The same words and the same bytes are the same objection, while it is being worked on because of it.
    """
    found = track(session, draft.secret)
    said = last_objection(session, found.report.id, found.work_order)
    if draft.step is not Step.OBJECT or said is None or found.work_order.state not in OPEN:
        return False
    brought = [UUID(photo_id) for photo_id in said.get("own_photos", ())]
    mine, theirs = (_bytes_of(find_photos(session, photo_ids)) for photo_ids in (draft.photo_ids, brought))
    return (said.get("reason"), theirs) == (draft.reason(), mine)


def _bytes_of(photos: Sequence[Photo]) -> set[str]:
    """Name photos by their bytes; one that has not arrived is like no other."""
    return {photo.digest if photo.arrived_at else str(photo.id) for photo in photos}
