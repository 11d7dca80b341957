"""Commands of open data: ``flask data export``, ``flask data forget``."""

from __future__ import annotations

from pathlib import Path

import click

from app.catalogue.city import current_city
from app.console import Commands, progress_bar
from app.db import Reading, Snapshot, utcnow
from app.media import service as media
from app.media.store import FolderStore
from app.notify import keys
from app.opendata import service
from app.opendata.shelf import Shelf

data = Commands("data", help="The open data.")


@data.command("export")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write into open-data/ of this folder, not to the store.",
)
def export(folder: Path | None) -> None:
    """Write the files of today now, beside the running service; those of today's night are replaced."""
    settings = keys.current().settings
    shelf = Shelf(FolderStore(folder) if folder else media.current().store)
    at = utcnow()
    with Reading() as session:
        city, total = current_city(session), service.count_rows(session)
    with service.open_drafts() as drafts:
        with progress_bar(total, "Writing", "work orders") as progress, Snapshot.begin() as session:
            rows = service.write(session, drafts, city=city, root=settings.public_url, now=at, progress=progress)
        edition = service.keep(shelf, drafts, rows, city=city, now=at, days=settings.open_data_days)
    for file in edition.files:
        click.echo(f"{file.name}: {file.bytes:,} bytes, SHA-256 {file.sha256}")
    click.echo(f"{rows:,} work orders are written.")


@data.command("forget")
def forget() -> None:
    """Remove all editions but the newest: what staff hid since is then in none of them after an export."""
    with Reading() as session:
        city = current_city(session)
    count = service.forget(Shelf(media.current().store), city=city, now=utcnow())
    click.echo(f"{count:,} older editions are removed.")
