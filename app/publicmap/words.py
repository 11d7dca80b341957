"""The filter of words: what a resident wrote is shown to everybody only where nothing in it looks like a person.

Phone numbers, plates, numbers of papers, addresses of mail, and the words that come before them. It errs on the side
of silence: what it stops, staff may release.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Filtered(StrEnum):
    """What the filter says of words."""

    OK = "ok"
    PENDING = "pending"


_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领"
_GAP = r"[\s\-.·_()（）]*"
_PATTERNS = (
    # Seven digits and more, whatever stands between them: phones, papers, cards.
    rf"\d(?:{_GAP}\d){{6,}}",
    # Numbers written in Chinese figures.
    rf"[零〇一二三四五六七八九幺两](?:{_GAP}[零〇一二三四五六七八九幺两]){{6,}}",
    # Plates of the mainland (GA 36), with six figures for new energy, and of Hong Kong and Macao behind 粤Z.
    rf"[{_PROVINCES}]{_GAP}[a-z]{_GAP}[0-9a-z](?:{_GAP}[0-9a-z]){{3,4}}{_GAP}[0-9a-z港澳学警挂]",
    # Plates of the states: two to four letters and figures in two groups.
    r"\b(?=[a-z0-9\s-]*\d)(?=[a-z0-9\s-]*[a-z])[a-z0-9]{2,4}[\s-][a-z0-9]{2,4}\b(?=.{0,12}\bplate\b)",
    r"\bplate\b.{0,12}\b(?=\w*\d)[a-z0-9-]{4,8}\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"[\w.+-]+\s*@\s*[\w-]+(?:\.[\w-]+)+",
    # Passports and travel permits.
    r"\b[a-z]{1,2}\d{6,9}\b",
)
_WORDS = (
    "身份证|护照|车牌|牌照|手机号|电话|联系我|联系方式|微信|加我|qq|我叫|我姓|姓名|先生|女士|门牌|住在|我家"
    r"|\b(?:phone|call me|my name|passport|licen[cs]e|plate|ssn|social security|e-?mail|whatsapp|wechat"
    r"|apartment|apt|i live)\b"
)
_DATE = re.compile(r"\b20\d\d[-./年][01]?\d[-./月][0-3]?\d\b")
_PERSONAL = re.compile("|".join((*_PATTERNS, _WORDS)), re.IGNORECASE)


def judge(words: str) -> Filtered:
    """Say whether words may be shown at once, or wait for staff; letters and figures of any width are alike."""
    text = _DATE.sub("", unicodedata.normalize("NFKC", words))
    return Filtered.PENDING if _PERSONAL.search(text) else Filtered.OK
