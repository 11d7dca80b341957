"""Commands of dispatch."""

from __future__ import annotations

import json

import click

from app.catalogue.city import current_city
from app.catalogue.service import get_item
from app.console import Commands
from app.db import Reading, utcnow
from app.dispatch.resolve import find_asset, resolve
from app.geo.datums import Datum, to_wgs84
from app.geo.service import locate

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
