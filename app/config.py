"""Settings: read once from the environment, typed, frozen.

Every setting is documented in docs/settings.md; a test compares the two. A default stands here only where it is
safe in production and fit to publish.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import SettingsFault

SECRET_LENGTH = 32


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
    contact_days: int = 90
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings from the environment; every missing or unusable name is reported in one fault."""
        faults: list[str] = []
        values: dict[str, object] = {}
        for name, kind in _KINDS.items():
            text = environment.get(name.upper(), "").strip()
            if text:
                _read(name, kind, text, values, faults)
        values.setdefault("database_owner_url", values.get("database_url", ""))
        faults += [f"{name.upper()} is missing" for name in _REQUIRED if name not in values]
        if len(str(values.get("secret_key", "x" * SECRET_LENGTH))) < SECRET_LENGTH:
            faults.append(f"SECRET_KEY is shorter than {SECRET_LENGTH} characters")
        if faults:
            raise SettingsFault("; ".join(faults) + ". See docs/settings.md.")
        return cls(**values)  # type: ignore[arg-type]  # the table below gave each value its type


_REQUIRED = ("database_url", "secret_key", "media_root")
_KINDS: dict[str, type] = {
    "database_url": str,
    "database_owner_url": str,
    "secret_key": str,
    "public_url": str,
    "media_root": Path,
    "smtp_url": str,
    "mail_root": Path,
    "mail_from": str,
    "reports_per_minute": int,
    "trusted_proxies": int,
    "database_pool": int,
    "worker_concurrency": int,
    "photo_probes": int,
    "contact_days": int,
    "log_level": str,
}


def _read(name: str, kind: type, text: str, values: dict[str, object], faults: list[str]) -> None:
    try:
        values[name] = kind(text.rstrip("/")) if name == "public_url" else kind(text)
    except ValueError:
        faults.append(f"{name.upper()} is {text!r}, which is no whole number")
