"""Table of proposals: changes of the responsibility list, before and after they are published."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Identified


class ProposalState(StrEnum):
    """Whether a proposal is the list already."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Proposal(Base, Identified):
    """A change of the responsibility list (职责清单). One that a ruling made at once is published from the start.

    ``add`` has the new rules. ``close`` are the ids of the rulings that its author wants closed, ``replaces`` those
    that the new rules take the place of. ``proposed_by`` and ``published_by`` are role and id, as in a timeline;
    ``version`` is the one that it made.
    """

    __tablename__ = "proposals"

    state: Mapped[ProposalState]
    reason: Mapped[str]
    add: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    close: Mapped[list[str]]
    replaces: Mapped[list[str]]
    proposed_by: Mapped[str]
    proposed_at: Mapped[dt.datetime]
    published_by: Mapped[str | None]
    published_at: Mapped[dt.datetime | None]
    version: Mapped[int | None] = mapped_column(ForeignKey("pack_versions.number"), unique=True)
