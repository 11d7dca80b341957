from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.query import known_names

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def addresses(app: Flask) -> list[tuple[str, str, str]]:
    """Give method, address and endpoint of every operation under /api/v1."""
    return [
        (method, re.sub(r"<([^>:]+:)?[^>]+>", lambda kind: "1" if kind[1] == "int:" else ID, rule.rule), rule.endpoint)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_every_operation_of_the_api_refuses_a_parameter_that_it_does_not_know(client: FlaskClient) -> None:
    tolerant = []
    for method, address, endpoint in addresses(client.application):
        answer = client.open(f"{address}?utm_source=letter", method=method)

        known = known_names(client.application.view_functions[endpoint])
        if known is None:
            tolerant.append(address)
            continue
        assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), (method, address)
        assert answer.get_json()["errors"] == [{"pointer": "/utm_source", "detail": "Unknown query parameter."}]
        assert answer.get_json()["known"] == known
    # A provider of single sign-on adds parameters of its own (RFC 9207 is one).
    assert tolerant == ["/api/v1/session/oidc/callback"]


def test_the_known_names_are_those_of_the_document(app: Flask) -> None:
    paths = app.extensions["openapi"]["paths"]
    documented = {
        path: sorted(each["name"] for each in operation.get("parameters", []) if each.get("in") == "query")
        for path, operations in paths.items()
        for name, operation in operations.items()
        if name == "get"
    }
    known = {
        re.sub(r"<(?:[^>:]+:)?([^>]+)>", r"{\1}", rule.rule): known_names(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set())
    }

    compared = {path: names for path, names in documented.items() if known[path] is not None}
    assert len(compared) > 30
    assert compared == {path: known[path] for path in compared}


def test_a_misspelt_filter_does_not_answer_the_whole_list(client: FlaskClient) -> None:
    answer = client.get("/api/v1/public/work-orders?items=B0121&state=open")

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/items"
    assert "item" in answer.get_json()["known"]
    assert "item, " in answer.get_json()["detail"]


@pytest.mark.parametrize("path", ["/", "/map", "/map/lines", "/problems", "/data", "/tiles/10/835/446.mvt", "/healthz"])
def test_pages_and_tiles_ignore_what_messengers_add(client: FlaskClient, path: str) -> None:
    assert client.get(f"{path}?utm_source=letter&fbclid=1").status_code == 200


def test_the_document_says_so(app: Flask) -> None:
    assert "does not know is refused with 422" in app.extensions["openapi"]["info"]["description"]
