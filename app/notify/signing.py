"""Signatures of what goes to systems and comes from them, as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks: three headers, ``webhook-id``, ``webhook-timestamp`` (seconds
since 1970) and ``webhook-signature``: HMAC-SHA256 over ``id.timestamp.body``, in base 64 behind ``v1,``.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE = dt.timedelta(minutes=5)
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def new_secret() -> str:
    """Draw a secret: ``whsec_`` and 32 random bytes in base 64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Give the key that a secret stands for; one without ``whsec_`` is taken as it is written.

    Raises ValueError where the part behind ``whsec_`` is no base 64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {PREFIX} is no base 64") from None


def sign(body: bytes, *, message_id: str, secrets: Iterable[str], at: dt.datetime) -> dict[str, str]:
    """Give the three headers of a body; while a secret is changed there is a signature for each."""
    timestamp = str(int(at.timestamp()))
    signatures = [f"v1,{_signature(secret, message_id, timestamp, body)}" for secret in secrets]
    return {ID: message_id, TIMESTAMP: timestamp, SIGNATURE: " ".join(signatures)}


def verify(body: bytes, headers: Mapping[str, str], *, secret: str, now: dt.datetime) -> bool:
    """Tell whether a body was signed with a secret less than five minutes ago."""
    timestamp = headers.get(TIMESTAMP, "")
    if not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(int(timestamp[:12]) - now.timestamp()) > TOLERANCE.total_seconds():
        return False
    right = _signature(secret, headers.get(ID, ""), timestamp, body)
    given = [each.partition(",") for each in headers.get(SIGNATURE, "").split(" ")]
    return any(version == "v1" and hmac.compare_digest(sign.encode(), right.encode()) for version, _, sign in given)


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()
