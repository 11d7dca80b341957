"""Webhooks: who may have one, what it hears and how it is signed, what happens when it fails, replay."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Staff
from app.accounts.roles import Role, Scope, TokenKind
from app.accounts.service import Person
from app.config import Settings
from app.db import utcnow
from app.notify import keys, webhook_calls, webhooks
from app.notify.deliveries import Outcome, Result
from app.notify.errors import NoSuchWebhook, NotForWebhooks, UnusableWebhook
from app.notify.models import DeliveryState
from app.notify.signing import verify
from app.notify.webhook_models import Webhook, WebhookDelivery
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.timeline import append
from tests import make
from tests.make import NOW
from tests.notify.listener import NAME, Listener, listening

pytestmark = pytest.mark.usefixtures("post_settings")

URL = f"https://{NAME}/in"
A_MINUTE, A_DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
Work = Callable[[Session], list[str]]


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path) as listener:
        yield listener


def machine(session: Session, *, unit: str | None = "*", area: str | None = make.CITY) -> Person:
    person, _ = make.make_person(session, Role.DISPATCHER, unit=unit, area=area)
    return dataclasses.replace(person, token_kind=TokenKind.MACHINE)


def make_webhook(
    session: Session, *, by: Person | None = None, now: dt.datetime = NOW, **over: Any
) -> tuple[Webhook, str]:
    values: dict[str, Any] = {"url": URL, "label": "", "kinds": [], "areas": [], "items": []}
    return webhooks.create_webhook(session, **(values | over), by=by or machine(session), now=now)


def queue_all(session: Session, *, now: dt.datetime = NOW) -> int:
    session.flush()
    return sum(
        webhook_calls.queue_event(session, event, now=now) for event in session.scalars(select(TimelineEvent.id))
    )


def waiting(session: Session) -> list[WebhookDelivery]:
    statement = select(WebhookDelivery).order_by(WebhookDelivery.id).execution_options(populate_existing=True)
    return list(session.scalars(statement))


def try_one(session: Session, delivery: WebhookDelivery, listener: Listener, *, now: dt.datetime) -> Outcome | None:
    session.flush()
    call = webhook_calls.take(session, delivery.id, now=now)
    if call is None:
        return None
    outcome = webhook_calls.hand_over(call, now=now, way=listener.way())
    webhook_calls.record(session, call, outcome, now=now)
    session.flush()
    return outcome


def happen(
    session: Session, work_order: WorkOrder, kind: EventKind, *, public: bool = True, **content: Any
) -> TimelineEvent:
    event = append(session, work_order, kind, at=NOW + A_MINUTE, by="crew:x", content=content, public=public)
    session.flush()
    return event


def test_a_public_step_arrives_signed_and_without_anything_personal(shenzhen: Session, listener: Listener) -> None:
    _, secret = make_webhook(shenzhen, kinds=["fixed"])
    work_order = make.make_work_order(shenzhen, contact="one@example.org", description="I am Li Lei, 13800138000")
    unit = {"code": "u", "name_zh": "某办", "name_en": "Some Office"}
    event = happen(
        shenzhen, work_order, EventKind.FIXED, unit=unit, note="Mrs Wang let us in", photos=[str(uuid4())], report="r"
    )
    queue_all(shenzhen)
    (delivery,) = waiting(shenzhen)

    outcome = try_one(shenzhen, delivery, listener, now=NOW)

    (taken,) = listener.taken
    assert outcome is not None
    assert outcome.result is Result.SENT
    assert delivery.state is DeliveryState.SENT
    assert json.loads(taken.body) == {
        "type": "work_order.fixed",
        "timestamp": event.at.isoformat(),
        "data": {
            "event": str(event.id),
            "work_order": work_order.public_id,
            "number": event.number,
            "kind": "fixed",
            "at": event.at.isoformat(),
            "item": "B0121",
            "district": work_order.district,
            "street": work_order.street,
            "unit": unit,
            "due_at": None,
            "until": None,
            "declined": None,
        },
    }
    assert taken.headers["webhook-id"] == str(delivery.id)
    assert verify(taken.body, taken.headers, secret=secret, now=NOW)
    assert not verify(taken.body, taken.headers, secret="whsec_" + "A" * 44, now=NOW)


def test_the_signature_can_be_checked_by_the_words_of_the_specification(shenzhen: Session, listener: Listener) -> None:
    _, secret = make_webhook(shenzhen)
    make.make_report(shenzhen)
    queue_all(shenzhen)

    try_one(shenzhen, waiting(shenzhen)[0], listener, now=NOW)

    taken = listener.taken[0]
    signed = f"{taken.headers['webhook-id']}.{taken.headers['webhook-timestamp']}.".encode() + taken.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert taken.headers["webhook-signature"] == f"v1,{expected}"


def test_a_step_of_staff_alone_is_never_sent(shenzhen: Session) -> None:
    work_order = make.make_work_order(shenzhen)
    make_webhook(shenzhen)
    event = happen(shenzhen, work_order, EventKind.NOTE, public=False, note="internal")

    assert webhook_calls.queue_event(shenzhen, event.id, now=NOW) == 0


def test_an_event_is_queued_once_for_each_webhook(shenzhen: Session) -> None:
    make_webhook(shenzhen)
    make_webhook(shenzhen)
    work_order = make.make_work_order(shenzhen)
    event = happen(shenzhen, work_order, EventKind.SIGNED)

    first, again = (webhook_calls.queue_event(shenzhen, event.id, now=NOW) for _ in range(2))

    assert (first, again) == (2, 0)
    assert len({delivery.id for delivery in waiting(shenzhen)}) == 2


@pytest.mark.parametrize(
    ("wanted", "hears"),
    [
        ({"kinds": ["signed"]}, True),
        ({"kinds": ["fixed"]}, False),
        ({"items": ["B0121"]}, True),
        ({"items": ["B0408"]}, False),
        ({"areas": ["440305"]}, True),
        ({"areas": ["440304"]}, False),
        ({"areas": ["440300"]}, True),
        ({"kinds": ["signed"], "areas": ["440304"]}, False),
    ],
)
def test_a_webhook_hears_of_what_it_asked_for(shenzhen: Session, wanted: dict[str, Any], hears: bool) -> None:
    make_webhook(shenzhen, **wanted)
    event = happen(shenzhen, make.make_work_order(shenzhen), EventKind.SIGNED)

    assert webhook_calls.queue_event(shenzhen, event.id, now=NOW) == int(hears)


@pytest.mark.parametrize(
    ("scope", "hears"),
    [
        ({}, True),
        ({"area": "440305"}, True),
        ({"unit": "sz-street_lighting"}, True),
        ({"area": "440304"}, False),
        ({"unit": "sz-parks"}, False),
    ],
)
def test_a_webhook_hears_of_no_more_than_its_creator_may_see(
    shenzhen: Session, scope: dict[str, str], hears: bool
) -> None:
    make_webhook(shenzhen, by=machine(shenzhen, **scope))
    event = happen(shenzhen, make.make_work_order(shenzhen), EventKind.SIGNED)

    assert webhook_calls.queue_event(shenzhen, event.id, now=NOW) == int(hears)


def test_the_webhooks_of_a_disabled_account_hear_nothing(shenzhen: Session) -> None:
    by = machine(shenzhen)
    make_webhook(shenzhen, by=by)
    event = happen(shenzhen, make.make_work_order(shenzhen), EventKind.SIGNED)

    accounts.disable_staff(shenzhen, shenzhen.get_one(Staff, by.id), now=NOW)

    assert webhook_calls.queue_event(shenzhen, event.id, now=NOW) == 0


def test_a_failure_is_tried_again_with_the_same_id_and_body(shenzhen: Session, listener: Listener) -> None:
    webhook, _ = make_webhook(shenzhen, kinds=["received"])
    make.make_report(shenzhen)
    queue_all(shenzhen)
    (delivery,) = waiting(shenzhen)
    listener.status = 500

    try_one(shenzhen, delivery, listener, now=NOW)
    too_early = try_one(shenzhen, delivery, listener, now=NOW + dt.timedelta(seconds=20))
    listener.status = 204
    listener.body = b""
    try_one(shenzhen, delivery, listener, now=NOW + 5 * A_MINUTE)

    first, second = listener.taken
    assert too_early is None
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert delivery.state is DeliveryState.SENT
    assert (webhook.failing_since, webhook.retry_at, webhook.failures) == (None, None, 0)
    assert webhook.last_success_at == NOW + 5 * A_MINUTE


def test_a_receiver_that_fails_is_left_alone_whatever_else_waits_for_it(shenzhen: Session, listener: Listener) -> None:
    make_webhook(shenzhen, kinds=["received"])
    for _ in range(5):
        make.make_report(shenzhen, description=str(uuid4()), item="B0408")
    make.make_report(shenzhen)
    queue_all(shenzhen)
    listener.status = 503
    all_of_them = waiting(shenzhen)

    outcomes = [try_one(shenzhen, each, listener, now=NOW) for each in all_of_them]

    assert len(all_of_them) > 1
    assert [outcome for outcome in outcomes if outcome] == outcomes[:1]
    assert len(listener.taken) == 1
    assert all(each.state is DeliveryState.QUEUED for each in all_of_them)
    assert [each.tries for each in all_of_them[1:]] == [0] * (len(all_of_them) - 1)


def test_two_requests_at_a_time_are_enough_for_one_receiver(shenzhen: Session) -> None:
    make_webhook(shenzhen)
    work_order = make.make_work_order(shenzhen)
    for kind in (EventKind.SIGNED, EventKind.NOTE, EventKind.FIXED):
        happen(shenzhen, work_order, kind)
    queue_all(shenzhen)

    calls = []
    for each in waiting(shenzhen):
        calls.append(webhook_calls.take(shenzhen, each.id, now=NOW))
        shenzhen.flush()

    assert [call is not None for call in calls[:4]] == [True, True, False, False]


def test_days_without_a_success_disable_a_webhook(
    shenzhen: Session, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    webhook, _ = make_webhook(shenzhen, kinds=["received"])
    make.make_report(shenzhen)
    queue_all(shenzhen)
    (delivery,) = waiting(shenzhen)
    listener.status = 500

    states = []
    for days in (0, 4.9, 5.5):
        assert try_one(shenzhen, delivery, listener, now=NOW + days * A_DAY)
        states.append(webhook.disabled_at is not None)

    assert states == [False, False, True]
    assert webhook.disabled_because == "nothing was taken for 5 days"
    assert "webhook disabled" in [entry.message for entry in caplog.records]
    assert try_one(shenzhen, delivery, listener, now=NOW + 7 * A_DAY) is None
    assert delivery.state is DeliveryState.GIVEN_UP


def test_a_success_in_between_begins_the_days_anew(shenzhen: Session, listener: Listener) -> None:
    webhook, _ = make_webhook(shenzhen)
    work_order = make.make_work_order(shenzhen)
    happen(shenzhen, work_order, EventKind.SIGNED)
    queue_all(shenzhen)
    first, second = waiting(shenzhen)[:2]

    listener.status = 500
    try_one(shenzhen, first, listener, now=NOW)
    listener.status = 200
    try_one(shenzhen, first, listener, now=NOW + 3 * A_DAY)
    listener.status = 500
    try_one(shenzhen, second, listener, now=NOW + 6 * A_DAY)

    assert webhook.disabled_at is None
    assert webhook.failing_since == NOW + 6 * A_DAY


def test_gone_disables_at_once(shenzhen: Session, listener: Listener) -> None:
    webhook, _ = make_webhook(shenzhen, kinds=["received"])
    make.make_report(shenzhen)
    queue_all(shenzhen)
    (delivery,) = waiting(shenzhen)
    listener.status = 410

    try_one(shenzhen, delivery, listener, now=NOW)

    assert webhook.disabled_because == "it answered 410 Gone"
    assert delivery.state is DeliveryState.FAILED


def test_an_address_that_leads_into_a_private_network_later_is_not_called(
    shenzhen: Session, listener: Listener
) -> None:
    make_webhook(shenzhen)
    make.make_report(shenzhen)
    queue_all(shenzhen)
    call = webhook_calls.take(shenzhen, waiting(shenzhen)[0].id, now=NOW)
    assert call is not None

    outcome = webhook_calls.hand_over(call, now=NOW, way=listener.way(["10.0.0.1"]))

    assert outcome.result is Result.LATER
    assert "private network" in outcome.answer
    assert listener.taken == []


def test_a_redirect_is_a_failure_that_says_so(shenzhen: Session, listener: Listener) -> None:
    webhook, _ = make_webhook(shenzhen)
    make.make_report(shenzhen)
    queue_all(shenzhen)
    listener.status, listener.headers = 307, {"Location": "https://10.0.0.1/"}

    try_one(shenzhen, waiting(shenzhen)[0], listener, now=NOW)

    assert "redirects are not followed" in webhook.last_answer
    assert webhook.failing_since == NOW


def test_what_a_dead_worker_had_in_hand_is_taken_up_again_under_the_same_id(
    shenzhen: Session, listener: Listener
) -> None:
    make_webhook(shenzhen, kinds=["received"])
    make.make_report(shenzhen)
    queue_all(shenzhen)
    (delivery,) = waiting(shenzhen)
    call = webhook_calls.take(shenzhen, delivery.id, now=NOW)
    assert call is not None
    webhook_calls.hand_over(call, now=NOW, way=listener.way())  # and it dies before it writes that down
    shenzhen.flush()

    early = webhook_calls.recover(shenzhen, now=NOW + 4 * A_MINUTE)
    late = webhook_calls.recover(shenzhen, now=NOW + 6 * A_MINUTE)
    try_one(shenzhen, delivery, listener, now=NOW + 6 * A_MINUTE)

    first, second = listener.taken
    assert (early, late) == (0, 1)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_replay_sends_again_under_the_same_id(shenzhen: Session, listener: Listener) -> None:
    by = machine(shenzhen)
    webhook, _ = make_webhook(shenzhen, by=by, kinds=["received", "signed"])
    event = happen(shenzhen, make.make_work_order(shenzhen), EventKind.SIGNED)
    queue_all(shenzhen)
    for each in waiting(shenzhen):
        try_one(shenzhen, each, listener, now=NOW)
    before = [taken.headers["webhook-id"] for taken in listener.taken]

    by_id = webhooks.replay(shenzhen, webhook.id, events=[event.id], by=by, now=NOW)
    again_waiting = webhooks.replay(shenzhen, webhook.id, events=[event.id], by=by, now=NOW)
    since = webhooks.replay(shenzhen, webhook.id, since=NOW, by=by, now=NOW)
    too_late = webhooks.replay(shenzhen, webhook.id, since=NOW + A_MINUTE, by=by, now=NOW)
    for each in waiting(shenzhen):
        try_one(shenzhen, each, listener, now=NOW)

    after = [taken.headers["webhook-id"] for taken in listener.taken[len(before) :]]
    assert (by_id, again_waiting, since, too_late) == (1, 0, 1, 0)
    assert len(before) == 2
    assert sorted(after) == sorted(before)


def test_what_happened_while_it_was_disabled_can_be_replayed(shenzhen: Session, listener: Listener) -> None:
    by = machine(shenzhen)
    webhook, _ = make_webhook(shenzhen, by=by, kinds=["received"])
    webhooks.switch_webhook(shenzhen, webhook.id, disabled=True, by=by, now=NOW)
    make.make_report(shenzhen)
    quiet = queue_all(shenzhen)

    webhooks.switch_webhook(shenzhen, webhook.id, disabled=False, by=by, now=NOW)
    again = webhooks.replay(shenzhen, webhook.id, since=NOW - A_DAY, by=by, now=NOW)
    (delivery,) = waiting(shenzhen)
    try_one(shenzhen, delivery, listener, now=NOW)

    assert (quiet, again) == (0, 1)
    assert delivery.state is DeliveryState.SENT


def test_after_a_change_of_the_secret_both_sign_for_a_day(shenzhen: Session, listener: Listener) -> None:
    by = machine(shenzhen)
    webhook, old = make_webhook(shenzhen, by=by)
    _, new = webhooks.rotate_secret(shenzhen, webhook.id, by=by, now=NOW)

    for later in (dt.timedelta(), A_DAY):
        webhook_calls.ping(webhook, now=NOW + later, way=listener.way())

    today, tomorrow = listener.taken
    assert verify(today.body, today.headers, secret=old, now=NOW)
    assert verify(today.body, today.headers, secret=new, now=NOW)
    assert not verify(tomorrow.body, tomorrow.headers, secret=old, now=NOW + A_DAY)
    assert verify(tomorrow.body, tomorrow.headers, secret=new, now=NOW + A_DAY)
    assert old.encode() not in webhook.secret + (webhook.old_secret or b"")


@pytest.mark.parametrize("url", ["http://hooks.example.org", "https://127.0.0.1/", "https://u:p@hooks.example.org"])
def test_an_address_that_could_harm_is_refused_when_it_is_given(shenzhen: Session, url: str) -> None:
    with pytest.raises(UnusableWebhook):
        make_webhook(shenzhen, url=url)


def test_webhooks_are_for_machines_and_administrators(shenzhen: Session) -> None:
    person, _ = make.make_person(shenzhen, Role.DISPATCHER)
    admin, _ = make.make_person(shenzhen, Role.ADMIN)
    webhook, _ = make_webhook(shenzhen)
    elsewhere, _ = make.make_person(shenzhen, Role.ADMIN, area="440304")

    with pytest.raises(NotForWebhooks):
        make_webhook(shenzhen, by=person)
    with pytest.raises(NoSuchWebhook):
        webhooks.find_webhook(shenzhen, webhook.id, by=machine(shenzhen))
    with pytest.raises(NoSuchWebhook):
        webhooks.find_webhook(shenzhen, webhook.id, by=elsewhere)

    assert webhooks.list_webhooks(shenzhen, by=admin) == [webhook]
    assert webhooks.list_webhooks(shenzhen, by=elsewhere) == []


def test_the_record_of_old_calls_is_removed_but_not_what_waits(shenzhen: Session, listener: Listener) -> None:
    make_webhook(shenzhen)
    happen(shenzhen, make.make_work_order(shenzhen), EventKind.SIGNED)
    queue_all(shenzhen)
    done, open_one = waiting(shenzhen)[:2]
    try_one(shenzhen, done, listener, now=NOW)

    kept = webhook_calls.forget(shenzhen, now=NOW + 29 * A_DAY)
    gone = webhook_calls.forget(shenzhen, now=NOW + 31 * A_DAY)

    assert (kept, gone) == (0, 1)
    assert open_one in waiting(shenzhen)


def test_a_machine_keeps_its_webhooks_over_http(
    client: FlaskClient, shenzhen: Session, listener: Listener, post_settings: Settings, work: Work
) -> None:
    keys.configure(dataclasses.replace(post_settings, outbound_loopback=True))
    staff = accounts.add_staff(
        shenzhen, name="Figures", role=Role.DISPATCHER, unit="*", area=make.CITY, machine=True, now=NOW
    )
    scopes = [Scope.READ, Scope.MANAGE]
    key = accounts.issue_token(shenzhen, staff, label="key", kind=TokenKind.MACHINE, scopes=scopes, now=utcnow())
    headers = {"Authorization": f"Bearer {key}"}

    made = client.post("/api/v1/webhooks", headers=headers, json={"url": "http://127.0.0.1:9/", "kinds": ["received"]})
    path = f"/api/v1/webhooks/{made.get_json()['webhook']['id']}"
    ping = client.post(f"{path}/ping", headers=headers)
    make.make_report(shenzhen)
    work(shenzhen)
    health = client.get(path, headers=headers)
    listed = client.get("/api/v1/webhooks", headers=headers)
    changed = client.post(f"{path}/secret", headers=headers)
    off = client.patch(path, headers=headers, json={"disabled": True})
    nothing = client.post(f"{path}/replay", headers=headers, json={})
    gone = client.delete(path, headers=headers)

    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert made.get_json()["secret"].startswith("whsec_")
    assert ping.get_json()["taken"] is False
    assert "refused" in ping.get_json()["answer"]
    assert health.get_json()["failing_since"]
    assert "refused" in health.get_json()["last_answer"]
    assert "secret" not in health.get_json()
    assert [each["id"] for each in listed.get_json()] == [made.get_json()["webhook"]["id"]]
    assert changed.get_json()["secret"] != made.get_json()["secret"]
    assert off.get_json()["disabled_because"] == "disabled by hand"
    assert nothing.status_code == 422
    assert gone.status_code == 204
    assert client.get(path, headers=headers).status_code == 404
    assert shenzhen.scalar(text("SELECT count(*) FROM webhook_deliveries")) == 0


def test_what_only_staff_see_cannot_be_asked_for(client: FlaskClient, shenzhen: Session) -> None:
    _, token = make.make_person(shenzhen, Role.ADMIN)

    answer = client.post(
        "/api/v1/webhooks", headers={"Authorization": f"Bearer {token}"}, json={"url": URL, "kinds": ["refused"]}
    )

    assert answer.status_code == 422
    assert shenzhen.get(Webhook, UUID(int=0)) is None
