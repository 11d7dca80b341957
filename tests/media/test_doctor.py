from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app import db
from app.config import Settings
from app.db import utcnow
from app.jobs import write_jobs
from app.media import cli, doctor, masking, service, states, tasks
from app.media.doctor import Finding, Ill
from app.media.errors import StoreUnavailable
from app.media.models import Photo
from app.media.service import Media, Upload
from app.media.states import State
from app.media.store import FolderStore, masked_key, original_key, rendition_key
from app.reports.service import show
from app.restores import Restore
from tests.make import make_after_photo, make_photo, make_report, take
from tests.media.buckets import S3Server, let_server_forget
from tests.media.pictures import encode, quarters

NOW = dt.datetime(2026, 5, 1, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
_COLORS = ("red", "green", "blue", "white", "black")

Run = Callable[..., Result]


@pytest.fixture(params=["folder", "s3"])
def root(request: pytest.FixtureRequest, media: Media, tmp_path: Path) -> Iterator[Path]:
    """Give the folder in which the objects lie as files, of a folder and of a bucket; the process uses that store."""
    before = list(service._configured)
    if request.param == "folder":
        service.configure(media)
        yield tmp_path / "media"
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        bucket = server.root / f"b{uuid4().hex}"
        bucket.mkdir()
        with closing(server.open(bucket.name)) as store:
            service.configure(replace(media, store=store))
            yield bucket
    service._configured[:] = before


@pytest.fixture
def run(app: Flask) -> Run:
    """Give the command, as a person starts it."""
    return lambda *words: app.test_cli_runner().invoke(args=["media", "doctor", *words])


def add(session: Session, data: bytes | None = None, *, done: bool = True) -> Photo:
    """Record a photo; where it is done its jobs are too."""
    (accepted,) = service.accept(service.current(), [Upload("a.png", data or encode(quarters(), "PNG"))])
    photo = service.record(session, accepted, now=NOW, claimed=True)
    write_jobs(session)  # as a commit would
    if done:
        work(session)
        session.refresh(photo)
    return photo


def waiting(session: Session) -> list[tuple[str, str]]:
    found = session.execute(
        text("SELECT task_name, args->>'photo_id' FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    )
    return [(name, photo_id) for name, photo_id in found if name.startswith("media.")]


def work(session: Session) -> None:
    """Do all jobs of photos, as the worker does."""
    while jobs := waiting(session):
        session.execute(text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'todo'"))
        for name, photo_id in jobs:
            {"media.render": tasks.render, "media.mask": tasks.mask}[name](photo_id)


def spoil(root: Path, key: str, change: Callable[[Path], object]) -> None:
    change(root / key)
    let_server_forget()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    """Flip a bit; the length stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_where_all_is_well_it_says_so_and_changes_nothing(session: Session, root: Path, run: Run) -> None:
    add(session)
    add(session, done=False)

    result = run("--deep")

    assert (result.exit_code, result.output.splitlines()[-2:]) == (
        0,
        ["2 photos were looked at.", "0 objects that no photo refers to."],
    )
    assert len(waiting(session)) == 1


Damage = tuple[Callable[[Photo], str], Callable[[Path], object], Ill, tuple[str, ...]]


def plain(photo: Photo) -> str:
    return rendition_key(photo.digest, 320)


def masked(photo: Photo) -> str:
    return masked_key(photo.digest, photo.id, photo.mask_revision, 1600)


@pytest.mark.parametrize(
    "damage",
    [
        (plain, Path.unlink, Ill.RENDITIONS, ()),
        (masked, Path.unlink, Ill.MASKED, ()),
        (plain, lambda path: path.write_bytes(b""), Ill.RENDITIONS, ()),
        (plain, cut_off, Ill.RENDITIONS, ("--deep",)),
        (masked, cut_off, Ill.MASKED, ("--deep",)),
    ],
)
def test_pictures_that_are_gone_are_made_again(session: Session, root: Path, run: Run, damage: Damage) -> None:
    key, change, ill, words = damage
    photo, other = add(session), add(session, make_photo())
    spoil(root, key(photo), change)

    said = run("--no-repair", *words)
    unchanged = waiting(session)
    repaired = run(*words)
    again = run(*words)
    jobs = waiting(session)
    work(session)
    clean = run("--deep")

    assert (said.exit_code, repaired.exit_code, clean.exit_code) == (1, 0, 0)
    assert str(photo.id) in said.output
    assert ill in said.output
    assert ill in repaired.output
    assert unchanged == []
    assert again.exit_code == 0
    assert "found" not in again.output
    assert jobs == [("media.mask" if ill is Ill.MASKED else "media.render", str(photo.id))]
    assert "found" not in clean.output
    session.refresh(photo)
    assert photo.is_public is other.is_public


def test_pictures_of_both_kinds_that_are_gone_are_made_again_in_their_order(
    session: Session, root: Path, run: Run
) -> None:
    photo = add(session)
    for key in (rendition_key(photo.digest, 1600), masked(photo)):
        spoil(root, key, Path.unlink)

    repaired = run()

    assert repaired.exit_code == 0
    assert waiting(session) == [("media.render", str(photo.id))]
    work(session)
    assert (root / masked(photo)).stat().st_size
    assert "found" not in run("--deep").output


def test_photos_that_were_forgotten_get_their_job_once(session: Session, root: Path, run: Run) -> None:
    photos = [add(session, make_photo(color)) for color in _COLORS[:2]]
    first, second = photos
    session.execute(update(Photo).where(Photo.id == first.id).values(rendered_at=None, masked_at=None))
    session.execute(update(Photo).where(Photo.id == second.id).values(masked_at=None))

    results = [run(), run()]

    assert [result.exit_code for result in results] == [0, 0]
    assert Ill.UNRENDERED in results[0].output
    assert Ill.UNMASKED in results[0].output
    jobs = [("media.render", str(first.id)), ("media.mask", str(second.id))]
    assert sorted(waiting(session)) == sorted(jobs)


@pytest.mark.parametrize("change", [Path.unlink, cut_off])
def test_an_original_that_is_gone_is_named_with_its_report(
    shenzhen: Session, root: Path, run: Run, change: Callable[[Path], object]
) -> None:
    photo = add(shenzhen)
    photo.claimed_at = None
    shenzhen.flush()
    report = make_report(shenzhen, photo_ids=[photo.id])
    spoil(root, photo.key, change)

    results = [run(), run()]

    for result in results:
        assert result.exit_code == 1
        line = next(line for line in result.output.splitlines() if str(photo.id) in line)
        assert f"report {report.number}, work order {show(shenzhen, report).work_order.public_id}" in line
        assert line.endswith(Ill.LOST if change == Path.unlink else Ill.DAMAGED)
    assert (root / plain(photo)).exists()
    assert waiting(shenzhen) == []


def test_an_original_that_a_crew_brought_is_named_with_its_work_order(
    shenzhen: Session, configured: Media, run: Run
) -> None:
    from app.accounts.roles import Role  # noqa: PLC0415
    from app.workorders.lifecycle import Action  # noqa: PLC0415

    report = make_report(shenzhen)
    photo = make_after_photo(shenzhen)
    photo.claimed_at = None
    take(shenzhen, report, Role.CREW, Action.SIGN)
    take(shenzhen, report, Role.CREW, Action.FIX, photo_ids=[photo.id])
    configured.store.delete(photo.key)

    result = run()

    assert result.exit_code == 1
    assert f"by a crew to work order {show(shenzhen, report).work_order.public_id}: {Ill.LOST}" in result.output


def test_of_an_original_that_is_gone_no_picture_is_made_and_nothing_is_forgotten(
    session: Session, root: Path, run: Run
) -> None:
    photo = add(session)
    spoil(root, photo.key, cut_off)
    spoil(root, plain(photo), Path.unlink)

    result = run()

    assert result.exit_code == 1
    assert f"{Ill.DAMAGED}, {Ill.RENDITIONS}" in result.output
    assert waiting(session) == []
    session.refresh(photo)
    assert photo.rendered_at is not None


def test_one_flipped_bit_is_found_by_a_deep_look_only(session: Session, root: Path, run: Run) -> None:
    photo = add(session)
    spoil(root, photo.key, flip)

    shallow, deep = run(), run("--deep")

    assert (shallow.exit_code, deep.exit_code) == (0, 1)
    assert Ill.DAMAGED in deep.output
    assert (root / photo.key).exists()


def test_the_same_bytes_sent_again_mend_the_original(session: Session, root: Path, run: Run) -> None:
    photo = add(session)
    spoil(root, photo.key, flip)

    add(session)

    assert run("--deep").exit_code == 0


@pytest.mark.parametrize("kind", ["render", "mask"])
def test_what_could_not_be_made_is_tried_again_and_named_until_it_can(
    session: Session, root: Path, run: Run, kind: str
) -> None:
    photo = add(session)
    gone = {"masked_at": None, f"{kind}_fault": "All decoders are busy."}
    gone |= {"rendered_at": None} if kind == "render" else {}
    session.execute(update(Photo).where(Photo.id == photo.id).values(gone))

    result = run()
    jobs = waiting(session)
    work(session)

    assert result.exit_code == 1
    assert f"could not be {kind}ed (All decoders are busy.)" in result.output
    assert jobs == [(f"media.{kind}", str(photo.id))]
    assert run().exit_code == 0


def test_orphans_are_counted_and_removed_where_that_is_asked_for(session: Session, root: Path, run: Run) -> None:
    photo = add(session)
    service.current().store.put("renditions/ab/cd/x.part", b"bytes")
    service.accept(service.current(), [Upload("b.png", make_photo())])
    old = (utcnow() - 2 * DAY).timestamp()
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (old, old))
    let_server_forget()

    outputs = [run(*words).output for words in ((), ("--no-repair",), ("--repair",), ())]

    assert "2 objects that no photo refers to, left to the hourly sweep." in outputs[0]
    assert "2 objects that no photo refers to, left to the hourly sweep." in outputs[1]
    assert "2 objects that no photo refers to were removed." in outputs[2]
    assert "0 objects that no photo refers to." in outputs[3]
    assert (root / photo.key).exists()


def test_after_a_restore_what_came_since_is_told_and_kept_however_old(
    session: Session, root: Path, run: Run, tmp_path: Path
) -> None:
    lost, kept = make_photo("red"), make_photo("blue")
    for name, data in (("a.jpg", lost), ("b.jpg", kept)):
        service.accept(service.current(), [Upload(name, data)])
    before, since = (root / original_key(hashlib.sha256(data).hexdigest()) for data in (lost, kept))
    moment = utcnow() - 3 * DAY
    for path, age in ((before, 4 * DAY), (since, 2 * DAY)):
        put_at = (utcnow() - age).timestamp()
        os.utime(path, (put_at, put_at))
    session.add(Restore(id=uuid4(), at=moment, earliest=moment, latest=moment, began_at=utcnow(), ended_at=None))
    session.flush()
    let_server_forget()

    told = run("--no-repair", "--unknown", str(tmp_path / "unknown.txt")).output
    removed = run("--repair").output

    assert "1 objects that no photo refers to, left to the hourly sweep." in told
    assert "1 more are too new for the sweep" in told
    assert len((tmp_path / "unknown.txt").read_text().splitlines()) == 2
    assert "1 objects that no photo refers to were removed." in removed
    assert (before.exists(), since.exists()) == (False, True)


def test_only_photos_of_a_time_may_be_asked_for(session: Session, root: Path, run: Run) -> None:
    early, late = add(session), add(session, make_photo())
    session.execute(update(Photo).where(Photo.id == late.id).values(stored_at=NOW + DAY))
    for photo in (early, late):
        spoil(root, photo.key, Path.unlink)

    result = run("--since", "2026-05-02")

    assert "1 photos were looked at." in result.output
    assert str(early.id) not in result.output
    assert str(late.id) in result.output


def test_a_walk_that_is_interrupted_goes_on_where_it_was(
    session: Session, configured: Media, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [add(session, make_photo(color)) for color in _COLORS]
    twin = add(session, make_photo(_COLORS[0]))
    for photo in photos:
        configured.store.delete(photo.key)
    monkeypatch.setattr(cli, "_PAGE", 2)

    class Away(FolderStore):
        """A store that a person interrupts, or that is away, at its third page; each page is looked at twice."""

        calls = 0
        fault: BaseException

        def sizes(self, keys: object) -> dict[str, int]:
            self.calls += 1
            if self.calls > 4:
                raise self.fault
            return super().sizes(keys)  # type: ignore[arg-type]

    for fault in (KeyboardInterrupt(), StoreUnavailable("away")):
        store = Away(configured.store._root)  # type: ignore[attr-defined]
        store.fault = fault
        service.configure(replace(configured, store=store))
        first = run()
        place = first.output.rpartition("--after ")[2].split()[0]
        service.configure(configured)
        second = run("--after", place)

        assert first.exit_code == 1
        assert "4 photos were looked at." in first.output
        assert 0 < len(named(first) & {photo.id for photo in [*photos, twin]}) < 6
        assert named(first) | named(second) == {photo.id for photo in [*photos, twin]}


def named(result: Result) -> set[UUID]:
    lines = [line.split() for line in result.output.splitlines() if line.startswith("photo ")]
    return {UUID(words[1].rstrip(",")) for words in lines}


def test_a_place_that_no_walk_told_is_refused(run: Run) -> None:
    assert run("--after", "../etc").exit_code == 2


class Meanwhile(FolderStore):
    """A store that lets things happen while it is looked at."""

    happens: list[Callable[[], object] | None]

    def sizes(self, keys: object) -> dict[str, int]:
        found = super().sizes(keys)  # type: ignore[arg-type]
        if self.happens and (happening := self.happens.pop(0)):
            happening()
        return found


def examine(session: Session, media: Media, *happens: Callable[[], object] | None) -> list[Finding]:
    """Examine all photos; with the first look at the store the first thing happens, and so on."""
    store = Meanwhile(media.store._root)  # type: ignore[attr-defined]
    store.happens = list(happens)
    page = states.page(session, limit=100)
    found = doctor.examine(session, store, page, deep=False)
    assert store.happens == []
    return found


def test_a_photo_that_is_made_meanwhile_is_not_ill(session: Session, configured: Media) -> None:
    add(session, done=False)

    assert examine(session, configured, lambda: work(session)) == []


def test_a_photo_whose_boxes_are_changed_meanwhile_is_not_ill(session: Session, configured: Media) -> None:
    photo = add(session)
    configured.store.delete(masked(photo))
    again = [*photo.boxes]

    found = examine(
        session, configured, None, lambda: masking.redo_boxes(session, photo, again, by=UUID(int=1), now=NOW)
    )

    assert found == []


def test_a_photo_that_is_removed_meanwhile_is_not_ill(session: Session, configured: Media) -> None:
    photo = add(session)
    session.execute(update(Photo).values(claimed_at=None, stored_at=NOW - 2 * DAY))
    configured.store.delete(photo.key)

    assert examine(session, configured, lambda: service.forget_unclaimed(session, now=NOW)) == []


def test_a_photo_that_changed_since_it_was_examined_is_left_alone(session: Session, configured: Media) -> None:
    photo = add(session)
    configured.store.delete(plain(photo))
    (found,) = examine(session, configured)

    for _ in range(2):
        doctor.repair(session, found)

    assert found.ills == (Ill.RENDITIONS,)
    assert waiting(session) == [("media.render", str(photo.id))]


def test_two_doctors_at_once_ask_for_one_job(committed: Settings, configured: Media) -> None:
    with db.Session.begin() as session:
        photo = add(session)
        configured.store.delete(plain(photo))
    with db.Reading() as session:
        found = examine(session, configured)[0]
    together = threading.Barrier(4)

    def repair() -> None:
        together.wait()
        with db.Session.begin() as session:
            doctor.repair(session, found)

    threads = [threading.Thread(target=repair) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with db.Reading() as session:
        assert waiting(session) == [("media.render", str(photo.id))]


def test_beside_photos_that_are_filed_it_finds_nothing_wrong(committed: Settings, configured: Media) -> None:
    over = threading.Event()
    filed: list[UUID] = []

    def file() -> None:
        """File photos and work on their jobs, each step in a transaction of its own as web and worker do."""
        while not over.is_set():
            data = make_photo(f"#{len(filed) * 977 % 0xFFFFFF:06x}", (32, 24))
            (accepted,) = service.accept(configured, [Upload("a.jpg", data)])
            with db.Session.begin() as session:
                photo = service.record(session, accepted, now=utcnow(), claimed=True)
            for task in (tasks.render, tasks.mask):
                with db.Session.begin() as session:
                    job = session.execute(
                        text(
                            "UPDATE procrastinate_jobs SET status = 'doing' WHERE status = 'todo'"
                            " AND task_name LIKE 'media.%' RETURNING id"
                        )
                    ).scalar_one()
                task(str(photo.id))
                with db.Session.begin() as session:
                    session.execute(
                        text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = :id"), {"id": job}
                    )
            filed.append(photo.id)

    thread = threading.Thread(target=file)
    thread.start()
    found, suspected = [], 0
    while len(filed) < 20 and thread.is_alive():
        with db.Reading() as session:
            page: list[State] = states.page(session, limit=1000)
            suspected += len(doctor._look(configured.store, page, deep=True))
            found += doctor.examine(session, configured.store, page, deep=True)
    over.set()
    thread.join()

    with db.Reading() as session:
        assert session.scalar(select(func.count()).select_from(Photo)) == len(filed) >= 20
    assert suspected, "the doctor never looked at a photo that was being made: the test tells nothing"
    assert found == []
