"""The job of open data: look each hour whether the files of today are due."""

from __future__ import annotations

import logging

from app.catalogue.city import current_city
from app.catalogue.errors import NoCity
from app.db import Reading, Snapshot, utcnow
from app.jobs import Queue, queue
from app.media import service as media
from app.notify import keys
from app.opendata import service
from app.opendata.shelf import Shelf

log = logging.getLogger(__name__)


@queue.periodic(cron="40 * * * *")
@queue.task(name="opendata.export", queue=Queue.UPKEEP, queueing_lock="opendata.export", lock="opendata.export")
def export(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Write the files of today once it is three o'clock in the city; one that failed is due again the next hour."""
    settings, shelf = keys.current().settings, Shelf(media.current().store)
    with Reading() as session:
        try:
            city = current_city(session)
        except NoCity:
            return
    at = utcnow()
    if not service.is_due(shelf, city=city, now=at):
        return
    with service.open_drafts() as drafts:
        with Snapshot.begin() as session:
            rows = service.write(session, drafts, city=city, root=settings.public_url, now=at)
        edition = service.keep(shelf, drafts, rows, city=city, now=at, days=settings.open_data_days)
    log.info("open data written", extra={"rows": rows, "bytes": sum(file.bytes for file in edition.files)})
