"""SMS and WeChat template messages, by one signed HTTP request to the city's own gateway: docs/gateway.md.

The gateway speaks to the provider; here is no provider's protocol. The request carries the id of the delivery, the
same at every try: a gateway that had it before says so (409), and nobody is told twice.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.db import utcnow
from app.notify.channels import Answer, Message, Never, TryLater
from app.notify.models import ChannelKind
from app.notify.outbound import NotAllowed, NotReached, Outbound, Reply
from app.notify.signing import sign

UNKNOWN_RECIPIENT = "unknown_recipient"
_OK = range(200, 300)
_HAD_BEFORE = 409
_MISSING = (404, 410)
# About the gateway or our secret, not about this message: a day's messages must not be lost to a wrong setting.
_LATER = (401, 403, 408, 425, 429)
_CLIENT_FAULTS = range(400, 500)


def request_of(message: Message, channel: ChannelKind) -> dict[str, Any]:
    """Write the request: for SMS the text, for WeChat the name of a template and the facts that fill it."""
    said: dict[str, Any] = {"text": " ".join(part for part in (message.short or message.subject, message.link) if part)}
    if channel is ChannelKind.WECHAT:
        said = {"template": message.kind, "data": {"title": message.subject, **message.data}}
    return {
        "id": str(message.delivery_id),
        "channel": channel.value,
        "to": message.address,
        "language": message.language,
        **said,
        "link": message.link,
        "at": message.at.isoformat(),
    }


@dataclass(frozen=True, slots=True)
class HttpGateway:
    """A gateway over HTTP. The operator gave its address: it may lie in a private network."""

    channel: ChannelKind
    url: str
    secret: str = field(repr=False)
    way: Outbound = field(default_factory=lambda: Outbound(anywhere=True))
    clock: Callable[[], dt.datetime] = utcnow

    def send(self, message: Message) -> Answer:
        """Hand a message to the gateway. Raises Never(ends=True) where it says ``unknown_recipient``."""
        body = json.dumps(request_of(message, self.channel), ensure_ascii=False).encode()
        signed = sign(body, message_id=str(message.delivery_id), secrets=[self.secret], at=self.clock())
        try:
            reply = self.way.post(self.url, body, {"Content-Type": "application/json", **signed})
        except (NotAllowed, NotReached) as fault:
            raise TryLater(str(fault)) from fault
        return _judge(reply)


def _judge(reply: Reply) -> Answer:
    if reply.status in _OK or reply.status == _HAD_BEFORE:
        return Answer(reply.line)
    if reply.status in _MISSING:
        if _code(reply) == UNKNOWN_RECIPIENT:
            raise Never(reply.line, ends=True)
        raise TryLater(reply.line)  # the address of the gateway is wrong, not that of the person
    if reply.status in _CLIENT_FAULTS and reply.status not in _LATER:
        raise Never(reply.line)
    raise TryLater(reply.line, after_s=reply.retry_after_s)


def _code(reply: Reply) -> str:
    try:
        return str(json.loads(reply.body)["code"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""


@dataclass(frozen=True, slots=True)
class FolderGateway:
    """A gateway into a folder, for development: one ``<time>-<delivery id>.<channel>.json`` a delivery."""

    channel: ChannelKind
    root: Path

    def send(self, message: Message) -> Answer:
        """Write the request beside its place and move it there, so that nobody reads half of one."""
        self.root.mkdir(parents=True, exist_ok=True)
        place = self.root / f"{message.at:%Y%m%dT%H%M%SZ}-{message.delivery_id}.{self.channel}.json"
        draft = place.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(request_of(message, self.channel), ensure_ascii=False, indent=1) + "\n")
        draft.replace(place)
        return Answer(f"written to {place.name}")
