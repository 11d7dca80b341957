"""A database knows its secret key and its store of photos: with others nothing is written or read by mistake."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app import commands, db, installation
from app.commands import alembic_config, require_usable
from app.config import Settings
from app.errors import SettingsFault
from app.media import service as media
from app.media.errors import StoreUnavailable
from app.media.marker import check_store, mark_store, read_marker, write_marker
from app.media.store import FolderStore
from tests.databases import Databases

ROOT = Path(__file__).parents[1]
OTHER = "another-made-up-secret-key-for-tests-0123456789"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "media")


@pytest.fixture
def marked(app: Flask, shenzhen: Session) -> Iterator[FolderStore]:
    """Give the store of the application, marked for the database; it is looked at anew."""
    app.extensions.pop("store_state", None)
    store = media.current().store
    assert isinstance(store, FolderStore)
    assert mark_store(shenzhen, store, now=db.utcnow())
    shenzhen.flush()
    yield store
    app.extensions.pop("store_state", None)


def test_web_with_another_secret_key_is_not_ready_and_says_so(
    client: FlaskClient, app: Flask, settings: Settings
) -> None:
    app.config["SETTINGS"] = replace(settings, secret_key=OTHER)

    answer = client.get("/readyz")
    app.config["SETTINGS"] = settings

    assert answer.status_code == 503
    assert answer.get_json()["key"].startswith("SECRET_KEY is not the one")
    assert client.get("/readyz").get_json()["key"] == "ok"


def test_a_worker_and_a_migration_refuse_another_secret_key(app: Flask, committed: Settings) -> None:
    other = replace(committed, secret_key=OTHER)

    with pytest.raises(SettingsFault, match="SECRET_KEY"):
        require_usable(other)
    with pytest.raises(SettingsFault, match="SECRET_KEY"):
        command.upgrade(alembic_config(other), "head")
    require_usable(committed)


def test_the_key_is_recorded_where_one_role_does_everything(committed: Settings) -> None:
    alone = replace(committed, database_url=committed.database_owner_url)
    owner = create_engine(alone.database_url)
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM installation"))

    command.upgrade(alembic_config(alone), "head")

    with Session(owner) as session:
        assert not installation.has_other_key(session, alone)
        assert installation.find_installation(session) is not None
    owner.dispose()


def test_the_worker_process_ends_with_one_line(committed: Settings, tmp_path: Path) -> None:
    worker = flask(replace(committed, secret_key=OTHER, media_root=tmp_path), "worker")

    assert worker.returncode == 1
    assert worker.stderr.splitlines() == [installation.OTHER_KEY]


def test_another_key_can_be_accepted_by_the_owner(app: Flask, committed: Settings) -> None:
    other = replace(committed, secret_key=OTHER)
    before, app.config["SETTINGS"] = app.config["SETTINGS"], other

    answer = app.test_cli_runner().invoke(commands.accept_secret_key, ["--yes"])
    app.config["SETTINGS"] = before

    assert answer.exit_code == 0, answer.output
    require_usable(other)
    with pytest.raises(SettingsFault):
        require_usable(committed)


def test_an_empty_store_is_not_ready_and_an_unmarked_one_is_not_asked(
    client: FlaskClient, app: Flask, marked: FolderStore
) -> None:
    before = client.get("/readyz")
    marked.delete("installation")
    app.extensions.pop("store_state")

    empty, status = client.get("/readyz"), client.get("/statusz")

    assert (before.status_code, before.get_json()["store"]) == (200, "ok")
    assert empty.status_code == 503
    assert "is MEDIA_ROOT mounted" in empty.get_json()["store"]
    assert "store" in [alarm["name"] for alarm in status.get_json()["alarms"]]


def test_a_worker_refuses_an_empty_store(marked: FolderStore, app: Flask) -> None:
    require_usable(app.config["SETTINGS"])
    marked.delete("installation")

    with pytest.raises(SettingsFault, match="has no marker"):
        require_usable(app.config["SETTINGS"])


def test_a_store_of_another_database_is_named_and_not_taken_over(shenzhen: Session, store: FolderStore) -> None:
    theirs = uuid4()
    write_marker(store, theirs)

    assert not mark_store(shenzhen, store, now=db.utcnow())
    assert read_marker(store) == theirs
    assert check_store(store, uuid4()).fault == "belongs to another database"
    assert mark_store(shenzhen, store, now=db.utcnow(), take_over=True)
    assert read_marker(store) == shenzhen.get_one(installation.Installation, 1).store_id


@pytest.mark.parametrize(("act", "number"), [("put", errno.EROFS), ("put", errno.EACCES), ("get", errno.EIO)])
def test_web_is_ready_beside_a_store_of_its_own_that_fails(
    client: FlaskClient, marked: FolderStore, monkeypatch: pytest.MonkeyPatch, act: str, number: int
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("away") from OSError(number, os.strerror(number))

    monkeypatch.setattr(FolderStore, act, fail)
    known = read_marker(marked) if act == "put" else uuid4()
    assert known is not None

    assert check_store(marked, known).fault == f"cannot be read and written ({os.strerror(number)})"
    assert client.get("/readyz").status_code == 200


def test_a_store_whose_folder_is_something_else_is_not_usable(store: FolderStore, tmp_path: Path) -> None:
    known = uuid4()
    write_marker(store, known)
    (tmp_path / "media").rename(tmp_path / "gone")
    (tmp_path / "media").write_text("no folder")

    missing = check_store(store, known)
    (tmp_path / "media").unlink()
    (tmp_path / "gone").rename(tmp_path / "media")

    assert not missing.usable
    assert check_store(store, known).fault == ""


def test_the_upgrade_marks_the_store_once(databases: Databases, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    settings = replace(databases.clone("empty", f"ssp_test_{databases.worker}_mark"), media_root=folder)

    first = flask(settings, "db", "upgrade")
    assert first.returncode == 0, first.stderr
    marker = (folder / "installation").read_bytes()
    shutil.rmtree(folder)
    second = flask(settings, "db", "upgrade")

    assert second.returncode == 0, second.stderr
    assert len(marker) == 36
    assert not (folder / "installation").exists()


def flask(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the application as an operator does."""
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.database_owner_url,
        "MEDIA_ROOT": str(settings.media_root),
        "SECRET_KEY": settings.secret_key,
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
