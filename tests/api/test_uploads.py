from __future__ import annotations

import io
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from app.api.uploads import read_each, read_uploads
from app.errors import Unprocessable
from app.media.errors import PhotoTooLarge
from app.media.models import Photo
from app.media.service import MOST_BYTES
from tests.make import YUEHAI, make_photo


class Large(io.BytesIO):
    """A file that says that it is too large and cannot be read."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return MOST_BYTES + 1 if whence == io.SEEK_END else offset

    def read(self, *_: object) -> bytes:
        pytest.fail("it was read")


def file(name: str, stream: io.BytesIO) -> FileStorage:
    return FileStorage(stream, filename=name)


def post(client: FlaskClient, url: str, data: dict[str, object]) -> TestResponse:
    boundary, body = encode_multipart(data)  # in memory: the client itself would leave a file open
    return client.post(url, data=body, content_type=f'multipart/form-data; boundary="{boundary}"')


def test_files_and_ids_are_split_and_empty_inputs_left_out(app: Flask) -> None:
    photo_id = uuid4()
    values = [file("a.jpg", io.BytesIO(b"a")), str(photo_id), file("", io.BytesIO()), file("", io.BytesIO(b"b"))]

    with app.app_context():
        files, ids = read_uploads(values)

    assert files == [("a.jpg", b"a"), ("photo", b"b")]
    assert ids == [photo_id]


def test_no_file_is_read_where_one_is_too_large(app: Flask) -> None:
    first = io.BytesIO(b"first")

    with app.app_context(), pytest.raises(PhotoTooLarge) as refused:
        read_uploads([file("first.jpg", first), file("large.jpg", Large())])

    assert first.tell() == 0
    assert refused.value.members["file"] == "large.jpg"
    assert refused.value.members["errors"][0]["pointer"] == "/photos/1"


def test_files_beside_one_that_is_too_large_can_be_kept(app: Flask) -> None:
    with app.app_context():
        files, refusal = read_each([file("large.jpg", Large()), file("good.jpg", io.BytesIO(b"good"))])

    assert files == [("good.jpg", b"good")]
    assert isinstance(refusal, PhotoTooLarge)


def test_an_id_is_a_text(app: Flask) -> None:
    with app.app_context(), pytest.raises(Unprocessable):
        read_uploads([["no", "id"]])


def test_a_report_with_a_photo_that_is_too_large_is_413(client: FlaskClient, shenzhen: Session) -> None:
    lon, lat = YUEHAI
    large = io.BytesIO(make_photo() + bytes(MOST_BYTES))

    answer = post(client, "/api/v1/reports", {"lon": lon, "lat": lat, "photos": file("large.jpg", large)})

    assert answer.status_code == 413
    assert answer.get_json()["type"].endswith("#photo-too-large")
    assert shenzhen.query(Photo).count() == 0


def test_the_form_keeps_the_photos_beside_one_that_is_too_large(client: FlaskClient, shenzhen: Session) -> None:
    large = io.BytesIO(make_photo() + bytes(MOST_BYTES))
    photos = [file("large.jpg", large), file("good.jpg", io.BytesIO(make_photo()))]

    page = post(client, "/?lang=en", {"photos": photos, "lon": YUEHAI[0], "lat": YUEHAI[1], "item": "B0121"})

    assert page.status_code == 413
    assert shenzhen.query(Photo).count() == 1
