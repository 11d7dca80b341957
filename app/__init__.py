"""The composition root: settings, extensions, features."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from sqlalchemy.engine import Engine

    from app.config import Settings
    from app.errors import SettingsFault

ROUTES = (
    "app.accounts.routes",
    "app.reports.routes",
    "app.notify.routes",
    "app.fieldwork.routes",
    "app.dispatch.routes",
    "app.dispatch.responsibility_routes",
    "app.media.routes",
    "app.reports.photo_routes",
    "app.notify.system_routes",
    "app.publicmap.routes",
)
PAGES = ("app.api.health", "app.status.routes", "app.web.routes")
UPLOAD_BYTES = 121 * 1024 * 1024  # six photos of 20 MB and the words around them


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application; without ``settings`` they are read from the environment. Raises SettingsFault.

    For the ``flask`` command it is made without usable settings too: with the commands that read files only.
    """
    # Imported here: the children that decode photos import this package and must stay small.
    from app.commands import is_resolving_command
    from app.config import Settings
    from app.errors import SettingsFault

    try:
        return _create_app(settings or Settings.from_environment())
    except SettingsFault as fault:
        if not is_resolving_command():
            raise
        return _create_offline_app(fault)


def _create_offline_app(fault: SettingsFault) -> Flask:
    from flask import Flask

    from app.assets.packs import AssetPart
    from app.catalogue.check_cli import check_command
    from app.commands import OfflineCommands

    app = Flask(__name__, static_folder=None)
    city = OfflineCommands("city", fault)
    city.add_command(check_command([AssetPart()]))
    app.cli = OfflineCommands("flask", fault)
    app.cli.add_command(city)
    return app


def _create_app(settings: Settings) -> Flask:
    from app.api import blueprint, compression, edge, errors, query
    from app.db import utcnow
    from app.logs import start_logs
    from app.media.service import check_size

    start_logs(settings.log_level)
    app = errors.Application(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=UPLOAD_BYTES,
        SETTINGS=settings,
        PUBLIC_URL=settings.public_url,
        SECRET_KEY=settings.secret_key,
        REPORTS_PER_MINUTE=settings.reports_per_minute,
    )
    app.extensions["engine"] = open_process(settings)
    app.extensions["authenticator"] = _authenticate
    app.extensions["clock"] = utcnow
    app.extensions["check_upload"] = check_size
    app.extensions["check_store"] = _check_store
    errors.install(app)
    edge.install(app, trusted_proxies=settings.trusted_proxies, live_url=settings.live_url)
    query.install(app)
    compression.install(app)
    api = blueprint.make_api(app)
    for name in ROUTES:
        api.register_blueprint(importlib.import_module(name).blp)
    for name in PAGES:
        app.register_blueprint(importlib.import_module(name).blp)
    blueprint.serve_document(app, api)
    _add_commands(app)
    return app


def open_process(settings: Settings) -> Engine:
    """Open what every process needs, web, worker or command: database, photo store, keys and channels."""
    from app import db
    from app.accounts import keys as account_keys
    from app.media import service as media
    from app.notify import keys

    engine = db.connect(settings)
    media.configure(media.open_media(settings))
    keys.configure(settings)
    account_keys.configure(settings)
    return engine


def _authenticate(token: str) -> Any:
    from app.accounts.service import find_person
    from app.db import Reading, utcnow

    with Reading() as session:
        return find_person(session, token, now=utcnow())


def _check_store(store_id: UUID) -> str:
    """Return why web cannot serve with its store of photos; one that is away or full keeps photos alone from it."""
    from app.media import service as media
    from app.media.marker import check_store

    state = check_store(media.current().store, store_id)
    return "" if state.usable else state.fault


def _add_commands(app: Flask) -> None:
    from app.accounts.cli import make_demo_staff, staff
    from app.assets.packs import AssetPart
    from app.catalogue.cli import city_commands
    from app.commands import database, docs, jobs, prepare_command, worker
    from app.console import in_one_line
    from app.dispatch.cli import dispatch
    from app.duplicates.cli import duplicates
    from app.history.cli import load_history
    from app.media.cli import media_commands
    from app.notify.cli import notify, restored
    from app.opendata.cli import data
    from app.publicmap.cli import map_commands
    from app.rehome.cli import Rehoming
    from app.reports.queries import owners_of_photos
    from app.status.cli import status_command
    from app.workorders.cli import audit

    media = media_commands(owners_of_photos)
    city = city_commands([AssetPart()], load_history, Rehoming())
    for command in (
        staff,
        city,
        prepare_command(city.commands["load"], city.commands["sample"], make_demo_staff),
        dispatch,
        duplicates,
        notify,
        restored,
        audit,
        media,
        map_commands,
        data,
        database,
        docs,
        jobs,
        status_command,
        worker,
    ):
        app.cli.add_command(in_one_line(command))
