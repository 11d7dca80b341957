"""Two people report one lamp: mail, push and stream bring each step to both, once."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select, text

from app.accounts.roles import Role
from app.config import Settings
from app.db import Session, utcnow
from app.notify import senders, service, tasks
from app.notify.keys import tracking_secret
from app.notify.models import Contact, Delivery, DeliveryState
from app.reports.models import Report
from app.reports.service import add_contact, show
from app.workorders.lifecycle import Action
from tests.live.process import Live, running
from tests.make import make_report, take
from tests.notify.listener import NAME, Listener, listening

pytestmark = pytest.mark.alone

AUTH = bytes(range(16))
JOBS: dict[str, Any] = {"notify.fan_out": tasks.fan_out, "notify.deliver": tasks.deliver}
NEXT = text(
    "DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id) FROM procrastinate_jobs WHERE task_name IN"
    " ('notify.fan_out', 'notify.deliver') AND (scheduled_at IS NULL OR scheduled_at <= now()))"
    " RETURNING task_name, args"
)


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening(tmp_path) as listener:
        listener.status = 201
        monkeypatch.setattr(senders, "way_out", lambda _: listener.way())
        yield listener


@pytest.fixture
def live(committed: Settings, tmp_path: Path) -> Iterator[Live]:
    with running(committed, tmp_path) as live:
        yield live


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def browser_of(key: ec.EllipticCurvePrivateKey) -> str:
    """Give what a browser with this key gives a page."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": base64url(point), "auth": base64url(AUTH)}
    return json.dumps({"endpoint": f"https://{NAME}/push/one", "expirationTime": None, "keys": keys})


def work() -> None:
    """Do the jobs of telling people that are due, until none is left."""
    while True:
        with Session.begin() as session:
            job = session.execute(NEXT).first()
        if job is None:
            return
        JOBS[job.task_name](**job.args)


def step(report: Report, action: Action, **asked: Any) -> None:
    with Session.begin() as session:
        take(session, session.get_one(Report, report.id), Role.CREW, action, now=utcnow(), **asked)
    work()


def test_mail_push_and_stream_bring_each_step_to_both(live: Live, listener: Listener, committed: Settings) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with Session.begin() as session:
        first = make_report(session, now=utcnow(), contact="first@example.org")
    with Session.begin() as session:
        work_order = show(session, first).work_order
        # At night phones are left in peace: this is urgent.
        work_order.urgent_at, same = utcnow(), work_order.public_id
        second = make_report(session, now=utcnow(), description="灯又灭了", same_as=same)
        add_contact(
            session, second, contact=browser_of(key), channel=service.ChannelKind.PUSH, language="zh", now=utcnow()
        )
    streams = [live.follow(tracking_secret(report.id)) for report in (first, second)]
    work()

    step(first, Action.SIGN)
    step(first, Action.NOTE, note="灯泡已订购")

    told = [[event.kind for event in stream.take(2)] for stream in streams]
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted(committed.mail_root.glob("*.eml"))
    ]
    pushed = [
        json.loads(http_ece.decrypt(each.body, private_key=key, auth_secret=AUTH, version="aes128gcm"))
        for each in listener.taken
    ]
    assert told == [["signed", "note"], ["signed", "note"]]
    assert sorted(str(mail["Subject"])[:3] for mail in mails) == sorted(["已受理", "已签收", "最新进"])
    assert {str(mail["To"]) for mail in mails} == {"first@example.org"}
    joined_signed_note = ["路灯", "路灯", "路灯有新进展"]
    assert [said["body"].partition("：")[0] for said in pushed] == joined_signed_note
    assert all(said["url"].endswith(tracking_secret(second.id)) for said in pushed)
    with Session() as session:
        assert set(session.scalars(select(Delivery.state))) == {DeliveryState.SENT}
        assert len(session.scalars(select(Contact.id)).all()) == 2
    work()
    assert len(listener.taken) == len(pushed)
