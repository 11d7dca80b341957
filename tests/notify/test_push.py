"""Web Push: what arrives at a browser, who it says it is from, and what the answers of a push service mean."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey

from app.config import Settings
from app.errors import SettingsFault
from app.notify.channels import Message, Never, TryLater
from app.notify.errors import UnusablePush
from app.notify.push import (
    LARGEST_PAYLOAD,
    WebPush,
    new_vapid_key,
    parse_push,
    payload_of,
    public_key,
    vapid_key,
)
from tests.make import NOW
from tests.notify.listener import NAME, Listener, listening

AUTH = bytes(range(16))
DELIVERY = UUID("0192aaaa-bbbb-7ccc-8ddd-eeeeffff0000")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path) as listener:
        listener.status = 201
        yield listener


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def subscription(key: ec.EllipticCurvePrivateKey, **over: Any) -> str:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    told = {
        "endpoint": f"https://{NAME}/push/secret-of-this-browser",
        "expirationTime": None,
        "keys": {"p256dh": base64url(point), "auth": base64url(AUTH)},
    }
    return json.dumps(told | over)


def message(address: str, **over: Any) -> Message:
    values = {"subject": "已修好：SZ-1 路灯", "text": "粤海街道办说已经修好。", "link": "https://city.example/track/x"}
    return Message(DELIVERY, address, "zh", NOW, html="", **(values | over))


def channel(listener: Listener, settings: Settings) -> WebPush:
    return WebPush(vapid_key(settings), "City <desk@example.org>", listener.way(), lambda: NOW)


def test_what_arrives_is_decrypted_by_the_browser_alone(listener: Listener, post_settings: Settings) -> None:
    browser = ec.generate_private_key(ec.SECP256R1())

    channel(listener, post_settings).send(message(parse_push(subscription(browser))))

    (taken,) = listener.taken
    plain = http_ece.decrypt(taken.body, private_key=browser, auth_secret=AUTH, version="aes128gcm")
    assert json.loads(plain) == {
        "title": "已修好：SZ-1 路灯",
        "body": "粤海街道办说已经修好。",
        "url": "https://city.example/track/x",
        "tag": str(DELIVERY),
    }
    assert "路灯".encode() not in taken.body
    assert taken.path == "/push/secret-of-this-browser"
    assert taken.headers["content-encoding"] == "aes128gcm"
    assert taken.headers["ttl"] == str(7 * 86400)
    assert taken.headers["urgency"] == "normal"


def test_the_sender_is_proven_by_a_signature_for_the_push_service_alone(
    listener: Listener, post_settings: Settings
) -> None:
    browser = ec.generate_private_key(ec.SECP256R1())

    channel(listener, post_settings).send(message(parse_push(subscription(browser))))

    scheme, _, rest = listener.taken[0].headers["authorization"].partition(" ")
    said = dict(part.strip().split("=", 1) for part in rest.split(","))
    point = base64.urlsafe_b64decode(said["k"] + "==")
    key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])})
    token = jwt.decode(said["t"], key, algorithms=["ES256"])
    assert scheme == "vapid"
    assert said["k"] == public_key(post_settings)
    assert token.claims == {
        "aud": f"https://{NAME}",
        "sub": "mailto:desk@example.org",
        "exp": int((NOW + dt.timedelta(hours=12)).timestamp()),
    }


def test_a_second_try_replaces_the_first_one_and_nothing_else(listener: Listener, post_settings: Settings) -> None:
    address = parse_push(subscription(ec.generate_private_key(ec.SECP256R1())))
    other = dataclasses.replace(message(address), delivery_id=UUID(int=DELIVERY.int + 1))

    for each in (message(address), message(address), other):
        channel(listener, post_settings).send(each)

    first, again, next_one = [taken.headers["topic"] for taken in listener.taken]
    assert first == again != next_one
    assert len(first) == 32  # the most that RFC 8030 (5.4) allows


def test_an_urgent_message_wakes_the_phone(listener: Listener, post_settings: Settings) -> None:
    address = parse_push(subscription(ec.generate_private_key(ec.SECP256R1())))

    channel(listener, post_settings).send(message(address, urgent=True))

    assert listener.taken[0].headers["urgency"] == "high"


@pytest.mark.parametrize(
    ("status", "kind", "ends"),
    [
        (404, Never, True),
        (410, Never, True),
        (413, Never, False),
        (400, Never, False),
        (302, TryLater, False),
        (401, TryLater, False),
        (403, TryLater, False),
        (429, TryLater, False),
        (500, TryLater, False),
        (503, TryLater, False),
    ],
)
def test_an_answer_ends_the_subscription_the_message_or_the_try(
    listener: Listener, post_settings: Settings, status: int, kind: type[TryLater | Never], ends: bool
) -> None:
    listener.status, listener.body = status, b"about https://hooks.example.org/push/secret-of-this-browser"
    address = parse_push(subscription(ec.generate_private_key(ec.SECP256R1())))

    with pytest.raises(kind) as fault:
        channel(listener, post_settings).send(message(address))

    assert getattr(fault.value, "ends", False) is ends
    assert fault.value.answer.text.startswith(str(status))
    assert "secret-of-this-browser" not in fault.value.answer.text


def test_a_push_service_says_when_to_come_back(listener: Listener, post_settings: Settings) -> None:
    listener.status, listener.headers = 429, {"Retry-After": "3600"}
    address = parse_push(subscription(ec.generate_private_key(ec.SECP256R1())))

    with pytest.raises(TryLater) as fault:
        channel(listener, post_settings).send(message(address))

    assert fault.value.after_s == 3600


def test_a_push_service_in_a_private_network_is_not_called(listener: Listener, post_settings: Settings) -> None:
    address = parse_push(subscription(ec.generate_private_key(ec.SECP256R1())))
    sender = WebPush(vapid_key(post_settings), "desk@example.org", listener.way(["192.168.0.9"]), lambda: NOW)

    with pytest.raises(TryLater, match="private network"):
        sender.send(message(address))

    assert listener.taken == []


@pytest.mark.parametrize("text", ["字" * 5000, '"\n' * 5000, "🛠" * 3000, "x" * 3650])
def test_a_long_text_is_cut_on_the_border_of_a_character(text: str) -> None:
    payload = payload_of(message("{}", text=text))

    body = json.loads(payload)["body"]
    assert len(payload) <= LARGEST_PAYLOAD
    assert len(payload) > LARGEST_PAYLOAD - 60
    assert text.strip().startswith(body.removesuffix("…"))


def test_the_canonical_form_keeps_what_is_needed_and_no_more(post_settings: Settings) -> None:
    browser = ec.generate_private_key(ec.SECP256R1())
    padded = json.loads(subscription(browser))
    padded["keys"] = {name: key + "=" * (-len(key) % 4) for name, key in padded["keys"].items()}

    once = parse_push(subscription(browser))

    assert parse_push(json.dumps(padded)) == once == parse_push(once)
    assert set(json.loads(once)) == {"endpoint", "keys"}


@pytest.mark.parametrize(
    "over",
    [
        {"endpoint": "http://push.example.org/x"},
        {"endpoint": "https://127.0.0.1/x"},
        {"endpoint": "https://localhost/x"},
        {"endpoint": None},
        {"keys": {"auth": base64url(AUTH)}},
        {"keys": {"auth": base64url(AUTH), "p256dh": base64url(b"\x04" + bytes(64))}},
        {"keys": {"auth": base64url(AUTH), "p256dh": "%%%"}},
        {"keys": {"auth": base64url(AUTH), "p256dh": 7}},
        {"keys": []},
    ],
)
def test_what_is_no_subscription_is_refused(post_settings: Settings, over: dict[str, Any]) -> None:
    with pytest.raises(UnusablePush):
        parse_push(subscription(ec.generate_private_key(ec.SECP256R1()), **over))


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 3000, "1" * 4000, '"x"', "{}" + " " * 5000])
def test_what_is_no_json_object_is_refused(post_settings: Settings, text: str) -> None:
    with pytest.raises(UnusablePush):
        parse_push(text)


def test_a_short_auth_secret_is_refused(post_settings: Settings) -> None:
    told = json.loads(subscription(ec.generate_private_key(ec.SECP256R1())))
    told["keys"]["auth"] = base64url(b"short")

    with pytest.raises(UnusablePush, match="16 bytes"):
        parse_push(json.dumps(told))


def test_the_key_is_derived_from_the_secret_unless_one_is_set(post_settings: Settings) -> None:
    other_secret = dataclasses.replace(post_settings, secret_key="another secret key, long enough for it")
    own = dataclasses.replace(post_settings, vapid_private_key=new_vapid_key())

    keys = [public_key(each) for each in (post_settings, other_secret, own)]

    assert len(set(keys)) == 3
    assert public_key(own) == public_key(dataclasses.replace(own, secret_key=other_secret.secret_key))
    assert public_key(post_settings) == keys[0]


def test_the_command_prints_the_key_in_use_or_a_new_one(app: Flask) -> None:
    run = app.test_cli_runner().invoke

    used, new = (run(args=["notify", "vapid", *more]).output.splitlines() for more in ([], ["--new"]))

    assert used == [f"public key: {public_key(app.config['SETTINGS'])}"]
    own = new[0].removeprefix("VAPID_PRIVATE_KEY=")
    assert new[1] == f"public key: {public_key(dataclasses.replace(app.config['SETTINGS'], vapid_private_key=own))}"
    assert new[1] != used[0]


@pytest.mark.parametrize("key", ["short", "%" * 43, "A" * 44, "A" * 43, "_" * 43])
def test_a_vapid_key_that_is_none_is_named_at_start(key: str) -> None:
    environment = {"DATABASE_URL": "postgresql+psycopg://a@/b", "MEDIA_ROOT": "m", "SECRET_KEY": "x" * 32}

    with pytest.raises(SettingsFault, match="VAPID_PRIVATE_KEY is no VAPID key"):
        Settings.from_environment(environment | {"VAPID_PRIVATE_KEY": key})

    assert Settings.from_environment(environment | {"VAPID_PRIVATE_KEY": new_vapid_key()}).vapid_private_key
