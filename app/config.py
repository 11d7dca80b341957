"""Settings: read once from the environment, typed, frozen.

Every setting is documented in docs/settings.md; a test compares the two. A default stands here only where it is
safe in production and fit to publish.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import SettingsFault

SECRET_LENGTH = 32
DRIVER = "postgresql+psycopg"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DETECTORS = ("haar", "off")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decides. Times are in the unit that the name says, URLs without a trailing slash."""

    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    media_root: Path
    database_owner_url: str = field(repr=False)
    public_url: str = "http://127.0.0.1:8000"
    smtp_url: str = field(default="", repr=False)
    mail_root: Path = Path("var/mail")
    mail_from: str = "reports@example.org"
    reports_per_minute: int = 120
    trusted_proxies: int = 0
    database_pool: int = 5
    worker_concurrency: int = 4
    photo_probes: int = 2
    photo_detector: str = "haar"
    contact_days: int = 90
    log_level: str = "INFO"
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings from the environment; every missing or unusable name is reported in one fault."""
        faults: list[str] = []
        values: dict[str, object] = {}
        for name in _KINDS:
            text = environment.get(name.upper(), "").strip()
            if text:
                _read(name, text, values, faults)
        values.setdefault("database_owner_url", values.get("database_url", ""))
        faults += [f"{name.upper()} is missing" for name in _REQUIRED if not environment.get(name.upper(), "").strip()]
        if len(str(values.get("secret_key", "x" * SECRET_LENGTH))) < SECRET_LENGTH:
            faults.append(f"SECRET_KEY is shorter than {SECRET_LENGTH} characters")
        faults += _single_sign_on_faults(str(values.get("oidc_issuer", "")), str(values.get("oidc_client_id", "")))
        faults += _object_store_faults(values)
        if faults:
            raise SettingsFault("; ".join(faults) + ". See docs/settings.md.")
        return cls(**values)  # type: ignore[arg-type]  # the table below gave each value its type


def _database_url(text: str) -> str:
    # The URL itself holds a password and is never shown.
    try:
        driver = make_url(text).drivername
    except (ArgumentError, ValueError):
        raise ValueError(f"is no URL of the form {DRIVER}://ROLE:PASSWORD@HOST/DATABASE") from None
    if driver != DRIVER:
        raise ValueError(f"begins with {driver}://, and only {DRIVER}:// is allowed")
    return text


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"is {text!r}, which is no whole number") from None


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"is {text!r}, and only {', '.join(LOG_LEVELS)} are allowed")
    return text.upper()


def _detector(text: str) -> str:
    if text not in DETECTORS:
        raise ValueError(f"is {text!r}, and only {', '.join(DETECTORS)} are allowed")
    return text


def _address(text: str) -> str:
    return text.rstrip("/")


def _single_sign_on_faults(issuer: str, client_id: str) -> list[str]:
    """Name what keeps the single sign-on from being used safely; without an issuer it is off."""
    faults = []
    parts = urlsplit(issuer)
    if issuer and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        faults.append("OIDC_ISSUER is no https:// address")
    if issuer and not client_id:
        faults.append("OIDC_CLIENT_ID is missing beside OIDC_ISSUER")
    return faults


def _object_store_faults(values: Mapping[str, object]) -> list[str]:
    """Name what is missing to keep photos in a bucket; without an endpoint they are kept in the folder."""
    endpoint = str(values.get("s3_endpoint", ""))
    if not endpoint:
        return []
    faults = [f"{name.upper()} is missing beside S3_ENDPOINT" for name in _BESIDE_S3 if not values.get(name)]
    addresses = {name: urlsplit(str(values[name])) for name in ("s3_endpoint", "s3_public_endpoint") if name in values}
    for name, parts in addresses.items():
        if parts.scheme not in ("http", "https") or not parts.hostname:
            faults.append(f"{name.upper()} is no address of the form https://HOST")
    return faults


_BESIDE_S3 = ("s3_bucket", "s3_access_key", "s3_secret_key")
_REQUIRED = ("database_url", "secret_key", "media_root")
# How each setting is read; a ValueError says what is wrong with it, as the rest of a sentence.
_KINDS: dict[str, Callable[[str], object]] = {
    "database_url": _database_url,
    "database_owner_url": _database_url,
    "secret_key": str,
    "public_url": _address,
    "media_root": Path,
    "smtp_url": str,
    "mail_root": Path,
    "mail_from": str,
    "reports_per_minute": _whole_number,
    "trusted_proxies": _whole_number,
    "database_pool": _whole_number,
    "worker_concurrency": _whole_number,
    "photo_probes": _whole_number,
    "photo_detector": _detector,
    "contact_days": _whole_number,
    "log_level": _log_level,
    "oidc_issuer": str,  # compared with the claim as it stands, a slash at the end too
    "oidc_client_id": str,
    "oidc_client_secret": str,
    "s3_endpoint": _address,
    "s3_public_endpoint": _address,
    "s3_bucket": str,
    "s3_region": str,
    "s3_access_key": str,
    "s3_secret_key": str,
}


def _read(name: str, text: str, values: dict[str, object], faults: list[str]) -> None:
    try:
        values[name] = _KINDS[name](text)
    except ValueError as fault:
        faults.append(f"{name.upper()} {fault}")
