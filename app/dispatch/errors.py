"""What dispatch refuses."""

from __future__ import annotations

from app.errors import Unavailable


class NobodyResponsible(Unavailable):
    """The pack has no unit for the street: neither rule, nor role, nor street office."""

    title = "No unit is responsible here"
