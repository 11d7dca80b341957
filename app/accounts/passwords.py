"""Passwords at rest: argon2id. Every function here that hashes is slow on purpose: never inside a transaction."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.accounts.errors import WeakPassword
from app.crockford import random_name

# The second recommendation of RFC 9106, section 4: three passes over 64 MiB.
_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

SHORTEST = 12
LONGEST = 256  # more costs time and adds nothing
FEWEST_CHARACTERS = 5
ONE_TIME_LENGTH = 20  # of base 32: a hundred bits


def hash_password(password: str) -> str:
    """Hash a password with a salt of its own."""
    return _hasher.hash(_octets(password))


def matches(password: str, kept: str | None) -> bool:
    """Tell whether a password is the kept one; without a kept one it takes the same time."""
    spare = _dummy()  # made at the first call in both cases
    try:
        return _hasher.verify(kept or spare, _octets(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def require_strong(password: str, *, login: str | None = None, before: str | None = None) -> None:
    """Refuse what is guessed first (NIST SP 800-63B, 5.1.1.2: length counts, rules of composition do not).

    ``before`` is the one that it replaces: a one-time password, which somebody else knows, must not stay.

    Raises WeakPassword.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"A password has at least {SHORTEST} characters; some words in a row do well.")
    if len(password) > LONGEST:
        raise WeakPassword(f"A password has at most {LONGEST} characters.")
    if len(set(password)) < FEWEST_CHARACTERS:
        raise WeakPassword("This password repeats few characters; take some words in a row.")
    if login and login in password.lower():
        raise WeakPassword("The password must not contain the login.")
    if password == before:
        raise WeakPassword("This is the password of before; choose another one.")


def one_time_password() -> str:
    """Draw a password that can be read aloud, in groups of five."""
    name = random_name(ONE_TIME_LENGTH)
    return "-".join(name[start : start + 5] for start in range(0, ONE_TIME_LENGTH, 5))


@cache
def _dummy() -> str:
    return _hasher.hash(secrets.token_bytes())


def _octets(password: str) -> bytes:
    """Give the bytes that are hashed: the same, however a keyboard composes its accents (RFC 8265, 4.2)."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
