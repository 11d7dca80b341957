"""Commands for staff."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import click
from sqlalchemy import select

from app.accounts import passwords, queries, service
from app.accounts.models import Staff
from app.accounts.roles import STAFF_ROLES, Role, Scope
from app.catalogue.city import current_city
from app.console import Commands
from app.db import Reading, Session, utcnow

staff = Commands("staff", help="Staff and their tokens.")

OWNER_ONLY = 0o600


@staff.command("demo")
@click.option("--file", "path", type=click.Path(path_type=Path), required=True, help="Where the tokens are kept.")
def demo(path: Path) -> None:
    """Make one demonstration person a role, for all units of the city, and keep their tokens in a file by city."""
    for name, token in make_demo_staff(path).items():
        click.echo(f"{name:14} {token}")


def make_demo_staff(path: Path) -> dict[str, str]:
    """Make the demonstration staff that is missing, keep all of their tokens in a file, and return them by role."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    with Reading() as session:
        city = current_city(session).code
        known = kept[city] if isinstance(kept.get(city), dict) else {}
        good = {role: token for role, token in known.items() if service.find_person(session, token, now=utcnow())}
    for role in STAFF_ROLES:
        if role.value not in good:
            good[role.value] = _demo_token(role)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=OWNER_ONLY)
    others = {code: tokens for code, tokens in kept.items() if isinstance(tokens, dict)}
    path.write_text(json.dumps(others | {city: good}, indent=2) + "\n")
    return good


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
@click.option("--login", help="What they sign in with, best their e-mail address.")
def add(name: str, role: str, area: str, unit: str, login: str | None) -> None:
    """Add a person and print a token for them: it is shown this once."""
    now = utcnow()
    with Session.begin() as session:
        person = service.add_staff(session, name=name, role=Role(role), unit=unit, area=area, login=login, now=now)
        token = service.issue_token(session, person, label="issued by command", now=now)
    click.echo(token)


@staff.command("token")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), default=service.TOKEN_DAYS, show_default=True)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    help="What it is good for; may be given more than once. Without it: all that the role may.",
)
def token(name: str, days: int, scopes: tuple[str, ...]) -> None:
    """Print another token for a person or a machine client: it is shown this once."""
    narrowed = [Scope(scope) for scope in scopes] or None
    now = utcnow()
    with Session.begin() as session:
        person = service.find_staff(session, name)
        issued = service.issue_token(session, person, label="issued by command", days=days, scopes=narrowed, now=now)
    click.echo(issued)


@staff.command("tokens")
@click.argument("name")
def tokens(name: str) -> None:
    """List the tokens of a person that can be used: id, kind, label, scopes, last use, end."""
    with Reading() as session:
        found = queries.list_tokens(session, service.find_staff(session, name).id, now=utcnow())
    for row in found:
        scopes = "all" if row.scopes is None else ",".join(row.scopes) or "none"
        used = f"used {row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never used"
        click.echo(f"{row.id}  {row.kind:8}  {row.label}  {scopes}  {used}  until {row.expires_at:%Y-%m-%d %H:%M}")


@staff.command("revoke")
@click.argument("token_id", type=click.UUID)
def revoke(token_id: UUID) -> None:
    """Revoke a token by its id (`flask staff tokens NAME` lists them)."""
    with Session.begin() as session:
        service.revoke_token(session, token_id, staff_id=None, now=utcnow())


@staff.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Let somebody in no more; their tokens are revoked for good."""
    with Session.begin() as session:
        service.disable_staff(session, service.find_staff(session, name), now=utcnow())


@staff.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let somebody in again who was disabled or locked out; old tokens stay revoked."""
    with Session.begin() as session:
        service.enable_staff(service.find_staff(session, name))


@staff.command("password")
@click.argument("name")
@click.option("--login", help="Gives them this login, too.")
@click.option("--forget-totp", is_flag=True, help="Their phone is lost: ask no code any more.")
@click.password_option()
def password(name: str, login: str | None, forget_totp: bool, password: str) -> None:
    """Set somebody's password, asked for and not shown; their tokens are revoked."""
    passwords.require_strong(password, login=login)
    hashed = passwords.hash_password(password)
    with Session.begin() as session:
        person = service.find_staff(session, name)
        if login:
            service.give_login(session, person, login)
        service.set_password(session, person, hashed, one_time=False, forget_totp=forget_totp, now=utcnow())


@staff.command("list")
def list_all() -> None:
    """List all accounts: name, role, unit, area, login."""
    with Reading() as session:
        found = session.scalars(select(Staff).order_by(Staff.name)).all()
    for row in found:
        state = "disabled" if row.disabled_at else "machine" if row.machine else ""
        scope = f"unit {row.unit or '-'}  area {row.area or '-'}"
        click.echo(f"{row.name}  {row.role}  {scope}  login {row.login or '-'}  {state}".rstrip())
