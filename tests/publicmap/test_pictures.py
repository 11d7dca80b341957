"""Pictures on the public map: what everybody may see now, masked, and of a sensitive problem none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.media import masking
from app.media import service as media
from app.media import tasks as photo_jobs
from app.media.models import Photo
from app.publicmap.service import fold
from app.reports import tasks
from app.reports.models import Report
from app.reports.queries import photos_of_report
from app.reports.service import show
from tests.make import NOW, YUEHAI, fix, make_photo, make_report
from tests.publicmap.mvt import read_tile, tile_of
from tests.publicmap.test_http import LIST


@pytest.fixture(autouse=True)
def _child() -> Iterator[None]:
    """End the child that aligned."""
    yield
    media.current().aligner.close()  # type: ignore[attr-defined]  # the local one has a child


def file_with_photo(session: Session, **over: Any) -> tuple[Report, Photo]:
    accepted = media.accept(media.current(), [media.Upload("a.jpg", make_photo("red"))])
    report = make_report(session, photos=accepted, **over)
    return report, photos_of_report(session, report.id)[0]


def mask(session: Session, photo: Photo) -> None:
    photo_jobs.render(str(photo.id))
    masking.release(session, photo, by=uuid4(), now=NOW)
    session.flush()
    photo_jobs.mask(str(photo.id))
    session.refresh(photo)
    assert photo.is_public


def pair_all(session: Session) -> None:
    for row in session.execute(text("SELECT args FROM procrastinate_jobs WHERE task_name = 'reports.pair'")).all():
        tasks.pair(**row.args)


def drawn(client: FlaskClient) -> dict[str, Any]:
    (shown,) = read_tile(client.get(tile_of(16, *YUEHAI)).get_data())["work_orders"]
    return dict(shown)


def test_a_thumbnail_comes_and_goes_with_what_everybody_may_see(shenzhen: Session, client: FlaskClient) -> None:
    report, photo = file_with_photo(shenzhen)
    fold(shenzhen, now=NOW)
    one = f"{LIST}/{show(shenzhen, report).work_order.public_id}"
    assert client.get(f"{one}/thumbnail").status_code == 404
    assert "thumbnail" not in drawn(client)

    mask(shenzhen, photo)
    address = drawn(client)["thumbnail"]
    answer = client.get(address)
    picture = client.get(answer.headers["Location"].removeprefix("http://reports.example.org"))
    photo.hidden_at = NOW
    shenzhen.flush()

    assert address == f"{one}/thumbnail"
    assert (answer.status_code, picture.status_code) == (302, 200)
    assert "/masked/" in answer.headers["Location"]
    assert client.get(address).status_code == 404
    assert "thumbnail" not in drawn(client)
    assert client.get(one).get_json()["thumbnail"] is None


def test_nobody_sees_a_picture_of_a_sensitive_one(shenzhen: Session, client: FlaskClient) -> None:
    report, photo = file_with_photo(shenzhen, item="S0101", description="")
    mask(shenzhen, photo)
    fold(shenzhen, now=NOW)
    one = f"{LIST}/{show(shenzhen, report).work_order.public_id}"

    assert "thumbnail" not in drawn(client)
    assert client.get(one).get_json()["thumbnail"] is None
    assert client.get(f"{one}/thumbnail").status_code == 404


def test_what_was_fixed_is_shown_before_and_after(shenzhen: Session, client: FlaskClient) -> None:
    report, photo = file_with_photo(shenzhen)
    mask(shenzhen, photo)
    mask(shenzhen, fix(shenzhen, report))
    pair_all(shenzhen)
    fold(shenzhen, now=NOW)

    pair = client.get(f"{LIST}/{show(shenzhen, report).work_order.public_id}").get_json()["pair"]

    assert {"before", "after", "aligned", "width", "height"} <= set(pair)
    assert client.get(pair["after"]["small"].removeprefix("http://reports.example.org")).status_code == 200
