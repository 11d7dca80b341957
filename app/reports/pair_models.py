"""The table of evidence pairs."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class EvidencePair(Base):
    """The pictures of before and after the latest repair of a work order, as they were made.

    The revisions say of which masks; whether everybody may see it is decided when it is read
    (app/reports/service/pair.py). ``width`` and ``height`` are pixels of the large pictures, ``aligned`` as in
    app.media.probe.Aligned.
    """

    __tablename__ = "evidence_pairs"

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    before_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    after_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    before_revision: Mapped[int]
    after_revision: Mapped[int]
    aligned: Mapped[bool]
    width: Mapped[int]
    height: Mapped[int]
    made_at: Mapped[dt.datetime]
