"""Groups of roles that routes name: who sits at a desk, who works in the field, who looks on."""

from __future__ import annotations

from app.accounts.roles import Role

FIELD = (Role.CREW, Role.UNIT_MANAGER)
DESK = (Role.DISPATCHER, Role.SUPERVISOR)
# Whoever leads a unit or a desk sees its registers and figures; an auditor sees all that anybody does.
LEADING = (Role.UNIT_MANAGER, *DESK, Role.ADJUDICATOR, Role.AUDITOR)
INTAKE = (*FIELD, *DESK)
