"""Reports that the service itself files, to be multiplied: their rows are as they are in life."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

import numpy as np

from app.catalogue.models import Joining
from app.db import Reading, Session
from app.media import service as media
from app.reports.service import NewReport, file_report
from benchmarks.draws import City

AGE_DAYS = 30.0
SECOND = 0.25  # of the work orders get a second report
LEFT_ADDRESS = 0.3
TOOK_PHOTO = 0.7
WORDS = "灯不亮，晚上看不清路。 The light has been out since Monday, one cannot see the path at night."


def file_seeds(count: int, *, now: dt.datetime, chance: np.random.Generator, tell: Callable[[int], None]) -> None:
    """File ``count`` reports of the last 30 days, some of which join a work order, some with an address."""
    with Reading() as session:
        city = City.read(session, chance)
    for number, draw in enumerate(city.draw(count, chance), start=1):
        age = dt.timedelta(days=float(chance.uniform(0, AGE_DAYS)))
        new = NewReport(
            lon=draw.point.lon,
            lat=draw.point.lat,
            accuracy=draw.accuracy_m,
            item=draw.code,
            description=WORDS,
            contact=f"made-up-{number}@example.org" if chance.random() < LEFT_ADDRESS else None,
            language="zh",
            photos=[_photo(number)] if chance.random() < TOOK_PHOTO else (),
        )
        again = draw.item is not None and draw.item.joining is Joining.AUTO and chance.random() < SECOND
        for _ in range(1 + again):
            with Session.begin() as session:
                file_report(session, new, now=now - age)
        tell(number)


def _photo(number: int) -> media.Accepted:
    """Describe a photo of a phone; its bytes are in no store, for nobody looks at it."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return media.Accepted(
        name="photo.jpg",
        digest=digest,
        key=f"originals/{digest}",
        size=3_000_000,
        media_type="image/jpeg",
        width=4000,
        height=3000,
        orientation=1,
        taken_at=None,
        taken_zone_known=False,
        position=None,
        direction=None,
    )
