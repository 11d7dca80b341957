"""Intake at a desk: who files for somebody else, and by which channel it came."""

from __future__ import annotations

from app.accounts.roles import Role
from app.accounts.service import Person
from app.catalogue.city import Channel, City
from app.errors import Forbidden
from app.reports.errors import NotAChannel

_ITSELF = {Channel.WEB, Channel.WECHAT, Channel.OPEN311}
_READERS = {Role.AUDITOR, Role.ADMIN}


def check_channel(channel: Channel, by: Person, city: City) -> None:
    """Refuse a channel that the city has not, or that residents use themselves, and people without a desk."""
    if by.area is None or by.unit is None or by.role in _READERS:
        raise Forbidden("People who file for others have a unit, an area, and a role of the desk or the field.")
    allowed = [each for each in city.channels if each not in _ITSELF]
    if channel not in allowed:
        raise NotAChannel(channel, allowed)
