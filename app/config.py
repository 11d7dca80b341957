"""Settings: read once from the environment, typed, frozen.

Every setting is documented in docs/settings.md; a test compares the two. A default stands here only where it is
safe in production and fit to publish.
"""

from __future__ import annotations

import base64
import os
import re
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
VAPID_BYTES = 32
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SEC 2, section 2.4.2
FOLDER = "folder"  # a gateway that writes files, for development
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decides. Times are in the unit that the name says, URLs without a trailing slash."""

    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    media_root: Path
    database_owner_url: str = field(repr=False)
    database_direct_url: str = field(default="", repr=False)
    public_url: str = "http://127.0.0.1:8000"
    live_url: str = ""
    live_streams: int = 10_000
    live_streams_per_address: int = 200
    smtp_url: str = field(default="", repr=False)
    mail_root: Path = Path("var/mail")
    mail_from: str = "reports@example.org"
    reports_per_minute: int = 120
    trusted_proxies: int = 0
    database_pool: int = 5
    worker_concurrency: int = 4
    photo_probes: int = 2
    store_calls: int = 2
    photo_spool_mb: int = 1000
    photo_detector: str = "haar"
    contact_days: int = 90
    vapid_private_key: str = field(default="", repr=False)
    sms_gateway_url: str = ""
    wechat_gateway_url: str = ""
    gateway_secret: str = field(default="", repr=False)
    webhook_failing_days: int = 5
    outbound_loopback: bool = False
    map_style_url: str = ""
    open_data_days: int = 30
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

    @property
    def direct_url(self) -> str:
        """Return the URL of the server itself, for what does not work through a pooler."""
        return self.database_direct_url or self.database_url

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
        faults += _gateway_faults(values)
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


def _vapid_key(text: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    if len(raw) != VAPID_BYTES or not 0 < int.from_bytes(raw) < P256_ORDER:
        raise ValueError("is no VAPID key: make one with `flask notify vapid --new`")
    return text.rstrip("=")


def _gateway(text: str) -> str:
    if text != FOLDER and not (urlsplit(text).scheme in {"http", "https"} and urlsplit(text).hostname):
        raise ValueError(f"is neither an http:// or https:// address nor {FOLDER!r}")
    return text


_BASE64 = r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"


def _gateway_secret(text: str) -> str:
    if len(text) < SECRET_LENGTH:
        raise ValueError(f"is shorter than {SECRET_LENGTH} characters")
    if text.startswith("whsec_") and not re.fullmatch(_BASE64, text[6:]):
        raise ValueError("begins with whsec_, and what follows is no base 64")
    return text


def _yes_or_no(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError(f"is {text!r}, and only 0 and 1 are allowed")
    return text == "1"


def _gateway_faults(values: Mapping[str, object]) -> list[str]:
    """Name the gateways whose requests could not be signed."""
    if values.get("gateway_secret"):
        return []
    named = ("sms_gateway_url", "wechat_gateway_url")
    return [f"GATEWAY_SECRET is missing beside {name.upper()}" for name in named if values.get(name, FOLDER) != FOLDER]


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
    "database_direct_url": _database_url,
    "secret_key": str,
    "public_url": _address,
    "live_url": _address,
    "live_streams": _whole_number,
    "live_streams_per_address": _whole_number,
    "media_root": Path,
    "smtp_url": str,
    "mail_root": Path,
    "mail_from": str,
    "reports_per_minute": _whole_number,
    "trusted_proxies": _whole_number,
    "database_pool": _whole_number,
    "worker_concurrency": _whole_number,
    "photo_probes": _whole_number,
    "store_calls": _whole_number,
    "photo_spool_mb": _whole_number,
    "photo_detector": _detector,
    "contact_days": _whole_number,
    "vapid_private_key": _vapid_key,
    "sms_gateway_url": _gateway,
    "wechat_gateway_url": _gateway,
    "gateway_secret": _gateway_secret,
    "webhook_failing_days": _whole_number,
    "outbound_loopback": _yes_or_no,
    "map_style_url": str,
    "open_data_days": _whole_number,
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
