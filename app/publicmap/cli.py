"""Commands of the public map: ``flask map rebuild``."""

from __future__ import annotations

import click
from sqlalchemy import func, select

from app.console import Commands, progress_bar
from app.db import Reading, Session, utcnow
from app.publicmap import service
from app.workorders.models import WorkOrder

map_commands = Commands("map", help="The public map.")


@map_commands.command("rebuild")
def rebuild() -> None:
    """Make the public map anew from the work orders; the old one is shown until it is done."""
    with Reading() as session:
        total = session.scalar(select(func.count()).select_from(WorkOrder)) or 0
    with progress_bar(total, "Rebuilding", "work orders") as progress, Session.begin() as session:
        count = service.rebuild(session, now=utcnow(), progress=progress)
    click.echo(f"The map is made anew of {count:,} work orders.")
