"""Followers: of one work order each step, of an area or an item a letter; at which hour a message may go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.notify import deliveries, service
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryKind, DeliveryState, Pace, Subscription
from app.notify.queries import read_letter
from app.notify.service.letters import last_morning, write_letters
from app.notify.texts import render
from app.notify.timing import awake, may_go_at
from app.reports.service import merge
from app.workorders.models import EventKind, WorkOrder
from app.workorders.timeline import append
from tests import make

Inbox = Callable[[], list[EmailMessage]]
Work = Callable[[Session], list[str]]

pytestmark = pytest.mark.usefixtures("post_settings")

ONE, TWO = "one@example.org", "two@example.org"
A_DAY = dt.timedelta(days=1)
NANSHAN = "440305"


def happen(session: Session, work_order: WorkOrder, **content: Any) -> None:
    append(session, work_order, EventKind.NOTE, at=make.NOW, by="crew", content={"note": "更新"} | content)
    session.flush()


def follow(session: Session, work_order: WorkOrder, contact: str = ONE) -> Subscription:
    make.confirm_contact(session, contact)
    return service.follow(session, work_order, contact=contact, language="zh", now=make.NOW)


def follow_topic(session: Session, *, pace: Pace = Pace.DAILY, **topic: Any) -> Subscription:
    make.confirm_contact(session, ONE)
    where = {"area": None, "item": None} | topic
    return service.follow_topic(session, **where, pace=pace, contact=ONE, language="zh", now=make.NOW)


def letters(session: Session) -> list[Delivery]:
    of_letters = select(Delivery).where(Delivery.kind == DeliveryKind.LETTER).order_by(Delivery.until)
    return list(session.scalars(of_letters))


def test_a_follower_hears_each_later_step_without_a_number_or_the_secret_link(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen)
    work_order = shenzhen.scalars(select(WorkOrder)).one()
    work(shenzhen)
    follow(shenzhen, work_order)

    happen(shenzhen, work_order)
    work(shenzhen)

    (mail,) = inbox()
    body = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert f"/work-orders/{work_order.public_id}" in body
    assert report.number not in body
    assert "/track/" not in body


def test_who_reported_it_twice_and_follows_it_too_hears_once(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    first = make.make_report(shenzhen, contact=ONE)
    work_order = shenzhen.scalars(select(WorkOrder)).one()
    make.make_report(shenzhen, contact=ONE, same_as=work_order.public_id)
    follow(shenzhen, work_order)
    work(shenzhen)
    before = len(inbox())

    happen(shenzhen, work_order)
    work(shenzhen)

    assert before == 2  # one receipt for each report
    assert len(inbox()) == before + 1
    assert first.number in str(inbox()[-1]["Subject"]) + str(inbox()[-1].get_body(("plain",)).get_content())  # type: ignore[union-attr]


def test_a_follower_of_what_is_merged_hears_of_it_and_follows_the_survivor(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    gone, survivor = make.make_work_order(shenzhen), make.make_work_order(shenzhen, item="B0101")
    work(shenzhen)
    follow(shenzhen, gone)
    follow(shenzhen, survivor, TWO)

    by, _ = make.make_person(shenzhen, Role.DISPATCHER)
    merge(shenzhen, gone.public_id, into=survivor.public_id, note="同一处", by=by, now=make.NOW)
    happen(shenzhen, survivor)
    work(shenzhen)

    told = sorted(str(mail["To"]) for mail in inbox())
    assert told == [ONE, ONE, TWO]


def test_following_over_http_tells_nobody_whether_an_address_is_known(shenzhen: Session, client: FlaskClient) -> None:
    work_order = make.make_work_order(shenzhen)
    make.confirm_contact(shenzhen, ONE)

    answers = [
        client.post("/api/v1/subscriptions", json={"contact": contact, "work_order": work_order.public_id})
        for contact in (ONE, TWO)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].get_json() == answers[1].get_json()


@pytest.mark.parametrize(
    ("over", "pointer"),
    [
        ({}, "/work_order"),
        ({"work_order": "7F3K9QXH2M", "area": NANSHAN}, "/work_order"),
        ({"work_order": "7F3K9QXH2M"}, "/work_order"),
        ({"area": "nowhere"}, "/area"),
        ({"area": NANSHAN, "pace": "each"}, "/pace"),
        ({"area": NANSHAN, "contact": "nobody"}, "/contact"),
    ],
)
def test_what_cannot_be_followed_is_said(
    shenzhen: Session, client: FlaskClient, over: dict[str, str], pointer: str
) -> None:
    answer = client.post("/api/v1/subscriptions", json={"contact": ONE} | over)

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer
    assert shenzhen.scalars(select(Subscription)).all() == []


def test_what_is_sensitive_has_no_page_and_no_followers(shenzhen: Session, client: FlaskClient) -> None:
    work_order = make.make_work_order(shenzhen)
    shown = client.get(f"/work-orders/{work_order.public_id}").status_code
    work_order.sensitive = True
    shenzhen.flush()

    answer = client.post("/api/v1/subscriptions", json={"contact": ONE, "work_order": work_order.public_id})

    assert (shown, answer.status_code) == (200, 422)
    assert client.get(f"/work-orders/{work_order.public_id}").status_code == 404


def test_the_page_of_a_work_order_lets_anybody_follow_and_tells_no_words(
    shenzhen: Session, client: FlaskClient
) -> None:
    work_order = make.make_work_order(shenzhen, description="灯不亮，我家在三楼")
    happen(shenzhen, work_order, note="已看现场")

    page = client.get(f"/work-orders/{work_order.public_id}").get_data(as_text=True)
    asked = client.post(f"/work-orders/{work_order.public_id}", data={"contact": ONE})

    assert "三楼" not in page
    assert "已看现场" not in page
    assert asked.status_code == 200
    assert shenzhen.scalars(select(Subscription)).one().subscriber is None


def test_a_letter_tells_what_is_new_and_fixed_in_an_area_once(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    topic = follow_topic(shenzhen, area=NANSHAN)
    later = make.NOW + dt.timedelta(hours=2)
    for item in ("B0121", "B0101"):
        make.make_report(shenzhen, now=later, item=item)
    make.make_report(shenzhen, now=later, lon=114.0560, lat=22.5330)  # another district
    city, morning = current_city(shenzhen), make.NOW + A_DAY

    looked_at = write_letters(shenzhen, city=city, now=morning), write_letters(shenzhen, city=city, now=morning)
    (letter,) = letters(shenzhen)
    words = render(read_letter(shenzhen, letter, topic))

    assert looked_at == (1, 0)
    assert "新上报2件" in words.subject
    assert "南山区" in words.subject
    assert words.text.count("粤海街道") == 2
    assert "/end/" in words.text


def test_without_news_there_is_no_letter_and_the_time_is_told_next_time(shenzhen: Session) -> None:
    follow_topic(shenzhen, item="B0121")
    city = current_city(shenzhen)

    write_letters(shenzhen, city=city, now=make.NOW + A_DAY)
    quiet = letters(shenzhen)
    make.make_report(shenzhen, now=make.NOW + A_DAY + dt.timedelta(hours=1))
    write_letters(shenzhen, city=city, now=make.NOW + 2 * A_DAY)

    (letter,) = letters(shenzhen)
    assert quiet == []
    assert letter.until == last_morning(city, make.NOW + 2 * A_DAY)


def test_a_weekly_letter_comes_once_a_week(shenzhen: Session) -> None:
    follow_topic(shenzhen, pace=Pace.WEEKLY, item="B0121")
    make.make_report(shenzhen, now=make.NOW + dt.timedelta(hours=1))
    city = current_city(shenzhen)

    days = [day for day in range(1, 16) if write_letters(shenzhen, city=city, now=make.NOW + day * A_DAY)]

    assert days == [8, 15]  # a whole week after it was followed at ten
    assert len(letters(shenzhen)) == 1


def test_following_a_topic_again_changes_its_pace(shenzhen: Session) -> None:
    first = follow_topic(shenzhen, item="B0121")
    again = follow_topic(shenzhen, item="B0121", pace=Pace.WEEKLY)

    assert (again.id, again.pace) == (first.id, Pace.WEEKLY)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T21:59", "2026-11-23T21:59"),
        ("2026-11-23T22:00", "2026-11-24T08:00"),
        ("2026-11-24T00:30", "2026-11-24T08:00"),
        ("2026-11-24T07:59", "2026-11-24T08:00"),
        ("2026-11-24T08:00", "2026-11-24T08:00"),
    ],
)
def test_quiet_hours_end_in_the_morning_of_the_city(shenzhen: Session, at: str, expected: str) -> None:
    city = current_city(shenzhen)
    moments = [dt.datetime.fromisoformat(text).replace(tzinfo=city.timezone) for text in (at, expected)]

    assert awake(moments[0], city) == moments[1]


def test_at_night_a_phone_rings_for_urgent_work_alone_and_letters_go(shenzhen: Session) -> None:
    night = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)  # 23:00 in Shenzhen
    make.confirm_contact(shenzhen, "13800138000")
    make.confirm_contact(shenzhen, ONE)
    found = {contact.channel: contact for contact in shenzhen.scalars(select(Contact))}

    quiet = may_go_at(shenzhen, found[ChannelKind.SMS], urgent=False, now=night)

    assert quiet == dt.datetime(2026, 11, 24, 0, 0, tzinfo=dt.UTC)
    assert may_go_at(shenzhen, found[ChannelKind.SMS], urgent=True, now=night) == night
    assert may_go_at(shenzhen, found[ChannelKind.EMAIL], urgent=False, now=night) == night


def test_over_the_days_number_messages_wait_and_none_is_dropped(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    work_order = make.make_work_order(shenzhen, contact=ONE)
    most = current_city(shenzhen).limits.messages_a_day
    for number in range(most + 4):
        happen(shenzhen, work_order, note=str(number))

    work(shenzhen)

    waiting = select(Delivery).where(Delivery.state == DeliveryState.QUEUED)
    left = shenzhen.scalars(waiting).all()
    assert len(inbox()) == most
    assert len(left) == 5  # the receipt was one of those that went
    assert all(each.next_at is not None and each.tries == 0 for each in left)
    later = max(each.next_at for each in left if each.next_at) + dt.timedelta(seconds=1)
    assert deliveries.take(shenzhen, left[0].id, now=later) is not None
