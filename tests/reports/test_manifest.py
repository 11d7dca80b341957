"""Every photo of ../shared/data/photos, sent by HTTP as a resident would."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.media import service as media
from app.media import tasks
from app.media.models import Photo
from app.media.store import original_key, rendition_key
from app.reports.models import Report
from tests.databases import shared_folder
from tests.make import YUEHAI, make_photo
from tests.media.containers import extras

PHOTOS = (shared_folder() or Path()) / "data" / "photos"
REASONS = {
    "bad_truncated.jpg": "is damaged or was cut off",
    "bad_truncated.png": "is damaged or was cut off",
    "bad_header.png": "is no picture that can be read",
    "bad_empty.heic": "is empty",
    "bomb_dimensions.gif": "has more than 50 megapixels",
}
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "HEIF": "image/heif"}


def rows() -> Iterator[dict[str, str]]:
    if PHOTOS.is_dir():
        with (PHOTOS / "MANIFEST.csv").open(newline="") as lines:
            yield from csv.DictReader(lines)


def send(client: FlaskClient, *files: tuple[str, bytes]) -> Any:
    lon, lat = YUEHAI
    photos = [(io.BytesIO(data), name) for name, data in files]
    form = {"lon": lon, "lat": lat, "item": "B0121", "language": "zh", "photos": photos}
    answer = client.post("/api/v1/reports", data=form)
    # Of a large form the test client makes a file on the disk, and leaves it open.
    answer.request.environ["wsgi.input"].close()
    return answer


def everything(session: Session) -> tuple[set[str], list[int]]:
    """Give all that a request may leave behind: keys of the store, numbers of rows."""
    store = media.current().store
    keys = {one.key for prefix in ("originals", "renditions") for one in store.keys(prefix)}
    counted = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Photo, Report)]
    jobs = session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'media.render'"))
    return keys, [*counted, jobs or 0]


@pytest.mark.parametrize("row", [row for row in rows() if not row["pillow_error"]], ids=lambda row: row["file"])
def test_a_good_photo_is_taken_whatever_its_name_and_its_exif(
    client: FlaskClient, shenzhen: Session, row: dict[str, str]
) -> None:
    data = (PHOTOS / row["file"]).read_bytes()
    before = set(shenzhen.scalars(select(Photo.id)))

    answer = send(client, (row["file"], data))

    assert answer.status_code == 201, answer.text
    (new,) = set(shenzhen.scalars(select(Photo.id))) - before
    photo = shenzhen.get_one(Photo, UUID(str(new)))
    assert photo.media_type == MEDIA_TYPES[row["format"]]
    assert (photo.position is not None) == (row["has_gps"] == "yes" and "garbage" not in row["file"])
    assert media.current().store.get(original_key(photo.digest)) == data
    tasks.render(str(photo.id))
    made = [media.current().store.get(rendition_key(photo.digest, *variant)) for variant in media.VARIANTS]
    assert [extras(one) for one in made] == [[]] * 4


@pytest.mark.parametrize("row", [row for row in rows() if row["pillow_error"]], ids=lambda row: row["file"])
def test_a_bad_file_is_refused_by_name_and_reason_and_leaves_nothing(
    client: FlaskClient, shenzhen: Session, row: dict[str, str]
) -> None:
    data, before = (PHOTOS / row["file"]).read_bytes(), everything(shenzhen)

    answer = send(client, ("good.jpg", make_photo()), (row["file"], data))

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    told = answer.get_json()
    assert told["detail"].startswith(f"`{row['file']}` {REASONS[row['file']]}")
    assert (told["file"], told["errors"][0]["pointer"]) == (row["file"], "/photos/1")
    assert everything(shenzhen) == before


@pytest.mark.usefixtures("shared")
def test_the_manifest_names_every_file() -> None:
    names = [row["file"] for row in rows()]

    assert sorted(names) == sorted(path.name for path in PHOTOS.iterdir() if path.suffix != ".csv")
    assert set(REASONS) == {row["file"] for row in rows() if row["pillow_error"]}
    assert len(names) == 25
