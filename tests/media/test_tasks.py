from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from app.media import service, tasks
from app.media.errors import DecoderUnavailable, StoreUnavailable
from app.media.models import Photo
from app.media.probe import Prober, TooSlow
from app.media.service import Media, Upload
from app.media.store import FolderStore, Stored, original_key, rendition_key
from tests.media.pictures import encode, quarters

NOW = dt.datetime(2026, 5, 1, 8, tzinfo=dt.UTC)


@pytest.fixture
def photo(session: Session, configured: Media) -> Photo:
    (accepted,) = service.accept(configured, [Upload("a.png", encode(quarters(), "PNG"))])
    return service.record(session, accepted, now=NOW, claimed=True)


def test_the_job_makes_renditions_and_says_when(session: Session, configured: Media, photo: Photo) -> None:
    tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.rendered_at is not None
    assert photo.render_fault is None
    assert all(configured.store.exists(rendition_key(photo.digest, *variant)) for variant in service.VARIANTS)


def test_the_job_may_run_twice(session: Session, photo: Photo) -> None:
    tasks.render(str(photo.id))
    session.refresh(photo)
    first = photo.rendered_at

    tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.rendered_at == first


def test_a_job_that_was_interrupted_before_its_mark_makes_them_again(
    session: Session, configured: Media, photo: Photo
) -> None:
    service.make_renditions(configured, photo)

    tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.rendered_at is not None


def test_a_fault_that_may_pass_is_kept_and_the_job_fails_so_that_it_is_tried_again(
    session: Session, configured: Media, photo: Photo
) -> None:
    original = configured.store.get(photo.key)
    configured.store.delete(photo.key)

    with pytest.raises(StoreUnavailable):
        tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.render_fault == "The original is not in the store."
    configured.store.put(photo.key, original)
    tasks.render(str(photo.id))
    session.refresh(photo)
    assert photo.render_fault is None


def test_a_fault_of_the_photo_is_kept_and_the_job_ends(
    session: Session, configured: Media, photo: Photo, caplog: pytest.LogCaptureFixture
) -> None:
    configured.store.put(photo.key, b"no picture")

    with caplog.at_level(logging.WARNING):
        tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.render_fault
    assert photo.rendered_at is None
    assert "photo cannot be rendered" in caplog.messages


def test_a_photo_is_rendered_only_when_every_format_is_in_the_store(
    session: Session, media: Media, photo: Photo, tmp_path: Path
) -> None:
    class Filling(FolderStore):
        """A store that is full before the last picture."""

        def put(self, key: str, data: bytes) -> None:
            if key.endswith("320.webp"):
                raise StoreUnavailable("full")
            super().put(key, data)

    service.configure(replace(media, store=Filling(tmp_path / "media")))

    with pytest.raises(StoreUnavailable):
        tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.rendered_at is None


@pytest.mark.parametrize("fault", [TooSlow("took too long."), DecoderUnavailable("All decoders are busy.")])
def test_decoders_that_have_too_much_to_do_are_asked_again(
    session: Session, media: Media, photo: Photo, fault: Exception
) -> None:
    class Busy(Prober):
        """Decoders that are too busy."""

        def render(self, *_: object) -> list[bytes]:
            raise fault

    service.configure(replace(media, prober=Busy(0)))

    with pytest.raises(type(fault)):
        tasks.render(str(photo.id))

    session.refresh(photo)
    assert photo.render_fault == str(fault)


@pytest.mark.usefixtures("session", "configured")
def test_the_job_of_a_photo_that_was_removed_does_nothing() -> None:
    tasks.render(str(uuid4()))


def test_the_sweep_forgets_photos_and_then_their_bytes(
    session: Session, configured: Media, photo: Photo, tmp_path: Path
) -> None:
    photo_id, photo.claimed_at = photo.id, None
    session.flush()
    path = tmp_path / "media" / photo.key
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))

    tasks.forget(0)
    for hour in range(24):
        tasks.sweep(hour * 3600)

    session.expire_all()
    assert session.get(Photo, photo_id) is None
    assert list(configured.store.keys("originals")) == []


class Listing(FolderStore):
    """A folder that notes what is listed of it."""

    listed: list[str]

    def keys(self, prefix: str) -> Iterator[Stored]:
        self.listed.append(prefix)
        return super().keys(prefix)


def test_an_hour_lists_a_part_of_the_store_and_a_day_each_part_once(
    session: Session,  # bound to it
    configured: Media,
    tmp_path: Path,
) -> None:
    store = Listing(tmp_path / "media")
    store.listed = []
    service.configure(replace(configured, store=store))

    tasks.sweep(5 * 3600 + 17 * 60)
    of_an_hour = [each for each in store.listed if each.startswith("originals")]
    for hour in set(range(24)) - {5}:
        tasks.sweep(hour * 3600)

    assert len(of_an_hour) == 11
    for prefix in ("originals", "renditions", "pairs"):
        listed = [each for each in store.listed if each.startswith(prefix)]
        assert sorted(listed) == [f"{prefix}/{number:02x}" for number in range(256)]


def test_an_orphan_is_swept_in_the_hour_of_its_folder_and_in_no_other(
    session: Session,  # bound to it
    configured: Media,
    tmp_path: Path,
) -> None:
    digest = "ff" * 32
    keys = [original_key(digest), rendition_key(digest, 320)]
    for key in keys:
        configured.store.put(key, b"bytes")
        os.utime(tmp_path / "media" / key, (NOW.timestamp(), NOW.timestamp()))

    for hour in range(23):
        tasks.sweep(hour * 3600)
    before = [configured.store.exists(key) for key in keys]
    tasks.sweep(23 * 3600)

    assert before == [True, True]
    assert [configured.store.exists(key) for key in keys] == [False, False]
