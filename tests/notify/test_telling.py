"""From an event in history to a mail in the hands of those who reported it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.config import Settings
from app.db import utcnow
from app.dispatch.escalation import act_on_breaches
from app.fieldwork.service import Brought
from app.jobs import write_jobs
from app.notify import deliveries, keys, service, tasks
from app.notify.errors import UnusableContact
from app.notify.keys import Keys
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryState, Subscription
from app.notify.queries import attempts_of
from app.reports.models import Report
from app.reports.service import Said, merge, object_to, rate, show, split, unmerge
from app.workorders.lifecycle import Action
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.timeline import append
from tests import make
from tests.notify.conftest import Server

Inbox = Callable[[], list[EmailMessage]]
Work = Callable[[Session], list[str]]
ByServer = Callable[[str], Keys]

pytestmark = pytest.mark.usefixtures("post_settings")

UNIT = {"code": "440305007", "name_zh": "粤海街道办", "name_en": "Yuehai Street Office"}
YUEHAI_OFFICE = "440305007-street_office"
AN_HOUR = dt.timedelta(hours=1)
LATER = make.NOW + AN_HOUR


def happen(session: Session, work_order: WorkOrder, kind: EventKind, **content: Any) -> TimelineEvent:
    event = append(session, work_order, kind, at=LATER, by="crew", content={"unit": UNIT} | content)
    session.flush()
    return event


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def only_delivery(session: Session) -> Delivery:
    return session.scalars(select(Delivery).execution_options(populate_existing=True)).one()


def due_jobs(session: Session) -> list[dt.datetime | None]:
    query = "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'notify.deliver'"
    return list(session.scalars(text(query)))


def test_a_receipt_names_number_item_place_unit_and_link(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="zh")

    work(shenzhen)

    (mail,) = inbox()
    assert mail["To"] == "one@example.org"
    assert report.number in mail["Subject"]
    for said in (report.number, "路灯", "粤海街道", "前办结", keys.tracking_url(report.id)):
        assert said in body(mail)


def test_times_are_told_in_the_time_of_the_city(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org", language="en")
    work(shenzhen)

    happen(shenzhen, work_order, EventKind.SIGNED, due_at="2026-11-24T09:00:00+00:00")
    work(shenzhen)

    assert "Tuesday 24 November 2026, 17:00" in body(inbox()[-1])


def test_both_reporters_of_one_work_order_are_told_that_it_is_fixed(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org", language="zh")
    second = make.make_report(shenzhen, contact="two@example.org", language="en", same_as=work_order.public_id)
    work(shenzhen)
    before = len(inbox())

    happen(shenzhen, work_order, EventKind.FIXED, photos=[str(uuid4())])
    work(shenzhen)

    mails = {mail["To"]: mail for mail in inbox() if "已处理" in mail["Subject"] or "Fixed" in mail["Subject"]}
    assert before == 2
    assert set(mails) == {"one@example.org", "two@example.org"}
    assert "粤海街道办反馈已处理完毕" in body(mails["one@example.org"])
    assert second.number in body(mails["two@example.org"])
    assert keys.tracking_url(second.id) in body(mails["two@example.org"])
    for told, other in (("one", "two"), ("two", "one")):
        assert f"{other}@example.org" not in mails[f"{told}@example.org"].as_string()


@pytest.mark.parametrize("joins", [False, True])
def test_a_receipt_reaches_a_reporter_who_was_moved_by_a_merge_before_it_was_told(
    shenzhen: Session, work: Work, inbox: Inbox, joins: bool
) -> None:
    survivor = make.make_work_order(shenzhen)
    gone = make.make_work_order(shenzhen, lon=113.9395, contact="" if joins else "one@example.org", language="en")
    if joins:
        make.make_report(shenzhen, contact="one@example.org", language="en", same_as=gone.public_id)
    by, _ = make.make_person(shenzhen, Role.DISPATCHER)

    merge(shenzhen, gone.public_id, into=survivor.public_id, note="the same lamp", by=by, now=LATER)
    work(shenzhen)

    told = sorted(mail["Subject"].split(":")[0] for mail in inbox() if mail["To"] == "one@example.org")
    first = "Already being worked on" if joins else "Received"
    assert len(told) == 2
    assert first in told


def test_receipt_and_joining_are_told_to_their_own_reporter_only(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org", language="en")
    make.make_report(shenzhen, contact="two@example.org", language="en", same_as=work_order.public_id)

    work(shenzhen)

    told = {(mail["To"], mail["Subject"].split(":")[0]) for mail in inbox()}
    assert told == {("one@example.org", "Received"), ("two@example.org", "Already being worked on")}


def test_a_second_fan_out_adds_no_delivery(shenzhen: Session) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org")
    event = happen(shenzhen, work_order, EventKind.SIGNED)

    first = service.fan_out(shenzhen, event.id, now=LATER)
    second = service.fan_out(shenzhen, event.id, now=LATER)

    assert (first, second) == (1, 0)
    assert shenzhen.scalar(select(func.count()).select_from(Delivery)) == 1
    assert len(due_jobs(shenzhen)) == 1


def test_a_second_run_of_a_delivery_sends_nothing(
    shenzhen: Session, work: Work, server: Server, by_smtp: ByServer
) -> None:
    by_smtp(server.url)
    make.make_report(shenzhen, contact="one@example.org")
    work(shenzhen)

    tasks.deliver(delivery_id=str(only_delivery(shenzhen).id))

    assert len(server.mails) == 1
    assert only_delivery(shenzhen).state is DeliveryState.SENT
    assert only_delivery(shenzhen).last_answer == "250 taken as 42"


def test_a_dispatch_is_not_told_by_itself(shenzhen: Session) -> None:
    event = happen(shenzhen, make.make_work_order(shenzhen, contact="one@example.org"), EventKind.DISPATCHED)

    assert service.fan_out(shenzhen, event.id, now=LATER) == 0


def test_a_dispatch_by_hand_is_told_to_who_heard_no_unit_in_the_receipt(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en", accuracy=20_000)
    work(shenzhen)
    (receipt,) = inbox()

    make.take(shenzhen, report, Role.DISPATCHER, Action.DISPATCH, unit=YUEHAI_OFFICE, now=LATER)
    work(shenzhen)

    assert "a dispatcher is deciding" in body(receipt)
    assert "to be fixed by" not in body(receipt)
    sent = inbox()[-1]
    assert sent["Subject"].startswith("Sent to the responsible office")
    assert "sent it to Yuehai" in body(sent)
    assert "to be fixed by" in body(sent)


def test_a_hold_is_told_with_reason_and_end_and_a_decline_with_its_reason_in_both_languages(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en")
    make.make_report(shenzhen, contact="two@example.org", language="zh", same_as=id_of(shenzhen, report))
    work(shenzhen)
    until = dt.datetime(2026, 12, 1, 1, 0, tzinfo=dt.UTC)

    make.take(shenzhen, report, Role.UNIT_MANAGER, Action.SIGN, now=LATER)
    make.take(
        shenzhen, report, Role.UNIT_MANAGER, Action.HOLD, note="等待配件", until=until, reference="2026-17", now=LATER
    )
    held = told(shenzhen, work, inbox)
    make.take(shenzhen, report, Role.DISPATCHER, Action.DECLINE, reason="in_court", note="See our letter.", now=LATER)
    declined = told(shenzhen, work, inbox)

    assert [subject.split(":")[0] for subject in held["one"]] == ["Work accepted", "On hold for now"]
    assert "Tuesday 1 December 2026, 09:00" in held["one"].popitem()[1]
    assert "等待配件" in held["two"].popitem()[1]
    english, chinese = declined["one"].popitem()[1], declined["two"].popitem()[1]
    for part in ("before a court", "Report it again if it stands", "See our letter."):
        assert part in english
    for part in ("诉讼、仲裁或行政复议", "可再次反映", "See our letter."):
        assert part in chinese


def test_what_was_taken_on_after_all_has_no_unit_until_it_is_dispatched(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en")
    make.take(shenzhen, report, Role.DISPATCHER, Action.DECLINE, reason="not_found", now=LATER)
    work(shenzhen)

    make.take(shenzhen, report, Role.SUPERVISOR, Action.RECONSIDER, note="We looked in the wrong street.", now=LATER)
    make.make_report(
        shenzhen, contact="two@example.org", language="en", same_as=id_of(shenzhen, report), now=LATER + AN_HOUR
    )
    make.take(shenzhen, report, Role.DISPATCHER, Action.NOTE, note="We are looking for the owner.", now=LATER)
    new = told(shenzhen, work, inbox)

    again, note = new["one"].values()
    (joined, _) = new["two"].values()
    assert "We looked in the wrong street." in again
    assert "a dispatcher is deciding" in again
    assert "A dispatcher is deciding" in joined
    for words in (again, joined, note):
        assert "Lighting" not in words
        assert "to be fixed by" not in words


def test_a_transfer_names_the_new_unit_and_not_the_reason_of_the_staff(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en")
    work(shenzhen)

    told_inside = "their budget is empty"
    make.take(shenzhen, report, Role.DISPATCHER, Action.TRANSFER, unit=YUEHAI_OFFICE, note=told_inside, now=LATER)
    (words,) = told(shenzhen, work, inbox)["one"].values()

    assert "Yuehai" in words
    assert "is responsible from now on" in words
    assert "budget" not in words


def test_a_dispute_is_told_by_what_it_comes_to(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en")
    work(shenzhen)

    make.take(shenzhen, report, Role.UNIT_MANAGER, Action.REFUSE, note="not our pole", reference="2026-4", now=LATER)
    make.take(shenzhen, report, Role.CREW, Action.SECURE, note="The wire is taped off.", now=LATER)
    make.take(shenzhen, report, Role.ADJUDICATOR, Action.RULE, unit=YUEHAI_OFFICE, note="they built it", now=LATER)
    new = told(shenzhen, work, inbox)["one"]

    assert [subject.split(":")[0] for subject in new] == [
        "The place was made safe",
        "It was decided who is responsible",
    ]
    safe, ruled = new.values()
    assert "The wire is taped off." in safe
    assert "Yuehai" in ruled
    assert "not our pole" not in safe + ruled
    assert "they built it" not in ruled


def test_who_is_split_off_or_moved_back_is_told_and_nobody_else(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    stays = make.make_report(shenzhen, contact="two@example.org", language="en")
    gone = make.make_report(shenzhen, contact="one@example.org", language="en", item="B0120")
    other = make.make_report(shenzhen, contact="three@example.org", language="en", same_as=id_of(shenzhen, stays))
    by, _ = make.make_person(shenzhen, Role.DISPATCHER)
    name = id_of(shenzhen, gone)
    merge(shenzhen, name, into=id_of(shenzhen, stays), note="The same lamp.", by=by, now=LATER)
    work(shenzhen)

    unmerge(shenzhen, name, note="Two lamps after all.", by=by, now=LATER)
    undone = told(shenzhen, work, inbox)
    split(shenzhen, id_of(shenzhen, stays), reports=[other.number], note="Another lamp.", by=by, now=LATER)
    apart = told(shenzhen, work, inbox)
    make.take(shenzhen, stays, Role.CREW, Action.SIGN, now=LATER)
    signed = told(shenzhen, work, inbox)

    assert [list(mails) for mails in (undone, apart, signed)] == [["one"], ["three"], ["two"]]
    for mails, report, note in ((undone, gone, "Two lamps after all."), (apart, other, "Another lamp.")):
        ((subject, words),) = next(iter(mails.values())).items()
        assert subject.startswith("A job of its own now")
        assert all(part in words for part in (report.number, note, "to be fixed by"))
        assert stays.number not in words


def test_merged_reporters_hear_of_the_merge_and_of_each_later_step_once(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    gone = make.make_report(shenzhen, contact="one@example.org", language="en", item="B0120")
    stays = make.make_report(shenzhen, contact="two@example.org", language="en")
    work(shenzhen)
    by, _ = make.make_person(shenzhen, Role.DISPATCHER)

    merge(shenzhen, id_of(shenzhen, gone), into=id_of(shenzhen, stays), note="The same lamp.", by=by, now=LATER)
    merged = told(shenzhen, work, inbox)
    make.take(shenzhen, stays, Role.CREW, Action.SIGN, now=LATER)
    signed = told(shenzhen, work, inbox)

    (words,) = merged["one"].values()
    assert list(merged) == ["one"]
    for part in (gone.number, "The same lamp.", "Lighting Management Centre", "to be fixed by"):
        assert part in words
    assert stays.number not in words
    assert {name: [subject.split(":")[0] for subject in mails] for name, mails in signed.items()} == {
        "one": ["Work accepted"],
        "two": ["Work accepted"],
    }
    assert f"({gone.number})" in next(iter(signed["one"]))
    assert shenzhen.scalar(select(func.count()).select_from(Delivery)) == 5


def test_an_objection_reaches_all_without_the_words_of_who_objected(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    first, second = fixed_for_two(shenzhen)
    asked = told(shenzhen, work, inbox)

    object_to(shenzhen, second, reason="I live at number 7 and see it", brought=Brought(), now=LATER)
    new = told(shenzhen, work, inbox)

    assert "within 7 days" in asked["one"].popitem()[1]
    assert set(new) == {"one", "two"}
    for name, report, other in (("one", first, second), ("two", second, first)):
        ((subject, words),) = new[name].items()
        assert subject.startswith("Worked on again")
        assert "says that it is not fixed" in words
        assert "to be fixed by" in words
        assert report.number in words
        assert other.number not in words
        assert "number 7" not in words


def test_a_bad_rating_is_told_as_rework_and_the_next_repair_does_not_close_by_silence(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    first, _ = fixed_for_two(shenzhen)
    work(shenzhen)

    rate(shenzhen, first, Said(overall=1, comment="a scandal"), now=LATER)
    rework = told(shenzhen, work, inbox)
    make.fix(shenzhen, first, now=LATER, color="blue")
    fixed = told(shenzhen, work, inbox)

    for words in (*rework["one"].values(), *rework["two"].values()):
        assert "not good enough" in words
        assert "to be fixed by" in words
        assert "scandal" not in words
    (words,) = fixed["two"].values()
    assert "Is it fixed?" in words
    assert "somebody looks at the repair" in words
    assert "days" not in words


def test_a_broken_promise_is_told_and_a_unit_that_is_slow_to_sign_is_not(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en")
    due = show(shenzhen, report).work_order.due_at
    work(shenzhen)
    assert due is not None
    city = current_city(shenzhen)

    act_on_breaches(shenzhen, city=city, now=due - dt.timedelta(minutes=1))
    slow = told(shenzhen, work, inbox)
    act_on_breaches(shenzhen, city=city, now=due + dt.timedelta(minutes=1))
    late = told(shenzhen, work, inbox)

    assert slow == {}
    ((subject, words),) = late["one"].items()
    assert subject.startswith("Not done in time")
    assert "It was to be fixed by" in words
    assert "Lighting Management Centre and the level above it were told" in words


def test_a_promise_that_has_passed_or_that_pauses_is_not_made_again(
    shenzhen: Session, work: Work, inbox: Inbox
) -> None:
    report = make.make_report(shenzhen, contact="one@example.org", language="en")
    due = show(shenzhen, report).work_order.due_at
    assert due is not None
    make.take(shenzhen, report, Role.UNIT_MANAGER, Action.SIGN, now=LATER)
    until = due + dt.timedelta(days=30)
    work(shenzhen)

    make.take(
        shenzhen, report, Role.UNIT_MANAGER, Action.HOLD, note="waiting", until=until, reference="2026-17", now=LATER
    )
    make.take(shenzhen, report, Role.UNIT_MANAGER, Action.NOTE, note="still waiting", now=LATER)
    *_, waiting = told(shenzhen, work, inbox)["one"].values()
    make.take(shenzhen, report, Role.UNIT_MANAGER, Action.RESUME, now=LATER)
    (resumed,) = told(shenzhen, work, inbox)["one"].values()
    make.take(shenzhen, report, Role.DISPATCHER, Action.TRANSFER, unit=YUEHAI_OFFICE, note="why", now=until)
    (late,) = told(shenzhen, work, inbox)["one"].values()

    assert "to be fixed by" not in waiting
    assert "to be fixed by" in resumed
    assert "to be fixed by" not in late


def test_a_note_that_is_not_public_is_told_to_nobody(shenzhen: Session) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org")
    event = append(shenzhen, work_order, EventKind.NOTE, at=LATER, by="crew", content={"note": "inside"}, public=False)
    shenzhen.flush()

    assert service.fan_out(shenzhen, event.id, now=LATER) == 0


def test_a_public_note_is_told_in_its_words(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org", language="en")
    happen(shenzhen, work_order, EventKind.NOTE, note="The lamp is ordered.")

    work(shenzhen)

    assert "The lamp is ordered." in body(inbox()[-1])


def test_an_event_that_nobody_knows_is_no_fault(shenzhen: Session) -> None:
    assert service.fan_out(shenzhen, uuid4(), now=LATER) == 0


def test_who_joins_later_is_not_told_what_happened_before(shenzhen: Session) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org")
    event = happen(shenzhen, work_order, EventKind.SIGNED)
    make.make_report(
        shenzhen, now=LATER + dt.timedelta(seconds=1), contact="two@example.org", same_as=work_order.public_id
    )

    assert service.fan_out(shenzhen, event.id, now=LATER + dt.timedelta(minutes=1)) == 1


def test_a_phone_number_is_kept_and_waits_for_its_channel(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    make.make_report(shenzhen, contact="13800138000")

    work(shenzhen)

    contact = shenzhen.scalars(select(Contact)).one()
    assert contact.channel is ChannelKind.SMS
    assert keys.unseal(contact.address) == "+8613800138000"
    assert inbox() == []
    assert shenzhen.scalars(select(Delivery)).all() == []


def end_the_pause(session: Session) -> None:
    """Let the time come at which a delivery is tried again."""
    session.execute(update(Delivery).where(Delivery.next_at.is_not(None)).values(next_at=utcnow()))


def test_an_answer_for_now_is_tried_again_later(
    shenzhen: Session, work: Work, server: Server, by_smtp: ByServer
) -> None:
    by_smtp(server.url)
    server.answers["RCPT"] = "450 4.2.0 <{address}> is greylisted"
    make.make_report(shenzhen, contact="one@example.org")
    start = utcnow()
    work(shenzhen)
    waiting = only_delivery(shenzhen)
    assert waiting.state is DeliveryState.QUEUED
    (at,) = due_jobs(shenzhen)
    assert at == waiting.next_at
    assert at is not None
    assert at - start > dt.timedelta(seconds=deliveries.FIRST_WAIT_S / 2)

    server.answers.clear()
    end_the_pause(shenzhen)
    tasks.deliver(delivery_id=str(waiting.id))

    shenzhen.expire_all()
    sent = only_delivery(shenzhen)
    assert sent.state is DeliveryState.SENT
    assert sent.sent_at is not None
    assert [(each.number, each.ok) for each in attempts_of(shenzhen, sent.id)] == [(1, False), (2, True)]
    assert attempts_of(shenzhen, sent.id)[0].answer == "450 4.2.0 <(address)> is greylisted"


def test_after_ten_tries_it_is_given_up(shenzhen: Session, work: Work, server: Server, by_smtp: ByServer) -> None:
    by_smtp(server.url)
    server.answers["RCPT"] = "450 4.2.0 busy"
    make.make_report(shenzhen, contact="one@example.org")
    work(shenzhen)

    for _ in range(deliveries.MOST_TRIES + 2):
        end_the_pause(shenzhen)
        tasks.deliver(delivery_id=str(only_delivery(shenzhen).id))

    given_up = only_delivery(shenzhen)
    assert given_up.state is DeliveryState.GIVEN_UP
    assert given_up.tries == len(attempts_of(shenzhen, given_up.id)) == deliveries.MOST_TRIES
    assert given_up.next_at is None


def test_a_mailbox_that_does_not_exist_ends_the_subscription(
    shenzhen: Session, work: Work, server: Server, by_smtp: ByServer
) -> None:
    by_smtp(server.url)
    server.answers["RCPT"] = "550 5.1.1 <{address}>: no such mailbox"
    work_order = make.make_work_order(shenzhen, contact="one@example.org")
    work(shenzhen)

    event = happen(shenzhen, work_order, EventKind.SIGNED)

    failed = only_delivery(shenzhen)
    assert failed.state is DeliveryState.FAILED
    assert failed.last_answer == "550 5.1.1 <(address)>: no such mailbox"
    assert shenzhen.scalars(select(Contact)).one().ended_at is not None
    assert service.fan_out(shenzhen, event.id, now=LATER) == 0


def test_mail_that_is_refused_for_its_content_leaves_the_subscription(
    shenzhen: Session, work: Work, server: Server, by_smtp: ByServer
) -> None:
    by_smtp(server.url)
    server.answers["DATA"] = "554 5.7.1 looks like spam"
    make.make_report(shenzhen, contact="one@example.org")

    work(shenzhen)

    assert only_delivery(shenzhen).state is DeliveryState.FAILED
    assert shenzhen.scalars(select(Contact)).one().ended_at is None


def test_a_delivery_of_a_dead_worker_is_taken_again(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    delivery = queued(shenzhen)
    start = utcnow() - dt.timedelta(minutes=6)
    delivery.next_at = start
    assert deliveries.take(shenzhen, delivery.id, now=start) is not None
    shenzhen.flush()

    early = deliveries.recover(shenzhen, now=start + deliveries.TAKEN_FOR)
    shenzhen.execute(text("DELETE FROM procrastinate_jobs"))
    late = deliveries.recover(shenzhen, now=start + deliveries.TAKEN_FOR + dt.timedelta(seconds=1))
    work(shenzhen)

    assert (early, late) == (0, 1)
    sent = only_delivery(shenzhen)
    assert sent.state is DeliveryState.SENT
    assert [(each.number, each.ok) for each in attempts_of(shenzhen, sent.id)] == [(1, None), (2, True)]
    assert len(inbox()) == 1


def test_a_delivery_whose_job_was_lost_is_queued_again(shenzhen: Session, work: Work, inbox: Inbox) -> None:
    delivery = queued(shenzhen)
    shenzhen.execute(text("DELETE FROM procrastinate_jobs"))
    delivery.next_at = utcnow() - dt.timedelta(minutes=6)
    shenzhen.flush()

    tasks.recover(timestamp=0)
    work(shenzhen)

    assert only_delivery(shenzhen).state is DeliveryState.SENT
    assert len(inbox()) == 1


def test_a_delivery_that_waits_for_its_turn_gets_no_second_job(shenzhen: Session) -> None:
    delivery = queued(shenzhen)
    delivery.next_at = utcnow() - dt.timedelta(hours=1)
    shenzhen.flush()
    jobs = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'notify.deliver' AND status = 'todo'")
    write_jobs(shenzhen)
    before = shenzhen.scalar(jobs)

    recovered = deliveries.recover(shenzhen, now=utcnow())
    write_jobs(shenzhen)

    assert (recovered, before, shenzhen.scalar(jobs)) == (0, 1, 1)


def test_a_spare_job_does_not_try_a_delivery_in_its_pause(shenzhen: Session) -> None:
    delivery = queued(shenzhen)
    first = deliveries.take(shenzhen, delivery.id, now=LATER)
    assert first is not None
    deliveries.record(shenzhen, first, deliveries.Outcome(deliveries.Result.LATER, "silent"), now=LATER)
    due = only_delivery(shenzhen).next_at
    assert due is not None

    spare = deliveries.take(shenzhen, delivery.id, now=due - dt.timedelta(seconds=11))
    second = deliveries.take(shenzhen, delivery.id, now=due)

    assert spare is None
    assert second is not None
    assert second.number == 2


def test_a_delivery_that_is_being_sent_is_not_taken_twice(shenzhen: Session) -> None:
    delivery = queued(shenzhen)

    first = deliveries.take(shenzhen, delivery.id, now=LATER)
    second = deliveries.take(shenzhen, delivery.id, now=LATER)

    assert first is not None
    assert second is None


def test_a_late_failure_does_not_undo_what_was_sent_meanwhile(shenzhen: Session) -> None:
    delivery = queued(shenzhen)
    slow = deliveries.take(shenzhen, delivery.id, now=LATER)
    shenzhen.flush()
    deliveries.recover(shenzhen, now=LATER + dt.timedelta(minutes=6))
    quick = deliveries.take(shenzhen, delivery.id, now=LATER + dt.timedelta(minutes=6))
    assert slow is not None
    assert quick is not None

    later = LATER + dt.timedelta(minutes=7)
    deliveries.record(shenzhen, quick, deliveries.Outcome(deliveries.Result.SENT, "250 ok"), now=later)
    deliveries.record(shenzhen, slow, deliveries.Outcome(deliveries.Result.LATER, "timeout"), now=later)

    assert delivery.state is DeliveryState.SENT
    assert delivery.last_answer == "250 ok"
    assert [each.answer for each in attempts_of(shenzhen, delivery.id)] == ["timeout", "250 ok"]


def test_a_worker_that_dies_ten_times_over_a_message_does_not_get_it_again(shenzhen: Session) -> None:
    delivery = queued(shenzhen)

    for _ in range(deliveries.MOST_TRIES):
        assert deliveries.take(shenzhen, delivery.id, now=LATER) is not None
        delivery.state = DeliveryState.QUEUED

    assert deliveries.take(shenzhen, delivery.id, now=LATER) is None
    assert delivery.state is DeliveryState.GIVEN_UP


def test_a_contact_under_another_secret_key_is_tried_later(shenzhen: Session, work: Work) -> None:
    make.make_report(shenzhen, contact="one@example.org")
    shenzhen.scalars(select(Contact)).one().address = Fernet(Fernet.generate_key()).encrypt(b"one@example.org")

    work(shenzhen)

    assert only_delivery(shenzhen).state is DeliveryState.QUEUED
    assert "SECRET_KEY" in only_delivery(shenzhen).last_answer


def test_a_contact_whose_channel_was_taken_away_is_tried_later(shenzhen: Session) -> None:
    delivery = queued(shenzhen)
    parcel = deliveries.take(shenzhen, delivery.id, now=LATER)
    assert parcel is not None

    outcome = deliveries.hand_over(dataclasses.replace(parcel, channel=ChannelKind.SMS))

    assert outcome.result is deliveries.Result.LATER


def test_the_address_column_does_not_hold_the_address(shenzhen: Session) -> None:
    make.make_report(shenzhen, contact="one@example.org")

    stored = shenzhen.scalars(text("SELECT address FROM contacts")).one()

    assert b"one" not in bytes(stored)
    assert b"example" not in bytes(stored)


def test_addresses_are_forgotten_some_days_after_the_end(
    shenzhen: Session, work: Work, inbox: Inbox, post_settings: Settings
) -> None:
    long_ago = utcnow() - dt.timedelta(days=post_settings.contact_days, seconds=1)
    work_order = make.make_work_order(shenzhen, contact="one@example.org", now=long_ago - AN_HOUR)
    make.make_report(shenzhen, contact="two@example.org", item="B0101", now=long_ago - AN_HOUR)
    work_order.closed_at = long_ago
    shenzhen.flush()

    tasks.forget(timestamp=0)
    work(shenzhen)

    shenzhen.expire_all()
    found = shenzhen.execute(select(Subscription, Contact).join(Subscription.contact))
    kept = {row.Subscription.work_order_id == work_order.id: row.Contact for row in found}
    assert kept[True].address == b""
    assert kept[True].erased_at is not None
    assert kept[False].erased_at is None
    assert [mail["To"] for mail in inbox()] == ["two@example.org"]


def test_what_was_queued_for_a_forgotten_address_is_given_up(shenzhen: Session) -> None:
    delivery = queued(shenzhen)
    shenzhen.scalars(select(Contact)).one().erased_at = LATER
    shenzhen.flush()

    assert deliveries.take(shenzhen, delivery.id, now=LATER) is None
    assert delivery.state is DeliveryState.GIVEN_UP


def test_a_reporter_who_was_moved_hears_of_the_other_work_order(shenzhen: Session) -> None:
    first = make.make_report(shenzhen, contact="one@example.org")
    other = make.make_work_order(shenzhen, item="B0101")

    service.move_subscriptions(shenzhen, from_work_order_id=show(shenzhen, first).work_order.id, to=other)

    assert service.fan_out(shenzhen, happen(shenzhen, other, EventKind.SIGNED).id, now=LATER) == 1


def test_a_second_contact_of_a_report_replaces_the_first(shenzhen: Session) -> None:
    work_order = make.make_work_order(shenzhen, contact="one@example.org")
    subscriber = shenzhen.scalars(select(Subscription)).one().subscriber

    assert subscriber is not None
    subscription = subscribe(shenzhen, work_order, subscriber, "two@example.org")

    held = select(Contact).join(Subscription).where(Subscription.ended_at.is_(None))
    assert keys.unseal(shenzhen.scalars(held).one().address) == "two@example.org"
    assert shenzhen.scalars(held).one().id == subscription.contact_id


def test_an_unusable_contact_is_refused(shenzhen: Session) -> None:
    work_order = make.make_work_order(shenzhen)

    with pytest.raises(UnusableContact):
        subscribe(shenzhen, work_order, uuid4(), "one@example.org\r\nBcc: two@example.org")


def test_the_wait_grows_to_six_hours_and_never_runs_together() -> None:
    waits = [[deliveries.wait_s(tries) for _ in range(20)] for tries in range(1, deliveries.MOST_TRIES)]

    for tries, drawn in enumerate(waits):
        longest = min(6 * 3600, 60 * 3**tries)
        assert all(longest / 2 <= wait <= longest for wait in drawn)
        assert len(set(drawn)) > 1


def id_of(session: Session, report: Report) -> str:
    return show(session, report).work_order.public_id


def fixed_for_two(session: Session) -> tuple[Report, Report]:
    """Give two reports of one problem that its unit says is fixed."""
    first = make.make_report(session, contact="one@example.org", language="en")
    second = make.make_report(session, contact="two@example.org", language="en", same_as=id_of(session, first))
    make.fix(session, first, now=LATER)
    return first, second


def told(session: Session, work: Work, inbox: Inbox) -> dict[str, dict[str, str]]:
    """Do the waiting jobs and give the new mails: the text by subject, by the name before the @."""
    before = {mail["Message-ID"] for mail in inbox()}
    work(session)
    found: dict[str, dict[str, str]] = {}
    for mail in sorted(inbox(), key=lambda mail: str(mail["Message-ID"])):
        if mail["Message-ID"] not in before:
            found.setdefault(str(mail["To"]).partition("@")[0], {})[str(mail["Subject"])] = body(mail)
    return found


def subscribe(session: Session, work_order: WorkOrder, subscriber: UUID, contact: str) -> Subscription:
    return service.subscribe(
        session, work_order, subscriber=subscriber, about={}, contact=contact, language="zh", now=LATER
    )


def queued(session: Session) -> Delivery:
    """Queue the delivery of a signed work order to its one reporter, and leave it there."""
    work_order = make.make_work_order(session, contact="one@example.org")
    session.execute(text("DELETE FROM procrastinate_jobs"))
    service.fan_out(session, happen(session, work_order, EventKind.SIGNED).id, now=LATER)
    session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'notify.fan_out'"))
    return only_delivery(session)
