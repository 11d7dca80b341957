"""Nothing but the question goes to an address before its owner says that it is theirs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.notify import service
from app.notify.errors import AskedEnough, CodeRefused, NoSuchLink
from app.notify.keys import Purpose, code_for, read_signed_id, signed_id
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryKind, DeliveryState, Subscription
from app.reports.models import Report
from app.reports.service import NewReport, file_report
from app.reports.service.file import Filed
from app.workorders.models import EventKind, WorkOrder
from app.workorders.timeline import append
from tests import make

Inbox = Callable[[], list[EmailMessage]]
Work = Callable[[Session], list[str]]

pytestmark = pytest.mark.usefixtures("post_settings")

ONE = "one@example.org"
AN_HOUR = dt.timedelta(hours=1)


def file(session: Session, contact: str = ONE, *, now: dt.datetime = make.NOW) -> Filed:
    """File a report with a contact that nobody has confirmed."""
    lon, lat = make.YUEHAI
    values: dict[str, Any] = {
        "lon": lon,
        "lat": lat,
        "item": "B0121",
        "language": "zh",
        "description": "灯不亮",
        "contact": contact,
    }
    return file_report(session, NewReport(**values), now=now)


def contact_of(session: Session) -> Contact:
    return session.scalars(select(Contact), execution_options={"populate_existing": True}).one()


def bodies(inbox: Inbox) -> list[str]:
    return [str(mail.get_body(("plain",)).get_content()) for mail in inbox()]  # type: ignore[union-attr]


def test_the_first_message_is_a_question_that_tells_nothing_of_the_report(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    filed = file(shenzhen)

    work(shenzhen)

    (asked,) = bodies(inbox)
    assert "/confirm/" in asked
    assert not any(word in asked for word in (filed.report.number, "/track/", "路灯", "粤海"))
    assert inbox()[0]["List-Unsubscribe"] is None


def test_what_waited_goes_out_once_it_is_confirmed_by_the_link(
    shenzhen: Session, work: Work, inbox: Inbox, client: FlaskClient
) -> None:
    file(shenzhen)
    work(shenzhen)
    (path,) = re.findall(r"http://[^/]+(/confirm/\w+)", bodies(inbox)[0])

    opened = client.get(path)
    work(shenzhen)
    after_opening = len(inbox())
    shown = client.post(path)
    work(shenzhen)

    assert (opened.status_code, shown.status_code, after_opening) == (200, 200, 1)
    assert "o***@example.org" in shown.get_data(as_text=True)
    assert [str(mail["Subject"])[:3] for mail in inbox()[1:]] == ["已受理"]


def test_of_many_steps_that_waited_the_first_and_the_last_are_told(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    filed = file(shenzhen)
    for word in ("一", "二", "三"):
        note(shenzhen, filed, word)
    work(shenzhen)

    service.confirm(shenzhen, contact_of(shenzhen).id, now=make.NOW)
    work(shenzhen)

    told = bodies(inbox)[1:]
    assert len(told) == 2
    assert any("三" in body for body in told)
    assert not any("二\n" in body for body in told)
    left = shenzhen.scalars(select(Delivery.state)).all()
    assert left.count(DeliveryState.GIVEN_UP) == 2


def test_the_same_address_is_asked_once_a_day_however_often_it_is_given(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    for _ in range(3):
        file(shenzhen)
    work(shenzhen)
    first_day = len(inbox())

    file(shenzhen, now=make.NOW + dt.timedelta(days=1, seconds=1))
    work(shenzhen)

    assert (first_day, len(inbox())) == (1, 2)


def test_who_confirmed_once_is_told_of_the_next_report_at_once(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    file(shenzhen)
    service.confirm(shenzhen, contact_of(shenzhen).id, now=make.NOW)
    work(shenzhen)
    before = len(inbox())

    file(shenzhen, " ONE@Example.org ".replace("ONE", "one"))
    work(shenzhen)

    assert len(inbox()) == before + 1


def test_the_code_confirms_too_and_five_wrong_ones_end_it(shenzhen: Session) -> None:
    file(shenzhen)
    contact = contact_of(shenzhen)
    right = code_for(contact.id, contact.asked)
    wrong = "000000" if right != "000000" else "111111"

    for _ in range(5):
        with pytest.raises(CodeRefused):
            service.confirm_by_code(shenzhen, ChannelKind.EMAIL, ONE, wrong, now=make.NOW)
    with pytest.raises(CodeRefused):
        service.confirm_by_code(shenzhen, ChannelKind.EMAIL, ONE, right, now=make.NOW)
    service.ask_again(shenzhen, contact.id, now=make.NOW + AN_HOUR)
    asked_anew = contact_of(shenzhen)
    with pytest.raises(CodeRefused):
        service.confirm_by_code(shenzhen, ChannelKind.EMAIL, ONE, right, now=make.NOW + AN_HOUR)
    service.confirm_by_code(
        shenzhen, ChannelKind.EMAIL, ONE, code_for(asked_anew.id, asked_anew.asked), now=make.NOW + AN_HOUR
    )

    assert contact_of(shenzhen).confirmed_at is not None


def test_a_wrong_code_is_counted_over_http(
    shenzhen: Session, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(shenzhen)
    monkeypatch.setitem(client.application.extensions, "clock", lambda: make.NOW)

    answers = [
        client.post("/api/v1/contacts/confirm", json={"contact": contact, "code": "12345x"})
        for contact in (ONE, "nobody@example.org")
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].get_json()["detail"] == answers[1].get_json()["detail"]
    assert contact_of(shenzhen).guesses == 1


def test_a_code_ends_after_a_day(shenzhen: Session) -> None:
    file(shenzhen)
    contact = contact_of(shenzhen)

    late = make.NOW + dt.timedelta(days=1, seconds=1)
    with pytest.raises(CodeRefused):
        service.confirm_by_code(shenzhen, ChannelKind.EMAIL, ONE, code_for(contact.id, contact.asked), now=late)


def test_it_is_asked_again_after_ten_minutes_and_three_times_a_day(shenzhen: Session) -> None:
    file(shenzhen)
    contact = contact_of(shenzhen)

    with pytest.raises(AskedEnough):
        service.ask_again(shenzhen, contact.id, now=make.NOW + dt.timedelta(minutes=9))
    for minutes in (10, 20):
        service.ask_again(shenzhen, contact.id, now=make.NOW + dt.timedelta(minutes=minutes))
    with pytest.raises(AskedEnough):
        service.ask_again(shenzhen, contact.id, now=make.NOW + AN_HOUR)


def test_a_link_of_one_purpose_opens_nothing_of_another(shenzhen: Session, client: FlaskClient) -> None:
    file(shenzhen)
    contact = contact_of(shenzhen)
    token = signed_id(Purpose.CONFIRM, contact.id)

    assert read_signed_id(Purpose.CONFIRM, token.upper()) == contact.id
    assert read_signed_id(Purpose.END, token) is None
    for wrong in (token[:-1], f"{token}0", f"{token[:-1]}{'0' if token[-1] != '0' else '1'}", "", "é", "u" * 52):
        assert read_signed_id(Purpose.CONFIRM, wrong) is None
        assert client.post(f"/confirm/{wrong or 'x'}").status_code == 404
    assert client.post(f"/end/{token}").status_code == 404


def test_one_post_of_a_mail_program_ends_it_and_opening_the_link_does_not(
    shenzhen: Session, work: Work, inbox: Inbox, client: FlaskClient
) -> None:
    report = make.make_report(shenzhen, contact=ONE)
    work(shenzhen)
    (mail,) = inbox()
    (path,) = re.findall(r"<http://[^/]+(/end/\w+)>", mail["List-Unsubscribe"])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    client.get(path)
    opened = subscription(shenzhen).ended_at
    answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
    note_on(shenzhen, report, "更新")
    work(shenzhen)

    assert (opened, answer.status_code) == (None, 200)
    assert subscription(shenzhen).ended_at is not None
    assert len(inbox()) == 1


def test_who_ends_everything_is_asked_again_before_another_report_is_told(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    make.make_report(shenzhen, contact=ONE)
    work(shenzhen)
    service.end_subscription(shenzhen, subscription(shenzhen).id, everything=True, now=make.NOW)

    file(shenzhen, now=make.NOW + AN_HOUR)
    work(shenzhen)

    assert sorted(mail["List-Unsubscribe"] is None for mail in inbox()) == [False, True]
    assert contact_of(shenzhen).confirmed_at is None


def test_what_nobody_confirmed_is_given_up_after_a_week(shenzhen: Session) -> None:
    filed = file(shenzhen)
    service.fan_out(shenzhen, note(shenzhen, filed, "一"), now=make.NOW)

    early = service.give_up_unconfirmed(shenzhen, now=make.NOW + dt.timedelta(days=7))
    late = service.give_up_unconfirmed(shenzhen, now=make.NOW + dt.timedelta(days=7, seconds=1))

    assert (early, late) == (0, 1)


def test_an_address_that_ended_confirms_nothing(shenzhen: Session) -> None:
    file(shenzhen)
    contact = contact_of(shenzhen)
    service.end_contact(shenzhen, contact.id, "550 no such mailbox", now=make.NOW)

    with pytest.raises(NoSuchLink):
        service.confirm(shenzhen, contact.id, now=make.NOW)


def test_a_reporter_adds_and_drops_ways_to_hear_on_the_page(shenzhen: Session, client: FlaskClient) -> None:
    made = client.post("/api/v1/reports", data={"lon": 113.9391, "lat": 22.5251, "item": "B0121"})
    secret = made.get_json()["tracking_url"].rsplit("/", 1)[1]

    client.post(f"/track/{secret}/contacts", data={"contact": ONE})
    (added,) = client.get(f"/api/v1/track/{secret}").get_json()["contacts"]
    page = client.get(f"/track/{secret}?lang=en").get_data(as_text=True)
    again = client.post(f"/api/v1/track/{secret}/contacts/{added['id']}/ask")
    client.post(f"/track/{secret}/contacts/{added['id']}/drop")
    refused = client.post(f"/api/v1/track/{secret}/contacts", json={"contact": "nobody"})

    assert (added["address"], added["confirmed"]) == ("o***@example.org", False)
    assert "o***@example.org" in page
    assert ONE not in page
    assert again.status_code == 429
    assert refused.get_json()["errors"][0]["pointer"] == "/contact"
    assert client.get(f"/api/v1/track/{secret}").get_json()["contacts"] == []


def subscription(session: Session) -> Subscription:
    return session.scalars(select(Subscription), execution_options={"populate_existing": True}).one()


def note(session: Session, filed: Filed, words: str) -> UUID:
    return note_on(session, filed.report, words)


def note_on(session: Session, report: Report, words: str) -> UUID:
    statement = text("SELECT work_order_id FROM report_links WHERE report_id = :id")
    work_order = session.get_one(WorkOrder, session.scalar(statement, {"id": report.id}))
    event = append(session, work_order, EventKind.NOTE, at=make.NOW, by="crew", content={"note": words})
    session.flush()
    return event.id


def test_questions_are_no_steps(shenzhen: Session) -> None:
    file(shenzhen)

    kinds = {row.kind for row in shenzhen.scalars(select(Delivery))}

    assert kinds == {DeliveryKind.QUESTION}
