"""Commands of the floor: the database, the worker, the generated documents."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import click
from alembic import command
from alembic.config import Config
from flask import current_app
from flask.cli import AppGroup, FlaskGroup, with_appcontext
from psycopg.errors import LockNotAvailable
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session as OwnerSession

from app.config import Settings
from app.conninfo import connection_parameters
from app.console import Commands
from app.db import JOBS, Reading, Session, connect, set_role_limits, utcnow
from app.errors import SettingsFault
from app.failed_jobs import LISTED, discard, list_failed, retry
from app.installation import accept_key, find_installation, require_same_key
from app.jobs import Queue
from app.media import service as media
from app.media.errors import StoreUnavailable
from app.media.marker import check_store, mark_store
from app.pooler import POOLED, is_pooled

ROOT = Path(__file__).parents[1]
LOCK_TRIES = 60
LOCK_PAUSE_S = 4

database = AppGroup("db", help="The database's migrations.")
jobs = Commands("jobs", help="Jobs that failed for good: list, retry, discard.")


class OfflineCommands(AppGroup):
    """The commands that need no settings. Every other name ends with the fault of the settings, in one line."""

    def __init__(self, name: str, fault: SettingsFault) -> None:
        super().__init__(name)
        self.fault = fault

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name. Raises ClickException where the settings are needed."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise click.ClickException(str(self.fault))
        return found


def is_resolving_command() -> bool:
    """Tell whether the ``flask`` command asks the application which commands it has."""
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


def alembic_config(settings: Settings) -> Config:
    """Give Alembic's configuration: our migrations, the owner's connection, the application's role."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["settings"] = settings
    return config


@database.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the database to a revision, the newest unless one is named, and grant the application its rights."""
    settings: Settings = current_app.config["SETTINGS"]
    _migrate(settings, revision)
    with Session.begin() as session:
        set_role_limits(session)
    _mark_store()


def _mark_store() -> None:
    """Mark the store of photos as that of this database, where none is marked; say so where that cannot be done."""
    try:
        with Session.begin() as session:
            if mark_store(session, media.current().store, now=utcnow()):
                return
    except StoreUnavailable:
        click.echo("The store of photos does not answer and is not marked. When it does: flask media mark", err=True)
        return
    click.echo("The store has photos of another database. If that is as it should be: flask media mark", err=True)


def _migrate(settings: Settings, revision: str) -> None:
    """Run the migrations. One that meets a lock gives up at once and is tried again: nobody queues behind it."""
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            command.upgrade(alembic_config(settings), revision)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable) or attempt == LOCK_TRIES:
                raise
            click.echo(f"A table is in use; trying again ({attempt} of {LOCK_TRIES})", err=True)
            time.sleep(LOCK_PAUSE_S)
        else:
            return


@database.command("downgrade")
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Bring the database back to a revision."""
    command.downgrade(alembic_config(current_app.config["SETTINGS"]), revision)


@database.command("revision")
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what the models have and the database has not."""
    command.revision(alembic_config(current_app.config["SETTINGS"]), message, autogenerate=True)


def prepare_command(
    load_city: click.Command, show_sample: click.Command, make_demo_staff: Callable[[Path], object]
) -> click.Command:
    """Return the command ``prepare``, of the commands of the features: each start of the application takes seconds."""

    @click.command("prepare")
    @click.argument("pack", type=click.Path(exists=True, file_okay=False, path_type=Path))
    @click.option(
        "--demo", "tokens", type=click.Path(path_type=Path), help="Make demonstration staff; keep their tokens here."
    )
    @click.pass_context
    @with_appcontext
    def prepare(context: click.Context, pack: Path, tokens: Path | None) -> None:
        """Migrate, load the city pack in the folder PACK if the database is empty, and print an example of a report."""
        click.echo("Migrating the database")
        context.invoke(upgrade)
        context.invoke(load_city, folder=pack, if_empty=True)
        if tokens is not None:
            make_demo_staff(tokens)
        context.invoke(show_sample)

    return prepare


@database.command("accept-key")
@click.confirmation_option(prompt="What was encrypted under the SECRET_KEY of before is lost. Go on?")
def accept_secret_key() -> None:
    """Accept the SECRET_KEY of the settings in place of the one that the database was set up with, which is lost."""
    settings: Settings = current_app.config["SETTINGS"]
    url = settings.database_owner_url
    engine = create_engine(url, connect_args=connection_parameters(url))
    with engine.begin() as connection, OwnerSession(connection) as session:
        accept_key(session, settings)
        session.flush()
    engine.dispose()
    click.echo("Accepted. Contacts, second factors and links of before cannot be read any more.")


def require_usable(settings: Settings) -> None:
    """Raise SettingsFault where key or store are not those of the database: jobs would do harm."""
    with Reading() as session:
        if is_pooled(session.connection().connection.driver_connection):
            raise SettingsFault(POOLED)
        require_same_key(session, settings)
        installation = find_installation(session)
    if installation is not None and installation.store_marked_at is not None:
        state = check_store(media.current().store, installation.store_id)
        if not state.usable:
            raise SettingsFault(f"The store of photos {state.fault}.")


@click.command("worker")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    type=click.Choice([each.value for each in Queue]),  # click takes the members of an enum by their names
    help="Only this queue; repeatable.",
)
@with_appcontext
def worker(queues: tuple[str, ...]) -> None:
    """Work on jobs until told to stop (SIGTERM or Ctrl-C); running jobs are finished first."""
    from app.worker import plan_work, run_worker  # noqa: PLC0415  # only this command needs it

    settings: Settings = current_app.config["SETTINGS"]
    work = plan_work(settings, [Queue(each) for each in queues])
    # The engine that was made for answering people has connected to nothing yet; jobs may take longer. Of its
    # connections half are kept, and as many more are opened when they are needed.
    pool = max(settings.database_pool, (work.threads + 1) // 2)
    current_app.extensions["engine"] = connect(dataclasses.replace(settings, database_pool=pool), JOBS, direct=True)
    media.configure(media.open_media(settings, for_jobs=True))
    run_worker(work, before=lambda: require_usable(settings))


@jobs.command("list")
@click.option("--task", help="Only the jobs of this task.")
@click.option("--limit", default=LISTED, show_default=True)
def list_jobs(task: str | None, limit: int) -> None:
    """List the jobs that failed for good or were parked, the newest first, each with its cause."""
    with Reading() as session:
        for job in list_failed(session, task=task, limit=limit):
            failed = f"{job.failed_at:%Y-%m-%d %H:%M} UTC" if job.failed_at else "?"
            ended = f", {job.crashes} workers died of it" if job.crashes else ""
            click.echo(f"{job.id}  {job.task}  {json.dumps(job.arguments)}  {job.queue}")
            click.echo(f"    failed {failed} after {job.attempts} tries{ended}: {job.cause or 'cause not known'}")


@jobs.command("retry")
@click.argument("ids", nargs=-1, type=int)
@click.option("--task", help="All failed jobs of this task.")
def retry_jobs(ids: tuple[int, ...], task: str | None) -> None:
    """Start failed jobs again, by number or by task."""
    with Session.begin() as session:
        done = retry(session, ids, task=task)
    click.echo(f"{len(done)} started again.")


@jobs.command("discard")
@click.argument("ids", nargs=-1, type=int)
@click.option("--task", help="All failed jobs of this task.")
def discard_jobs(ids: tuple[int, ...], task: str | None) -> None:
    """Remove failed jobs without doing them, by number or by task."""
    with Session.begin() as session:
        done = discard(session, ids, task=task)
    click.echo(f"{len(done)} removed.")


@click.command("docs")
@with_appcontext
def docs() -> None:
    """Write the generated documents: docs/openapi.json and docs/lifecycle.md."""
    from app.workorders.diagram import lifecycle_page  # noqa: PLC0415  # only this command needs it

    document = json.dumps(current_app.extensions["openapi"], ensure_ascii=False, indent=1, sort_keys=True)
    (ROOT / "docs" / "openapi.json").write_text(document + "\n")
    (ROOT / "docs" / "lifecycle.md").write_text(lifecycle_page())
    click.echo("docs/openapi.json and docs/lifecycle.md are written.")
