"""The pages as a browser without scripts sees them."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.media.models import Photo
from app.reports.models import Report
from app.web.texts import TEXTS
from app.workorders.lifecycle import State, Step
from app.workorders.models import EventKind, WorkOrder
from tests.make import YUEHAI, make_photo

TEMPLATES = Path(__file__).parents[2] / "app/web/templates"


class Hidden(HTMLParser):
    """Collect what a form carries without showing it, one form after the other."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append({})
        elif tag in {"input", "button"} and given.get("name") and self.forms and given.get("type") != "file":
            self.forms[-1].setdefault(str(given["name"]), given.get("value") or "")


def filled(client: FlaskClient, **over: Any) -> dict[str, Any]:
    lon, lat = YUEHAI
    carried = Hidden(client.get("/?lang=zh").text).forms[0]
    return {"key": carried["key"], "lang": "zh", "lon": str(lon), "lat": str(lat), "item": "B0121"} | over


def picture(color: str = "gray") -> tuple[io.BytesIO, str]:
    return io.BytesIO(make_photo(color)), "photo.jpg"


def test_the_form_is_whole_without_scripts(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Language": "zh-CN,zh"})

    assert page.status_code == 200
    assert 'enctype="multipart/form-data"' in page.text
    assert page.text.count("<option value=") == 84 + 1 + 3
    assert not re.search(r"<script(?![^>]*src=)|style=|onclick=", page.text)


def test_a_report_is_filed_and_leads_to_its_tracking_page(client: FlaskClient, shenzhen: Session) -> None:
    sent = client.post("/", data=filled(client, photos=picture(), description="<script>alert(1)</script>"))

    assert sent.status_code == 303, sent.text
    page = client.get(sent.headers["Location"])
    assert "粤海街道" in page.text
    assert "市灯光环境管理中心" in page.text
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert page.headers["Cache-Control"] == "private, no-cache"
    again = client.get(sent.headers["Location"], headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304


def test_a_double_tap_files_once(client: FlaskClient, shenzhen: Session) -> None:
    data = filled(client, item="B0120")

    first = client.post("/", data=data | {"photos": picture("red")})
    second = client.post("/", data=data | {"photos": picture("red")})

    assert first.headers["Location"] == second.headers["Location"]
    assert shenzhen.scalar(select(func.count()).select_from(Report)) == 1


def test_without_scripts_it_asks_whether_it_is_the_same_and_joins(client: FlaskClient, shenzhen: Session) -> None:
    client.post("/", data=filled(client))

    asked = client.post("/", data=filled(client, photos=picture()))
    choices = Hidden(asked.text).forms
    joined = client.post("/", data=choices[0])

    assert asked.status_code == 200
    assert "是同一个问题吗" in asked.text
    assert joined.status_code == 303, joined.text
    assert "已并入同一张工单" in client.get(joined.headers["Location"]).text
    assert shenzhen.scalar(select(func.count()).select_from(WorkOrder)) == 1
    assert shenzhen.scalar(select(func.count()).where(Photo.claimed_at.is_not(None))) == 1


def test_another_one_opens_its_own(client: FlaskClient, shenzhen: Session) -> None:
    client.post("/", data=filled(client))

    asked = client.post("/", data=filled(client, photos=picture()))
    sent = client.post("/", data=Hidden(asked.text).forms[-1])

    assert sent.status_code == 303
    assert shenzhen.scalar(select(func.count()).select_from(WorkOrder)) == 2


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"lon": "", "lat": ""}, "没有位置"),
        ({"lon": "0", "lat": "0"}, "不在本市范围内"),
        ({"lat": "ninety"}, "Not a valid number"),
        ({"contact": "nobody"}, "邮箱"),
    ],
)
def test_a_fault_shows_the_form_again_and_loses_nothing(client: FlaskClient, over: dict[str, str], says: str) -> None:
    sent = client.post("/", data=filled(client, photos=picture(), description="第三根灯杆", **over))

    assert sent.status_code == 422
    assert says in sent.text
    assert "第三根灯杆" in sent.text
    assert '<option value="B0121"' in sent.text
    assert re.search(r'value="B0121"[^>]* selected', sent.text)
    kept = Hidden(sent.text).forms[0]
    assert kept["photo_ids"]
    assert 'aria-invalid="true"' in sent.text

    mended = client.post("/", data=kept | filled(client) | {"key": kept["key"], "another": "1", "contact": ""})

    assert mended.status_code == 303, mended.text
    assert "/api/v1/photos/" in client.get(mended.headers["Location"]).text


def test_a_file_that_is_no_picture_is_named_on_the_page(client: FlaskClient) -> None:
    sent = client.post("/", data=filled(client, photos=(io.BytesIO(b"words"), "notes.txt")))

    assert sent.status_code == 422
    assert "notes.txt" in sent.text


def test_a_link_that_leads_nowhere_says_so_in_both_languages(client: FlaskClient) -> None:
    chinese, english = client.get("/track/nothing?lang=zh"), client.get("/track/nothing?lang=en")

    assert (chinese.status_code, english.status_code) == (404, 404)
    assert "没有找到" in chinese.text
    assert "Not found" in english.text


def test_english_is_spoken_where_it_is_asked_for(client: FlaskClient) -> None:
    sent = client.post("/?lang=en", data=filled(client, lang="en"))
    page = client.get(sent.headers["Location"])

    assert "Yuehai Subdistrict, Nanshan" in page.text
    assert "City Lighting Management Centre" in page.text


def test_what_went_wrong_is_said_in_the_language_of_the_page(client: FlaskClient) -> None:
    chinese = client.post("/", data=filled(client, lon="0", lat="0"))
    named = client.post("/", data=filled(client, photos=(io.BytesIO(b"words"), "notes.txt")))

    assert "不在本市范围内" in chinese.text
    assert "照片 notes.txt 无法读取" in named.text


def test_every_kind_of_problem_has_an_anchor(client: FlaskClient) -> None:
    page = client.get("/problems")

    assert 'id="outside-city"' in page.text
    assert 'id="key-reused"' in page.text


def test_every_text_is_there_in_every_language_and_none_is_unused() -> None:
    used = set()
    for path in [*TEMPLATES.glob("*.html"), *TEMPLATES.parent.glob("*.py")]:
        used |= set(re.findall(r"""say\(["']([a-z0-9_]+)["']""", path.read_text()))
        used |= set(re.findall(r"""say\("was_due" if .* else "([a-z]+)\"""", path.read_text()))
    used = {key for key in used if not key.endswith("_")}
    for prefix, members in (("step", Step), ("state", State), ("kind", EventKind)):
        used |= {f"{prefix}_{each}" for each in members}
    used |= {"datum_wgs84", "datum_gcj02", "datum_bd09", "due", "was_due"}

    assert TEXTS["zh"].keys() == TEXTS["en"].keys()
    assert used == set(TEXTS["zh"])
