"""Frames of an event stream (HTML standard, 9.2), and the positions that their ids name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.crockford import normalise

PING = b":\n\n"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Position:
    """Up to which line of which work order a reporter has heard; ``number`` counts internal lines too."""

    work_order: str
    number: int

    @classmethod
    def read(cls, text: str) -> Position | None:
        """Read what a client sent back; None where it is none of ours."""
        name, _, number = text.strip().partition(".")
        if not name.isalnum() or not name.isascii() or not number.isascii() or not number.isdigit():
            return None
        return cls(normalise(name), min(int(number[:18]), 1 << 62))

    def __str__(self) -> str:
        return f"{self.work_order}.{self.number}"


def frame(kind: str, shown: Any) -> bytes:
    """Write an event without its id. JSON has no line break, so that one ``data`` line is enough."""
    return f"event: {kind}\ndata: {_JSON.encode(shown)}\n\n".encode()


def retry(milliseconds: int) -> bytes:
    """Write after how long a client is to come back."""
    return f"retry: {milliseconds}\n\n".encode()
