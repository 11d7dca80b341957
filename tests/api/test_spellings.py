"""What clients write in more than one way is taken, or refused in words that name the cause."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.api.fields import primary_language
from app.catalogue.city import current_city
from app.media.schemas import media_type_of
from app.reports.routes import preferred_language
from tests.make import YUEHAI, make_photo

BOM = b"\xef\xbb\xbf"


def report(**over: Any) -> dict[str, Any]:
    lon, lat = YUEHAI
    return {"lon": lon, "lat": lat, "item": "B0121"} | over


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(report()).encode(), None),
        (BOM + json.dumps(report()).encode(), "application/json"),
        (BOM + json.dumps(report()).encode(), None),
        (json.dumps(report()).encode(), "application/json; charset=UTF-8"),
        (json.dumps(report()).encode(), "application/vnd.city+json"),
        (b"lon=113.9391&lat=22.5251&item=B0121", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_is_read_with_and_without_a_type_and_a_byte_order_mark(
    client: FlaskClient, body: bytes, kind: str | None
) -> None:
    answer = client.post("/api/v1/reports", data=body, content_type=kind)

    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("path", ["/api/v1/reports", "/api/v1/subscriptions"])
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "text/plain; charset=utf-8"])
def test_a_body_of_another_kind_is_415_and_named(client: FlaskClient, path: str, kind: str) -> None:
    answer = client.post(path, data=json.dumps(report()), content_type=kind)

    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")
    assert kind.partition(";")[0] in answer.get_json()["detail"]
    assert "application/json" in answer.get_json()["detail"]


def test_a_form_where_only_json_is_read_is_415_and_not_a_list_of_missing_fields(client: FlaskClient) -> None:
    answer = client.post("/api/v1/subscriptions", data={"contact": "one@example.org", "item": "B0121"})

    assert answer.status_code == 415


def test_no_body_is_an_empty_document(client: FlaskClient) -> None:
    answer = client.post("/api/v1/subscriptions")

    assert answer.status_code == 422
    assert {"pointer": "/contact", "detail": "Missing data for required field."} in answer.get_json()["errors"]


@pytest.mark.parametrize("write", ["{}", '"{}"', ' "{}" '])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_one_idempotency_key_in_any_spelling_files_once(client: FlaskClient, write: str, case: Any) -> None:
    key = str(uuid4())

    first = client.post("/api/v1/reports", json=report(), headers={"Idempotency-Key": key})
    again = client.post("/api/v1/reports", json=report(), headers={"Idempotency-Key": write.format(case(key))})

    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json()["number"] == first.get_json()["number"]


@pytest.mark.parametrize(("key", "says"), [("", "empty"), ('""', "empty"), (" ", "empty"), ("1234", "no UUID")])
def test_an_idempotency_key_that_is_none_is_refused(client: FlaskClient, key: str, says: str) -> None:
    answer = client.post("/api/v1/reports", json=report(), headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    (fault,) = answer.get_json()["errors"]
    assert fault["pointer"] == "/Idempotency-Key"
    assert says in fault["detail"]


@pytest.mark.parametrize("datum", ["gcj02", "GCJ02", "gcj-02", "GCJ_02"])
def test_a_datum_is_known_in_each_of_its_spellings(client: FlaskClient, datum: str) -> None:
    filed = client.post("/api/v1/reports", json=report(datum=datum))
    found = client.get("/api/v1/similar", query_string=report(datum=datum))

    assert (filed.status_code, found.status_code) == (201, 200)


@pytest.mark.parametrize("datum", ["WGS84", "WGS 84", "wgs-84", "Wgs84"])
def test_wgs84_is_known_in_each_of_its_spellings(client: FlaskClient, datum: str) -> None:
    assert client.post("/api/v1/reports", json=report(datum=datum)).status_code == 201


def test_a_datum_that_nobody_knows_is_refused_with_those_that_there_are(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", json=report(datum="nad27"))

    assert answer.status_code == 422
    assert "wgs84, gcj02, bd09" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("tag", "language"),
    [("en_US", "en"), ("en-GB", "en"), ("zh_CN", "zh"), ("zh-Hans-CN", "zh"), ("EN", "en"), ("en_US.UTF-8", "en")],
)
def test_a_language_is_known_by_its_primary_subtag(client: FlaskClient, tag: str, language: str) -> None:
    found = client.get("/api/v1/items", query_string={"q": "路灯", "language": tag})
    page = client.get("/", query_string={"lang": tag})

    assert primary_language(tag) == language
    assert found.status_code == 200
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in page.text


def test_messages_about_a_report_are_in_the_language_that_a_locale_names(app: Flask, shenzhen: Session) -> None:
    city = current_city(shenzhen)

    with app.test_request_context(headers={"Accept-Language": "zh"}):
        chosen = [preferred_language(city, tag) for tag in ("en_US", "EN", "fr_FR", None)]

    assert chosen == ["en", "en", "zh", "zh"]


@pytest.mark.parametrize(
    ("named", "taken"),
    [
        ("image/jpg", "image/jpeg"),
        ("IMAGE/JPEG", "image/jpeg"),
        ("image/jpeg; charset=binary", "image/jpeg"),
        ("image/x-png", "image/png"),
        ("", "application/octet-stream"),
        ("application/octet-stream", "application/octet-stream"),
    ],
)
def test_a_photo_is_announced_and_put_under_each_name_of_its_type(
    app: Flask, client: FlaskClient, named: str, taken: str
) -> None:
    data = make_photo("gray")

    announced = client.post("/api/v1/photos", json={"media_type": named, "size": len(data)})
    address = announced.get_json()["upload"]
    put = client.put(address["url"], data=data, headers={"Content-Type": named})

    assert announced.status_code == 201
    assert address["headers"]["Content-Type"] == taken == media_type_of(named)
    assert put.status_code == 200, put.text
    assert put.get_json()["state"] == "arrived"


def test_a_type_that_is_no_picture_is_refused_with_those_that_are_taken(client: FlaskClient) -> None:
    answer = client.post("/api/v1/photos", json={"media_type": "application/pdf", "size": 10})

    assert answer.status_code == 422
    assert "image/jpeg" in answer.get_json()["detail"]


def test_ids_in_capitals_are_the_same_ids(client: FlaskClient) -> None:
    data = make_photo("gray")
    photo = client.post("/api/v1/photos", json={"media_type": "image/jpeg", "size": len(data)}).get_json()

    filed = client.post("/api/v1/reports", json=report(photos=[photo["id"].upper()]))
    state = client.get(photo["state_url"].replace(photo["id"], photo["id"].upper()))

    assert filed.status_code == 201, filed.text
    assert state.status_code == 200


def test_words_that_are_no_text_are_replaced_or_refused_everywhere(client: FlaskClient) -> None:
    broken = '{"login": "a\\ud800", "password": "b\\ud800", "contact": "c\\udfff", "token": "d\\ud800"}'

    answers = [
        client.post(path, data=broken, content_type="application/json")
        for path in ("/api/v1/session", "/api/v1/subscriptions", "/api/v1/contacts/confirm")
    ]

    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []


def test_json_is_answered_in_utf_8(client: FlaskClient) -> None:
    answers = [client.get("/api/v1/items?q=路灯"), client.get("/api/v1/openapi.json"), client.get("/readyz")]

    assert "路灯" in answers[0].text
    assert all(b"\\u" not in answer.data.replace(b"\\\\u", b"") for answer in answers)
