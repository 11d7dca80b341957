"""Commands of history: ``flask audit verify``, ``anchor`` and ``anchors``."""

from __future__ import annotations

import datetime as dt
import sys
from uuid import UUID

import click
from sqlalchemy.orm import Session as SessionType

from app.console import Commands, progress_bar
from app.db import Reading, Session, utcnow
from app.workorders.anchors import anchor_next, last_over, list_anchors
from app.workorders.audit import Scope, Verdict, count_steps
from app.workorders.audit import verify as verify_history
from app.workorders.errors import NoSuchWorkOrder
from app.workorders.queries import find_work_order

audit = Commands("audit", help="Prove that history is whole; anchor days.")

_DATE = click.DateTime(["%Y-%m-%d"])


@audit.command("verify")
@click.option("--since", type=_DATE, help="Only what has a line or an anchor since this day (UTC).")
@click.option("--work-order", "public_id", help="Only the work order of this id.")
def verify(since: dt.datetime | None, public_id: str | None) -> None:
    """Walk over all history and name the first line that is broken or missing.

    The exit code is 0 when all is whole, and 1 when something is broken.
    """
    with Reading() as session:
        scope = Scope(since=since.date() if since else None, work_order_id=_key(session, public_id))
        with progress_bar(count_steps(session, scope=scope), "Verifying", "histories") as progress:
            verdict = verify_history(session, now=utcnow(), scope=scope, progress=progress)
    _tell(verdict)
    if verdict.first:
        sys.exit(1)


def _key(session: SessionType, public_id: str | None) -> UUID | None:
    if public_id is None:
        return None
    work_order = find_work_order(session, public_id)
    if work_order is None:
        raise NoSuchWorkOrder(f"There is no work order {public_id}; one that was removed is found without this option.")
    return work_order.id


def _tell(verdict: Verdict) -> None:
    walked = (
        f"{verdict.work_orders:,} work orders, {verdict.lines:,} lines ({verdict.erased:,} with erased words), "
        f"{verdict.anchors:,} anchors"
    )
    if verdict.first is None:
        click.echo(f"Whole: {walked}.")
        return
    click.echo(f"Broken: {verdict.first}.")
    click.echo(f"{verdict.broken - 1:,} more findings in {walked}.")


@audit.command("anchor")
@click.argument("date", type=_DATE, required=False)
def anchor(date: dt.datetime | None) -> None:
    """Anchor all days through DATE (UTC) that have none, through yesterday where no DATE is given."""
    now = utcnow()
    through = date.date() if date else last_over(now)
    if through > last_over(now):
        raise click.ClickException(f"{through} is not over for an hour (UTC): nothing was anchored.")
    while True:
        with Session.begin() as session:
            made = anchor_next(session, through=through, now=now)
        if made is None:
            break
        click.echo(f"{made.day}: anchor {made.number}, {made.work_orders:,} work orders")
    click.echo(f"All days through {through} are anchored.")


@audit.command("anchors")
def anchors() -> None:
    """Print day, number and root of every anchor: keep them elsewhere."""
    with Reading() as session:
        for each in list_anchors(session):
            click.echo(f"{each.day} {each.number} {each.root.hex()}")
