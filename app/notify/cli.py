"""Commands of telling people: ``flask notify``, and ``flask restored`` after a restore of the database."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session as SessionType

from app.config import Settings
from app.console import Commands, progress_bar
from app.db import Session, lift_limits, utcnow
from app.notify import webhook_calls
from app.notify.push import new_vapid_key, public_key
from app.notify.service import fan_out, holding

_FANNED_OUT_AT_ONCE = 100
Command = TypeVar("Command", bound=Callable[..., object])

notify = Commands("notify", help="Telling people: keys and gateways.")


@notify.command("vapid")
@click.option("--new", is_flag=True, help="Draw a new key and print it; nothing is stored.")
def vapid(new: bool) -> None:
    """Print the public key that browsers subscribe to push with."""
    settings: Settings = current_app.config["SETTINGS"]
    if new:
        settings = dataclasses.replace(settings, vapid_private_key=new_vapid_key())
        click.echo(f"VAPID_PRIVATE_KEY={settings.vapid_private_key}")
    click.echo(f"public key: {public_key(settings)}")


@click.group("restored", cls=Commands, invoke_without_command=True)
@click.option("--at", metavar="MOMENT", help="To what moment the database was restored, as 2026-11-30T10:00:00+08:00.")
@click.option("--margin", default=5, show_default=True, help="Minutes by which clocks may differ.")
@click.pass_context
@with_appcontext
def restored(context: click.Context, at: str | None, margin: int) -> None:
    """Hold what may have gone out before the database was restored. Run it before a worker starts."""
    if context.invoked_subcommand is not None:
        return
    if at is None:
        raise click.UsageError("Say with --at to what moment the database was restored.")
    moment = _read_moment(at)
    with _refusing(), _unlimited() as session:
        holding.begin_restore(session, at=moment, margin=dt.timedelta(minutes=margin), now=utcnow())
        newest = holding.newest_event_at(session)
    click.echo(f"The newest line of history is of {newest:%Y-%m-%d %H:%M:%S %Z}." if newest else "There is no history.")
    _fan_out_the_rest()
    _echo_held()
    click.echo("See them with `flask restored list`. Until `flask restored release` or `flask restored discard` leaves")
    click.echo("nothing held, the restore is in force and holds also what clocks and letters say.")


@restored.command("list")
@click.option("--file", "target", type=click.File("w"), default="-", help="Where the table goes, CSV.")
def list_held(target: TextIO) -> None:
    """List what is held, without addresses."""
    table = csv.writer(target)
    table.writerow([each.name for each in dataclasses.fields(holding.HeldLine)])
    with _unlimited() as session:
        table.writerows(line.cells() for line in holding.list_held(session))


def _by_channel(command: Command) -> Command:
    choice = click.Choice(holding.CHANNELS)
    return click.option("--channel", "channels", type=choice, multiple=True, help="Only these; all without it.")(
        command
    )


@restored.command("release")
@_by_channel
def release(channels: Collection[str]) -> None:
    """Send what is held; who had it already gets it again under the same id."""
    released = 0
    while True:
        with _refusing(), _unlimited() as session:
            some = holding.release_held(session, channels or holding.CHANNELS, now=utcnow())
        if not some:
            break
        released += some
    click.echo(f"{released:,} messages were released.")
    _end()


@restored.command("discard")
@_by_channel
def discard(channels: Collection[str]) -> None:
    """Send nothing of what is held: it went before the restore."""
    with _refusing(), _unlimited() as session:
        discarded = holding.discard_held(session, channels or holding.CHANNELS)
    click.echo(f"{discarded:,} messages were discarded.")
    _end()


def _end() -> None:
    with _refusing(), _unlimited() as session:
        ended = holding.end_restore(session, now=utcnow())
    if ended:
        click.echo("Nothing is held any more: the restore is over.")
    else:
        _echo_held()


def _fan_out_the_rest() -> None:
    """Make the messages of the events that had none yet, so that they are held and counted too."""
    with _unlimited() as session:
        events = holding.events_to_fan_out(session)
    with progress_bar(len(events), "Reading events", "events") as progress:
        for begin in range(0, len(events), _FANNED_OUT_AT_ONCE):
            some = events[begin : begin + _FANNED_OUT_AT_ONCE]
            with _unlimited() as session:
                for event_id in some:
                    fan_out(session, event_id, now=utcnow())
                    webhook_calls.queue_event(session, event_id, now=utcnow())
            progress(len(some))


def _echo_held() -> None:
    with _unlimited() as session:
        held = holding.count_held(session)
    click.echo(f"{sum(held.values()):,} messages are held.")
    for channel, count in held.items():
        click.echo(f"{channel:10}{count:10,}")


def _read_moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment > utcnow():
        raise click.BadParameter(
            "Write a past moment with its offset, as 2026-11-30T10:00:00+08:00.", param_hint="--at"
        )
    return moment


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except holding.HoldFault as fault:
        raise click.ClickException(str(fault)) from fault


@contextmanager
def _unlimited() -> Iterator[SessionType]:
    """Begin a transaction that may take as long as it needs: a restored city holds millions of messages."""
    with Session.begin() as session:
        lift_limits(session)
        yield session
