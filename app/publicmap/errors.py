"""What the public map refuses."""

from __future__ import annotations

from app.errors import NotFound


class NoSuchTile(NotFound):
    """The scheme of tiles has no such tile."""

    title = "There is no such tile"


class NotOnMap(NotFound):
    """The id names no work order that everybody may see."""

    title = "There is no such work order on the map"


class NoDescription(NotFound):
    """The work order has no words of a resident."""

    title = "Nobody wrote anything"
