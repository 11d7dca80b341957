"""SMS and WeChat by a gateway: what it is sent, what its answers mean, and what it reports later."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import FOLDER, Settings
from app.db import utcnow
from app.errors import SettingsFault
from app.notify import deliveries, keys
from app.notify.channels import Message, Never, TryLater
from app.notify.errors import NoSuchDelivery
from app.notify.gateway import FolderGateway, HttpGateway
from app.notify.models import ChannelKind, Delivery, DeliveryState
from app.notify.outbound import Outbound
from app.notify.receipts import Receipt, record_receipt
from app.notify.service import fan_out
from app.notify.signing import key_of, new_secret, sign, verify
from app.workorders.models import TimelineEvent
from tests import make
from tests.make import NOW
from tests.notify.listener import Listener, listening

SECRET = "a secret of this test, long enough for it"
DELIVERY = UUID("0192aaaa-bbbb-7ccc-8ddd-eeeeffff0000")
MESSAGE = Message(
    delivery_id=DELIVERY,
    address="+8613800138000",
    language="zh",
    at=NOW,
    subject="已处理：路灯",
    text="长文\n\n更长",
    html="",
    short="粤海街道办反馈已处理完毕。",
    link="https://city.example/track/x",
    kind="fixed",
    data={"number": "SZ-1", "item": "路灯"},
)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path, "gateway.city.internal") as listener:
        yield listener


def gateway(listener: Listener, channel: ChannelKind = ChannelKind.SMS) -> HttpGateway:
    """Give a gateway in a private network."""
    way = dataclasses.replace(listener.way(*[["10.0.0.7"]] * 9), anywhere=True)
    return HttpGateway(channel, "https://gateway.city.internal/send", SECRET, way, lambda: NOW)


def test_an_sms_is_sent_as_documented_and_signed(listener: Listener) -> None:
    answer = gateway(listener).send(MESSAGE)

    (taken,) = listener.taken
    assert answer.text.startswith("200")
    assert listener.dialled == [("10.0.0.7", 443)]
    assert json.loads(taken.body) == {
        "id": str(DELIVERY),
        "channel": "sms",
        "to": "+8613800138000",
        "language": "zh",
        "text": "粤海街道办反馈已处理完毕。 https://city.example/track/x",
        "link": "https://city.example/track/x",
        "at": NOW.isoformat(),
    }
    assert taken.headers["webhook-id"] == str(DELIVERY)
    assert verify(taken.body, taken.headers, secret=SECRET, now=NOW)
    assert not verify(taken.body, taken.headers, secret=SECRET + "x", now=NOW)
    assert not verify(taken.body + b" ", taken.headers, secret=SECRET, now=NOW)


def test_a_wechat_message_names_a_template_and_brings_the_facts(listener: Listener) -> None:
    gateway(listener, ChannelKind.WECHAT).send(MESSAGE)

    said = json.loads(listener.taken[0].body)
    assert said["template"] == "fixed"
    assert said["data"] == {"title": "已处理：路灯", "number": "SZ-1", "item": "路灯"}
    assert "text" not in said


def test_a_second_try_carries_the_same_id_and_409_says_that_it_was_sent(listener: Listener) -> None:
    gateway(listener).send(MESSAGE)
    listener.status = 409

    answer = gateway(listener).send(MESSAGE)

    assert answer.text.startswith("409")
    assert len({taken.headers["webhook-id"] for taken in listener.taken}) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "ends"),
    [
        (404, b'{"code": "unknown_recipient"}', Never, True),
        (410, b'{"code": "unknown_recipient"}', Never, True),
        (404, b"no such page", TryLater, False),
        (404, b"[]", TryLater, False),
        (400, b"", Never, False),
        (422, b'{"code": "unknown_recipient"}', Never, False),
        (401, b"", TryLater, False),
        (429, b"", TryLater, False),
        (500, b"", TryLater, False),
        (301, b"", TryLater, False),
    ],
)
def test_an_answer_ends_the_subscription_the_message_or_the_try(
    listener: Listener, status: int, body: bytes, kind: type[TryLater | Never], ends: bool
) -> None:
    listener.status, listener.body = status, body

    with pytest.raises(kind) as fault:
        gateway(listener).send(MESSAGE)

    assert getattr(fault.value, "ends", False) is ends


def test_a_gateway_says_when_to_come_back(listener: Listener) -> None:
    listener.status, listener.headers = 503, {"Retry-After": "7200"}

    with pytest.raises(TryLater) as fault:
        gateway(listener).send(MESSAGE)

    assert fault.value.after_s == 7200
    assert deliveries.later_s(1, 7200) == 7200
    assert deliveries.later_s(1, 10**6) == 86400
    assert 30 <= deliveries.later_s(1, None) <= 60


def test_the_next_try_waits_as_long_as_the_other_side_asked(shenzhen: Session, by_folder: Settings) -> None:
    make.make_report(shenzhen, contact="138 0013 8000")
    deliveries_of_all(shenzhen)
    delivery = shenzhen.scalars(select(Delivery)).one()
    parcel = deliveries.take(shenzhen, delivery.id, now=NOW)
    assert parcel is not None

    deliveries.record(shenzhen, parcel, deliveries.Outcome(deliveries.Result.LATER, "429", 7200), now=NOW)

    assert delivery.next_at == NOW + dt.timedelta(seconds=7200)


def test_a_gateway_that_is_away_is_tried_later() -> None:
    nowhere = HttpGateway(ChannelKind.SMS, "http://127.0.0.1:9/", SECRET, Outbound(anywhere=True))

    with pytest.raises(TryLater, match="Refused"):
        nowhere.send(MESSAGE)


def test_the_folder_has_one_file_a_delivery_however_often_it_is_tried(tmp_path: Path) -> None:
    folder = FolderGateway(ChannelKind.SMS, tmp_path / "mail")

    folder.send(MESSAGE)
    folder.send(MESSAGE)

    (file,) = (tmp_path / "mail").iterdir()
    assert file.name == f"20261123T020000Z-{DELIVERY}.sms.json"
    assert json.loads(file.read_text())["to"] == "+8613800138000"


@pytest.fixture
def by_folder(post_settings: Settings) -> Settings:
    """Let this process write SMS into the folder, and share a secret with the gateway."""
    settings = dataclasses.replace(post_settings, sms_gateway_url=FOLDER, gateway_secret=SECRET)
    keys.configure(settings)
    return settings


def sent(session: Session, work: Callable[[Session], list[str]]) -> Delivery:
    # At night phones are left in peace: this is urgent.
    make.make_work_order(session, contact="138 0013 8000", language="zh").urgent_at = NOW
    work(session)
    return session.scalars(select(Delivery)).one()


def test_a_reporter_with_a_phone_hears_of_the_report(
    shenzhen: Session, work: Callable[[Session], list[str]], by_folder: Settings
) -> None:
    delivery = sent(shenzhen, work)

    (file,) = by_folder.mail_root.glob("*.sms.json")
    said = json.loads(file.read_text())
    assert delivery.state is DeliveryState.SENT
    assert said["id"] == str(delivery.id)
    assert said["to"] == "+8613800138000"
    assert said["link"] in said["text"]
    assert "路灯" in said["text"]
    assert "+8613800138000" not in delivery.last_answer


def report(client: FlaskClient, said: dict[str, Any], *, secret: str = SECRET, at: dt.datetime | None = None) -> Any:
    body = json.dumps(said).encode()
    headers = sign(body, message_id=str(uuid4()), secrets=[secret], at=at or utcnow())
    return client.post("/api/v1/gateway/receipts", data=body, headers=headers, content_type="application/json")


@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_a_report_of_the_gateway_is_written_down_once(
    shenzhen: Session, work: Callable[[Session], list[str]], client: FlaskClient, by_folder: Settings, state: str
) -> None:
    delivery = sent(shenzhen, work)
    said = {"id": str(delivery.id), "state": state, "at": NOW.isoformat(), "answer": "handset +8613800138000: ok"}

    first = report(client, said)
    second = report(client, said | {"state": "delivered"})

    shenzhen.expire_all()
    assert (first.status_code, first.json["state"]) == (200, state)
    assert (second.status_code, second.json["state"]) == (200, state)
    assert delivery.state == state
    assert delivery.last_answer == "handset (address): ok"


@pytest.mark.parametrize(
    "wrong",
    [{"secret": SECRET + "x"}, {"at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}],
)
def test_a_report_that_is_not_signed_changes_nothing(
    shenzhen: Session,
    work: Callable[[Session], list[str]],
    client: FlaskClient,
    by_folder: Settings,
    wrong: dict[str, Any],
) -> None:
    delivery = sent(shenzhen, work)

    answer = report(client, {"id": str(delivery.id), "state": "failed", "at": NOW.isoformat()}, **wrong)

    shenzhen.expire_all()
    assert answer.status_code == 401
    assert answer.json["type"].endswith("#not-signed")
    assert delivery.state is DeliveryState.SENT


def test_without_a_shared_secret_no_report_is_believed(client: FlaskClient, post_settings: Settings) -> None:
    answer = report(client, {"id": str(uuid4()), "state": "failed", "at": NOW.isoformat()}, secret="")

    assert answer.status_code == 401


def test_a_report_about_nothing_is_told_so(client: FlaskClient, by_folder: Settings) -> None:
    answer = report(client, {"id": str(uuid4()), "state": "failed", "at": NOW.isoformat()})

    assert answer.status_code == 404


def test_a_mail_has_no_report_of_a_gateway(
    shenzhen: Session, work: Callable[[Session], list[str]], by_folder: Settings
) -> None:
    make.make_report(shenzhen, contact="one@example.org")
    work(shenzhen)
    delivery = shenzhen.scalars(select(Delivery)).one()

    with pytest.raises(NoSuchDelivery):
        record_receipt(shenzhen, delivery.id, Receipt.FAILED, "", NOW)


def test_a_report_that_comes_before_our_own_record_is_not_undone(shenzhen: Session, by_folder: Settings) -> None:
    make.make_report(shenzhen, contact="138 0013 8000")
    deliveries_of_all(shenzhen)
    delivery = shenzhen.scalars(select(Delivery)).one()
    parcel = deliveries.take(shenzhen, delivery.id, now=NOW)
    assert parcel is not None
    outcome = deliveries.hand_over(parcel)
    record_receipt(shenzhen, delivery.id, Receipt.FAILED, "no such handset", NOW)

    deliveries.record(shenzhen, parcel, outcome, now=NOW)

    assert delivery.state is DeliveryState.FAILED


def deliveries_of_all(session: Session) -> None:
    for event_id in session.scalars(select(TimelineEvent.id)):
        fan_out(session, event_id, now=NOW)


def test_the_signature_is_the_one_of_standard_webhooks() -> None:
    """The example of the specification's own libraries."""
    body, secret = b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = dt.datetime.fromtimestamp(1614265330, dt.UTC)

    headers = sign(body, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", secrets=[secret], at=at)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verify(body, headers, secret=secret, now=at + dt.timedelta(minutes=4))
    assert not verify(body, headers, secret=secret, now=at + dt.timedelta(minutes=6))
    assert not verify(body, headers, secret=secret, now=at - dt.timedelta(minutes=6))
    for name in headers:
        assert not verify(body, headers | {name: ""}, secret=secret, now=at)


def test_while_a_secret_changes_both_signatures_hold() -> None:
    old, new = new_secret(), new_secret()

    headers = sign(b"x", message_id="1", secrets=[new, old], at=NOW)

    assert verify(b"x", headers, secret=old, now=NOW)
    assert verify(b"x", headers, secret=new, now=NOW)
    assert not verify(b"x", headers, secret=new_secret(), now=NOW)
    with pytest.raises(ValueError, match="base 64"):
        key_of("whsec_%%%")


def test_a_gateway_without_a_secret_does_not_start() -> None:
    environment = {
        "DATABASE_URL": "postgresql+psycopg://a@/b",
        "MEDIA_ROOT": "m",
        "SECRET_KEY": SECRET,
        "SMS_GATEWAY_URL": "https://gateway.example.org",
    }

    with pytest.raises(SettingsFault, match="GATEWAY_SECRET is missing beside SMS_GATEWAY_URL"):
        Settings.from_environment(environment)
    with pytest.raises(SettingsFault, match="WECHAT_GATEWAY_URL is neither"):
        Settings.from_environment(environment | {"WECHAT_GATEWAY_URL": "gateway.example.org"})
    with pytest.raises(SettingsFault, match="GATEWAY_SECRET begins with whsec_"):
        Settings.from_environment(environment | {"GATEWAY_SECRET": "whsec_" + "%" * 40})
    assert Settings.from_environment(environment | {"GATEWAY_SECRET": SECRET}).sms_gateway_url
    assert Settings.from_environment(environment | {"SMS_GATEWAY_URL": "folder"}).sms_gateway_url == FOLDER
