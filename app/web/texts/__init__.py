"""Every text of the pages, in every language that the product speaks. Plain words; a test compares the keys."""

from __future__ import annotations

from collections.abc import Mapping

from app.web.texts import en, pages_en, pages_zh, zh
from app.web.texts.page import PageText

TEXTS: Mapping[str, Mapping[str, str]] = {"zh": zh.TEXTS, "en": en.TEXTS}
# What a problem says to a resident, by its slug; the members of the problem may be named.
PROBLEMS: Mapping[str, Mapping[str, str]] = {"zh": zh.PROBLEMS, "en": en.PROBLEMS}
# The pages that only tell something, by language and name.
PAGES: Mapping[str, Mapping[str, PageText]] = {"zh": pages_zh.PAGES, "en": pages_en.PAGES}
