"""The filter of words."""

from __future__ import annotations

import pytest

from app.publicmap.words import Filtered, judge


@pytest.mark.parametrize(
    "words",
    [
        "打13800138000",
        "打１３８００１３８０００",
        "0755-2612 3456",
        "粤B12345 乱停",
        "粤 B·D12345",
        "粤Z1234港",
        "身份证 440301199001011234",
        "一三八零零一三八零零零",
        "write to me at someone@example.org",
        "my name is Ann",
        "call 617-555-0100",
        "license plate 1ABC23",
        "微信 abc",
    ],
)
def test_what_may_name_a_person_waits_for_staff(words: str) -> None:
    assert judge(words) is Filtered.PENDING


@pytest.mark.parametrize(
    "words",
    [
        "",
        "路灯不亮",
        "井盖松动，车过有响声",
        "3 street lights out since 2026-11-20",
        "深南大道 2007 号门前坑洼",
        "Bus 104 stop",
    ],
)
def test_what_names_nobody_passes(words: str) -> None:
    assert judge(words) is Filtered.OK
