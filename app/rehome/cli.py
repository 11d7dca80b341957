"""What ``flask city load --rehome`` does after the load, with progress. It can be run again after an interruption."""

from __future__ import annotations

from collections.abc import Mapping

import click
from sqlalchemy.orm import Session as SessionType

from app.catalogue.packs.left_behind import LeftBehind
from app.console import progress_bar
from app.db import Reading, Session, lift_limits, utcnow
from app.rehome import service


class Rehoming:
    """The succession of ``flask city load``: find what is left behind, and move it."""

    def find(self, session: SessionType, moved: Mapping[str, str]) -> list[LeftBehind]:
        """Find what the current lists leave behind."""
        return service.find_left_behind(session, moved)

    def rehome(self, moved: Mapping[str, str]) -> None:
        """Move followers in one transaction, then work orders in small ones: what was interrupted goes on."""
        with Session.begin() as session:
            lift_limits(session)
            followers = service.move_all_followers(session, moved, now=utcnow())
        with Reading() as session:
            ids = service.work_to_rehome(session, moved)
        failed: list[service.Failed] = []
        with progress_bar(len(ids), "Rehoming", "work orders") as advance:
            for start in range(0, len(ids), service.AT_ONCE):
                batch = ids[start : start + service.AT_ONCE]
                with Session.begin() as session:
                    lift_limits(session)
                    failed += service.rehome_work(session, batch, moved, now=utcnow())
                advance(len(batch))
        click.echo(f"Rehomed: {len(ids) - len(failed):,} open work orders, {followers:,} followers.")
        for each in failed:
            click.echo(f"Work order {each.public_id} stays as it is: {each.reason}")
        with Reading() as session:
            for left in service.find_left_behind(session, moved):
                click.echo(f"Still left behind: {left}")
