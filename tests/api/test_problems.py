from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.blueprint import JSON_BYTES, NESTED_MOST
from app.api.problems import from_problem
from app.errors import Unprocessable
from tests.make import YUEHAI


def report(**over: Any) -> dict[str, Any]:
    lon, lat = YUEHAI
    return {"lon": lon, "lat": lat, "item": "B0121"} | over


@pytest.mark.parametrize(
    ("member", "pointer"),
    [("odd", "/odd"), ("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01"), ("", "/")],
)
def test_the_pointer_of_a_fault_is_escaped(client: FlaskClient, member: str, pointer: str) -> None:
    answer = client.post("/api/v1/reports", json=report(**{member: "x"}))

    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [{"pointer": pointer, "detail": "Unknown field."}]
    assert answer.get_json()["detail"] == f"{pointer}: Unknown field."


def test_a_fault_of_the_whole_document_points_at_the_whole_document(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", json=["no", "object"])

    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [{"pointer": "", "detail": "Invalid input type."}]
    assert answer.get_json()["detail"] == "Invalid input type."


def test_broken_json_points_at_the_whole_document(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", data="{", content_type="application/json")

    assert answer.status_code == 400
    assert answer.get_json()["errors"] == [{"pointer": "", "detail": "Invalid JSON body."}]


def test_a_json_body_of_64_kb_is_read_and_a_larger_one_is_not(client: FlaskClient) -> None:
    def send(size: int) -> TestResponse:
        head, tail = b'{"item": "B0121", "description": "', b'"}'
        body = head + b"x" * (size - len(head) - len(tail)) + tail
        return client.post("/api/v1/reports", data=body, content_type="application/json")

    most, larger = send(JSON_BYTES), send(JSON_BYTES + 1)

    assert most.status_code == 422
    assert (larger.status_code, larger.content_type) == (413, "application/problem+json")
    assert larger.get_json()["type"].endswith("#too-large")
    assert "64 KB" in larger.get_json()["detail"]


def test_a_json_body_of_unknown_length_is_not_read_to_its_end(client: FlaskClient) -> None:
    stream = io.BytesIO(b" " * 100 * JSON_BYTES)

    answer = client.post(
        "/api/v1/reports",
        content_type="application/json",
        environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )

    assert answer.status_code == 413
    assert stream.tell() < 10 * JSON_BYTES


@pytest.mark.parametrize("depth", [NESTED_MOST, 500, 900, 980, 10_000, 30_000])
@pytest.mark.parametrize("member", ["datum", "photos", "description", "odd"])
def test_json_that_is_nested_too_deeply_is_a_bad_request(client: FlaskClient, member: str, depth: int) -> None:
    body = f'{{"{member}": {"[" * depth}{"]" * depth}}}'

    answer = client.post("/api/v1/reports", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert "nested" in answer.get_json()["detail"]


def test_json_that_is_nested_a_little_is_read(client: FlaskClient) -> None:
    body = f'{{"datum": {"[" * (NESTED_MOST - 1)}{"]" * (NESTED_MOST - 1)}}}'

    assert client.post("/api/v1/reports", data=body, content_type="application/json").status_code == 422


def test_a_number_of_too_many_digits_is_a_bad_request(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", data=f'{{"lon": {"9" * 5000}}}', content_type="application/json")

    assert answer.status_code == 400


def test_the_faults_of_a_payload_are_cut_and_counted(client: FlaskClient) -> None:
    few = client.post("/api/v1/reports", json={f"odd{number}": 1 for number in range(20)})
    many = client.post("/api/v1/reports", json={f"odd{number}": 1 for number in range(1000)})

    assert [line["detail"] for line in few.get_json()["errors"]] == ["Unknown field."] * 20
    assert len(many.get_json()["errors"]) == 21
    assert many.get_json()["errors"][-1] == {"pointer": "", "detail": "And 980 more faults."}
    assert len(many.data) < 4000


def test_the_faults_that_a_feature_names_are_cut_too(app: Flask) -> None:
    problem = Unprocessable("Wrong.", errors=[{"pointer": f"/{number}", "detail": "No."} for number in range(30)])

    with app.test_request_context("/api/v1/reports"):
        answer = from_problem(problem)

    assert answer.get_json()["errors"][-2:] == [
        {"pointer": "/19", "detail": "No."},
        {"pointer": "", "detail": "And 10 more faults."},
    ]
