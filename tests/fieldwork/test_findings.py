from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageFilter

from app.fieldwork.findings import LEAST_SHARPNESS, Finding, FindingKind, Scene, has_failed, judge, taken_at
from app.geo.measure import metres_per_degree
from app.geo.types import Point
from app.media import picture
from app.media.models import Photo
from tests.media.pictures import decode, encode

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
SHENZHEN = ZoneInfo("Asia/Shanghai")
PLACE = Point(113.9391, 22.5251)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def north(metres: float) -> Point:
    return Point(PLACE.lon, PLACE.lat + metres / metres_per_degree(PLACE.lat)[1])


def make(**over: Any) -> Photo:
    """Give a photo without a fault."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "digest": "ab" * 32,
        "width": 4032,
        "height": 3024,
        "taken_at": NOW - 5 * MINUTE,
        "taken_zone_known": True,
        "position": north(20),
        "dhash": 0x0123456789ABCDEF,
        "sharpness": 1500.0,
    }
    return Photo(**(values | over))


def scene(**over: Any) -> Scene:
    values: dict[str, Any] = {
        "place": PLACE,
        "accuracy_m": 10.0,
        "since": NOW - 3 * HOUR,
        "at": NOW,
        "timezone": SHENZHEN,
    }
    return Scene(**(values | over))


def found(kind: FindingKind, photo: Photo, *, alike: Photo | None = None, **over: Any) -> Finding:
    (finding,) = [one for one in judge(photo, scene(**over), alike=alike) if one.kind is kind]
    return finding


def test_a_photo_without_a_fault_passes_in_every_kind_once() -> None:
    judged = judge(make(), scene(), alike=None)

    assert [one.kind for one in judged] == [kind for kind in FindingKind if kind is not FindingKind.ARRIVAL]
    assert [one.passed for one in judged] == [True] * 5


@pytest.mark.parametrize(
    ("metres", "accuracy_m", "passed"),
    [(98, 10, True), (102, 10, False), (147, 150, True), (153, 150, False), (98, 0, True), (700_000, 10, False)],
)
def test_near_is_100_metres_or_the_accuracy_of_the_work_order(metres: float, accuracy_m: float, passed: bool) -> None:
    finding = found(FindingKind.POSITION, make(position=north(metres)), accuracy_m=accuracy_m)

    assert finding.passed is passed
    assert finding.values["metres"] == pytest.approx(metres, rel=0.01)
    assert finding.values["most_m"] == max(100, accuracy_m)


def test_the_crew_is_told_how_far_off_it_was() -> None:
    finding = found(FindingKind.POSITION, make(position=north(1250)))

    assert finding.detail.startswith("Taken 1,25")
    assert finding.detail.endswith("m from the place, at most 100 m is near. Take one at the place.")


@pytest.mark.parametrize(
    ("before", "passed"),
    [
        (-9 * MINUTE, True),
        (-11 * MINUTE, False),
        (3 * HOUR + 9 * MINUTE, True),
        (3 * HOUR + 11 * MINUTE, False),
    ],
)
def test_a_photo_is_taken_after_the_work_began_and_before_the_step(before: dt.timedelta, passed: bool) -> None:
    finding = found(FindingKind.TIME, make(taken_at=NOW - before))

    assert finding.passed is passed
    assert finding.values["minutes_before"] == before / MINUTE


@pytest.mark.parametrize(("hours", "passed"), [(23.9, True), (24.1, False)])
def test_of_a_long_work_the_last_day_counts(hours: float, passed: bool) -> None:
    finding = found(FindingKind.TIME, make(taken_at=NOW - hours * HOUR), since=NOW - 100 * HOUR)

    assert finding.passed is passed
    assert ("more than 24 hours" in finding.detail) is not passed


@pytest.mark.parametrize(
    ("hour", "minute", "passed"), [(15, 55, True), (16, 11, False), (12, 49, False), (7, 55, False)]
)
def test_a_clock_without_a_zone_is_read_as_local_time(hour: int, minute: int, passed: bool) -> None:
    # 08:00 UTC is 16:00 in Shenzhen; the column holds the reading as though it were UTC.
    reading = NOW.replace(hour=hour, minute=minute)

    finding = found(FindingKind.TIME, make(taken_at=reading, taken_zone_known=False))

    assert finding.passed is passed
    assert finding.values["zone_known"] is False


def test_the_same_reading_with_its_zone_is_another_moment() -> None:
    reading = NOW.replace(hour=15, minute=55)

    naive = taken_at(make(taken_at=reading, taken_zone_known=False), SHENZHEN)
    zoned = taken_at(make(taken_at=reading, taken_zone_known=True), SHENZHEN)

    assert naive == NOW - 5 * MINUTE
    assert zoned == reading


def test_a_reading_is_local_time_whatever_zone_the_database_answers_in() -> None:
    reading = NOW.replace(hour=15, minute=55).astimezone(ZoneInfo("America/New_York"))

    assert taken_at(make(taken_at=reading, taken_zone_known=False), SHENZHEN) == NOW - 5 * MINUTE


def test_the_fault_of_a_time_is_told_in_local_time() -> None:
    finding = found(FindingKind.TIME, make(taken_at=NOW - 4 * HOUR))

    assert finding.detail == (
        "Taken on 2026-11-23 at 12:00, which is before the work began. Take one of how it is now."
    )


@pytest.mark.parametrize(("over", "kind"), [({"position": None}, "position"), ({"taken_at": None}, "time")])
def test_what_a_photo_does_not_carry_cannot_be_judged_and_fails_nothing(over: dict[str, Any], kind: str) -> None:
    judged = judge(make(**over), scene(), alike=None)

    assert {one.kind.value: one.passed for one in judged if one.passed is not True} == {kind: None}
    assert not has_failed([judged])


def test_the_same_bytes_and_the_same_looks_are_told_apart() -> None:
    photo = make()
    copy, likeness = make(), make(digest="cd" * 32)

    same = found(FindingKind.REUSED, photo, alike=copy)
    similar = found(FindingKind.REUSED, photo, alike=likeness)

    assert (same.passed, same.values) == (False, {"photo": str(copy.id), "same_bytes": True})
    assert (similar.passed, similar.values) == (False, {"photo": str(likeness.id), "same_bytes": False})
    assert same.detail != similar.detail


def test_a_photo_that_shows_nothing_to_compare_cannot_be_judged_but_a_copy_of_it_is_seen() -> None:
    dark = make(dhash=None)

    assert found(FindingKind.REUSED, dark).passed is None
    assert found(FindingKind.REUSED, dark, alike=make(dhash=None)).passed is False


@pytest.mark.parametrize(("width", "height", "passed"), [(640, 480, True), (640, 479, False), (479, 4000, False)])
def test_the_short_side_has_480_pixels(width: int, height: int, passed: bool) -> None:
    finding = found(FindingKind.SIZE, make(width=width, height=height))

    assert finding.passed is passed
    assert finding.values == {"short_side": min(width, height), "least": 480}


@pytest.mark.parametrize(("sharpness", "passed"), [(16.0, True), (15.9, False), (0.0, False), (None, None)])
def test_a_blurred_picture_fails_and_one_never_measured_does_not(sharpness: float | None, passed: bool | None) -> None:
    finding = found(FindingKind.SHARPNESS, make(sharpness=sharpness))

    assert finding.passed is passed


@pytest.mark.parametrize("name", ["sz_yuehai_SYNTHETIC_GPS.jpg", "gps_NE_iphone8_guangzhou.heic"])
def test_the_threshold_tells_real_photos_from_blurred_ones_and_leaves_the_night(shared: Path, name: str) -> None:
    sharp = decode_any(shared / "data/photos" / name)
    blurred = sharp.filter(ImageFilter.GaussianBlur(max(sharp.size) / 250))
    night = sharp.point(lambda value: value // 8)

    measured = [picture.probe(encode(one, quality=90))["sharpness"] for one in (sharp, night, blurred)]

    assert measured[0] > 40 * LEAST_SHARPNESS
    assert measured[1] > LEAST_SHARPNESS
    assert measured[2] < LEAST_SHARPNESS


def decode_any(path: Path) -> Image.Image:
    image = decode(path.read_bytes()).convert("RGB")
    image.info.clear()
    return image


def failing(*kinds: FindingKind) -> tuple[Finding, ...]:
    return tuple(Finding(kind, kind not in kinds, "", {}) for kind in FindingKind)


GOOD, FAR, USED = failing(), failing(FindingKind.POSITION), failing(FindingKind.REUSED)


@pytest.mark.parametrize(
    ("judged", "failed"),
    [
        ([], False),
        ([GOOD], False),
        ([FAR], True),
        ([FAR, GOOD], False),
        ([FAR, failing(FindingKind.SIZE)], True),
        ([USED], True),
        ([GOOD, USED], True),
    ],
)
def test_one_good_photo_is_enough_unless_another_was_used_before(
    judged: list[tuple[Finding, ...]], failed: bool
) -> None:
    assert has_failed(judged) is failed
