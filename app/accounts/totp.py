"""Codes of a second factor: TOTP (RFC 6238) with six digits, SHA-1 and 30 seconds, which every phone's app can."""

from __future__ import annotations

import datetime as dt
import hmac

import pyotp

from app.accounts import keys

ISSUER = "suishoupai"
STEP_SECONDS = 30
DRIFT_STEPS = 1  # a phone's clock may be half a minute wrong


def new_secret() -> str:
    """Draw a secret: 160 bits in base 32."""
    return pyotp.random_base32()


def seal(secret: str) -> bytes:
    """Encrypt a secret by Fernet (AES-128-CBC, HMAC-SHA256)."""
    return keys.current().totp.encrypt(secret.encode())


def address(secret: str, login: str) -> str:
    """Give the otpauth URI that a phone reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def matching_step(sealed: bytes, code: str, *, after: int | None, now: dt.datetime) -> int | None:
    """Find the step of 30 seconds whose code this is, near ``now`` and later than ``after``; None where there is none.

    Keep the step and pass it as ``after``: then a code works once. Raises cryptography's InvalidToken when the
    secret key is another one.
    """
    totp = pyotp.TOTP(keys.current().totp.decrypt(sealed).decode())
    current = int(now.timestamp()) // STEP_SECONDS
    given = "".join(code.split()).encode(errors="replace")
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given) and (after is None or step > after):
            return step
    return None
