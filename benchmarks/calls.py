"""The calls that are measured, as the routes make them: inside this process, and as requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session as SessionType

from app.catalogue.city import City as Pack
from app.catalogue.models import Item
from app.catalogue.service import get_item
from app.db import Reading, utcnow
from app.dispatch.resolve import find_asset, resolve
from app.geo.errors import OutsideCity
from app.geo.service import Place, locate
from app.reports.queries import find_similar
from app.reports.suggesting import Question
from benchmarks.draws import Draw
from benchmarks.web import Request

WORDS = "路灯不亮 street light out"


@dataclass(frozen=True, slots=True)
class Asked:
    """One input with what the calls before it would have found out: the item that counts, and the place."""

    draw: Draw
    item: Item
    place: Place


def prepare(session: SessionType, draws: Sequence[Draw], pack: Pack) -> list[Asked]:
    """Locate what was drawn; what lies outside the city is left out."""
    fallback = get_item(session, pack.fallback_item)
    asked = []
    for draw in draws:
        try:
            place = locate(session, draw.point, draw.accuracy_m, nearest_limit_m=pack.nearest_street_limit_m)
        except OutsideCity:
            continue
        asked.append(Asked(draw, draw.item or fallback, place))
    return asked


class Inside:
    """The three reads, each on a session of its own as in a route."""

    def __init__(self, engine: Engine, pack: Pack) -> None:
        self.bind = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.pack = pack
        self.now = utcnow()
        self.today = self.now.astimezone(pack.timezone).date()

    def locate(self, asked: Asked) -> None:
        """Find the street of a position."""
        limit = self.pack.nearest_street_limit_m
        with Reading(bind=self.bind) as session:
            locate(session, asked.draw.point, asked.draw.accuracy_m, nearest_limit_m=limit)

    def resolve(self, asked: Asked) -> None:
        """Find the asset and the responsible unit."""
        with Reading(bind=self.bind) as session:
            asset = find_asset(session, asked.item, asked.place, city=self.pack)
            resolve(session, asked.item, asked.place, asset, city=self.pack, on=self.today)

    def similar(self, asked: Asked) -> None:
        """Find up to three work orders nearby."""
        with Reading(bind=self.bind) as session:
            find_similar(session, Question(point=asked.draw.point, item=asked.draw.item), city=self.pack, now=self.now)


def measure(call: Callable[[Asked], None], asked: Sequence[Asked], *, start: int, seconds: float) -> list[float]:
    """Make a call with one input after the other until the seconds run out; give the milliseconds of each."""
    found = []
    ends = time.perf_counter() + seconds
    for each in islice(cycle(asked), start % len(asked), None):
        began = time.perf_counter()
        call(each)
        ended = time.perf_counter()
        found.append((ended - began) * 1000)
        if ended > ends:
            break
    return found


def look(asked: Asked) -> Request:
    """Ask what is similar nearby."""
    query: dict[str, float | str] = {"lon": asked.draw.point.lon, "lat": asked.draw.point.lat}
    if asked.draw.code:
        query["item"] = asked.draw.code
    return Request("GET", f"/api/v1/similar?{urlencode(query)}")


def file(draw: Draw, key: UUID) -> Request:
    """File a report without a photo, under a key of its own."""
    body: dict[str, float | str] = {
        "lon": draw.point.lon,
        "lat": draw.point.lat,
        "accuracy": draw.accuracy_m,
        "description": WORDS,
        "language": "zh",
    }
    if draw.code:
        body["item"] = draw.code
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(key)}
    return Request("POST", "/api/v1/reports", json.dumps(body).encode(), headers)
