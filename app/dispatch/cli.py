"""Commands of dispatch."""

from __future__ import annotations

import json
from uuid import UUID

import click

from app.accounts.service import SYSTEM
from app.catalogue.city import current_city
from app.catalogue.service import get_item
from app.console import Commands, progress_bar
from app.db import Reading, utcnow
from app.dispatch import responsibilities
from app.dispatch.resolve import find_asset, resolve
from app.geo.datums import Datum, to_wgs84
from app.geo.service import locate

SHOWN = 3

dispatch = Commands("dispatch", help="Who is responsible and why.")


@dispatch.command("explain")
@click.option("--lon", type=float, required=True)
@click.option("--lat", type=float, required=True)
@click.option("--item", "item_code", default=None, help="Code of the item; without it the city's fallback item.")
@click.option("--accuracy", type=float, default=0.0, show_default=True, help="Radius of the position's circle, metres.")
@click.option("--datum", type=click.Choice([datum.value for datum in Datum]), default="wgs84", show_default=True)
def explain(lon: float, lat: float, item_code: str | None, accuracy: float, datum: str) -> None:
    """Say which unit a report would go to, by which rule, and what was not chosen."""
    with Reading() as session:
        city = current_city(session)
        item = get_item(session, item_code or city.fallback_item)
        point = to_wgs84(lon, lat, Datum(datum))
        place = locate(session, point, accuracy, nearest_limit_m=city.nearest_street_limit_m)
        asset = find_asset(session, item, place, city=city)
        answer = resolve(session, item, place, asset, city=city, on=utcnow().astimezone(city.timezone).date())
    areas = [f"{area.name_zh or area.name_en} ({area.code}, {area.level})" for area in place.areas]
    click.echo(f"unit   {answer.unit.name_zh or answer.unit.name_en} ({answer.unit.code})")
    click.echo(f"areas  {' < '.join(areas)}")
    click.echo(json.dumps(answer.explanation, ensure_ascii=False, indent=2))


@dispatch.command("replay")
@click.argument("proposal", type=click.UUID)
@click.option(
    "--last", type=click.IntRange(1), default=1000, show_default=True, help="How many work orders to look at."
)
def replay(proposal: UUID, last: int) -> None:
    """Say which of the last work orders would go elsewhere by the proposal with the id PROPOSAL."""
    with Reading() as session, progress_bar(last, "Replaying", "work orders") as progress:
        found = responsibilities.replay(session, proposal, last=last, by=SYSTEM, now=utcnow(), progress=progress)
    click.echo(f"{found.elsewhere:,} of the last {found.looked_at:,} work orders would go elsewhere.")
    for way in found.ways:
        ids = ", ".join(moved.id for moved in way.work_orders[:SHOWN])
        source, target = (unit.code if unit else "nobody" for unit in (way.source, way.target))
        click.echo(f"{way.count:,} from {source} to {target}: {ids}{', ...' if way.count > SHOWN else ''}")
    for line in found.changed:
        click.echo(f"It cannot be published: {line}")
