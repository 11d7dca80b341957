"""What is said of each event, with the longest and the worst of values."""

from __future__ import annotations

import datetime as dt
import html
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.notify.service import TOLD
from app.notify.texts import (
    LANGUAGES,
    LONGEST_SHORT,
    Facts,
    Question,
    language_of,
    local_time,
    name_of,
    place_of,
    render,
)
from app.workorders.models import EventKind
from app.workorders.states import Outcome

LINK = "http://reports.example.org/track/0123456789abcdefghjkmnpqrstvwxyz"
END = "http://reports.example.org/end/0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjk"
DUE = dt.datetime(2026, 11, 24, 17, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
UNTIL = dt.datetime(2026, 12, 1, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
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
        "until": UNTIL,
        "note": "",
        "reason": "It is before a court",
        "change": "Report it again when that is over",
        "photos": True,
        "outcome": Outcome.FIXED,
        "silent_days": 7,
        "link": LINK,
        "end_url": END,
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
    words = dict.fromkeys(("city", "number", "item", "place", "unit", "note", "reason", "change"), "")
    others = dict.fromkeys(("due", "until", "outcome", "silent_days"))

    text = render(facts(kind, language, **words, **others, photos=False))

    assert text.subject
    assert LINK in text.text
    assert "None" not in text.text
    assert "\n\n\n" not in text.text


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_hostile_values_stay_words(kind: EventKind, language: str) -> None:
    hostile = "<script>alert(1)</script>\r\nBcc: two@example.org\x00\u202e{{ link }}{% raw %}"

    names = ("item", "unit", "place", "note", "number", "reason", "change")
    text = render(facts(kind, language, **dict.fromkeys(names, hostile)))

    assert "\n" not in text.subject
    assert "\r" not in text.subject + text.text
    assert "\x00" not in text.text + text.html
    assert "\u202e" not in text.text + text.html
    assert "<script" not in text.html
    assert html.escape("<script>alert(1)</script>") in text.html
    assert "{{ link }}{% raw %}" in text.text


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_the_longest_values_leave_a_subject_of_150_characters(kind: EventKind, language: str) -> None:
    long = {"item": "很长的事项" * 80, "unit": "很长的单位" * 80, "note": "很长的说明" * 400}
    text = render(facts(kind, language, **long, reason="很长的理由" * 80, change="很长的条件" * 80))

    assert len(text.subject) <= 150
    assert LINK in text.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_note_is_told_line_by_line(language: str) -> None:
    text = render(facts(EventKind.NOTE, language, note="A part is missing.\nIt comes on Friday."))

    assert "A part is missing.\nIt comes on Friday." in text.text
    assert "A part is missing.<br>It comes on Friday." in text.html


def test_a_photo_is_promised_only_where_there_is_one() -> None:
    promise = "The page below shows the photo"

    assert promise in render(facts(EventKind.FIXED)).text
    assert promise not in render(facts(EventKind.FIXED, photos=False)).text


@pytest.mark.parametrize(("language", "asks"), [("en", "Is it fixed?"), ("zh", "问题解决了吗？")])
def test_a_repair_asks_for_an_answer_and_says_what_silence_does(language: str, asks: str) -> None:
    silent, looked_at = (render(facts(EventKind.FIXED, language, silent_days=days)).text for days in (7, None))

    assert asks in silent
    assert asks in looked_at
    assert {"en": "within 7 days", "zh": "7天内"}[language] in silent
    assert {"en": "somebody looks at the repair", "zh": "专人核实"}[language] in looked_at
    assert "7" not in looked_at.replace("SZ-20261122-7F3K9Q", "").replace(LINK, "").replace(END, "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("ending", ["", ".", "。"])
def test_a_decline_says_why_and_what_would_change_it_in_whole_sentences(language: str, ending: str) -> None:
    told = render(facts(EventKind.DECLINED, language, reason=f"In court{ending}", change=f"Ask again{ending}")).text

    assert {"en": "The reason: In court.\n", "zh": "原因：In court。\n"}[language] in told
    assert {"en": "change this: Ask again.\n", "zh": "可以受理：Ask again。\n"}[language] in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hold_says_until_when_and_why(language: str) -> None:
    held = render(facts(EventKind.HELD, language, note="The part is ordered.")).text

    assert local_time(UNTIL, language) in held
    assert "The part is ordered." in held


@pytest.mark.parametrize(("language", "who"), [("en", "a dispatcher is deciding"), ("zh", "分拨员正在确定责任单位")])
@pytest.mark.parametrize("kind", [EventKind.RECEIVED, EventKind.JOINED, EventKind.RECONSIDERED, EventKind.MERGED])
def test_where_no_unit_is_known_it_says_that_a_dispatcher_decides(kind: EventKind, language: str, who: str) -> None:
    text = render(facts(kind, language, unit="", due=None)).text

    assert who.lower() in text.lower()
    assert local_time(DUE, language) not in text


SILENT = {EventKind.SECURED, EventKind.HELD, EventKind.DECLINED, EventKind.RECONSIDERED, EventKind.FIXED}


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_the_promise_is_told_where_it_is_news(kind: EventKind, language: str) -> None:
    told = local_time(DUE, language) in render(facts(kind, language)).text

    assert told is (kind not in SILENT | {EventKind.CLOSED})


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


LONGEST_SMS = 201  # three joined messages of Chinese characters
LONGEST = {
    "item": "道路照明设施及其附属管线损坏、缺失或者不亮" * 5,
    "unit": "深圳市某某区城市管理和综合执法局照明环境管理中心" * 5,
    "note": "已安排人员到现场查看，需要更换整根灯杆，配件正在采购。" * 20,
    "reason": "属于业主共有部分，应由业主大会或者业主委员会决定" * 9,
}


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_a_short_message_says_what_happened_and_fits_with_its_link(kind: EventKind, language: str) -> None:
    usual, longest = render(facts(kind, language)).short, render(facts(kind, language, **LONGEST)).short

    assert "Street light" in usual
    assert "\n" not in longest
    assert len(longest) <= LONGEST_SHORT
    assert len(f"{longest} {LINK}") <= LONGEST_SMS


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_a_short_message_stands_without_anything(kind: EventKind, language: str) -> None:
    words = dict.fromkeys(("city", "number", "item", "place", "unit", "note", "reason", "change"), "")
    others = dict.fromkeys(("due", "until", "outcome", "silent_days"))

    short = render(facts(kind, language, **words, **others, photos=False)).short

    assert len(short) > 5
    assert not any(odd in short for odd in ("：：", ": .", "None", "， ，", ",,", "：。"))


def test_a_question_brings_code_and_link_and_nothing_of_the_report() -> None:
    for language in LANGUAGES:
        asked = render(Question(language=language, city="Shenzhen", code="012345", link=LINK))
        for said in (asked.text, asked.html, f"{asked.short} {LINK}"):
            assert "012345" in said
            assert LINK in said
        assert len(f"{asked.short} {LINK}") <= LONGEST_SMS
