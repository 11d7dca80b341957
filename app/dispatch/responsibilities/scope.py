"""Who may change the responsibility list, and how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.accounts.roles import Role
from app.accounts.service import Person
from app.catalogue.city import City
from app.dispatch.errors import NotYourList

PROPOSERS = (Role.DISPATCHER, Role.ADJUDICATOR, Role.SUPERVISOR, Role.ADMIN)
PUBLISHERS = (Role.SUPERVISOR, Role.ADMIN)
# A ruling that is made a rule is published at once.
RULERS = (Role.ADJUDICATOR, *PUBLISHERS)
# The service itself, for the command.
READERS = (*PROPOSERS, Role.AUDITOR, Role.SYSTEM)


def check_role(by: Person, roles: Sequence[Role]) -> None:
    """Refuse whoever has none of the roles. Raises NotYourList."""
    if by.role not in roles:
        names = [role.value for role in roles if role is not Role.SYSTEM]
        raise NotYourList(f"This is done by: {', '.join(names)}.", roles=names)


def check_reach(by: Person, areas: Iterable[str], *, parents: Mapping[str, str], city: City) -> None:
    """Refuse rules that reach beyond what somebody acts for. Raises NotYourList.

    A rule gives work of some units to others: only who acts for all units of an area may do that, and a rule without
    an area is one of the whole city. ``areas`` are those that the rules name, ``parents`` leads from any area up.
    """
    for area in areas:
        if not by.covers(units=(), areas=_up(area, parents, city)):
            where = f"the area {area}" if area else "the whole city"
            detail = f"A rule of {where} reaches beyond what you act for: all units of {by.area or 'no area'} at most."
            raise NotYourList(
                detail if by.all_units else f"{detail} You act for the unit {by.unit or 'of nobody'} only."
            )


def _up(area: str, parents: Mapping[str, str], city: City) -> set[str]:
    found = {city.code}
    while area and area not in found:
        found.add(area)
        area = parents.get(area, "")
    return found
