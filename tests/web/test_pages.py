"""The pages as a browser without scripts sees them."""

from __future__ import annotations

import datetime as dt
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app import db
from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.db import utcnow
from app.geo.datums import Datum
from app.media.models import Photo, UploadState
from app.notify.keys import tracking_secret
from app.notify.models import ChannelKind
from app.opendata.shelf import Format
from app.publicmap.grid import Period, Shown
from app.reports.models import Rating, Report
from app.reports.service import show
from app.web import words
from app.web.answers import STARS, Thanks
from app.web.catalogue import problem_kinds
from app.web.draft import FIELDS
from app.web.texts import PROBLEMS, TEXTS
from app.workorders.lifecycle import Action
from app.workorders.models import WorkOrder
from app.workorders.states import INTERNAL, EventKind, State, Step
from tests.make import NOW, YUEHAI, fix, make_photo, make_report, take

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


def kept_photos(page: str) -> list[str]:
    return re.findall(r'name="photo_ids" value="([^"]+)"', page)


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


def test_who_sends_the_form_again_is_not_asked_about_their_own_report(client: FlaskClient) -> None:
    data = filled(client, item="B0121")

    first, again = (client.post("/", data=data | {"photos": picture("red")}) for _ in range(2))

    assert again.headers["Location"] == first.headers["Location"]


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
        ({"lat": "ninety"}, "纬度应是"),
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


def link_of(report: Report, language: str = "en") -> str:
    return f"/track/{tracking_secret(report.id)}?lang={language}"


def answer_of(report: Report, step: str, language: str = "en") -> str:
    return f"/track/{tracking_secret(report.id)}/{step}?lang={language}"


def fixed_report(session: Session, **over: Any) -> Report:
    now = utcnow()
    report = make_report(session, now=now, **over)
    fix(session, report, now=now, note="New lamp.")
    return report


def state_of(session: Session, report: Report) -> State:
    session.expire_all()
    return show(session, report).work_order.state


def chosen(page: str) -> dict[str, str]:
    """Give the stars that are chosen on a page."""
    return dict(re.findall(r'<input type="radio" id="\w+" name="(\w+)" value="(\d?)" checked', page))


def test_before_it_is_fixed_the_page_asks_nothing(client: FlaskClient, shenzhen: Session) -> None:
    page = client.get(link_of(make_report(shenzhen, now=utcnow())))

    assert 'http-equiv="refresh"' in page.text
    assert "Is it fixed?" not in page.text
    assert page.text.count("<form") == len(re.findall(r'action="/track/\w+/contacts', page.text))


def test_a_repair_is_shown_before_and_after_and_asks_for_an_answer(client: FlaskClient, shenzhen: Session) -> None:
    sent = client.post("/", data=filled(client, photos=picture(), lang="en"))
    report = shenzhen.scalars(select(Report)).one()
    after = fix(shenzhen, report, now=utcnow())
    after.masked_at = after.detected_at = utcnow()
    shenzhen.flush()

    page = client.get(sent.headers["Location"])

    assert "If nobody objects, it closes on" in page.text
    assert re.findall(r"<figcaption>(\w+)</figcaption>", page.text) == ["Before", "After"]
    assert re.findall(r'action="/track/\w+/(confirm|object|rate)\?lang=en"', page.text) == ["confirm", "object", "rate"]
    # Without scripts the page must not be loaded again while somebody types.
    assert 'http-equiv="refresh"' not in page.text
    assert not re.search(r"<script(?![^>]*src=)|style=|onclick=", page.text)


def test_who_says_yes_is_thanked_and_not_asked_again(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)

    sent = client.post(answer_of(report, "confirm"))
    page, later = client.get(sent.headers["Location"]), client.get(link_of(report))

    assert sent.status_code == 303
    assert "Thank you for looking." in page.text
    assert "Thank you" not in later.text
    for shown in (page, later):
        assert "You said that it is fixed." in shown.text
        assert "Yes, it is fixed" not in shown.text
        assert "No, it is not fixed" in shown.text


def test_the_yes_of_one_reporter_is_not_the_yes_of_another(client: FlaskClient, shenzhen: Session) -> None:
    first = make_report(shenzhen, now=utcnow())
    second = make_report(shenzhen, now=utcnow(), same_as=show(shenzhen, first).work_order.public_id)
    fix(shenzhen, first, now=utcnow())

    client.post(answer_of(first, "confirm"))

    assert "Yes, it is fixed" in client.get(link_of(second)).text
    assert "You said that it is fixed." in client.get(link_of(first)).text


def test_who_says_no_with_a_photo_sees_that_it_is_worked_on_again(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)

    sent = client.post(answer_of(report, "object"), data={"reason": "", "photos": picture("blue")})
    page = client.get(sent.headers["Location"])

    assert sent.status_code == 303
    assert state_of(shenzhen, report) is State.IN_PROGRESS
    assert "works on it again" in page.text
    assert 'sent with the objection"' in page.text
    assert "Is it fixed?" not in page.text
    assert re.search(r'worked on again</p>\s+<p class="hint">due by', page.text)


def test_a_no_without_a_ground_is_refused_in_plain_words(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)

    sent = {language: client.post(answer_of(report, "object", language)) for language in ("zh", "en")}

    assert [page.status_code for page in sent.values()] == [422, 422]
    assert "请说明哪里没有解决" in sent["zh"].text
    assert re.search(r'id="reason_fault">Say in a few words what is wrong', sent["en"].text)
    assert '<details class="unfold" open>' in sent["en"].text
    assert state_of(shenzhen, report) is State.FIXED


def test_a_bad_photo_costs_an_objection_neither_its_words_nor_its_good_photos(
    client: FlaskClient, shenzhen: Session
) -> None:
    report = fixed_report(shenzhen)
    files = [picture("red"), (io.BytesIO(b"words"), "notes.txt")]

    refused = client.post(answer_of(report, "object"), data={"reason": "Still <dark>", "photos": files})
    ids = kept_photos(refused.text)
    sent = client.post(answer_of(report, "object"), data={"reason": "Still <dark>", "photo_ids": ids})

    assert refused.status_code == 422
    assert "notes.txt" in refused.text
    assert "Still &lt;dark&gt;</textarea>" in refused.text
    assert len(ids) == 1
    assert sent.status_code == 303
    objected = show(shenzhen, report).events[-1]
    assert objected.payload is not None
    assert objected.payload.content["own_photos"] == ids


def test_a_good_rating_is_kept_and_can_be_changed(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)
    said = {"overall": "4", "speed": "2", "attitude": "", "comment": "quick"}

    sent = client.post(answer_of(report, "rate"), data=said)
    page = client.get(sent.headers["Location"])
    client.post(answer_of(report, "rate"), data={"overall": "5"})

    assert sent.status_code == 303
    assert "Thank you for your rating." in page.text
    assert "You gave 4 of 5." in page.text
    assert chosen(page.text) == {"overall": "4", "speed": "2", "attitude": "", "result": ""}
    assert "quick</textarea>" in page.text
    assert "You said that it is fixed." in page.text
    rating = shenzhen.scalars(select(Rating).execution_options(populate_existing=True)).one()
    assert (rating.overall, rating.speed, rating.attitude, rating.comment) == (5, None, None, "")


def test_a_rating_of_2_shows_that_it_is_worked_on_again(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)

    sent = client.post(answer_of(report, "rate"), data={"overall": "2"})
    again = client.get(sent.headers["Location"])
    fix(shenzhen, report, now=utcnow(), color="blue")
    fixed = client.get(sent.headers["Location"])

    assert "works on it again" in again.text
    assert re.search(r'aria-current="step">\s.*\s.*In progress', again.text)
    # The thanks of then are not true any more, and the rating was for the repair before.
    assert "Thank you" not in fixed.text
    assert "You gave" not in fixed.text
    assert "it closes on" not in fixed.text


@pytest.mark.parametrize("overall", ["", "0", "6", "3.5", "five", "²"])
def test_a_rating_without_its_stars_is_refused_and_loses_nothing(
    client: FlaskClient, shenzhen: Session, overall: str
) -> None:
    report = fixed_report(shenzhen)

    sent = client.post(answer_of(report, "rate"), data={"overall": overall, "result": "3", "comment": "tidy"})

    assert sent.status_code == 422
    assert re.search(r'id="overall_fault">Choose 1 to 5.', sent.text)
    assert chosen(sent.text) == {"speed": "", "attitude": "", "result": "3"}
    assert "tidy</textarea>" in sent.text
    assert state_of(shenzhen, report) is State.FIXED


def test_an_answer_that_comes_when_it_has_moved_on_keeps_its_words_on_the_page(
    client: FlaskClient, shenzhen: Session
) -> None:
    report = fixed_report(shenzhen)
    client.post(answer_of(report, "object"), data={"reason": "dark"})

    refused = client.post(answer_of(report, "object"), data={"reason": "The second lamp <too>"})
    confirmed = client.post(answer_of(report, "confirm", "zh"))

    assert (refused.status_code, confirmed.status_code) == (409, 409)
    assert "It has moved on" in refused.text
    assert "What you wrote was not sent:" in refused.text
    assert "The second lamp &lt;too&gt;</blockquote>" in refused.text
    assert "这张工单的状态已经变化" in confirmed.text
    assert "没有提交" not in confirmed.text
    assert 'data-tag=""' in refused.text
    assert "ETag" not in refused.headers


def test_an_objection_that_is_sent_twice_is_thanked_twice_and_kept_once(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)
    said = [{"reason": "dark", "photos": picture("red")} for _ in range(2)]

    first, again = (client.post(answer_of(report, "object"), data=each) for each in said)
    other = client.post(answer_of(report, "object"), data={"reason": "dark", "photos": picture("blue")})

    assert (first.status_code, again.status_code, other.status_code) == (303, 303, 409)
    assert again.headers["Location"] == first.headers["Location"]
    objected = [event for event in show(shenzhen, report).events if event.kind is EventKind.OBJECTED]
    assert len(objected) == 1


def test_an_objection_with_kept_photos_can_be_sent_twice(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)
    files = [picture("red"), (io.BytesIO(b"words"), "notes.txt")]
    ids = kept_photos(client.post(answer_of(report, "object"), data={"photos": files}).text)

    sent = [client.post(answer_of(report, "object"), data={"photo_ids": ids}).status_code for _ in range(2)]

    assert sent == [303, 303]


def test_nothing_can_be_rated_before_the_first_repair(client: FlaskClient, shenzhen: Session) -> None:
    report = make_report(shenzhen, now=utcnow())

    sent = client.post(answer_of(report, "rate"), data={"overall": "3"})

    assert sent.status_code == 409
    assert "The unit has not said yet that it is fixed" in sent.text


def test_a_closed_one_is_asked_about_for_some_days_and_not_for_ever(client: FlaskClient, shenzhen: Session) -> None:
    report = fixed_report(shenzhen)
    take(shenzhen, report, Role.SUPERVISOR, Action.CLOSE, now=utcnow())
    work_order = show(shenzhen, report).work_order
    open_page = client.get(link_of(report))
    days = current_city(shenzhen).limits.rating_days
    work_order.closed_at = utcnow() - dt.timedelta(days=days, seconds=1)
    shenzhen.flush()

    late_page = client.get(link_of(report), headers={"If-None-Match": open_page.headers["ETag"]})
    sent = client.post(answer_of(report, "object"), data={"reason": "dark again"})

    assert "It is closed. If it is not fixed, say so until" in open_page.text
    assert re.findall(r'action="/track/\w+/(confirm|object|rate)\?lang=en"', open_page.text) == ["object", "rate"]
    assert late_page.status_code == 200
    assert late_page.text.count("<form") == len(re.findall(r'action="/track/\w+/contacts', late_page.text))
    assert sent.status_code == 409
    assert "closed too long ago" in sent.text
    assert "dark again</blockquote>" in sent.text


@pytest.mark.parametrize("step", ["confirm", "object", "rate"])
def test_the_address_of_an_answer_leads_back_to_the_report(client: FlaskClient, shenzhen: Session, step: str) -> None:
    report = fixed_report(shenzhen)

    opened, nowhere = client.get(answer_of(report, step)), client.post(f"/track/nothing/{step}", data={"overall": "5"})

    assert (opened.status_code, opened.headers["Location"]) == (302, link_of(report))
    assert nowhere.status_code == 404
    assert client.get(f"/track/{tracking_secret(report.id)}/other").status_code == 404


def test_too_many_answers_leave_the_words_on_the_page(
    client: FlaskClient, app: Flask, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = fixed_report(shenzhen)
    monkeypatch.setitem(app.config, "REPORTS_PER_MINUTE", 1)

    for _ in range(2):
        sent = client.post(answer_of(report, "rate"), data={"overall": "4", "comment": "tidy"})

    assert sent.status_code == 429
    assert "tidy</textarea>" in sent.text
    assert int(sent.headers["Retry-After"]) <= 60


def test_photos_that_are_too_large_together_lead_back_to_the_report(
    client: FlaskClient, app: Flask, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = fixed_report(shenzhen)
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)

    sent = client.post(answer_of(report, "object"), data={"photos": picture()})

    assert sent.status_code == 413
    assert f'href="{link_of(report)}"' in sent.text


def test_a_decline_says_why_and_what_would_change_it(client: FlaskClient, shenzhen: Session) -> None:
    report = make_report(shenzhen, now=utcnow())
    take(shenzhen, report, Role.DISPATCHER, Action.DECLINE, reason="in_court", note="See <the> letter.", now=utcnow())

    chinese, english = (client.get(link_of(report, language)).text for language in ("zh", "en"))

    for said in ("It is before a court", "Report it again if it stands", "See &lt;the&gt; letter."):
        assert said in english
    for said in ("已进入诉讼", "可再次反映", "不予受理"):
        assert said in chinese
    for language, page in (("zh", chinese), ("en", english)):
        stop = page[page.index("card stop") : page.index('class="steps"')]
        for key in ("declined_do", "declined_review", "declined_report"):
            assert TEXTS[language][key] in stop
        assert report.number in stop
        assert f'href="/?lang={language}"' in stop


def test_a_page_that_is_not_declined_offers_nothing_against_it(client: FlaskClient, shenzhen: Session) -> None:
    assert TEXTS["en"]["declined_do"] not in client.get(link_of(make_report(shenzhen))).text


def test_a_reporter_reads_their_own_words_in_history_and_no_one_elses(client: FlaskClient, shenzhen: Session) -> None:
    mine = make_report(shenzhen, description="dark <since> Monday")
    theirs = make_report(shenzhen, description="broken glass", same_as=show(shenzhen, mine).work_order.public_id)
    fix(shenzhen, mine)
    client.post(f"/api/v1/track/{tracking_secret(mine.id)}/object", json={"reason": "still dark"})

    def history(report: Report) -> str:
        page = client.get(link_of(report)).text
        return page[page.index('class="history"') : page.index("</section>", page.index('class="history"'))]

    tracked = client.get(f"/api/v1/track/{tracking_secret(theirs.id)}").get_json()["events"]

    assert "dark &lt;since&gt; Monday" in history(mine)
    assert "still dark" in history(mine)
    assert "broken glass" not in history(mine)
    assert "broken glass" in history(theirs)
    assert "dark" not in history(theirs)
    assert [each["own_words"] for each in tracked if each["own_words"]] == ["broken glass"]


def test_while_it_waits_for_a_dispatcher_the_page_says_what_happens(client: FlaskClient, shenzhen: Session) -> None:
    report = make_report(shenzhen)
    before = client.get(link_of(report)).text
    take(shenzhen, report, Role.DISPATCHER, Action.DECLINE, reason="not_found")
    take(shenzhen, report, Role.SUPERVISOR, Action.RECONSIDER, note="有图")

    page = client.get(link_of(report)).text

    assert TEXTS["en"]["waiting_note"] in page
    assert TEXTS["en"]["waiting_note"] not in before


def test_history_names_a_unit_only_where_the_unit_acts_or_is_chosen(client: FlaskClient, shenzhen: Session) -> None:
    report = make_report(shenzhen)
    fix(shenzhen, report)
    take(shenzhen, report, Role.SUPERVISOR, Action.CLOSE)

    page = client.get(link_of(report)).text

    unit = "City Lighting Management Centre"
    told = [" ".join(each.split()) for each in re.findall(r"<time[^>]*>[^<]*</time>\s*<p>(.*?)</p>", page)]
    assert told == [
        "Closed",
        f"The unit says it is fixed: {unit}",
        f"The unit took it on: {unit}",
        f"Sent to the responsible unit: {unit}",
        "Report received",
    ]


def test_a_hold_says_why_and_until_when_and_promises_no_other_time(
    client: FlaskClient, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.extensions, "clock", lambda: NOW)
    report = make_report(shenzhen, now=NOW)
    take(shenzhen, report, Role.UNIT_MANAGER, Action.SIGN)
    until = dt.datetime(2026, 12, 1, 1, 0, tzinfo=dt.UTC)
    take(shenzhen, report, Role.UNIT_MANAGER, Action.HOLD, note="The part is ordered.", until=until, reference="2026-1")

    page = client.get(link_of(report)).text
    card = page[page.index('class="card pause"') : page.index('id="steps"')]
    facts = page[page.index('class="card facts"') : page.index('class="history"')]

    assert "The part is ordered." in card
    assert "The work goes on by Tue 1 Dec, 09:00." in card
    assert "due by" not in facts


def test_a_promise_that_was_broken_is_called_late(client: FlaskClient, shenzhen: Session) -> None:
    report = make_report(shenzhen, now=utcnow())
    early = client.get(link_of(report))
    show(shenzhen, report).work_order.due_at = utcnow() - dt.timedelta(minutes=1)
    shenzhen.flush()

    late = client.get(link_of(report), headers={"If-None-Match": early.headers["ETag"]})

    assert "it is late" not in early.text
    assert late.status_code == 200
    assert "it is late" in late.text


def test_every_kind_of_problem_has_an_anchor(client: FlaskClient) -> None:
    page = client.get("/problems")

    assert 'id="outside-city"' in page.text
    assert 'id="key-reused"' in page.text


def test_every_text_is_there_in_every_language_and_none_is_unused() -> None:
    used = set(words.SCRIPT_WORDS)
    for path in [*TEMPLATES.glob("*.html"), *TEMPLATES.parent.glob("*.py")]:
        used |= set(re.findall(r"""say\(["']([a-z0-9_]+)["']""", path.read_text()))
    for path in (TEMPLATES.parent / "frontend" / "src").glob("*.ts"):
        used |= set(re.findall(r'\bsay\(\s*(?:this\.)?page,\s*"([a-z0-9_]+)"', path.read_text()))
    public = [kind for kind in EventKind if kind not in INTERNAL]
    for prefix, members in (
        ("step", Step),
        ("state", State),
        ("kind", public),
        ("datum", Datum),
        ("channel", ChannelKind),
        ("map_state", Shown),
        ("map_period", Period),
    ):
        used |= {f"{prefix}_{each.value}" for each in members}
    used |= {f"awaited_{state.value}" for state in UploadState if state is not UploadState.READY}
    used |= {f"fault_{name}" for name in (*FIELDS, "overall", "reason", "comment") if name != "same_as"}
    used |= {f"rate_{name}" for name in STARS} | {f"thanks_{thanks.value}" for thanks in Thanks}
    used |= {f"data_format_{each.value.replace('.', '_')}" for each in Format}
    used = {key for key in used if not key.endswith("_")}
    used |= {f"map_{state}_in{by}" for state in ("fixed", "closed") for by in ("", "_by")} | {"map_newest"}
    used |= {"due", "was_due", "overdue", "before", "after", "error_title", "sorry_title"}

    assert TEXTS["zh"].keys() == TEXTS["en"].keys()
    assert used == set(TEXTS["zh"])
    for key, text in TEXTS["zh"].items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", TEXTS["en"][key])), key


def test_every_problem_of_the_form_is_said_in_plain_words_in_every_language() -> None:
    slugs = {kind.slug() for kind in problem_kinds()}

    assert PROBLEMS["zh"].keys() == PROBLEMS["en"].keys()
    assert set(PROBLEMS["zh"]) <= slugs


def test_a_photo_that_is_gone_does_not_hold_the_form_up(client: FlaskClient) -> None:
    sent = client.post("/", data=filled(client, photo_ids=str(uuid4()), another="1"))
    kept = Hidden(sent.text).forms[0]

    again = client.post(
        "/", data=filled(client) | kept | {"lon": str(YUEHAI[0]), "lat": str(YUEHAI[1]), "another": "1"}
    )

    assert sent.status_code == 422
    assert "photo_ids" not in kept
    assert again.status_code == 303, again.text


def test_a_seventh_photo_is_refused_and_one_of_the_six_can_be_left_out(client: FlaskClient) -> None:
    six = [picture(color) for color in ("red", "green", "blue", "black", "white", "gray")]
    ids = kept_photos(client.post("/", data=filled(client, photos=six, lat="")).text)

    seventh = client.post("/", data=filled(client, photo_ids=ids, photos=picture("pink"), another="1"))
    five = client.post("/", data=filled(client, photo_ids=ids[1:], photos=picture("pink"), another="1"))

    assert (seventh.status_code, kept_photos(seventh.text)) == (422, ids)
    assert "每次最多六张" in seventh.text
    assert five.status_code == 303, five.text
    assert client.get(five.headers["Location"]).text.count("/1600?sig=") == 6


def test_a_bad_photo_does_not_cost_the_good_ones(client: FlaskClient) -> None:
    files = [picture("red"), (io.BytesIO(b"words"), "notes.txt"), picture("blue")]

    sent = client.post("/", data=filled(client, photos=files))

    assert sent.status_code == 422
    assert "照片 notes.txt 无法读取" in sent.text
    assert len(kept_photos(sent.text)) == 2


def test_a_form_that_was_sent_before_with_other_words_can_be_sent_as_another(client: FlaskClient) -> None:
    data = filled(client, item="B0120")
    first = client.post("/", data=data)

    changed = client.post("/", data=data | {"description": "还有一根"})
    second = client.post("/", data=data | {"description": "还有一根", "key": Hidden(changed.text).forms[0]["key"]})

    assert (changed.status_code, second.status_code) == (409, 303)
    assert "已经提交过一次" in changed.text
    assert first.headers["Location"] != second.headers["Location"]


def test_the_fault_stands_at_its_field(client: FlaskClient) -> None:
    sent = client.post("/?lang=en", data=filled(client, lang="en", lat="ninety", accuracy="-1"))

    assert re.search(r'name="lat"[^>]* aria-describedby="lat_fault" aria-invalid="true"', sent.text)
    assert re.search(r'id="accuracy_fault">The accuracy is a radius', sent.text)
    assert "<details open>" in sent.text


def test_hostile_words_stay_words_on_every_page(client: FlaskClient) -> None:
    hostile = '"><script>alert(1)</script>{{ 7 * 7 }}'
    client.post("/", data=filled(client))

    pages = [
        client.post("/", data=filled(client, description=hostile, lat="")),
        client.post("/", data=filled(client, description=hostile, contact=hostile, photos=picture())),
        client.post("/", data=filled(client, photos=(io.BytesIO(b"words"), "<script>alert(1).jpg"))),
        client.get("/?lang=<script>alert(1)"),
        client.get("/track/<script>alert(1)"),
    ]

    assert [page.status_code for page in pages] == [422, 200, 422, 200, 404]
    assert all("<script>alert" not in page.text for page in pages)
    assert "{{ 7 * 7 }}" in pages[0].text


def test_too_many_bytes_are_refused_in_plain_words(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = filled(client, photos=picture())
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)

    sent = client.post("/?lang=en", data=data)

    assert sent.status_code == 413
    assert "too large together" in sent.text


def test_too_many_reports_leave_the_words_on_the_page(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "REPORTS_PER_MINUTE", 1)
    data = filled(client, item="B0120", description="第三根灯杆")

    statuses = [client.post("/", data=data | {"key": str(uuid4())}) for _ in range(2)]

    assert [sent.status_code for sent in statuses] == [303, 429]
    assert "第三根灯杆" in statuses[1].text
    assert int(statuses[1].headers["Retry-After"]) <= 60


def test_before_a_city_is_loaded_a_page_says_so(app: Flask, session: Session) -> None:
    client = app.test_client()

    page, style = client.get("/?lang=en"), client.get("/static/site.css", buffered=True)

    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "not ready yet" in page.text
    assert style.status_code == 200


def test_without_the_database_a_page_asks_for_patience(app: Flask) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@/none?host=/nowhere", poolclass=NullPool)
    db.Reading.configure(bind=nowhere)

    page = app.test_client().get("/?lang=en")

    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "Try again in a while" in page.text
    assert page.headers["Retry-After"]


def test_a_page_is_for_one_person_and_a_file_for_a_year(client: FlaskClient) -> None:
    page = client.get("/")
    style = re.findall(r'href="(/static/site.css[^"]*)"', page.text)[0]

    current, other = (client.get(path, buffered=True) for path in (style, "/static/site.css?v=old"))

    assert page.headers["Cache-Control"] == "private, no-cache"
    assert "Accept-Language" in page.headers["Vary"]
    assert "immutable" in current.headers["Cache-Control"]
    assert "immutable" not in other.headers["Cache-Control"]


def test_a_city_with_names_in_one_language_shows_them_in_both(app: Flask, boston: Session) -> None:
    english, chinese = (app.test_client().get(f"/?lang={language}").text for language in ("en", "zh"))

    groups = re.findall(r'<optgroup label="([^"]+)"', english)
    assert len(groups) == len(set(groups)) > 20
    assert "Pothole Repair (Internal)" in english
    assert "Pothole Repair (Internal)" in chinese
    assert 'class="language"' not in english


def test_a_method_that_is_not_there_is_refused_as_everywhere(client: FlaskClient) -> None:
    sent = client.put("/")

    assert (sent.status_code, sent.mimetype) == (405, "application/problem+json")
