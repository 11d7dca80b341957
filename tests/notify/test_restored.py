"""The database is restored to a moment: what went out after it does not go out again unless an operator says so."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session as SessionType

from app import db
from app.config import Settings
from app.db import Session, utcnow
from app.notify import deliveries, tasks
from app.notify.models import Contact, Delivery, DeliveryState
from app.notify.service import holding
from app.notify.webhook_models import Webhook, WebhookDelivery
from app.restores import SYSTEM
from app.workorders.models import TimelineEvent, WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append
from tests.databases import Databases
from tests.make import make_person, make_report
from tests.notify.conftest import Server

Work = Callable[[SessionType], list[str]]


@dataclass
class City:
    """A city with a mail server, whose database can be put back to what it was."""

    databases: Databases
    app: Flask
    name: str
    server: Server
    work: Work
    moment: dt.datetime

    def back_up(self) -> str:
        """Copy the database as it is at this moment."""
        bind().dispose()
        copy = f"{self.name}_copy"
        self.databases.cluster.drop_database(copy)
        self.databases.cluster.ensure_database(copy, template=self.name)
        self.moment = utcnow()
        return copy

    def restore(self, copy: str) -> Engine:
        """Let the sessions of this process see the copy."""
        bind().dispose()
        engine = create_engine(self.databases.cluster.url(copy), connect_args={"options": "-c statement_timeout=30s"})
        bind_to(engine)
        return engine

    def run(self, *words: str) -> Result:
        """Run ``flask restored``."""
        return self.app.test_cli_runner().invoke(args=["restored", *words])

    def restored(self) -> Result:
        """Run it for the moment of the copy."""
        return self.run("--at", self.moment.isoformat(), "--margin", "0")

    def tell(self) -> None:
        """Let the jobs of telling run until none is left."""
        with Session.begin() as session:
            self.work(session)

    def mails(self) -> list[tuple[str, str]]:
        """Give recipient and subject of each mail that the server took."""
        return [(mail["To"], mail["Subject"]) for mail in self.server.mails]


def bind() -> Engine:
    engine = Session.kw["bind"]
    assert isinstance(engine, Engine)
    return engine


def bind_to(engine: Engine) -> None:
    Session.configure(bind=engine)
    db.Reading.configure(bind=engine.execution_options(isolation_level="AUTOCOMMIT"))


@pytest.fixture
def city(
    committed: Settings,
    databases: Databases,
    app: Flask,
    by_smtp: Callable[[str], object],
    request: pytest.FixtureRequest,
) -> Iterator[City]:
    server: Server = request.getfixturevalue("server")
    work: Work = request.getfixturevalue("work")
    by_smtp(server.url)
    name = make_url(committed.database_url).database or ""
    yield City(databases, app, name, server, work, utcnow())
    bind().dispose()
    databases.cluster.drop_database(f"{name}_copy")


def file(who: str) -> UUID:
    """File a report; give its work order."""
    with Session.begin() as session:
        report = make_report(session, now=utcnow(), contact=f"{who}@example.org")
        events = select(TimelineEvent.work_order_id).order_by(TimelineEvent.at.desc()).limit(1)
        assert report.number
        return session.scalars(events).one()


def close_by_clock(work_order_id: UUID) -> None:
    """Append a line as the worker does when a limit of time has passed."""
    with Session.begin() as session:
        work_order = session.get_one(WorkOrder, work_order_id, with_for_update=True)
        append(session, work_order, EventKind.OVERDUE, at=utcnow(), by=SYSTEM, content={"clock": "fix"})


def fan_out_alone() -> None:
    """Make the deliveries that wait to be made, and send none."""
    with Session.begin() as session:
        jobs = text("DELETE FROM procrastinate_jobs WHERE task_name = 'notify.fan_out' RETURNING args->>'event_id'")
        events = session.scalars(jobs).all()
    for event in events:
        tasks.fan_out(event)


def begin_to_send() -> deliveries.Parcel:
    """Take a queued delivery, as a worker that is about to send it."""
    with Session.begin() as session:
        newest = select(Delivery.id).where(Delivery.state == DeliveryState.QUEUED).order_by(Delivery.id.desc()).limit(1)
        parcel = deliveries.take(session, session.scalars(newest).one(), now=utcnow())
    assert parcel is not None
    return parcel


def live_on(city: City) -> UUID:
    """Let a city be backed up while messages are under way in every state, and all of them go out afterwards."""
    file("told-before")
    city.tell()
    file("queued")
    fan_out_alone()
    file("sending")
    fan_out_alone()
    parcel = begin_to_send()
    work_order = file("not-fanned-out")
    city.back_up()
    outcome = deliveries.hand_over(parcel)
    with Session.begin() as session:
        deliveries.record(session, parcel, outcome, now=utcnow())
    city.tell()
    close_by_clock(work_order)
    city.tell()
    return work_order


def test_nobody_gets_again_what_went_out_after_the_moment(city: City) -> None:
    work_order = live_on(city)
    before = city.mails()
    city.restore(f"{city.name}_copy")

    held = city.restored()
    city.tell()
    tasks.recover(0)
    close_by_clock(work_order)  # the clock acts again
    city.tell()

    assert held.exit_code == 0, held.output
    assert "3 messages are held." in held.output
    assert len(before) == len(set(before))
    assert city.mails() == before

    file("filed-since")
    city.tell()

    assert [who for who, _ in city.mails()[len(before) :]] == ["filed-since@example.org"]

    discarded = city.run("discard")
    city.tell()
    tasks.recover(0)
    city.tell()

    assert "Nothing is held any more: the restore is over." in discarded.output
    assert len(city.mails()) == len(before) + 1
    assert states()[DeliveryState.HELD] == 0


def states() -> dict[DeliveryState, int]:
    with db.Reading() as session:
        found = session.scalars(select(Delivery.state)).all()
    return {state: found.count(state) for state in DeliveryState}


def test_what_is_released_goes_under_the_id_that_it_had_if_it_had_one(city: City) -> None:
    live_on(city)
    before = ids(city.server.mails)
    city.restore(f"{city.name}_copy")
    city.restored()

    released = city.run("release", "--channel", "email")
    city.tell()

    again = ids(city.server.mails)[len(before) :]
    assert "3 messages were released." in released.output
    assert len(again) == 3
    assert len(set(again) & set(before)) == 2  # the third had not been made at the moment


def ids(mails: list[EmailMessage]) -> list[str]:
    return [str(mail["Message-ID"]) for mail in mails]


def test_the_list_names_each_message_and_no_address(city: City) -> None:
    live_on(city)
    city.restore(f"{city.name}_copy")
    city.restored()

    listed = city.run("list").output

    lines = list(csv.DictReader(listed.splitlines()))
    assert [(line["channel"], line["kind"]) for line in lines] == [("email", "step")] * 3
    assert all(line["work_order"] and line["event"] for line in lines)
    assert "example.org" not in listed


def test_a_message_whose_contact_is_not_confirmed_waits_for_that_as_before(city: City) -> None:
    with Session.begin() as session:
        make_report(session, now=utcnow(), contact="asked@example.org")
        session.execute(text("UPDATE contacts SET confirmed_at = NULL"))
    fan_out_alone()
    city.moment = utcnow()

    city.restored()

    assert (states()[DeliveryState.HELD], states()[DeliveryState.QUEUED]) == (0, 1)
    with db.Reading() as session:
        assert session.scalars(select(Contact.confirmed_at)).all() == [None]


def test_calls_of_webhooks_are_held_too_and_released_by_themselves(city: City) -> None:
    file("somebody")
    with Session.begin() as session:
        person, _ = make_person(session)
        webhook = Webhook(
            id=uuid4(), url="https://hooks.example.org", label="", kinds=[], areas=[], items=[], secret=b"",
            created_by=person.id, created_at=utcnow(), disabled_because="", last_answer="",
        )  # fmt: skip
        session.add(webhook)
    fan_out_alone()
    city.moment = utcnow()

    held = city.restored()

    assert "webhook" in held.output
    with db.Reading() as session:
        assert set(session.scalars(select(WebhookDelivery.state))) == {DeliveryState.HELD}
    released = city.run("release", "--channel", "webhook")
    assert "messages are held." in released.output  # the mails are
    with db.Reading() as session:
        assert set(session.scalars(select(WebhookDelivery.state))) == {DeliveryState.QUEUED}


def test_no_command_has_the_limits_of_web(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[str, set[str]] = {}

    def watch(name: str) -> None:
        does = getattr(holding, name)

        def watched(session: SessionType, *words: Any, **options: Any) -> Any:
            limits.setdefault(name, set()).add(session.scalars(text("SHOW statement_timeout")).one())
            return does(session, *words, **options)

        monkeypatch.setattr(holding, name, watched)

    steps = ("begin_restore", "newest_event_at", "events_to_fan_out", "count_held", "list_held", "release_held")
    for name in (*steps, "discard_held", "end_restore"):
        watch(name)
    live_on(city)
    city.restore(f"{city.name}_copy")

    commands = [city.restored(), city.run("list"), city.run("release", "--channel", "webhook"), city.run("discard")]

    assert [each.exit_code for each in commands] == [0, 0, 0, 0]
    assert limits == {name: {"0"} for name in (*steps, "discard_held", "end_restore")}


def test_what_does_not_fit_is_refused_in_one_line(city: City) -> None:
    assert "Say with --at" in city.run().output
    assert "with its offset" in city.run("--at", "2026-11-30T10:00:00").output
    assert "with its offset" in city.run("--at", "2999-11-30T10:00:00+00:00").output
    assert "No restore is in force" in city.run("release").output
    assert "No restore is in force" in city.run("discard").output
    file("somebody")
    fan_out_alone()
    city.moment = utcnow()
    assert city.restored().exit_code == 0
    assert "held still" in city.restored().output
