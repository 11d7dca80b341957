"""Fixtures: a real PostGIS, a database a worker, each test in a transaction that is rolled back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app import create_app, db
from app.config import Settings
from dev.cluster import Cluster, scratch_cluster
from tests.databases import Databases, rolled_back, shared_folder
from tests.rules import (  # noqa: F401  # pytest finds its hooks here
    pytest_collection_modifyitems,
    pytest_make_collect_report,
    pytest_runtest_makereport,
)

# Hypothesis fails an example that takes 200 ms, which any may on a busy machine. CI draws the same examples each time.
hypothesis_settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
hypothesis_settings.load_profile("suite")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give ../shared, the folder of test data that is read by path."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("the test data of ../shared is not here")
    return folder


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Give the running cluster of the tests."""
    cluster = scratch_cluster()
    cluster.start()
    cluster.ensure_roles()
    return cluster


@pytest.fixture(scope="session")
def databases(cluster: Cluster, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Give this worker's databases."""
    databases = Databases(cluster, f"{worker_id}_{os.getpid()}", tmp_path_factory.mktemp("files"))
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def settings(databases: Databases) -> Settings:
    """Give settings over a migrated database without a city."""
    return databases.settings("empty")


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """Give the application; which database it sees is the test's choice of ``session``, ``shenzhen`` or ``boston``."""
    app = create_app(settings)
    yield app
    app.extensions["engine"].dispose()


@pytest.fixture
def session(databases: Databases, app: Flask) -> Iterator[Session]:  # it opens store and keys
    """Give a session over a database without a city; nothing stays."""
    with rolled_back(databases.engine("empty")) as session:
        yield session


@pytest.fixture
def shenzhen(databases: Databases, app: Flask, shared: Path) -> Iterator[Session]:
    """Give a session over the real Shenzhen; nothing stays."""
    with rolled_back(databases.engine("shenzhen")) as session:
        yield session


@pytest.fixture
def boston(databases: Databases, app: Flask, shared: Path) -> Iterator[Session]:
    """Give a session over the real Boston; nothing stays."""
    with rolled_back(databases.engine("boston")) as session:
        yield session


@pytest.fixture
def client(app: Flask, shenzhen: Session) -> FlaskClient:
    """Give a client of the application over the real Shenzhen."""
    return app.test_client()


@pytest.fixture
def committed(databases: Databases, app: Flask, shared: Path) -> Iterator[Settings]:
    """Give settings over a clone of Shenzhen in which this test may commit; the sessions are bound to it."""
    name = f"ssp_test_{databases.worker}_own"
    settings = databases.clone("shenzhen", name)
    engine = create_engine(settings.database_url, pool_size=30)
    db.Session.configure(bind=engine, join_transaction_mode="conditional_savepoint")
    db.Reading.configure(
        bind=engine.execution_options(isolation_level="AUTOCOMMIT"), join_transaction_mode="conditional_savepoint"
    )
    db.Snapshot.configure(
        bind=engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True),
        join_transaction_mode="conditional_savepoint",
    )
    yield settings
    engine.dispose()
    databases.cluster.drop_database(name)
