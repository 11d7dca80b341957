"""Commands for staff."""

from __future__ import annotations

import json
from pathlib import Path

import click
from sqlalchemy import select

from app.accounts import service
from app.accounts.models import Staff
from app.accounts.roles import STAFF_ROLES, Role
from app.catalogue.city import current_city
from app.console import Commands
from app.db import Reading, Session, utcnow

staff = Commands("staff", help="Staff and their tokens.")

OWNER_ONLY = 0o600


@staff.command("demo")
@click.option("--file", "path", type=click.Path(path_type=Path), required=True, help="Where the tokens are kept.")
def demo(path: Path) -> None:
    """Make one demonstration person a role, for all units of the city, and keep their tokens in a file."""
    known = json.loads(path.read_text()) if path.exists() else {}
    with Reading() as session:
        good = {role: token for role, token in known.items() if service.find_person(session, token, now=utcnow())}
    for role in STAFF_ROLES:
        if role.value not in good:
            good[role.value] = _demo_token(role)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=OWNER_ONLY)
    path.write_text(json.dumps(good, indent=2) + "\n")
    for name, token in good.items():
        click.echo(f"{name:14} {token}")


def _demo_token(role: Role) -> str:
    now = utcnow()
    name = f"Demo {role.value.replace('_', ' ').title()}"
    with Session.begin() as session:
        person = session.scalars(select(Staff).where(Staff.name == name)).one_or_none()
        if person is None:
            area = current_city(session).code
            person = service.add_staff(session, name=name, role=role, unit=service.ANY_UNIT, area=area, now=now)
        return service.issue_token(session, person, label="demonstration", now=now)


@staff.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in STAFF_ROLES]), required=True)
@click.option("--area", required=True, help="Code of the area they act for.")
@click.option("--unit", required=True, help="Code of their unit, or * for any unit of the area.")
def add(name: str, role: str, area: str, unit: str) -> None:
    """Add a person and print a token for them: it is shown this once."""
    now = utcnow()
    with Session.begin() as session:
        person = service.add_staff(session, name=name, role=Role(role), unit=unit, area=area, now=now)
        token = service.issue_token(session, person, label="issued by command", now=now)
    click.echo(token)
