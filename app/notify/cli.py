"""Commands of telling people."""

from __future__ import annotations

import dataclasses

import click
from flask import current_app

from app.config import Settings
from app.console import Commands
from app.notify.push import new_vapid_key, public_key

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
