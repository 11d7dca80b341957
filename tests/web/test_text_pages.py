"""Help, privacy, about, and the icons that browsers look for."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.web.texts import PAGES

NAMES = ("help", "privacy", "about")
OTHERS = "https://www.openstreetmap.org/copyright"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_tells_the_whole_of_it_without_scripts_and_without_others(
    client: FlaskClient, name: str, language: str
) -> None:
    page = client.get(f"/{name}?lang={language}")

    assert page.status_code == 200
    assert f"<h1>{PAGES[language][name].title}</h1>" in page.text
    assert not re.search(r"<script|style=|{\w+}", page.text)
    assert {url for url in re.findall(r'(?:href|src)="([^"]*)"', page.text) if not url.startswith(("/", "?"))} <= {
        OTHERS
    }


@pytest.mark.parametrize("path", ["/", "/map", "/nowhere"])
def test_every_page_leads_to_help_privacy_and_about(client: FlaskClient, path: str) -> None:
    page = client.get(f"{path}?lang=en", headers={"Accept": "text/html"})

    assert [name for name in NAMES if f'href="/{name}?lang=en"' not in page.text] == []


def test_the_pages_say_the_same_in_every_language() -> None:
    assert PAGES["zh"].keys() == PAGES["en"].keys() == set(NAMES)
    for name in NAMES:
        texts = [list(PAGES[language][name].all_texts()) for language in ("zh", "en")]

        assert len(texts[0]) == len(texts[1])
        for chinese, english in zip(*texts, strict=True):
            assert re.findall(r"{\w+}", chinese) == re.findall(r"{\w+}", english)
            assert bool(chinese) == bool(english)


def test_the_pages_name_the_city_in_their_own_language(client: FlaskClient) -> None:
    assert "深圳市以外的地点不受理" in client.get("/help?lang=zh").text
    assert "Places outside Shenzhen are refused" in client.get("/help?lang=en").text


def test_the_pages_name_the_periods_of_this_city(client: FlaskClient, app: Flask) -> None:
    settings = app.config["SETTINGS"]

    assert f"erased {settings.contact_days} days after" in client.get("/privacy?lang=en").text
    assert "nobody objects within 7 days" in client.get("/help?lang=en").text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/favicon.ico", "image/vnd.microsoft.icon"),
        ("/favicon.svg", "image/svg+xml"),
        ("/apple-touch-icon.png", "image/png"),
        ("/apple-touch-icon-precomposed.png", "image/png"),
    ],
)
def test_icons_lie_where_browsers_look_for_them_before_a_city_is_loaded(
    app: Flask, session: Session, path: str, kind: str
) -> None:
    icon = app.test_client().get(path, buffered=True)

    assert (icon.status_code, icon.mimetype) == (200, kind)
    assert icon.headers["Cache-Control"] == "public, max-age=86400"
    assert len(icon.data) > 100
