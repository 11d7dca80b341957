from __future__ import annotations

import dataclasses
import datetime as dt
import random
from typing import Any
from uuid import uuid4

import pytest
from PIL import ExifTags, Image, ImageDraw
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.accounts.service import Person
from app.catalogue.city import current_city
from app.fieldwork import evidence, queries
from app.fieldwork.errors import AlreadyDecided, NoSuchCheck, NotYourVerdict
from app.fieldwork.models import EvidenceCheck, Verdict
from app.media import service as media
from app.media.models import Photo
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.timeline import append
from tests.make import CITY, NOW, YUEHAI, make_person, make_work_order
from tests.media.pictures import encode, with_exif

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
SIGNED, FIXED = NOW + HOUR, NOW + 3 * HOUR


def draw(seed: int, size: tuple[int, int] = (960, 720)) -> Image.Image:
    """Draw a scene of its own: boxes of all shades."""
    chance = random.Random(seed)
    image = Image.new("RGB", size, "gray")
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        shade = tuple(chance.randrange(256) for _ in range(3))
        pen.rectangle((x, y, x + chance.randrange(20, 300), y + chance.randrange(20, 300)), fill=shade)
    return image


def shot(image: Image.Image, *, at: dt.datetime = FIXED - 5 * MINUTE, place: tuple[float, float] = YUEHAI) -> bytes:
    """Give the photo that a phone in Shenzhen makes of a scene."""
    lon, lat = place
    local = at.astimezone(dt.timezone(8 * HOUR))
    gps: dict[int, Any] = {
        ExifTags.GPS.GPSLatitudeRef: "N",
        ExifTags.GPS.GPSLatitude: (lat, 0.0, 0.0),
        ExifTags.GPS.GPSLongitudeRef: "E",
        ExifTags.GPS.GPSLongitude: (lon, 0.0, 0.0),
    }
    return with_exif(image, gps=gps, DateTimeOriginal=f"{local:%Y:%m:%d %H:%M:%S}", OffsetTimeOriginal="+08:00")


def accept(data: bytes) -> media.Accepted:
    return media.accept(media.current(), [media.Upload("after.jpg", data)])[0]


def take(session: Session, data: bytes) -> Photo:
    return media.record(session, accept(data), now=FIXED, claimed=True)


def signed_for(session: Session, *, now: dt.datetime = NOW, **over: Any) -> WorkOrder:
    """Open a work order whose unit signed an hour later."""
    work_order = make_work_order(session, now=now, **over)
    append(session, work_order, EventKind.SIGNED, at=now + HOUR, by="crew:1", content={})
    return work_order


def say_fixed(session: Session, work_order: WorkOrder, *, now: dt.datetime = FIXED) -> TimelineEvent:
    return append(session, work_order, EventKind.FIXED, at=now, by="crew:1", content={})


def check(
    session: Session,
    photos: list[Photo],
    *,
    work_order: WorkOrder | None = None,
    unit: str | None = None,
    phone_at: dt.datetime | None = None,
    now: dt.datetime = FIXED,
) -> EvidenceCheck:
    work_order = work_order or signed_for(session)
    event = say_fixed(session, work_order, now=now)
    unit = unit or work_order.lead_unit or ""
    city = current_city(session)
    return evidence.check(session, work_order, event, photos, unit=unit, phone_at=phone_at, now=now, city=city)


def faults(checked: EvidenceCheck) -> list[str]:
    return [finding["kind"] for finding in checked.findings if finding["passed"] is False]


def fail(session: Session, **over: Any) -> EvidenceCheck:
    """Store a check that failed."""
    return check(session, [take(session, encode(draw(random.randrange(1 << 30), (200, 100))))], **over)


def test_a_good_photo_passes_and_its_findings_are_kept(shenzhen: Session) -> None:
    photo = take(shenzhen, shot(draw(1)))

    checked = check(shenzhen, [photo])

    shenzhen.expire_all()
    kept = shenzhen.get_one(EvidenceCheck, checked.id)
    assert (kept.failed, kept.at, kept.verdict) == (False, FIXED, None)
    assert [(one["photo"], one["kind"], one["passed"]) for one in kept.findings] == [
        (str(photo.id), kind, True) for kind in ("position", "time", "reused", "size", "sharpness")
    ]
    assert kept.findings[0]["values"] == {"metres": 0, "most_m": 100}
    assert queries.checks_of(shenzhen, kept.work_order_id) == [kept]


def test_every_fault_of_a_bad_photo_is_told(shenzhen: Session) -> None:
    data = shot(Image.new("RGB", (300, 200), "navy"), at=NOW - HOUR, place=(114.5, 22.6))
    take(shenzhen, data)

    checked = check(shenzhen, [take(shenzhen, data)])

    assert checked.failed
    assert faults(checked) == ["position", "time", "reused", "size", "sharpness"]


def test_an_item_without_photos_has_an_empty_check_that_passes(shenzhen: Session) -> None:
    checked = check(shenzhen, [])

    assert (checked.findings, checked.failed) == ([], False)


def test_the_residents_own_photo_is_no_evidence(shenzhen: Session) -> None:
    data = shot(draw(1))
    work_order = signed_for(shenzhen, photos=[accept(data)])

    checked = check(shenzhen, [take(shenzhen, data)], work_order=work_order)

    assert checked.failed
    assert faults(checked) == ["reused"]
    assert checked.findings[2]["values"]["same_bytes"] is True


def test_nor_is_a_smaller_copy_of_a_photo_of_another_report(shenzhen: Session) -> None:
    make_work_order(shenzhen, lon=114.0552, lat=22.5411, photos=[accept(encode(draw(1)))])
    copy = draw(1).resize((800, 600))

    checked = check(shenzhen, [take(shenzhen, shot(copy))])

    assert faults(checked) == ["reused"]
    assert checked.findings[2]["values"]["same_bytes"] is False


def test_evidence_of_another_work_order_is_no_evidence(shenzhen: Session) -> None:
    data = shot(draw(1))
    check(shenzhen, [take(shenzhen, data)])

    again = check(shenzhen, [take(shenzhen, data)], work_order=signed_for(shenzhen, lon=114.0552, lat=22.5411))

    assert "reused" in faults(again)


def test_two_photos_of_one_step_may_look_the_same(shenzhen: Session) -> None:
    photos = [take(shenzhen, shot(draw(1))) for _ in range(2)]

    checked = check(shenzhen, photos)

    assert not checked.failed
    assert [one["photo"] for one in checked.findings] == [str(photo.id) for photo in photos for _ in range(5)]


def test_a_photo_that_was_uploaded_and_never_sent_with_a_step_was_not_used(shenzhen: Session) -> None:
    data = shot(draw(1))
    media.record(shenzhen, accept(data), now=FIXED, claimed=False)

    checked = check(shenzhen, [take(shenzhen, data)])

    assert not checked.failed


def test_a_photo_from_before_the_sign_for_shows_the_old_state(shenzhen: Session) -> None:
    before = check(shenzhen, [take(shenzhen, shot(draw(1), at=SIGNED - 11 * MINUTE))])
    after = check(shenzhen, [take(shenzhen, shot(draw(2), at=SIGNED - 9 * MINUTE))], work_order=signed_for(shenzhen))

    assert faults(before) == ["time"]
    assert faults(after) == []


def test_after_a_repair_that_did_not_hold_the_photo_is_a_new_one(shenzhen: Session) -> None:
    work_order, other = signed_for(shenzhen), signed_for(shenzhen)
    for one in (work_order, other):
        check(shenzhen, [], work_order=one)
    of_then = take(shenzhen, shot(draw(1), at=FIXED - 11 * MINUTE))
    of_now = take(shenzhen, shot(draw(2), at=FIXED + 4 * HOUR))

    stale = check(shenzhen, [of_then], work_order=work_order, now=FIXED + 5 * HOUR)
    renewed = check(shenzhen, [of_now], work_order=other, now=FIXED + 5 * HOUR)

    assert faults(stale) == ["time"]
    assert faults(renewed) == []


def test_a_crew_that_was_offline_for_two_days_is_judged_by_the_phones_clock(shenzhen: Session) -> None:
    work_order = make_work_order(shenzhen, now=NOW)
    arrived = NOW + 48 * HOUR
    append(shenzhen, work_order, EventKind.SIGNED, at=arrived, by="crew:1", content={})
    photos = [take(shenzhen, shot(draw(1)))]

    offline = check(shenzhen, photos, work_order=work_order, phone_at=FIXED, now=arrived + MINUTE)

    assert faults(offline) == []
    assert offline.findings[1]["values"]["minutes_before"] == 5


def test_without_the_phones_word_the_time_of_arrival_counts(shenzhen: Session) -> None:
    photos = [take(shenzhen, shot(draw(1)))]

    late = check(shenzhen, photos, now=FIXED + 24 * HOUR)

    assert faults(late) == ["time"]


def test_a_phone_whose_clock_is_ahead_is_judged_by_ours(shenzhen: Session) -> None:
    photo = take(shenzhen, shot(draw(1), at=FIXED + 2 * HOUR))

    checked = check(shenzhen, [photo], phone_at=FIXED + 2 * HOUR)

    assert faults(checked) == ["time"]


def test_a_camera_without_a_zone_is_read_in_the_citys(shenzhen: Session) -> None:
    local = (FIXED - 5 * MINUTE).astimezone(current_city(shenzhen).timezone)
    photo = take(shenzhen, with_exif(draw(1), DateTimeOriginal=f"{local:%Y:%m:%d %H:%M:%S}"))

    checked = check(shenzhen, [photo])

    assert photo.taken_zone_known is False
    assert checked.findings[1]["passed"] is True


def test_an_event_is_checked_once(shenzhen: Session) -> None:
    work_order = signed_for(shenzhen)
    event = say_fixed(shenzhen, work_order)
    city = current_city(shenzhen)
    evidence.check(shenzhen, work_order, event, [], unit="u", phone_at=None, now=FIXED, city=city)

    with pytest.raises(IntegrityError):
        evidence.check(shenzhen, work_order, event, [], unit="u", phone_at=None, now=FIXED, city=city)


def manager_of(session: Session, work_order: WorkOrder, **over: Any) -> Person:
    unit, area = over.get("unit", work_order.lead_unit), over.get("area", work_order.street)
    person, _ = make_person(session, over.get("role", Role.UNIT_MANAGER), unit=unit, area=area)
    return person


def test_a_manager_accepts_or_rejects_what_failed_and_once(shenzhen: Session) -> None:
    work_order = signed_for(shenzhen)
    first, second = fail(shenzhen, work_order=work_order), fail(shenzhen, work_order=work_order)
    manager = manager_of(shenzhen, work_order)

    evidence.decide(shenzhen, first.id, verdict=Verdict.ACCEPTED, note="灯确实亮了", by=manager, now=FIXED + HOUR)
    decided = evidence.decide(shenzhen, second.id, verdict=Verdict.REJECTED, note="", by=manager, now=FIXED + HOUR)

    assert decided.work_order.id == work_order.id
    shenzhen.expire_all()
    kept = [shenzhen.get_one(EvidenceCheck, one.id) for one in (first, second)]
    assert [(one.verdict, one.note) for one in kept] == [(Verdict.ACCEPTED, "灯确实亮了"), (Verdict.REJECTED, None)]
    assert {(one.checked_by, one.checked_at) for one in kept} == {(manager.id, FIXED + HOUR)}
    with pytest.raises(AlreadyDecided, match="It was accepted on 2026-11-23 at 06:00 UTC") as caught:
        evidence.decide(shenzhen, first.id, verdict=Verdict.REJECTED, note="", by=manager, now=FIXED + HOUR)
    assert caught.value.members["verdict"] == "accepted"
    assert kept[0].verdict is Verdict.ACCEPTED


def test_a_check_that_passed_needs_no_verdict(shenzhen: Session) -> None:
    work_order = signed_for(shenzhen)
    checked = check(shenzhen, [], work_order=work_order)

    with pytest.raises(AlreadyDecided, match="passed"):
        evidence.decide(
            shenzhen,
            checked.id,
            verdict=Verdict.REJECTED,
            note="",
            by=manager_of(shenzhen, work_order),
            now=FIXED,
        )


@pytest.mark.parametrize(
    "over",
    [{"unit": "sz-gas"}, {"area": "440304"}, {"unit": None}, {"area": None}, {"role": Role.CREW, "unit": "sz-parks"}],
)
def test_a_check_of_another_unit_or_area_does_not_exist(shenzhen: Session, over: dict[str, Any]) -> None:
    work_order = signed_for(shenzhen)
    checked = fail(shenzhen, work_order=work_order)
    stranger = manager_of(shenzhen, work_order, **over)

    with pytest.raises(NoSuchCheck):
        evidence.decide(shenzhen, checked.id, verdict=Verdict.ACCEPTED, note="", by=stranger, now=FIXED)

    assert queries.open_checks(shenzhen, by=stranger, limit=10) == []
    assert checked.verdict is None


def test_an_unknown_check_does_not_exist(shenzhen: Session) -> None:
    manager, _ = make_person(shenzhen, Role.UNIT_MANAGER)

    with pytest.raises(NoSuchCheck):
        evidence.decide(shenzhen, uuid4(), verdict=Verdict.ACCEPTED, note="", by=manager, now=FIXED)


@pytest.mark.parametrize("role", [role for role in Role if role not in evidence.JUDGES])
def test_no_other_role_judges_and_least_of_all_the_crew(shenzhen: Session, role: Role) -> None:
    work_order = signed_for(shenzhen)
    checked = fail(shenzhen, work_order=work_order)
    # Even of the right unit and area.
    somebody = dataclasses.replace(manager_of(shenzhen, work_order), role=role)

    with pytest.raises(NotYourVerdict, match="unit_manager, supervisor"):
        evidence.decide(shenzhen, checked.id, verdict=Verdict.ACCEPTED, note="", by=somebody, now=FIXED)

    assert checked.verdict is None


def test_the_list_holds_what_failed_and_waits_oldest_first(shenzhen: Session) -> None:
    work_order = signed_for(shenzhen)
    late = fail(shenzhen, work_order=work_order, now=FIXED + 2 * HOUR)
    early = fail(shenzhen, work_order=work_order, now=FIXED + HOUR)
    decided = fail(shenzhen, work_order=work_order)
    check(shenzhen, [], work_order=work_order)
    fail(shenzhen, work_order=work_order, unit="another-unit")
    manager = manager_of(shenzhen, work_order)
    evidence.decide(shenzhen, decided.id, verdict=Verdict.ACCEPTED, note="", by=manager, now=FIXED)

    listed = queries.open_checks(shenzhen, by=manager, limit=10)

    assert listed == [early, late]
    assert listed[0].work_order.public_id == work_order.public_id
    assert queries.open_checks(shenzhen, by=manager, limit=1) == [early]
    assert queries.open_checks(shenzhen, by=manager, limit=10, after=(early.at, early.id)) == [late]
    assert queries.open_checks(shenzhen, by=manager, limit=10, after=(late.at, late.id)) == []


@pytest.mark.parametrize("area", ["street", "district", "city"])
def test_a_scope_is_a_street_a_district_or_the_whole_city(shenzhen: Session, area: str) -> None:
    here = signed_for(shenzhen)
    there = signed_for(shenzhen, lon=114.0552, lat=22.5411)
    mine, other = fail(shenzhen, work_order=here), fail(shenzhen, work_order=there)
    code = {"street": here.street, "district": here.district, "city": CITY}[area]
    everybody, _ = make_person(shenzhen, Role.SUPERVISOR, area=code)

    listed = queries.open_checks(shenzhen, by=everybody, limit=10)

    assert here.district != there.district
    assert {one.id for one in listed} == ({mine.id, other.id} if area == "city" else {mine.id})


def test_the_list_of_a_unit_is_read_from_its_index(shenzhen: Session) -> None:
    shenzhen.execute(text("SET LOCAL enable_seqscan = off"))
    wanted = "failed AND verdict IS NULL AND unit = 'u' ORDER BY at, id LIMIT 9"
    plan = shenzhen.scalars(text(f"EXPLAIN SELECT id FROM evidence_checks WHERE {wanted}")).all()

    assert "ix_evidence_checks_open" in "\n".join(plan)
    assert "Sort" not in "\n".join(plan)
