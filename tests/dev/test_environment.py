from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dev import environment
from dev.cluster import Cluster
from dev.environment import Plan


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "city.toml").write_text('code = "us-boston"\n', encoding="utf-8")
    return tmp_path


@pytest.fixture
def given(pack: Path) -> dict[str, str]:
    return {"CITY": str(pack), "SECRET_KEY": "k" * 40}


def test_a_city_has_a_database_and_photos_of_its_own(given: dict[str, str], tmp_path: Path) -> None:
    plan = Plan.of(given)

    settings = environment.settings(plan, given, Cluster(tmp_path / "pg"))

    assert settings["DATABASE_URL"].startswith("postgresql+psycopg://ssp_app@/ssp_us_boston?host=/")
    assert settings["DATABASE_OWNER_URL"].startswith("postgresql+psycopg://ssp_owner@/ssp_us_boston?host=/")
    assert settings["MEDIA_ROOT"].endswith("/media/us_boston")
    assert settings["CITY_PACK"] == str(tmp_path)


def test_what_is_given_is_kept(given: dict[str, str], tmp_path: Path) -> None:
    given |= {"DATABASE_URL": "postgresql+psycopg://db/x", "PUBLIC_URL": "https://report.example", "MEDIA_ROOT": "/m"}

    settings = environment.settings(Plan.of(given), given, Cluster(tmp_path / "pg"))

    assert Plan.of(given).external
    assert settings["SECRET_KEY"] == "k" * 40
    assert settings["MEDIA_ROOT"] == "/m"
    assert settings["PUBLIC_URL"] == "https://report.example"
    assert settings["DATABASE_URL"] == "postgresql+psycopg://db/x"
    assert "DATABASE_OWNER_URL" not in settings


@pytest.mark.parametrize(("asked", "level"), [("", "WARNING"), ("INFO", "INFO")])
def test_the_terminal_shows_warnings_and_errors_unless_more_is_asked_for(
    given: dict[str, str], tmp_path: Path, asked: str, level: str
) -> None:
    given |= {"LOG_LEVEL": asked}

    settings = environment.settings(Plan.of(given), given, Cluster(tmp_path / "pg"))

    assert settings["LOG_LEVEL"] == level


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:8001"),
        ("0.0.0.0", "http://127.0.0.1:8001"),  # noqa: S104  # not bound to
        ("192.168.1.7", "http://192.168.1.7:8001"),
        ("::1", "http://[::1]:8001"),
    ],
)
def test_the_address_is_one_that_can_be_opened(given: dict[str, str], host: str, address: str) -> None:
    assert Plan.of({**given, "HOST": host, "PORT": "8001"}).address == address


def test_a_secret_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "secret-key"

    first, second = environment.secret(file), environment.secret(file)

    assert first == second
    assert len(first) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_half_a_secret_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "secret-key"
    file.write_text("short")

    assert len(environment.secret(file)) >= 32


def test_the_programs_of_the_environment_come_first() -> None:
    env = environment.whole({"A": "1"}, {"PATH": "/usr/bin", "B": "2"})

    assert env["PATH"].endswith("/.venv/bin:/usr/bin")
    assert (env["A"], env["B"]) == ("1", "2")
