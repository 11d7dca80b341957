"""Contacts: what a person writes into the field, as an address that a channel can use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import idna

from app.notify.errors import UnusableContact
from app.notify.models import ChannelKind
from app.notify.push import parse_push

LONGEST_ADDRESS = 254
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# RFC 5321 section 4.1.2: a dot-string of at most 64, a domain of labels; no quoted strings, no address literals.
_EMAIL = re.compile(rf"(?=.{{1,64}}@)({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+(?!\d+\Z){_LABEL})")
# RFC 6531 (SMTPUTF8) is not spoken by every server on the way.
_NOT_ASCII = "Mail cannot be sent to an address with letters other than a to z before the @."
_MAINLAND = re.compile(r"(?:(?:\+|00)?86)?(1[3-9]\d{9})", re.ASCII)
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


# What WeChat calls a person towards one official account.
_OPEN_ID = re.compile(r"[A-Za-z0-9_-]{20,64}", re.ASCII)


def parse_contact(contact: str, channel: ChannelKind | None = None) -> tuple[ChannelKind, str]:
    """Read a contact: the channel that serves it and the address as that channel wants it.

    Without a ``channel`` it is an e-mail address or a phone number; an open id of WeChat or the subscription of a
    browser needs its channel named.

    Full-width characters, which Chinese keyboards write, are taken as their plain forms (NFKC). The domain of an
    e-mail address comes out in lower case, an international one as mail servers know it (IDNA 2008). A phone number
    comes out in E.164: spaces and dashes fall away, a mainland mobile number without a country code gets +86. Raises
    UnusableContact for anything else.
    """
    if channel is not None and channel in _NAMED:
        return channel, _NAMED[channel](contact)
    plain = unicodedata.normalize("NFKC", contact).strip()
    if "@" in plain:
        return ChannelKind.EMAIL, _email(plain)
    number = re.sub(r"[ \-‐‑–—]", "", plain)
    mainland = _MAINLAND.fullmatch(number)
    if mainland:
        return ChannelKind.SMS, f"+86{mainland[1]}"
    if _E164.fullmatch(number):
        return ChannelKind.SMS, number
    raise UnusableContact


def _email(address: str) -> str:
    name, _, domain = address.rpartition("@")
    if not name.isascii():
        raise UnusableContact(f"{_NOT_ASCII} Send another address, or a phone number with country code.")
    try:
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as fault:
        raise UnusableContact from fault
    sendable = f"{name}@{domain.lower()}"
    if not _EMAIL.fullmatch(sendable) or len(sendable) > LONGEST_ADDRESS:
        raise UnusableContact
    return sendable


def _open_id(contact: str) -> str:
    if not _OPEN_ID.fullmatch(contact.strip()):
        raise UnusableContact
    return contact.strip()


_NAMED: dict[ChannelKind | None, Callable[[str], str]] = {ChannelKind.WECHAT: _open_id, ChannelKind.PUSH: parse_push}
