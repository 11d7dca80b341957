"""Databases of the tests: templates made once a code state, a clone of each for every pytest worker."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command
from sqlalchemy import TextClause, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.pool import NullPool

from app import db
from app.commands import alembic_config
from app.config import Settings
from app.jobs import write_jobs
from dev.cluster import Cluster
from dev.places import ROOT, shared_data

SHARED = shared_data()
BUILT_IN = ROOT / "cities" / "shenzhen"
SECRET = "made-up-secret-key-for-tests-only-0123456789"


def settings_for(url: str, owner_url: str, folder: Path) -> Settings:
    """Give settings over a database, with photos and mail in a folder of the test."""
    return Settings(
        database_url=url,
        database_owner_url=owner_url,
        secret_key=SECRET,
        media_root=folder / "media",
        mail_root=folder / "mail",
        public_url="http://reports.example.org",
        reports_per_minute=0,
        log_level="WARNING",
    )


@dataclass
class Databases:
    """The databases of one pytest worker."""

    cluster: Cluster
    worker: str
    folder: Path
    engines: dict[str, Engine] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    def settings(self, kind: str) -> Settings:
        """Give settings over this worker's clone of ``empty``, ``built_in`` or a city pack of ../shared."""
        name = f"ssp_test_{self.worker}_{kind}"
        if name not in self._names:
            self.clone(kind, name)
        return self._settings(name)

    def engine(self, kind: str) -> Engine:
        """Give the engine of this worker's clone."""
        if kind not in self.engines:
            self.engines[kind] = create_engine(self.settings(kind).database_url)
        return self.engines[kind]

    def clone(self, kind: str, name: str) -> Settings:
        """Make a database of its own for a test that commits; it is dropped at the end."""
        template = self._template(kind)
        self.cluster.drop_database(name)
        self.cluster.ensure_database(name, template=template)
        self._names.append(name)
        return self._settings(name)

    def close(self) -> None:
        """Drop the clones; the templates stay for the next run."""
        for engine in self.engines.values():
            engine.dispose()
        for name in self._names:
            self.cluster.drop_database(name)

    def _settings(self, name: str) -> Settings:
        return settings_for(self.cluster.url(name), self.cluster.url(name, "ssp_owner"), self.folder)

    def _template(self, kind: str) -> str:
        with _one_at_a_time():
            name = f"ssp_t_{kind}_{_state()}"
            known = self.cluster.psql("SELECT datname FROM pg_database WHERE datname LIKE 'ssp\\_t\\_%'").split()
            if name in known:
                return name
            for old in known:
                if old.startswith(f"ssp_t_{kind}_"):
                    self.cluster.drop_database(old)
            making = f"ssp_making_{kind}"
            self.cluster.drop_database(making)
            self.cluster.ensure_database(making)
            fill(kind, self._settings(making))
            self.cluster.psql(f"ALTER DATABASE {making} RENAME TO {name}")
            return name


def fill(kind: str, settings: Settings) -> None:
    """Migrate a database and load a pack: none for ``empty``, the one of the repository for ``built_in``."""
    command.upgrade(alembic_config(settings), "head")
    if kind == "empty":
        return
    from app.assets.packs import AssetPart  # noqa: PLC0415  # tests of the floor do not need the packs
    from app.catalogue.packs import AreaPart, ListPart, load_pack, read_pack  # noqa: PLC0415

    engine = create_engine(settings.database_url, poolclass=NullPool)
    db.Session.configure(bind=engine)
    with db.Session.begin() as session:
        pack = BUILT_IN if kind == "built_in" else SHARED / "cities" / kind
        load_pack(session, read_pack(pack), [AreaPart(), ListPart(), AssetPart()], now=db.utcnow())
    engine.dispose()


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Session]:
    """Bind the session factories to one connection whose transaction is rolled back at the end."""
    with engine.connect() as connection:
        transaction = connection.begin()
        for factory in (db.Session, db.Reading, db.Snapshot):
            factory.configure(bind=connection, join_transaction_mode="create_savepoint")
        with db.Session() as session:
            event.listen(session, "do_orm_execute", _write_jobs_before_looking)
            yield session
        transaction.rollback()


def _write_jobs_before_looking(asked: ORMExecuteState) -> None:
    """Write the jobs of a test that never commits before it looks into the queue, as a commit would."""
    if (asked.is_select or isinstance(asked.statement, TextClause)) and "procrastinate_jobs" in str(asked.statement):
        write_jobs(asked.session)


def _state() -> str:
    digest = hashlib.sha256()
    files = [*sorted(ROOT.glob("app/**/*.py")), *sorted(ROOT.glob("migrations/**/*.py"))]
    for path in [*files, *sorted(BUILT_IN.glob("*.*")), *sorted(SHARED.glob("cities/**/*.*"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    lock = ROOT / "var" / "test-templates.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def shared_folder() -> Path | None:
    """Give the folder of the test data, None where a newcomer has none; in CI it must be there."""
    if SHARED.is_dir():
        return SHARED
    if os.environ.get("CI"):
        message = "the test data of ../shared is missing, and this is CI"
        raise RuntimeError(message)
    return None
