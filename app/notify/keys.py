"""Keys of this package: one to keep contacts unreadable at rest, one to make tracking links.

``configure`` is called once by each process, as ``app.db.connect`` is.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.fernet import Fernet

from app.config import Settings
from app.crockford import encode, normalise
from app.derivation import derive_box, derive_key

SECRET_BYTES = 20


class NotConfigured(RuntimeError):
    """``configure`` was not called in this process."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What this process needs to reach people: the derived keys, and the settings of links and channels."""

    settings: Settings = field(repr=False)
    contact: Fernet = field(repr=False)
    tracking: bytes = field(repr=False)


_current: list[Keys] = []


def configure(settings: Settings) -> Keys:
    """Derive the keys of this process; a second call replaces the first."""
    contact, tracking = derive_box(settings, b"suishoupai contact"), derive_key(settings, b"suishoupai tracking")
    keys = Keys(settings, contact, tracking)
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
