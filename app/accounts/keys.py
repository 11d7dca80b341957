"""Keys of this package: one to keep secrets of second factors unreadable at rest, one for the cookie of a sign-on.

Both are derived from the secret key of the settings by HKDF (RFC 5869) under names of their own, so that neither tells
anything of the other. ``configure`` is called once by each process, as ``app.db.connect`` is.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.config import Settings

KEY_BYTES = 32


class NotConfigured(RuntimeError):
    """``configure`` was not called in this process."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What this process needs to let people in."""

    settings: Settings = field(repr=False)
    totp: Fernet = field(repr=False)
    sign_on: Fernet = field(repr=False)


_current: list[Keys] = []


def configure(settings: Settings) -> Keys:
    """Derive the keys of this process; a second call replaces the first."""
    keys = Keys(settings, _fernet(settings, b"suishoupai totp"), _fernet(settings, b"suishoupai sign-on"))
    _current[:] = [keys]
    return keys


def current() -> Keys:
    """Give the keys of this process."""
    if not _current:
        raise NotConfigured("Call app.accounts.keys.configure(settings) before anybody signs in.")
    return _current[0]


def _fernet(settings: Settings, name: bytes) -> Fernet:
    kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=name)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(settings.secret_key.encode())))


__all__ = ["InvalidToken", "Keys", "NotConfigured", "configure", "current"]
