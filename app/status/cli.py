"""``flask status``: the status, on the terminal of an operator or in a script."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import with_appcontext

from app.status.service import as_json, take_status


@click.command("status")
@click.pass_context
@with_appcontext
def status_command(context: click.Context) -> None:
    """Print how the whole service does, as /statusz has it; ends with 1 where there is an alarm."""
    status, alarms = take_status(current_app.config["SETTINGS"])
    click.echo(json.dumps(as_json(status, alarms), ensure_ascii=False, indent=1))
    for alarm in alarms:
        click.echo(f"{alarm.name}: {alarm.detail}", err=True)
    context.exit(1 if alarms else 0)
