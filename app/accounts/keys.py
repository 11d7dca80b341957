"""Keys of this package: one to keep secrets of second factors unreadable at rest, one for the cookie of a sign-on.

``configure`` is called once by each process, as ``app.db.connect`` is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from app.config import Settings
from app.derivation import derive_box


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
    keys = Keys(settings, derive_box(settings, b"suishoupai totp"), derive_box(settings, b"suishoupai sign-on"))
    _current[:] = [keys]
    return keys


def current() -> Keys:
    """Give the keys of this process."""
    if not _current:
        raise NotConfigured("Call app.accounts.keys.configure(settings) before anybody signs in.")
    return _current[0]


__all__ = ["InvalidToken", "Keys", "NotConfigured", "configure", "current"]
