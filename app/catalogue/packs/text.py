"""Decode a file of a pack, and name the encoding that a spreadsheet gave it where it is not UTF-8."""

from __future__ import annotations

import codecs
import re

from app.catalogue.packs.faults import Fault

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HELP = "save it as UTF-8 (in a spreadsheet: the format 'CSV UTF-8')"


def decode(name: str, content: bytes) -> str:
    """Decode the bytes of a file, a byte order mark or not. Raises NotText with the fault and its line."""
    if content.startswith(_UTF_16) or b"\0" in content[:1000]:
        raise NotText(Fault(name, "", f"it is UTF-16: {HELP}", broken=True))
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise NotText(Fault(name, "", "the file is empty", broken=True))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content[: fault.start].count(b"\n") + 1
        reason = f"it is not UTF-8, but perhaps {_guess(content)}: {HELP}"
        raise NotText(Fault(name, str(line), reason, broken=True)) from None


class NotText(ValueError):
    """The bytes of a file cannot be read as text; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def _guess(content: bytes) -> str:
    """Name the encoding that the bytes beyond ASCII are likely of: a character of GBK has two, of Latin-1 one."""
    runs = re.findall(rb"[\x80-\xff]+", content)
    single = sum(len(run) == 1 for run in runs)
    return "Windows-1252 (Latin-1)" if single * 2 > len(runs) else "GBK"
