"""The stream of a report and that of staff, from the real process over a database in which everything is committed."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, make_url, select, update
from sqlalchemy.orm import Session as SessionType

from app.accounts.models import Token
from app.accounts.roles import Role
from app.accounts.service import SYSTEM, token_digest
from app.config import Settings
from app.db import Session, utcnow
from app.live import queries
from app.live.process import make_reader
from app.reports import service
from app.reports.models import Report
from app.reports.views import show_track
from app.workorders.models import TimelineEvent, WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append
from dev.cluster import Cluster
from tests.live.lines import filed, note, position
from tests.live.process import Client, Live, running
from tests.make import make_person
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.alone

FAR = (113.945, 22.541)


@pytest.fixture
def live(committed: Settings, tmp_path: Path) -> Iterator[Live]:
    with running(committed, tmp_path) as live:
        yield live


def words(client: Client, number: int, seconds: float = PATIENCE_S) -> list[str]:
    return [event.shown["note"] for event in client.take(number, seconds)]


def test_a_public_line_arrives_as_the_track_shows_it(live: Live) -> None:
    _, secret, work_order_id = filed()
    client = live.follow(secret)

    note(work_order_id, "only for staff", public=False)
    number = note(work_order_id, "pole ordered\nsoon").number
    event = client.next()

    assert event is not None
    assert event.kind == "note"
    assert event.id == position(work_order_id)
    assert event.id.endswith(f".{number}")
    with Session() as session:
        track = show_track(service.track(session, secret))
    last = track["events"][-1]
    assert event.shown["note"] == last["note"] == "pole ordered\nsoon"
    assert event.shown["at"] == last["at"].isoformat()
    assert set(event.shown) == set(last)
    assert track["events_url"].endswith(f"/api/v1/track/{secret}/events?last_event_id={event.id}")
    assert client.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert client.answer.headers["X-Accel-Buffering"] == "no"
    assert client.answer.headers["Cache-Control"] == "no-store"
    assert client.answer.headers["Access-Control-Allow-Origin"] == "http://reports.example.org"
    assert client.retry == 3000


def test_other_peoples_lines_are_never_seen(live: Live) -> None:
    report, secret, work_order_id = filed()
    _, other_secret, other_id = filed(lon=FAR[0], lat=FAR[1], item="B0221")
    photo = "01234567-0000-7000-8000-000000000000"
    mine, others = live.follow(secret), live.follow(other_secret)

    note(work_order_id, "mine", report=str(report.id), own_photos=[photo])
    note(work_order_id, "somebody's", report=str(other_id), own_photos=[photo])
    note(other_id, "the other's")
    note(work_order_id, "the end")
    note(other_id, "the end")

    shown = [event.shown for event in mine.take_until("the end")]
    assert [each["note"] for each in shown] == ["mine", "somebody's"]
    assert [len(each["photos"]) for each in shown] == [1, 0]
    assert [event.shown["note"] for event in others.take_until("the end")] == ["the other's"]


def test_a_position_in_a_foreign_history_shows_nothing_of_it(live: Live) -> None:
    _, secret, work_order_id = filed()
    _, _, other_id = filed(lon=FAR[0], lat=FAR[1], item="B0221")
    note(other_id, "the other's")
    foreign = position(other_id).split(".", maxsplit=1)[0]

    note(work_order_id, "the end")
    events = live.follow(secret, f"{foreign}.0").take_until("the end")

    own = position(work_order_id).split(".", maxsplit=1)[0]
    assert events
    assert {event.id.split(".")[0] for event in events} == {own}


def test_streams_resume_without_gap_or_double_while_lines_are_appended(live: Live) -> None:
    rounds, threads, each = 12, 3, 20
    _, secret, work_order_id = filed()
    start = position(work_order_id)
    rng = random.Random(7)
    for turn in range(rounds):
        got: list[str] = []
        writers = [
            threading.Thread(
                target=lambda who=who, turn=turn: [note(work_order_id, f"{turn} {who} {n}") for n in range(each)]
            )
            for who in range(threads)
        ]
        for writer in writers:
            writer.start()
        last = start
        # Come and go while they write; whoever leaves gets the rest when they come back.
        while any(writer.is_alive() for writer in writers):
            client = live.follow(secret, last)
            got += words(client, rng.randrange(1, 9), 0.2)
            last = client.last or last
            client.close()
        client = live.follow(secret, last)
        note(work_order_id, "the end")
        got += [event.shown["note"] for event in client.take_until("the end")]
        start = client.last or last
        client.close()

        assert len(got) == len(set(got)) == threads * each
        for who in range(threads):
            assert [said for said in got if said.split()[1] == str(who)] == [f"{turn} {who} {n}" for n in range(each)]
        assert start == position(work_order_id)


def test_no_line_falls_into_the_seam_between_past_and_present(live: Live) -> None:
    _, secret, work_order_id = filed()
    rng = random.Random(3)
    for turn in range(60):
        last = position(work_order_id)
        pause = rng.uniform(0, 0.012)
        writer = threading.Timer(pause, note, (work_order_id, str(turn)))
        writer.start()
        client = live.follow(secret, last)

        writer.join()
        note(work_order_id, "the end")
        assert [event.shown["note"] for event in client.take_until("the end")] == [str(turn)]
        client.close()


def test_a_slow_client_is_dropped_while_others_go_on(live: Live) -> None:
    _, secret, work_order_id = filed()
    start = position(work_order_id)
    slow, good = live.follow(secret), live.follow(secret)
    got: list[str] = []

    def read() -> None:
        for _ in range(260):
            got.extend(words(good, 1))

    reader = threading.Thread(target=read)
    reader.start()

    for number in range(260):
        note(work_order_id, f"{number} {'x' * 40_000}")
        # A reader that keeps up, however busy the machine is.
        while number - len(got) > 8 and reader.is_alive():
            time.sleep(0.01)
    reader.join()

    assert [said.split()[0] for said in got] == [str(number) for number in range(260)]
    live.wait(streams=1)
    taken = words(slow, 260)
    assert slow.ended
    assert 0 < len(taken) < 260
    back = live.follow(secret, slow.last or start)
    assert [said.split()[0] for said in taken + words(back, 260 - len(taken))] == [str(n) for n in range(260)]


def test_a_split_and_an_undone_merge_move_the_streams_of_those_who_go(live: Live) -> None:
    _, secret, here_id = filed()
    here = position(here_id).split(".", maxsplit=1)[0]
    moved, other, _ = filed(same_as=here)
    staying, going = (live.follow(each, position(here_id)) for each in (secret, other))
    with Session.begin() as session:
        by, _ = make_person(session, Role.DISPATCHER)
        _, opened = service.split(session, here, reports=[moved.number], note="another lamp", by=by, now=utcnow())
        there_id, there = opened.id, opened.public_id
    note(here_id, "for who stays")
    note(there_id, "for who went")
    with Session.begin() as session:
        service.merge(session, there, into=here, note="the same", by=by, now=utcnow())
    with Session.begin() as session:
        service.unmerge(session, there, note="not the same", by=by, now=utcnow())
    note(here_id, "to the end")

    told = [(event.kind, event.shown["note"]) for event in going.take(5)]
    assert told == [
        ("split", "another lamp"),
        ("dispatched", None),
        ("note", "for who went"),
        ("merged", "the same"),
        ("split", "not the same"),
    ]
    assert [event.shown["note"] for event in staying.take(3)] == ["for who stays", "the same", "to the end"]


def test_a_merge_moves_the_streams_to_the_survivor(live: Live) -> None:
    _, secret, gone_id = filed()
    _, _, survivor_id = filed(lon=FAR[0], lat=FAR[1], item="B0221")
    client, away = live.follow(secret), live.follow(secret)
    before = position(gone_id)
    away.close()
    note(gone_id, "before the merge")

    gone, survivor = (position(each).split(".", maxsplit=1)[0] for each in (gone_id, survivor_id))
    note(survivor_id, "not ours yet")
    with Session.begin() as session:
        by, _ = make_person(session, Role.DISPATCHER)
        service.merge(session, gone, into=survivor, note="the same lamp", far=True, by=by, now=utcnow())
    note(survivor_id, "after the merge")
    note(survivor_id, "the end")

    expected = [("note", "before the merge"), ("merged", "the same lamp"), ("note", "after the merge")]
    for each in (client, live.follow(secret, before)):
        events = each.take_until("the end")
        assert [(event.kind, event.shown["note"]) for event in events] == expected
        assert [event.id.split(".")[0] for event in events] == [gone, survivor, survivor]


def test_streams_live_through_the_death_of_the_database(live: Live, cluster: Cluster, committed: Settings) -> None:
    _, secret, work_order_id = filed()
    client = live.follow(secret)
    with Session.begin() as session:
        _, token = make_person(session, Role.SUPERVISOR)
    desk = live.open("/api/v1/events", Authorization=f"Bearer {token}")
    note(work_order_id, "before")
    assert words(client, 1) == ["before"]
    assert desk.next() is not None
    ready = live.open("/readyz")

    # The cluster is shared with the other tests: this database alone goes away.
    name = make_url(committed.database_url).database
    Session.kw["bind"].dispose()
    cluster.psql(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    cluster.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    live.wait(listens=False, streams=2)
    refused, unready = live.follow(secret), live.open("/readyz")
    cluster.psql(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    note(work_order_id, "while nobody listens")
    live.wait(listens=True, streams=2)
    note(work_order_id, "after")
    note(work_order_id, "the end")

    assert (ready.answer.status, unready.answer.status) == (200, 503)
    assert refused.answer.status == 503
    assert refused.answer.headers["Retry-After"] == "5"
    for each in (client, desk):
        assert [event.shown["note"] for event in each.take_until("the end")] == ["while nobody listens", "after"]


def test_staff_see_all_lines_of_their_scope_and_no_other(live: Live) -> None:
    _, _, work_order_id = filed()
    with Session.begin() as session:
        lead = session.get_one(WorkOrder, work_order_id).lead_unit
        tokens = {
            "own": make_person(session, Role.CREW, unit=lead)[1],
            "all": make_person(session, Role.SUPERVISOR)[1],
            "other": make_person(session, Role.CREW, unit="sz-parks")[1],
            "none": make_person(session, Role.CREW, unit=None, area=None)[1],
        }
        street = session.get_one(WorkOrder, work_order_id).street
    desks = {who: live.open("/api/v1/events", Authorization=f"Bearer {token}") for who, token in tokens.items()}
    paths = {"unit": f"?unit={lead}&street={street}", "elsewhere": "?street=440305999", "nowhere": "?unit=other"}
    for who, query in paths.items():
        desks[who] = live.open(f"/api/v1/events{query}", Authorization=f"Bearer {tokens['all']}")

    note(work_order_id, "internal", public=False)

    for who in ("own", "all", "unit"):
        event = desks[who].next()
        assert event is not None
        assert event.shown["note"] == "internal"
        assert event.shown["public"] is False
        assert event.shown["work_order"]["id"] == position(work_order_id).split(".", maxsplit=1)[0]
    for who in ("other", "none", "elsewhere", "nowhere"):
        assert desks[who].answer.status == 200
        assert desks[who].take_until_ping() == []


def test_a_staff_stream_resumes_in_the_order_of_commits(live: Live) -> None:
    _, _, first_id = filed()
    _, _, second_id = filed(lon=FAR[0], lat=FAR[1], item="B0221")
    with Session.begin() as session:
        _, token = make_person(session, Role.SUPERVISOR)
    bearer = f"Bearer {token}"
    client = live.open("/api/v1/events", Authorization=bearer)
    with Session.begin() as late:
        work_order = late.get_one(WorkOrder, first_id, with_for_update=True)
        append(
            late, work_order, EventKind.NOTE, at=utcnow(), by=SYSTEM.signature, content={"note": "early"}, public=True
        )
        note(second_id, "committed first")
        assert words(client, 1) == ["committed first"]
        client.close()

    back = live.open("/api/v1/events", Authorization=bearer, Last_Event_ID=client.last)
    note(second_id, "last")
    note(second_id, "the end")

    assert [event.shown["note"] for event in back.take_until("the end")] == ["early", "last"]


def test_a_staff_stream_resumes_in_another_process_by_time(live: Live, committed: Settings, tmp_path: Path) -> None:
    _, _, work_order_id = filed()
    with Session.begin() as session:
        _, token = make_person(session, Role.SUPERVISOR)
    bearer = f"Bearer {token}"
    client = live.open("/api/v1/events", Authorization=bearer)
    note(work_order_id, "heard")
    assert words(client, 1) == ["heard"]
    note(work_order_id, "not heard")
    (tmp_path / "other").mkdir()

    with running(committed, tmp_path / "other") as other:
        back = other.open("/api/v1/events", Authorization=bearer, Last_Event_ID=client.last)
        note(work_order_id, "now")
        events = [event for event in back.take_until("now") if event.kind == "note"]

        assert [event.shown["note"] for event in events] == ["not heard"]


def test_a_token_that_is_revoked_ends_its_stream(live: Live) -> None:
    with Session.begin() as session:
        _, revoked = make_person(session, Role.SUPERVISOR)
        _, good = make_person(session, Role.SUPERVISOR)
    first, second = (live.open("/api/v1/events", Authorization=f"Bearer {each}") for each in (revoked, good))

    with Session.begin() as session:
        session.execute(update(Token).where(Token.digest == token_digest(revoked)).values(revoked_at=utcnow()))

    assert first.next() is None
    assert first.ended
    assert second.take_until_ping() == []
    assert live.open("/api/v1/events", Authorization=f"Bearer {revoked}").answer.status == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/track/nothing/events", 404),
        ("/api/v1/events", 401),
        ("/elsewhere", 404),
        ("/api/v1/track/nothing/events?unit=x", 422),
        ("/api/v1/events?units=", 422),
    ],
)
def test_what_is_not_there_or_not_allowed_is_a_problem(live: Live, path: str, status: int) -> None:
    client = live.open(path)
    body = client.answer.read().decode()

    assert client.answer.status == status
    assert client.answer.headers["Content-Type"] == "application/problem+json"
    assert f'"status": {status}' in body
    assert "nothing" not in live.log.read_text()


def test_addresses_and_the_process_have_limits(committed: Settings, tmp_path: Path) -> None:
    _, secret, _ = filed()
    limits: dict[str, Any] = {"LIVE_STREAMS": "3", "LIVE_STREAMS_PER_ADDRESS": "2", "TRUSTED_PROXIES": "1"}
    with running(committed, tmp_path, **limits) as live:
        path = f"/api/v1/track/{secret}/events"
        kept = [live.open(path, X_Forwarded_For="192.0.2.1") for _ in range(2)]
        more = live.open(path, X_Forwarded_For="192.0.2.1")
        other = live.open(path, X_Forwarded_For="192.0.2.1, 192.0.2.2")
        full = live.open(path, X_Forwarded_For="192.0.2.3")
        kept[0].close()
        live.wait(streams=2)
        again = live.open(path, X_Forwarded_For="192.0.2.1")

    assert [each.answer.status for each in (*kept, more, other, full, again)] == [200, 200, 429, 200, 503, 200]
    assert more.answer.headers["Retry-After"]
    assert full.answer.headers["Retry-After"]


def test_the_end_of_the_process_asks_everybody_to_come_back_at_their_own_time(live: Live) -> None:
    _, secret, _ = filed()
    clients = [live.follow(secret) for _ in range(20)]

    live.process.send_signal(signal.SIGTERM)
    for client in clients:
        assert client.next() is None

    assert all(client.ended for client in clients)
    assert len({client.retry for client in clients}) > 10
    assert live.process.wait(PATIENCE_S) in {0, -signal.SIGTERM}
    assert secret not in live.log.read_text()
    with Session() as session:
        assert session.scalars(select(Report.id)).all()


def run(work: Any) -> Any:
    """Run a coroutine in a thread of its own: in this one a browser of other tests may have a loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def test_a_reading_sees_one_moment_whatever_is_committed_meanwhile(committed: Settings) -> None:
    _, secret, work_order_id = filed()
    read = make_reader()

    def reading(session: SessionType, report_id: UUID) -> tuple[int, queries.Caught]:
        before = session.scalars(select(func.count()).select_from(TimelineEvent)).one()
        note(work_order_id, "meanwhile")
        return before, queries.catch_up(session, report_id, None)

    with Session() as session:
        report_id = service.find_report(session, secret).id
    before, caught = run(read(reading, report_id))

    assert (caught.work_order_id, caught.number) == (work_order_id, before)
    assert run(read(queries.catch_up, report_id, None)).number == before + 1
