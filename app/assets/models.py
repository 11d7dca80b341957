"""Tables of assets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Versioned, current_key
from app.geo.types import any_shape


class Asset(Versioned, Base):
    """A thing with a class, a shape (point, line or polygon) and an owner.

    ``owner`` is the code of a unit, empty when nobody knows. ``properties`` is whatever else the pack says of it.
    """

    __tablename__ = "assets"
    __table_args__ = (
        current_key("assets", "asset_class", "code"),
        Index("ix_assets_current_geom", "geom", postgresql_using="gist", postgresql_where=text("until IS NULL")),
    )

    code: Mapped[str]
    asset_class: Mapped[str]
    name: Mapped[str]
    owner: Mapped[str]
    geom: Mapped[Any] = mapped_column(any_shape(), deferred=True, deferred_raiseload=True)
    properties: Mapped[dict[str, Any]]
