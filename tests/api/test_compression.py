"""What is sent compressed, and what is not."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.api.compression import LEAST_BYTES
from app.web import files
from tests.make import NOW, YUEHAI, make_person, make_report

ANY = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/map", "text/html"),
        ("/problems", "text/html"),
        ("/api/v1/openapi.json", "application/json"),
        ("/api/v1/items?q=%E8%B7%AF", "application/json"),
        ("/api/v1/public/map", "application/json"),
    ],
)
def test_what_anybody_may_read_is_compressed_for_who_takes_it(client: FlaskClient, path: str, kind: str) -> None:
    packed, plain = client.get(path, headers=ANY), client.get(path)

    assert (packed.status_code, packed.mimetype) == (200, kind)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content_length == len(packed.data) < len(plain.data) / 2
    assert len(gzip.decompress(packed.data)) == pytest.approx(len(plain.data), abs=100)
    assert "Content-Encoding" not in plain.headers
    assert all("Accept-Encoding" in answer.headers["Vary"] for answer in (packed, plain))


@pytest.mark.parametrize("codings", ["identity", "gzip;q=0", "*", "deflate"])
def test_who_does_not_name_gzip_gets_it_plain(client: FlaskClient, codings: str) -> None:
    assert "Content-Encoding" not in client.get("/", headers={"Accept-Encoding": codings}).headers


def test_small_answers_stay_as_they_are(client: FlaskClient) -> None:
    answer = client.get("/healthz", headers=ANY)

    assert len(answer.data) < LEAST_BYTES
    assert "Content-Encoding" not in answer.headers


def test_nothing_that_holds_a_secret_is_compressed(client: FlaskClient, shenzhen: Session) -> None:
    lon, lat = YUEHAI
    _, token = make_person(shenzhen, Role.SUPERVISOR)
    staff = {"Authorization": f"Bearer {token}"}
    for _ in range(12):
        make_report(shenzhen, now=NOW)
    filed = client.post("/api/v1/reports", json={"lon": lon, "lat": lat, "item": "B0121"}, headers=ANY)
    secret = filed.get_json()["tracking_url"].rsplit("/", 1)[1].partition("?")[0]

    answers = {
        "the page of a report": client.get(f"/track/{secret}", headers=ANY),
        "a report": client.get(f"/api/v1/track/{secret}", headers=ANY),
        "what staff read": client.get("/api/v1/work-orders", headers=ANY | staff),
        "a form that is shown again": client.post("/", data={"description": "x" * 1500, "lon": "x"}, headers=ANY),
    }

    for name, answer in answers.items():
        assert len(answer.data) >= LEAST_BYTES, name
        assert "Content-Encoding" not in answer.headers, name


def test_a_compressed_answer_is_known_again_by_its_tag(client: FlaskClient) -> None:
    for path in (
        "/feeds/areas/440305007.atom",
        "/map/lines",
        re.findall(r"/static/site.css[^\"]*", client.get("/").text)[0],
    ):
        first = client.get(path, headers=ANY, buffered=True)
        again = client.get(path, headers=ANY | {"If-None-Match": first.headers["ETag"]}, buffered=True)

        assert first.headers["ETag"].startswith("W/") or "Content-Encoding" not in first.headers, path
        assert (again.status_code, again.data) == (304, b""), path
        assert "Accept-Encoding" in again.headers["Vary"]


def test_the_built_files_are_sent_by_brotli_as_the_build_left_them(client: FlaskClient) -> None:
    manifest = json.loads((files.HERE / "static" / files.BUILD / "manifest.json").read_text())
    names = [manifest["src/main.ts"]["file"], *manifest["src/main.ts"]["css"]]

    for name in names:
        path = files.HERE / "static" / files.BUILD / name
        best = client.get(f"/static/build/{name}", headers=ANY, buffered=True)
        older = client.get(f"/static/build/{name}", headers={"Accept-Encoding": "gzip"}, buffered=True)
        plain = client.get(f"/static/build/{name}", buffered=True)

        assert (best.headers["Content-Encoding"], best.data) == ("br", path.with_name(path.name + ".br").read_bytes())
        assert gzip.decompress(older.data) == plain.data == path.read_bytes()
        assert best.mimetype == plain.mimetype
        assert "immutable" in best.headers["Cache-Control"]
        assert len(best.data) < len(older.data) < len(plain.data) / 3


def test_a_part_of_a_file_is_a_part_of_the_file_as_it_is(client: FlaskClient) -> None:
    part = client.get("/static/site.css", headers=ANY | {"Range": "bytes=0-9"}, buffered=True)

    assert (part.status_code, part.data) == (206, (files.HERE / "static/site.css").read_bytes()[:10])
    assert "Content-Encoding" not in part.headers
