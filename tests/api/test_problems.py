from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

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
