from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import db
from app.config import Settings
from app.geo.types import Point
from app.media import service
from app.media.errors import (
    NoPhotos,
    NoSuchPhoto,
    PhotoTooLarge,
    StoreUnavailable,
    TooManyPhotos,
    UnreadablePhoto,
)
from app.media.models import Photo
from app.media.service import Accepted, Media, Upload
from app.media.store import FolderStore, masked_key, original_key, rendition_key
from tests.media.pictures import decode, encode, quarters, with_exif

NOW = dt.datetime(2026, 5, 1, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
DATA = with_exif(quarters(), Orientation=6)


def stored(media: Media) -> list[str]:
    prefixes = ("originals", "renditions", "deletions")
    return sorted(one.key for prefix in prefixes for one in media.store.keys(prefix))


def age(media: Media, tmp_path: Path, *, now: dt.datetime) -> None:
    """Let everything in the store have been put at ``now``."""
    for key in stored(media):
        os.utime(tmp_path / "media" / key, (now.timestamp(), now.timestamp()))


def accept_one(media: Media, data: bytes = DATA) -> Accepted:
    (accepted,) = service.accept(media, [Upload("IMG_1.jpg", data)])
    return accepted


def jobs(session: Session) -> list[str]:
    found = session.execute(text("SELECT args->>'photo_id' FROM procrastinate_jobs WHERE task_name = 'media.render'"))
    return list(found.scalars())


def test_an_accepted_photo_is_described_and_stored(media: Media) -> None:
    accepted = accept_one(media)

    digest = hashlib.sha256(DATA).hexdigest()
    assert (accepted.name, accepted.digest, accepted.key) == ("IMG_1.jpg", digest, original_key(digest))
    assert (accepted.size, accepted.media_type) == (len(DATA), "image/jpeg")
    assert (accepted.width, accepted.height, accepted.orientation) == (48, 80, 6)
    assert media.store.get(accepted.key) == DATA


def test_the_position_of_a_photo_taken_in_yuehai_is_told(media: Media, photos: Path) -> None:
    accepted = accept_one(media, (photos / "sz_yuehai_SYNTHETIC_GPS.jpg").read_bytes())

    assert accepted.position is not None
    assert accepted.position.distance_m(Point(113.923054, 22.516157)) < 1


def test_no_photo_and_seven_photos_are_refused(media: Media) -> None:
    with pytest.raises(NoPhotos):
        service.accept(media, [])
    with pytest.raises(TooManyPhotos, match="7 photos came, at most 6"):
        service.accept(media, [Upload("a.jpg", DATA)] * 7)

    assert stored(media) == []


def test_a_file_that_is_too_large_is_named(media: Media) -> None:
    with pytest.raises(PhotoTooLarge, match=r"`huge.jpg` has 20\.0 MB, at most 20 MB") as caught:
        service.accept(media, [Upload("a.jpg", DATA), Upload("huge.jpg", bytes(20_000_001))])

    assert caught.value.members["file"] == "huge.jpg"
    assert caught.value.members["errors"][0]["pointer"] == "/photos/1"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bad_truncated.jpg", "was cut off"),
        ("bad_truncated.png", "was cut off"),
        ("bad_header.png", "is no picture"),
        ("bad_empty.heic", "is empty"),
        ("bomb_dimensions.gif", "more than 50 megapixels"),
    ],
)
def test_a_bad_file_is_named_with_its_reason_and_nothing_of_the_request_is_stored(
    media: Media, photos: Path, name: str, reason: str
) -> None:
    files = [Upload("good.jpg", DATA), Upload(name, (photos / name).read_bytes())]

    with pytest.raises(UnreadablePhoto, match=f"`{name}` .*{reason}") as caught:
        service.accept(media, files)

    assert caught.value.members["errors"][0]["pointer"] == "/photos/1"
    assert stored(media) == []


@pytest.mark.parametrize(("sent", "told"), [("", "photo 1"), ("\r\n\0", "photo 1"), ("a`b\n.jpg", "ab.jpg")])
def test_a_name_is_told_without_what_does_not_print(media: Media, sent: str, told: str) -> None:
    with pytest.raises(UnreadablePhoto) as caught:
        service.accept(media, [Upload(sent, b"")])

    assert caught.value.members["file"] == told


def test_a_recorded_photo_has_a_row_and_a_job(session: Session, media: Media, photos: Path) -> None:
    accepted = accept_one(media, (photos / "gps_NE_iphone8_guangzhou.heic").read_bytes())

    photo = service.record(session, accepted, now=NOW, claimed=True)

    session.expire_all()
    kept = session.get_one(Photo, photo.id)
    assert (kept.digest, kept.key, kept.size, kept.media_type) == (
        accepted.digest,
        accepted.key,
        1_499_892,
        "image/heif",
    )
    assert (kept.width, kept.height, kept.stored_at, kept.claimed_at) == (4032, 3024, NOW, NOW)
    assert (kept.taken_at, kept.taken_zone_known) == (dt.datetime(2018, 2, 5, 15, 11, 44, tzinfo=dt.UTC), False)
    assert kept.position is not None
    assert kept.position.distance_m(Point(113.394317, 23.177917)) < 1
    assert (kept.rendered_at, kept.render_fault) == (None, None)
    assert jobs(session) == [str(photo.id)]


def test_photos_are_claimed_in_the_order_given(session: Session, media: Media) -> None:
    accepted = accept_one(media)
    ids = [service.record(session, accepted, now=NOW, claimed=False).id for _ in range(3)]

    claimed = service.claim(session, [ids[2], ids[0], ids[2]], now=NOW + HOUR)

    assert [photo.id for photo in claimed] == [ids[2], ids[0]]
    assert [photo.claimed_at for photo in claimed] == [NOW + HOUR] * 2
    assert session.get_one(Photo, ids[1]).claimed_at is None


def test_a_photo_is_claimed_once_and_an_unknown_one_never(session: Session, media: Media) -> None:
    accepted = accept_one(media)
    taken = service.record(session, accepted, now=NOW, claimed=True).id
    free = service.record(session, accepted, now=NOW, claimed=False).id

    with pytest.raises(NoSuchPhoto, match=f"{taken}, {UUID(int=7)}") as caught:
        service.claim(session, [free, taken, UUID(int=7)], now=NOW)

    assert caught.value.members["errors"][0]["pointer"] == "/photos"
    assert session.get_one(Photo, free).claimed_at is None


@pytest.mark.usefixtures("committed")
def test_of_two_claims_at_once_one_wins(media: Media) -> None:
    accepted = accept_one(media)
    with db.Session.begin() as session:
        ids = [service.record(session, accepted, now=NOW, claimed=False).id for _ in range(3)]

    def claim(order: list[UUID]) -> bool:
        try:
            with db.Session.begin() as session:
                service.claim(session, order, now=NOW)
        except NoSuchPhoto:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(claim, [ids, ids[::-1]] * 6))

    assert won.count(True) == 1


def test_seven_photos_cannot_be_claimed(session: Session) -> None:
    with pytest.raises(TooManyPhotos):
        service.claim(session, [UUID(int=number) for number in range(7)], now=NOW)


def test_renditions_are_made_and_made_again(session: Session, media: Media) -> None:
    photo = service.record(session, accept_one(media), now=NOW, claimed=True)

    service.make_renditions(media, photo)
    service.make_renditions(media, photo)

    for variant in service.VARIANTS:
        made = decode(media.store.get(rendition_key(photo.digest, *variant)))
        assert (made.size, made.format) == ((48, 80), variant[1].name)


def test_a_photo_whose_original_is_missing_cannot_be_rendered_now(session: Session, media: Media) -> None:
    photo = service.record(session, accept_one(media), now=NOW, claimed=True)
    media.store.delete(photo.key)

    with pytest.raises(StoreUnavailable, match="is not in the store"):
        service.make_renditions(media, photo)


def test_a_link_is_a_path_or_has_the_public_address_before_it(media: Media) -> None:
    photo_id = UUID(int=1)

    path = service.rendition_url(media, photo_id, 320)

    assert path.startswith(f"/api/v1/photos/{photo_id}/320?sig=")
    assert service.rendition_url(media, photo_id, 320, absolute=True) == "https://reports.example.org" + path


def test_unclaimed_photos_are_forgotten_after_a_day_and_not_before(session: Session, media: Media) -> None:
    accepted = accept_one(media)
    late = service.record(session, accepted, now=NOW - DAY - HOUR, claimed=False).id
    early = service.record(session, accepted, now=NOW - DAY + HOUR, claimed=False).id
    claimed = service.record(session, accepted, now=NOW - 3 * DAY, claimed=True).id

    forgotten = service.forget_unclaimed(session, now=NOW)

    assert forgotten == 1
    assert set(session.scalars(select(Photo.id))) & {late, early, claimed} == {early, claimed}


def test_the_sweep_removes_what_no_row_refers_to(session: Session, media: Media, tmp_path: Path) -> None:
    kept = service.record(session, accept_one(media), now=NOW - 3 * DAY, claimed=True)
    gone = service.record(session, accept_one(media, encode(quarters(90))), now=NOW - 3 * DAY, claimed=False)
    for photo in (kept, gone):
        service.make_renditions(media, photo)
    (tmp_path / "media" / kept.key).with_suffix(".x.part").touch()
    age(media, tmp_path, now=NOW - 2 * DAY)
    service.forget_unclaimed(session, now=NOW)

    deleted = service.sweep(session, media, now=NOW)

    assert deleted == 6
    assert stored(media) == sorted([kept.key, *(rendition_key(kept.digest, *variant) for variant in service.VARIANTS)])


def put_strays(media: Media, tmp_path: Path, count: int) -> None:
    """Put objects that no row refers to, two days ago."""
    for number in range(count):
        media.store.put(f"originals/stray-{number}", b"bytes")
    age(media, tmp_path, now=NOW - 2 * DAY)


def test_an_object_that_the_store_does_not_delete_keeps_no_other(
    session: Session, media: Media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_strays(media, tmp_path, 5)
    delete = FolderStore.delete

    def refuse(store: FolderStore, key: str, *, unless_put_since: dt.datetime | None = None) -> bool:
        if key.endswith("2"):
            raise StoreUnavailable("away") from OSError(errno.EIO, "Input/output error")
        return delete(store, key, unless_put_since=unless_put_since)

    monkeypatch.setattr(FolderStore, "delete", refuse)

    assert service.sweep(session, media, now=NOW) == 4
    assert stored(media) == ["originals/stray-2"]


def test_a_sweep_ends_where_the_store_deletes_nothing(
    session: Session, media: Media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_strays(media, tmp_path, 30)
    asked = []

    def refuse(store: FolderStore, key: str, *, unless_put_since: dt.datetime | None = None) -> bool:
        asked.append(key)
        raise StoreUnavailable("away") from OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FolderStore, "delete", refuse)

    with pytest.raises(StoreUnavailable):
        service.sweep(session, media, now=NOW)
    assert len(asked) == 10


def test_the_sweep_removes_what_interrupted_renderings_left(session: Session, media: Media, tmp_path: Path) -> None:
    photo = service.record(session, accept_one(media), now=NOW - 3 * DAY, claimed=True)
    photo.mask_revision = 2
    session.flush()
    gone = UUID(int=7)
    kept = [photo.key, rendition_key(photo.digest, 320), masked_key(photo.digest, photo.id, 2, 320)]
    left = [f"{rendition_key(photo.digest, 320)}.a8_x.part", f"{kept[2]}.a8_x.part"]
    left += [masked_key(photo.digest, photo.id, 1, 320), masked_key(photo.digest, gone, 2, 320)]
    left += [f"deletions/{photo.key}", "renditions/stray", "originals/stray"]
    for key in [*kept, *left]:
        media.store.put(key, b"bytes")
    age(media, tmp_path, now=NOW - 2 * DAY)

    assert service.sweep(session, media, now=NOW) == len(left)

    assert stored(media) == sorted(kept)


def test_the_same_bytes_sent_twice_are_two_photos_over_one_object(
    session: Session, media: Media, tmp_path: Path
) -> None:
    first = service.record(session, accept_one(media), now=NOW - 3 * DAY, claimed=False)
    second = service.record(session, accept_one(media), now=NOW - 3 * DAY, claimed=True)
    age(media, tmp_path, now=NOW - 2 * DAY)

    forgotten, deleted = service.forget_unclaimed(session, now=NOW), service.sweep(session, media, now=NOW)

    assert first.id != second.id
    assert stored(media) == [second.key]
    assert (forgotten, deleted) == (1, 0)


def test_the_sweep_spares_what_was_accepted_within_a_day(session: Session, media: Media, tmp_path: Path) -> None:
    accepted = accept_one(media)
    age(media, tmp_path, now=NOW - 23 * HOUR)

    assert service.sweep(session, media, now=NOW) == 0
    assert stored(media) == [accepted.key]


def test_an_orphan_sent_again_just_before_the_sweep_is_spared(session: Session, media: Media, tmp_path: Path) -> None:
    accept_one(media)
    now = dt.datetime.now(dt.UTC)
    age(media, tmp_path, now=now - 2 * DAY)
    accepted = accept_one(media)

    assert service.sweep(session, media, now=now) == 0
    assert stored(media) == [accepted.key]


def test_the_media_of_a_process_are_opened_from_its_settings(settings: Settings) -> None:
    opened = service.open_media(settings)

    assert opened.public_url == settings.public_url
    assert settings.media_root.is_dir()
    opened.prober.close()


def test_a_process_without_media_says_so(configured: Media) -> None:
    assert service.current() is configured
    service._configured.clear()

    with pytest.raises(RuntimeError, match="configure was not called"):
        service.current()
