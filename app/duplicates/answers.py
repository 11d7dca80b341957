"""What was suggested to residents and what they answered: labels, kept for the next training."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, Identified


class Answer(StrEnum):
    """What the resident said of a work order that was suggested."""

    SAME = "same"
    NOT_SAME = "not_same"


class Suggestion(Base, Identified):
    """A label: a work order that was suggested for a report, its score then, and the answer.

    ``features`` are the values by name, as they were; ``version`` names the weights.
    """

    __tablename__ = "suggestions"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), index=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    answer: Mapped[Answer]
    score: Mapped[float]
    version: Mapped[str]
    item_code: Mapped[str]
    other_code: Mapped[str]
    features: Mapped[dict[str, Any]]
    at: Mapped[dt.datetime]


def read_answers(session: Session) -> list[Suggestion]:
    """Give every answer, the oldest first."""
    return list(session.scalars(select(Suggestion).order_by(Suggestion.at, Suggestion.id)))
