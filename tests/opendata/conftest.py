"""Fixtures of open data: a shelf of its own, and what writes an edition onto it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import Table, parquet
from sqlalchemy.orm import Session

from app import db
from app.catalogue.city import current_city
from app.media.store import FolderStore
from app.opendata import service
from app.opendata.shelf import Edition, Format, Shelf
from app.publicmap.service import fold
from tests.make import NOW

ROOT = "https://reports.example.org"
Export = Callable[..., Edition]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(FolderStore(tmp_path / "store"))


@pytest.fixture
def export(shelf: Shelf) -> Export:
    """Give what folds, and writes an edition as the edges do."""

    def make(session: Session, *, now: dt.datetime = NOW + dt.timedelta(days=1), days: int = 30) -> Edition:
        fold(session, now=now)
        session.flush()
        city = current_city(session)
        with service.open_drafts() as drafts:
            with db.Snapshot.begin() as snapshot:
                rows = service.write(snapshot, drafts, city=city, root=ROOT, now=now)
            return service.keep(shelf, drafts, rows, city=city, now=now, days=days)

    return make


def read(shelf: Shelf, wanted: Format) -> bytes:
    with shelf.open(shelf.latest(wanted)) as stream:
        return stream.read()


def read_table(shelf: Shelf) -> Table:
    return parquet.read_table(io.BytesIO(read(shelf, Format.PARQUET)))


def read_csv(shelf: Shelf) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(read(shelf, Format.CSV).decode("utf-8-sig"), newline="")))
