"""What is said of each event, with the longest and the worst of values."""

from __future__ import annotations

import datetime as dt
import html
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.notify.service import TOLD
from app.notify.texts import LANGUAGES, Facts, language_of, local_time, name_of, place_of, render
from app.workorders.lifecycle import Outcome
from app.workorders.models import EventKind

LINK = "http://reports.example.org/track/0123456789abcdefghjkmnpqrstvwxyz"
DUE = dt.datetime(2026, 11, 24, 17, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
ALL = [(kind, language) for kind in TOLD for language in LANGUAGES]


def facts(kind: EventKind = EventKind.RECEIVED, language: str = "en", **over: Any) -> Facts:
    values: dict[str, Any] = {
        "kind": kind,
        "language": language,
        "city": "Shenzhen",
        "number": "SZ-20261122-7F3K9Q",
        "item": "Street light",
        "place": "Yuehai, Nanshan",
        "unit": "Yuehai Street Office",
        "due": DUE,
        "note": "",
        "photos": True,
        "outcome": Outcome.FIXED,
        "link": LINK,
    }
    return Facts(**(values | over))


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_every_message_names_number_item_place_and_link(kind: EventKind, language: str) -> None:
    text = render(facts(kind, language))

    assert "Street light" in text.subject
    for said in ("SZ-20261122-7F3K9Q", "Street light", "Yuehai, Nanshan", LINK):
        assert said in text.text
        assert said in text.html


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_every_message_stands_without_anything_but_its_link(kind: EventKind, language: str) -> None:
    empty = {"city": "", "number": "", "item": "", "place": "", "unit": "", "due": None, "photos": False}

    text = render(facts(kind, language, **empty, outcome=None))

    assert text.subject
    assert LINK in text.text
    assert "None" not in text.text
    assert "\n\n\n" not in text.text


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_hostile_values_stay_words(kind: EventKind, language: str) -> None:
    hostile = "<script>alert(1)</script>\r\nBcc: two@example.org\x00\u202e{{ link }}{% raw %}"

    text = render(facts(kind, language, item=hostile, unit=hostile, place=hostile, note=hostile, number=hostile))

    assert "\n" not in text.subject
    assert "\r" not in text.subject + text.text
    assert "\x00" not in text.text + text.html
    assert "\u202e" not in text.text + text.html
    assert "<script" not in text.html
    assert html.escape("<script>alert(1)</script>") in text.html
    assert "{{ link }}{% raw %}" in text.text


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_the_longest_values_leave_a_subject_of_150_characters(kind: EventKind, language: str) -> None:
    text = render(facts(kind, language, item="很长的事项" * 80, unit="很长的单位" * 80, note="很长的说明" * 400))

    assert len(text.subject) <= 150
    assert LINK in text.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_note_is_told_line_by_line(language: str) -> None:
    text = render(facts(EventKind.NOTE, language, note="A part is missing.\nIt comes on Friday."))

    assert "A part is missing.\nIt comes on Friday." in text.text
    assert "A part is missing.<br>It comes on Friday." in text.html


@pytest.mark.parametrize(("language", "unit"), [("en", "is to be fixed by"), ("zh", "前办结")])
def test_a_receipt_without_a_unit_says_who_decides(language: str, unit: str) -> None:
    text = render(facts(EventKind.RECEIVED, language, unit="", due=None))

    assert unit not in text.text
    assert {"en": "a dispatcher", "zh": "分拨员"}[language] in text.text


def test_a_photo_is_promised_only_where_there_is_one() -> None:
    assert "photo" in render(facts(EventKind.FIXED)).text
    assert "photo" not in render(facts(EventKind.FIXED, photos=False)).text


def test_only_a_case_that_ended_fixed_is_called_fixed() -> None:
    assert "it is fixed" in render(facts(EventKind.CLOSED)).text
    assert "it is fixed" not in render(facts(EventKind.CLOSED, outcome=Outcome.UNKNOWN)).text


def test_times_are_written_as_the_language_does() -> None:
    assert local_time(DUE, "zh") == "2026年11月24日（周二）17:00"
    assert local_time(DUE, "en") == "Tuesday 24 November 2026, 17:00"


@pytest.mark.parametrize(
    ("wanted", "city", "chosen"),
    [
        ("zh", ["en"], "zh"),
        ("zh-Hans-CN", ["en"], "zh"),
        ("EN_us", ["zh"], "en"),
        ("fr", ["zh", "en"], "zh"),
        ("", [], "en"),
    ],
)
def test_the_language_is_the_persons_else_the_citys(wanted: str, city: list[str], chosen: str) -> None:
    assert language_of(wanted, city) == chosen


def test_a_name_that_a_language_lacks_is_given_in_the_other() -> None:
    assert name_of({"name_zh": "", "name_en": "Pothole"}, "zh") == "Pothole"
    assert name_of({"name_zh": "路灯"}, "en") == "路灯"
    assert not name_of({}, "en")


def test_a_place_is_written_as_the_language_does() -> None:
    place = {
        "street": {"name_zh": "粤海街道", "name_en": "Yuehai"},
        "district": {"name_zh": "南山区", "name_en": "Nanshan"},
    }

    assert place_of(place, "zh") == "南山区粤海街道"
    assert place_of(place, "en") == "Yuehai, Nanshan"
    assert place_of({"street": place["street"], "district": None}, "en") == "Yuehai"
