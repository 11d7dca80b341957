"""How the files are kept: whole or not at all, today's once, for some days, in a folder and in a bucket."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import BinaryIO

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import db
from app.catalogue.city import current_city
from app.config import Settings
from app.media import service as media
from app.media.breaker import AGAIN
from app.media.errors import StoreUnavailable
from app.media.store import FolderStore, Readable
from app.opendata import service, tasks
from app.opendata.errors import NoSuchFile
from app.opendata.shelf import Edition, Format, Shelf
from app.publicmap.service import fold
from tests.make import NOW, YUEHAI, make_report
from tests.media.buckets import serving
from tests.opendata.conftest import Export, read, read_table

DAY = dt.timedelta(days=1)
QUIET = dt.datetime(2026, 11, 23, 19, 40, tzinfo=dt.UTC)  # 03:40 of the 24th in Shenzhen


class Dying(FolderStore):
    """A store that goes away at the put of that number."""

    left = 99

    def put_from(self, key: str, stream: Readable, size: int) -> bool:
        self._count()
        return super().put_from(key, stream, size)

    def put(self, key: str, data: bytes) -> None:
        self._count()
        super().put(key, data)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable(AGAIN)


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_whoever_ends_between_two_files_leaves_those_of_before_whole(
    done: int, shenzhen: Session, shelf: Shelf, export: Export, tmp_path: Path
) -> None:
    make_report(shenzhen)
    export(shenzhen)
    before = {each: read(shelf, each) for each in Format}
    make_report(shenzhen, lon=YUEHAI[0] + 0.01)
    dying = Dying(tmp_path / "store")
    dying.left = done
    object.__setattr__(shelf, "store", dying)

    with pytest.raises(StoreUnavailable):
        export(shenzhen)

    assert {each: read(shelf, each) for each in Format} == before
    dying.left = 99
    assert export(shenzhen).rows == 2
    assert read_table(shelf).num_rows == 2


def test_a_file_is_found_only_once_the_index_names_it(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    with pytest.raises(NoSuchFile):
        shelf.latest(Format.CSV)
    assert shelf.editions() == []

    (file, *_) = export(shenzhen).files

    assert shelf.find(file.name)[1] == file
    for name in ("index.json", "../secret", file.name + ".part", ""):
        with pytest.raises(NoSuchFile):
            shelf.find(name)


def test_another_one_of_the_same_day_takes_its_place(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    make_report(shenzhen)
    first = export(shenzhen)
    again = export(shenzhen)
    make_report(shenzhen, lon=YUEHAI[0] + 0.01)
    other = export(shenzhen)

    assert again == first
    assert shelf.editions() == [other]
    assert {stored.key.rpartition("/")[2] for stored in shelf.store.keys("open-data")} == {
        "index.json",
        *(file.name for file in other.files),
    }


def test_editions_are_kept_for_some_days_and_the_newest_always(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    made = [export(shenzhen, now=NOW + n * DAY, days=3) for n in range(5)]
    kept = shelf.editions()
    export(shenzhen, now=NOW + 5 * DAY, days=0)

    assert kept == made[:1:-1]
    assert len(shelf.editions()) == 1


def test_what_is_forgotten_is_gone_at_once_but_the_newest(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    old, new = (export(shenzhen, now=NOW + n * DAY) for n in range(2))

    count = service.forget(shelf, city=current_city(shenzhen), now=NOW + 2 * DAY)

    assert (count, shelf.editions()) == (1, [new])
    assert not any(shelf.store.exists(f"open-data/{file.name}") for file in old.files if file not in new.files)


def test_remains_are_swept_after_a_day_and_nothing_of_others(
    shenzhen: Session, shelf: Shelf, export: Export, tmp_path: Path
) -> None:
    folder = tmp_path / "store" / "open-data"
    folder.mkdir(parents=True)
    ours = f"work-orders-2026-11-01-{'0' * 16}.parquet"
    for name in (ours, f"{ours}.abc.part", "index.json.abc.part", "thesis.doc", f"young-{ours}"):
        (folder / name).write_text("x")
        os.utime(folder / name, (NOW.timestamp(), NOW.timestamp()))
    young = folder / f"work-orders-2026-11-23-{'1' * 16}.parquet"
    young.write_text("x")
    os.utime(young, ((NOW + 2 * DAY).timestamp(),) * 2)

    edition = export(shenzhen, now=NOW + 2 * DAY)

    left = {path.name for path in folder.iterdir()} - {file.name for file in edition.files}
    assert left == {"index.json", "thesis.doc", f"young-{ours}", young.name}


def test_a_bucket_keeps_them_too(shenzhen: Session, export: Export, shelf: Shelf, tmp_path: Path) -> None:
    make_report(shenzhen)
    with serving(tmp_path) as server:
        (server.root / "photos").mkdir()
        with closing(server.open("photos")) as store:
            object.__setattr__(shelf, "store", store)

            edition = export(shenzhen)

            assert shelf.editions() == [edition]
            assert read_table(shelf).num_rows == 1


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (QUIET - dt.timedelta(hours=1), False),  # 02:40
        (QUIET, True),
        (QUIET + dt.timedelta(hours=9), True),  # no worker ran at night
        (QUIET + dt.timedelta(hours=21), False),  # 00:40 of the day after
    ],
)
def test_the_files_of_a_day_are_due_from_three_in_the_morning(
    at: dt.datetime, due: bool, shenzhen: Session, shelf: Shelf
) -> None:
    assert service.is_due(shelf, city=current_city(shenzhen), now=at) is due


@pytest.fixture
def own_store(app: Flask, tmp_path: Path) -> Iterator[Shelf]:
    """Give the shelf of a store that belongs to this test."""
    before = media.current()
    media.configure(replace(before, store=FolderStore(tmp_path / "own")))
    yield Shelf(media.current().store)
    media.configure(before)


def test_the_job_writes_once_a_day(shenzhen: Session, own_store: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "utcnow", lambda: QUIET)
    tasks.export(0)
    first = own_store.editions()
    make_report(shenzhen)
    tasks.export(0)
    same = own_store.editions()
    monkeypatch.setattr(tasks, "utcnow", lambda: QUIET + DAY)
    tasks.export(0)

    assert len(first) == 1
    assert same == first
    assert [edition.day.day for edition in own_store.editions()] == [25, 24]


def test_the_job_waits_for_a_city(session: Session, own_store: Shelf) -> None:
    tasks.export(0)

    assert own_store.editions() == []


def test_the_command_writes_into_the_store_or_a_folder_and_forgets(
    shenzhen: Session, app: Flask, own_store: Shelf, tmp_path: Path
) -> None:
    run = app.test_cli_runner().invoke

    said = run(args=["data", "export"])
    elsewhere = run(args=["data", "export", "--folder", str(tmp_path / "elsewhere")])
    forgotten = run(args=["data", "forget"])

    assert [each.exit_code for each in (said, elsewhere, forgotten)] == [0, 0, 0]
    assert "0 work orders are written" in said.output
    assert len(list((tmp_path / "elsewhere" / "open-data").iterdir())) == 4
    assert len(own_store.editions()) == 1
    assert "0 older editions" in forgotten.output


def stream_of(shelf: Shelf) -> BinaryIO:
    return shelf.open(shelf.latest(Format.CSV))


def test_who_reads_an_old_file_reads_on_when_it_is_removed(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    make_report(shenzhen)
    export(shenzhen)
    whole = read(shelf, Format.CSV)

    with stream_of(shelf) as stream:
        begin = stream.read(10)
        make_report(shenzhen, lon=YUEHAI[0] + 0.01)
        export(shenzhen)
        rest = stream.read()

    assert begin + rest == whole


def test_two_that_write_at_once_leave_one_whole_edition(committed: Settings, shelf: Shelf) -> None:
    with db.Session.begin() as session:
        for n in range(5):
            make_report(session, lon=YUEHAI[0] + n / 200)
        fold(session, now=NOW)
    together = Barrier(2)

    def write(moment: dt.datetime) -> Edition:
        with service.open_drafts() as drafts:
            with db.Snapshot.begin() as snapshot:
                city = current_city(snapshot)
                rows = service.write(snapshot, drafts, city=city, root="https://example.org", now=moment)
            together.wait()
            return service.keep(shelf, drafts, rows, city=city, now=moment, days=30)

    # Of the second one the time of filing is told to the hour: its files are others.
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(write, [NOW + dt.timedelta(hours=5), NOW + dt.timedelta(minutes=5)]))

    (left,) = shelf.editions()
    assert left in made
    for file in left.files:
        with shelf.open(file) as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == file.sha256
