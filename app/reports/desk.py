"""Intake at a desk: who files for somebody else, and by which channel it came."""

from __future__ import annotations

from app.accounts.service import Person
from app.catalogue.city import Channel, City
from app.errors import Forbidden
from app.reports.errors import NotAChannel

_ITSELF = {Channel.WEB, Channel.WECHAT, Channel.OPEN311}


def check_channel(channel: Channel, by: Person, city: City) -> None:
    """Refuse a channel that the city has not, or that residents use themselves, and people without a scope."""
    if by.area is None or by.unit is None:
        raise Forbidden("People who file for others have a unit and an area.")
    allowed = [each for each in city.channels if each not in _ITSELF]
    if channel not in allowed:
        raise NotAChannel(channel, allowed)
