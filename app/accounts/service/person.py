"""Who acts, and what they may see and move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from app.accounts.roles import Role, TokenKind

ANY_UNIT = "*"
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. ``unit`` is the code of their unit, ``area`` that of the area they act for.

    ``all_units``: what they see and move is bounded by the area alone, because they belong to a dispatch centre or
    their unit is ``*``. The token that they came with is no part of who they are: ``scopes`` is what it may be used
    for, None where the role alone decides.
    """

    id: UUID
    name: str
    role: Role
    unit: str | None
    area: str | None
    all_units: bool = False
    token_id: UUID | None = field(default=None, compare=False)
    token_kind: TokenKind | None = field(default=None, compare=False)
    scopes: tuple[str, ...] | None = field(default=None, compare=False)

    @property
    def signature(self) -> str:
        """Give how history names them: role and id, never the name."""
        return self.role.value if self.role is Role.SYSTEM else f"{self.role.value}:{self.id}"

    def covers(self, *, units: Iterable[str | None], areas: Iterable[str | None]) -> bool:
        """Tell whether one of the units and one of the areas lie in the person's scope; no scope covers nothing."""
        if self.area is None or self.unit is None or self.area not in set(areas):
            return False
        return self.all_units or self.unit in set(units)


SYSTEM = Person(_NOBODY, "system", Role.SYSTEM, None, None)
