"""Channels: what carries a message to a person, and how it answers.

A channel either gives the other side's answer, or raises TryLater, or raises Never. It may be slow: nothing calls it
inside a transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

LONGEST_ANSWER = 500


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to one address. It is the same at every try of a delivery, so that a receiver can drop a second one.

    ``at`` is when the delivery was made, ``subject`` one line, ``text`` and ``html`` say the same, ``short`` says it in
    a line for a small screen. ``link`` is where it can be followed, ``end_url`` where one tap ends it. ``kind`` is the
    event's, ``data`` what a template of the receiver may say; ``urgent`` asks a phone to wake up.
    """

    delivery_id: UUID
    address: str
    language: str
    at: dt.datetime
    subject: str
    text: str
    html: str
    short: str = ""
    link: str = ""
    end_url: str = ""
    kind: str = ""
    urgent: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, for the record of the attempt. It may repeat the address: ``without`` takes it out."""

    text: str

    def without(self, address: str) -> str:
        """Give the answer on one line of at most 500 characters with every mention of the address blotted out."""
        text = " ".join("".join(letter if letter.isprintable() else " " for letter in self.text).split())
        start = text.lower().find(address.lower())
        while address and start >= 0:
            text = f"{text[:start]}(address){text[start + len(address) :]}"
            start = text.lower().find(address.lower())
        return text[:LONGEST_ANSWER]


class NotSent(Exception):
    """The message did not go; ``answer`` says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.answer = Answer(text)


class TryLater(NotSent):
    """The same message may go at a later try, not before ``after_s`` seconds where the other side said so."""

    def __init__(self, text: str, *, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s


class Never(NotSent):
    """The message is refused for good. ``ends`` says that the address itself is, so that nothing more is sent there."""

    def __init__(self, text: str, *, ends: bool = False) -> None:
        super().__init__(text)
        self.ends = ends


class Channel(Protocol):
    """A way to reach people."""

    def send(self, message: Message) -> Answer:
        """Hand a message over and give the answer; raise TryLater or Never when it is not taken."""
        ...
