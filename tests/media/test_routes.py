from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.media import links, masking, service
from app.media.formats import Format
from app.media.models import Photo
from app.media.service import Media, Upload
from app.media.store import masked_key, rendition_key
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

    answer = browser.get(f"/api/v1/photos/{photo.id}/320{query}")

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

    pictures = [rule for rule in rules if rule.endswith(("<int:size>", ".jpg"))]
    assert pictures == [
        "/api/v1/photos/<uuid:photo_id>/<int:size>",
        "/api/v1/photos/<uuid:photo_id>/masked/<int:size>",
        "/api/v1/photos/<uuid:before_id>/<uuid:after_id>/<name>.jpg",
    ]
    answers = {rule.rsplit("/", 1)[1] for rule in rules if rule not in pictures}
    of_staff = {"<uuid:photo_id>", "masks", "release", "hide", "show"}
    assert answers == of_staff | {"photos", "upload", "arrived", "content"}
    (content,) = [rule for rule in app.url_map.iter_rules() if rule.rule.endswith("/content")]
    assert content.methods == {"PUT", "OPTIONS"}


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        (None, "image/jpeg"),
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/webp", "image/webp"),
        ("IMAGE/WEBP", "image/webp"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/webp"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "image/webp"),
        ("image/webp;q=0.5,*/*", "image/jpeg"),
        ("image/webp;q=0.5,image/jpeg;q=0.4", "image/webp"),
        ("image/webp;q=0.4,image/jpeg;q=0.5", "image/jpeg"),
        ("image/webp;q=0, */*;q=0.1", "image/jpeg"),
        ("image/webp;q=0", "image/jpeg"),
        ("image/png", "image/jpeg"),
        ("nonsense;;q=x,,/", "image/jpeg"),
    ],
)
def test_webp_goes_to_who_asks_for_it_and_jpeg_to_everybody_else(
    browser: FlaskClient, configured: Media, photo: Photo, accept: str | None, sent: str
) -> None:
    service.make_renditions(configured, photo)

    answer = browser.get(
        service.rendition_url(configured, photo.id, 320), headers={} if accept is None else {"Accept": accept}
    )

    assert (answer.status_code, answer.content_type) == (200, sent)
    assert decode(answer.data).format == sent.removeprefix("image/").upper()
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_the_formats_have_tags_of_their_own(browser: FlaskClient, configured: Media, photo: Photo) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 320)
    jpeg, webp = browser.get(url), browser.get(url, headers={"Accept": "image/webp"})

    known = browser.get(url, headers={"Accept": "image/webp", "If-None-Match": webp.headers["ETag"]})
    other = browser.get(url, headers={"Accept": "image/webp", "If-None-Match": jpeg.headers["ETag"]})

    assert (known.status_code, known.data, known.headers["Vary"]) == (304, b"", "Accept")
    assert (other.status_code, other.data) == (200, webp.data)


def test_a_download_never_goes_on_in_another_format(browser: FlaskClient, configured: Media, photo: Photo) -> None:
    service.make_renditions(configured, photo)
    url = service.rendition_url(configured, photo.id, 320)
    jpeg, webp = browser.get(url), browser.get(url, headers={"Accept": "image/webp"})
    rest = {"Accept": "image/webp", "Range": "bytes=9-"}

    same = browser.get(url, headers={**rest, "If-Range": webp.headers["ETag"]})
    other = browser.get(url, headers={**rest, "If-Range": jpeg.headers["ETag"]})

    assert (same.status_code, same.data) == (206, webp.data[9:])
    assert (same.content_type, same.headers["Vary"]) == ("image/webp", "Accept")
    assert (other.status_code, other.data) == (200, webp.data)


@pytest.mark.parametrize("kind", links.Kind)
def test_a_photo_of_before_there_was_webp_is_shown_as_jpeg(
    browser: FlaskClient, session: Session, configured: Media, photo: Photo, kind: links.Kind
) -> None:
    service.make_renditions(configured, photo)
    made = configured.store.get(rendition_key(photo.digest, 320))
    configured.store.delete(rendition_key(photo.digest, 320, Format.WEBP))
    configured.store.put(masked_key(photo.digest, photo.id, 0, 320), made)
    photo.masked_at = photo.released_at = NOW
    session.flush()

    answer = browser.get(service.rendition_url(configured, photo.id, 320, kind=kind), headers={"Accept": "image/webp"})

    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/jpeg", made)
    assert answer.headers["Vary"] == "Accept"


def test_the_masked_picture_comes_in_both_formats(
    browser: FlaskClient, session: Session, configured: Media, photo: Photo
) -> None:
    service.make_renditions(configured, photo)
    masking.make_masked(configured, photo)
    photo.masked_at = photo.released_at = NOW
    session.flush()
    url = service.rendition_url(configured, photo.id, 320, kind=links.Kind.MASKED)

    jpeg, webp = browser.get(url), browser.get(url, headers={"Accept": "image/webp"})

    assert [decode(answer.data).format for answer in (jpeg, webp)] == ["JPEG", "WEBP"]
    assert jpeg.headers["ETag"] != webp.headers["ETag"]


def test_both_formats_are_described(app: Flask) -> None:
    described = app.extensions["openapi"]["paths"]

    for path in ("/api/v1/photos/{photo_id}/{size}", "/api/v1/photos/{photo_id}/masked/{size}"):
        assert set(described[path]["get"]["responses"]["200"]["content"]) == {"image/jpeg", "image/webp"}
