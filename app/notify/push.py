"""Web Push to browsers: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (who sends it: VAPID).

The address is the JSON of a browser's PushSubscription. Its endpoint was chosen by a stranger, so requests go out by
``app.notify.outbound``; pywebpush encrypts and py_vapid signs.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.config import P256_ORDER, VAPID_BYTES, Settings
from app.db import utcnow
from app.derivation import derive_key
from app.notify.channels import Answer, Message, Never, TryLater
from app.notify.errors import UnusablePush
from app.notify.keys import current
from app.notify.outbound import NotAllowed, NotReached, Outbound

LARGEST_PAYLOAD = 3800  # a push service must take 4096 bytes (RFC 8030, 7.2), encryption adds to it
KEPT = dt.timedelta(days=7)
TOKEN_LIFE = dt.timedelta(hours=12)  # RFC 8292 allows 24; clocks differ
AUTH_BYTES = 16
LONGEST_SUBSCRIPTION = 4096
_OK = range(200, 300)
_GONE = (404, 410)
_REFUSED = (400, 413)


def parse_push(address: str) -> str:
    """Read a PushSubscription as a browser writes it; give it in one canonical form. Raises UnusablePush."""
    if len(address) > LONGEST_SUBSCRIPTION:
        raise UnusablePush("It is too long.")
    try:
        told = json.loads(address)
        endpoint, keys = str(told["endpoint"]), {name: _read_key(told["keys"][name]) for name in ("auth", "p256dh")}
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), keys["p256dh"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise UnusablePush("It has no endpoint, or no usable keys p256dh and auth.") from None
    if len(keys["auth"]) != AUTH_BYTES:
        raise UnusablePush("The key auth does not have 16 bytes.")
    try:
        Outbound(loopback=current().settings.outbound_loopback).check(endpoint)
    except NotAllowed as fault:
        raise UnusablePush(f"The endpoint cannot be used. {fault}") from None
    written = {name: _write_key(key) for name, key in keys.items()}
    return json.dumps({"endpoint": endpoint, "keys": written}, sort_keys=True, separators=(",", ":"))


def vapid_key(settings: Settings) -> EllipticCurvePrivateKey:
    """Give the key by which push services know us: that of the settings, else one derived from the secret key."""
    given = settings.vapid_private_key
    if given:
        return derive_private_key(int.from_bytes(_read_key(given)), SECP256R1())
    drawn = int.from_bytes(derive_key(settings, b"suishoupai vapid"))
    return derive_private_key(drawn % (P256_ORDER - 1) + 1, SECP256R1())


def new_vapid_key() -> str:
    """Draw a key for the settings: 32 bytes in base64url."""
    drawn = generate_private_key(SECP256R1()).private_numbers().private_value
    return _write_key(drawn.to_bytes(VAPID_BYTES))


def public_key(settings: Settings) -> str:
    """Give the public key that a browser subscribes with (``applicationServerKey``): base64url."""
    point = vapid_key(settings).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _write_key(point)


def payload_of(message: Message) -> bytes:
    """Write what the browser's service worker gets: title, body, url, tag; the body is cut to 3,800 bytes in all.

    The tag is the delivery's: a browser shows one notification of a tag, however often it arrives.
    """
    said = {"title": message.subject, "url": message.link, "tag": str(message.delivery_id)}
    body = message.short or message.text.strip()
    whole = _write(said | {"body": body})
    while len(whole) > LARGEST_PAYLOAD and body:
        # A character has four bytes at most, and six where JSON escapes it.
        body = body[: -max(1, (len(whole) - LARGEST_PAYLOAD) // 6) - 1].rstrip()
        whole = _write(said | {"body": f"{body}…"})
    return whole


@dataclass(frozen=True, slots=True)
class WebPush:
    """Push to browsers. ``contact`` is who a push service writes to when it has a complaint: an e-mail address."""

    key: EllipticCurvePrivateKey = field(repr=False)
    contact: str
    way: Outbound = field(default_factory=Outbound)
    clock: Callable[[], dt.datetime] = utcnow

    def send(self, message: Message) -> Answer:
        """Encrypt a message for its browser and hand it to the push service.

        Topic is the delivery's: a second try replaces a first one that the push service still holds, and no other
        message does, for nobody shall miss a step.
        """
        subscription = json.loads(message.address)
        endpoint = subscription["endpoint"]
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(KEPT.total_seconds())),
            "Urgency": "high" if message.urgent else "normal",
            "Topic": message.delivery_id.hex,
            "Authorization": self._authorization(endpoint),
        }
        try:
            reply = self.way.post(endpoint, _encrypt(subscription, payload_of(message)), headers)
        except NotAllowed as fault:
            raise Never(str(fault), ends=True) from fault
        except NotReached as fault:
            raise TryLater(Answer(str(fault)).without(endpoint)) from fault
        said = Answer(reply.line).without(endpoint)
        if reply.status in _GONE or reply.status in _REFUSED:
            raise Never(said, ends=reply.status in _GONE)
        if reply.status not in _OK:
            raise TryLater(said, after_s=reply.retry_after_s)
        return Answer(said)

    def _authorization(self, endpoint: str) -> str:
        """Say who we are: a JWT for the push service's origin, signed with our key."""
        from py_vapid import Vapid02  # noqa: PLC0415  # slow to load, and only a worker that sends needs it

        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self.clock() + TOKEN_LIFE).timestamp()),
            "sub": f"mailto:{parseaddr(self.contact)[1]}",
        }
        signed: dict[str, str] = Vapid02(self.key).sign(claims)
        return signed["Authorization"]


def _encrypt(subscription: dict[str, Any], payload: bytes) -> bytes:
    from pywebpush import WebPusher  # noqa: PLC0415  # the same

    return bytes(WebPusher(subscription).encode(payload)["body"])


def _write(said: dict[str, str]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _read_key(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (AttributeError, binascii.Error) as fault:
        raise ValueError("no base64url") from fault


def _write_key(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")
