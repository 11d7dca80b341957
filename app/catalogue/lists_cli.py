"""Commands that list codes with their names: ``flask city areas`` and ``flask city units``."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click
from sqlalchemy.orm import Session

from app.catalogue.errors import NoCity
from app.catalogue.packs import current_version
from app.catalogue.queries import list_units
from app.db import Reading
from app.geo.models import Level
from app.geo.service import list_areas

# More than any city has: a command prints all of them.
ALL = 1_000_000

_WORDS = click.option("--q", "words", default="", metavar="WORDS", help="Words that stand in the code or a name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")


@click.command("areas")
@click.option("--level", type=click.Choice([level.value for level in Level]), help="Areas of this level only.")
@_WORDS
@_JSON
def areas(level: str | None, words: str, *, as_json: bool) -> None:
    """List the current areas, the largest level first: code, level, parent, names, separated by tabs."""
    with Reading() as session:
        _require_city(session)
        found = list_areas(session, words, level=Level(level) if level else None)
        columns = ("code", "level", "parent", "name_zh", "name_en")
        _print_rows(columns, ([str(getattr(area, name)) for name in columns] for area in found), as_json=as_json)


@click.command("units")
@_WORDS
@_JSON
def units(words: str, *, as_json: bool) -> None:
    """List the current units by code: code, role, area, names, separated by tabs."""
    with Reading() as session:
        _require_city(session)
        found = list_units(session, words, limit=ALL)
        columns = ("code", "role", "area_code", "name_zh", "name_en")
        _print_rows(columns, ([getattr(unit, name) for name in columns] for unit in found), as_json=as_json)


def _require_city(session: Session) -> None:
    if current_version(session) is None:
        raise click.ClickException(NoCity().detail)


def _print_rows(columns: tuple[str, ...], rows: Iterable[list[str]], *, as_json: bool) -> None:
    """Print rows as lines of tab-separated cells, an empty cell as ``-``; or as one JSON list of objects."""
    if as_json:
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        click.echo(json.dumps(listed, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo("\t".join(cell or "-" for cell in row))
