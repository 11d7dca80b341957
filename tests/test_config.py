from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import SettingsFault

ROOT = Path(__file__).parents[1]
GOOD = {
    "DATABASE_URL": "postgresql+psycopg://ssp_app:made-up@db.example.org:5432/ssp",
    "MEDIA_ROOT": "var/media",
    "SECRET_KEY": "made-up-secret-key-for-tests-only-0123456789",
}


def fault(**over: str) -> str:
    with pytest.raises(SettingsFault) as raised:
        Settings.from_environment(GOOD | over)
    return str(raised.value)


def test_good_settings_are_read() -> None:
    settings = Settings.from_environment(GOOD | {"LOG_LEVEL": "warning", "PUBLIC_URL": "https://a.example.org/"})

    assert settings.database_owner_url == settings.database_url == GOOD["DATABASE_URL"]
    assert settings.log_level == "WARNING"
    assert settings.public_url == "https://a.example.org"
    assert Settings.from_environment(GOOD | {"DATABASE_URL": "postgresql+psycopg://a@/b?host=/run/pg"})


@pytest.mark.parametrize("level", ["verbose", "10", "WARN ING"])
def test_a_log_level_that_is_none_is_named_with_those_that_are(level: str) -> None:
    said = fault(LOG_LEVEL=level)

    assert said == f"LOG_LEVEL is {level!r}, and only DEBUG, INFO, WARNING, ERROR are allowed. See docs/settings.md."


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL"])
@pytest.mark.parametrize("url", ["made-up", "//role:made-up@host", "postgresql+psycopg://role:made-up@host:port/ssp"])
def test_a_database_url_that_is_none_is_named_and_never_shown(name: str, url: str) -> None:
    said = fault(**{name: url})

    assert said == (
        f"{name} is no URL of the form postgresql+psycopg://ROLE:PASSWORD@HOST/DATABASE. See docs/settings.md."
    )


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+asyncpg", "postgres", "mysql", "sqlite"])
def test_another_database_than_postgresql_by_psycopg_is_refused(driver: str) -> None:
    said = fault(DATABASE_URL=f"{driver}://role:made-up@host/ssp")

    assert said == (
        f"DATABASE_URL begins with {driver}://, and only postgresql+psycopg:// is allowed. See docs/settings.md."
    )


def test_faults_are_reported_together_and_once_each() -> None:
    said = fault(DATABASE_URL="mysql://host", LOG_LEVEL="loud", DATABASE_POOL="five", SECRET_KEY="short")

    assert [part.split()[0] for part in said.split("; ")] == [
        "DATABASE_URL",
        "DATABASE_POOL",
        "LOG_LEVEL",
        "SECRET_KEY",
    ]
    assert "missing" not in said


def test_a_service_that_cannot_start_says_so_in_one_line() -> None:
    started = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=GOOD | {"LOG_LEVEL": "loud"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode == 1
    assert started.stderr.splitlines() == [
        "LOG_LEVEL is 'loud', and only DEBUG, INFO, WARNING, ERROR are allowed. See docs/settings.md."
    ]


S3 = {
    "S3_ENDPOINT": "https://s3.example.org/",
    "S3_BUCKET": "photos",
    "S3_ACCESS_KEY": "made-up",
    "S3_SECRET_KEY": "made-up-secret",
}


def test_a_bucket_is_read_and_its_secret_never_shown() -> None:
    settings = Settings.from_environment(GOOD | S3)

    assert (settings.s3_endpoint, settings.s3_bucket) == ("https://s3.example.org", "photos")
    assert "made-up-secret'" not in repr(settings)


def test_where_clients_reach_the_bucket_is_an_address() -> None:
    assert fault(**S3, S3_PUBLIC_ENDPOINT="photos.example.org") == (
        "S3_PUBLIC_ENDPOINT is no address of the form https://HOST. See docs/settings.md."
    )


def test_what_is_missing_beside_an_endpoint_is_named() -> None:
    assert fault(S3_ENDPOINT="s3.example.org") == (
        "S3_BUCKET is missing beside S3_ENDPOINT; S3_ACCESS_KEY is missing beside S3_ENDPOINT; "
        "S3_SECRET_KEY is missing beside S3_ENDPOINT; S3_ENDPOINT is no address of the form https://HOST. "
        "See docs/settings.md."
    )
