from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.media import links, service
from app.media.models import Photo
from app.media.service import Media, Upload
from tests.media.pictures import decode, with_exif
from tests.media.pictures import quarters as draw

NOW = dt.datetime(2026, 5, 1, 8, tzinfo=dt.UTC)


@pytest.fixture
def browser(app: Flask, session: Session, configured: Media) -> FlaskClient:
    return app.test_client()


def problem(answer: TestResponse) -> dict[str, Any]:
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


@pytest.fixture
def photo(session: Session, configured: Media) -> Photo:
    data = with_exif(draw(800, 400), Orientation=6, Make="Camera")
    (accepted,) = service.accept(configured, [Upload("a.jpg", data)])
    return service.record(session, accepted, now=NOW, claimed=True)


def test_a_rendition_is_shown_and_may_be_kept_for_ever(browser: FlaskClient, configured: Media, photo: Photo) -> None:
    service.make_renditions(configured, photo)

    answer = browser.get(service.rendition_url(configured, photo.id, 320))

    assert answer.status_code == 200
    assert answer.content_type == "image/jpeg"
    assert decode(answer.data).size == (160, 320)
    assert b"Camera" not in answer.data
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["Content-Disposition"] == "inline"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_rendition_that_is_known_is_not_sent_again(browser: FlaskClient, configured: Media, photo: Photo) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 1600)
    tag, is_weak = browser.get(url).get_etag()

    answer = browser.get(url, headers={"If-None-Match": f'"{tag}"'})

    assert not is_weak
    assert (answer.status_code, answer.data) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "part"), [("10-19", slice(10, 20)), ("10-", slice(10, None)), ("-7", slice(-7, None))]
)
def test_a_part_of_a_rendition_is_sent_as_that_part(
    browser: FlaskClient, configured: Media, photo: Photo, asked: str, part: slice
) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 320)
    whole = browser.get(url)
    first, end, _ = part.indices(len(whole.data))

    answer = browser.get(url, headers={"Range": f"bytes={asked}"})

    assert whole.headers["Accept-Ranges"] == "bytes"
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(whole.data)}"
    assert answer.data == whole.data[part]
    assert answer.content_length == len(answer.data)
    assert answer.get_etag() == whole.get_etag()
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_download_goes_on_only_where_it_is_the_same_picture(
    browser: FlaskClient, configured: Media, photo: Photo
) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 320)
    tag, _ = browser.get(url).get_etag()

    same = browser.get(url, headers={"Range": "bytes=5-", "If-Range": f'"{tag}"'})
    other = browser.get(url, headers={"Range": "bytes=5-", "If-Range": '"other"'})

    assert same.status_code == 206
    assert other.status_code == 200
    assert other.data[5:] == same.data


def test_a_part_behind_the_end_is_refused_and_not_kept(browser: FlaskClient, configured: Media, photo: Photo) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 320)
    size = len(browser.get(url).data)

    answer = browser.get(url, headers={"Range": f"bytes={size}-"})

    assert answer.status_code == 416
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_the_head_of_a_rendition_tells_its_size_and_sends_nothing(
    browser: FlaskClient, configured: Media, photo: Photo
) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 320)

    answer = browser.head(url)

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(browser.get(url).data)


def test_the_sizes_have_tags_of_their_own_which_do_not_tell_the_digest(
    browser: FlaskClient, configured: Media, photo: Photo
) -> None:
    service.make_renditions(configured, photo)

    tags = {browser.get(service.rendition_url(configured, photo.id, size)).get_etag()[0] for size in service.SIZES}

    assert len(tags) == 2
    assert not any(tag and photo.digest[:8] in tag for tag in tags)


def test_before_it_is_made_the_caller_is_told_when_to_come_back(
    browser: FlaskClient, configured: Media, photo: Photo
) -> None:
    answer = browser.get(service.rendition_url(configured, photo.id, 320))

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert problem(answer)["type"].endswith("#not-ready")
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["", "?sig=", "?sig=AAAAAAAAAAAAAAAAAAAAAA", "?sig=%E4%BA%8C"])
def test_without_our_signature_there_is_no_picture(
    browser: FlaskClient, configured: Media, photo: Photo, query: str
) -> None:
    service.make_renditions(configured, photo)

    answer = browser.get(f"/api/v1/photos/{photo.id}/320.jpg{query}")

    assert answer.status_code == 404
    assert problem(answer)["type"].endswith("#no-such-rendition")


def test_a_size_that_is_not_made_does_not_exist_even_when_signed(
    browser: FlaskClient, configured: Media, photo: Photo
) -> None:
    for size in (0, 321, 99999999999999999999):
        assert browser.get(links.rendition_path(configured.key, photo.id, size)).status_code == 404


def test_a_photo_that_was_removed_has_no_picture(
    browser: FlaskClient, session: Session, configured: Media, photo: Photo
) -> None:
    url = service.rendition_url(configured, photo.id, 320)
    session.delete(photo)
    session.flush()

    assert problem(browser.get(url))["type"].endswith("#no-such-rendition")


def test_no_route_gives_an_original(app: Flask) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules() if "photos" in rule.rule]

    pictures = [rule for rule in rules if rule.endswith(".jpg")]
    assert pictures == [
        "/api/v1/photos/<uuid:photo_id>/<int:size>.jpg",
        "/api/v1/photos/<uuid:photo_id>/masked/<int:size>.jpg",
    ]
    answers = {rule.rsplit("/", 1)[1] for rule in rules if rule not in pictures}
    of_staff = {"<uuid:photo_id>", "masks", "release", "hide", "show"}
    assert answers == of_staff | {"photos", "upload", "arrived", "content"}
    (content,) = [rule for rule in app.url_map.iter_rules() if rule.rule.endswith("/content")]
    assert content.methods == {"PUT", "OPTIONS"}
