"""Keys of this package: one to keep contacts unreadable at rest, one to make tracking links.

``configure`` is called once by each process, as ``app.db.connect`` is.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from cryptography.fernet import Fernet

from app.config import Settings
from app.crockford import decode, encode, normalise
from app.derivation import derive_box, derive_key

SECRET_BYTES = 20
CODE_DIGITS = 6
_ID_BYTES = _MAC_BYTES = 16


class NotConfigured(RuntimeError):
    """``configure`` was not called in this process."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What this process needs to reach people: the derived keys, and the settings of links and channels."""

    settings: Settings = field(repr=False)
    contact: Fernet = field(repr=False)
    tracking: bytes = field(repr=False)
    links: bytes = field(repr=False)


_current: list[Keys] = []


def configure(settings: Settings) -> Keys:
    """Derive the keys of this process; a second call replaces the first."""
    contact, tracking = derive_box(settings, b"suishoupai contact"), derive_key(settings, b"suishoupai tracking")
    keys = Keys(settings, contact, tracking, derive_key(settings, b"suishoupai links"))
    _current[:] = [keys]
    return keys


def current() -> Keys:
    """Give the keys of this process."""
    if not _current:
        raise NotConfigured("Call app.notify.keys.configure(settings) before contacts or tracking links are used.")
    return _current[0]


def seal(address: str) -> bytes:
    """Encrypt a contact by Fernet (AES-128-CBC, HMAC-SHA256)."""
    return current().contact.encrypt(address.encode())


def unseal(sealed: bytes) -> str:
    """Decrypt a contact; raises cryptography's InvalidToken when the secret key is another one."""
    return current().contact.decrypt(sealed).decode()


def tracking_secret(subscriber: UUID) -> str:
    """Give the secret of a report's tracking link: 160 bits of HMAC-SHA256 of its id in 32 characters.

    It is derived, not drawn, so that a later message can carry it though only its hash is stored. It is written in
    Crockford's base 32, in lower case.
    """
    digest = hmac.digest(current().tracking, subscriber.bytes, hashlib.sha256)
    return encode(digest[:SECRET_BYTES]).lower()


def tracking_hash(secret: str) -> bytes:
    """Give the SHA-256 under which a secret is looked up; case and look-alike letters do not matter."""
    return hashlib.sha256(normalise(secret.strip()).encode()).digest()


def tracking_url(subscriber: UUID) -> str:
    """Give the address of the page where a reporter follows the report."""
    return f"{current().settings.public_url}/track/{tracking_secret(subscriber)}"


def events_url(subscriber: UUID, position: str) -> str:
    """Give the address of the live stream of a report from a position on: work order, dot, number of a line."""
    settings = current().settings
    address = settings.live_url or settings.public_url
    return f"{address}/api/v1/track/{tracking_secret(subscriber)}/events?last_event_id={position}"


class Purpose(StrEnum):
    """What a signed link is good for; the link of one purpose opens nothing of another."""

    CONFIRM = "confirm"
    END = "end"


def contact_digest(channel: str, address: str) -> bytes:
    """Give the keyed digest (HMAC-SHA256) by which an address is found again; nobody without the key can try names."""
    return _mac("contact", channel, address)


def signed_id(purpose: Purpose, known: UUID) -> str:
    """Write an id that only we can have written: its 128 bits and 128 of HMAC-SHA256, 52 characters in lower case."""
    mac = _mac(purpose.value, known.hex)[:_MAC_BYTES]
    return encode(known.bytes + mac).lower()


def read_signed_id(purpose: Purpose, token: str) -> UUID | None:
    """Read an id that ``signed_id`` wrote for this purpose; None for anything else."""
    try:
        whole = decode(token.strip())
    except ValueError:
        return None
    if len(whole) != _ID_BYTES + _MAC_BYTES:
        return None
    known = UUID(bytes=whole[:_ID_BYTES])
    mac = _mac(purpose.value, known.hex)[:_MAC_BYTES]
    return known if hmac.compare_digest(mac, whole[_ID_BYTES:]) else None


def signed_url(purpose: Purpose, known: UUID) -> str:
    """Give the address of the page of a purpose."""
    return f"{current().settings.public_url}/{purpose}/{signed_id(purpose, known)}"


def code_for(known: UUID, number: int) -> str:
    """Give the code of six digits that the question of this number to a contact carries."""
    return f"{int.from_bytes(_mac('code', known.hex, number)[:8], 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _mac(*parts: object) -> bytes:
    return hmac.digest(current().links, "/".join(map(str, parts)).encode(), hashlib.sha256)
