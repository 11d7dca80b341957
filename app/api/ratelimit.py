"""A rate limit on anonymous writes: so many a minute from one address (IPv6: network), counted in the database.

A fixed window a minute in an unlogged table: all web processes share it, a crash forgets it. The address is kept as
a keyed digest only, and for two minutes at most.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import current_app, request
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Session, utcnow
from app.errors import TooMany

WINDOW_SECONDS = 60
NETWORK_BITS = 64  # what one IPv6 subscriber has at least (RFC 6177): its addresses are as many as it likes


class RateCount(Base):
    """How many requests one address made in one window. Unlogged: it is not worth a write-ahead log."""

    __tablename__ = "rate_counts"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    address: Mapped[bytes] = mapped_column(primary_key=True)
    window_start: Mapped[dt.datetime] = mapped_column(primary_key=True)
    requests: Mapped[int]


_COUNT = text(
    "INSERT INTO rate_counts (address, window_start, requests) VALUES (:address, :start, 1) "
    "ON CONFLICT (address, window_start) DO UPDATE SET requests = rate_counts.requests + 1 RETURNING requests"
)
_FORGET = text("DELETE FROM rate_counts WHERE window_start < :before")


def limited(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a request over the limit of REPORTS_PER_MINUTE with 429 and Retry-After."""

    @wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        count_request(current_app.config["REPORTS_PER_MINUTE"])
        return view(*args, **kwargs)

    return counted


def count_request(most: int, *, purpose: str = "") -> None:
    """Count this request against its address, each ``purpose`` apart. Raises TooMany over ``most`` in the window."""
    if not most:
        return
    now = utcnow()
    start = now.replace(second=0, microsecond=0)
    key = str(current_app.config["SECRET_KEY"]).encode()
    counted = f"{purpose}{network_of(request.remote_addr or '')}".encode()
    address = hashlib.blake2b(counted, key=key[:64], digest_size=16).digest()
    with Session.begin() as session:
        count = session.execute(_COUNT, {"address": address, "start": start}).scalar_one()
    if count > most:
        wait = WINDOW_SECONDS - now.second
        problem = TooMany(f"{most} requests a minute are taken from one address. Try again in {wait} seconds.")
        problem.headers["Retry-After"] = str(wait)
        raise problem


def network_of(address: str) -> str:
    """Give what is counted as one client: an IPv4 address, an IPv6 network; what is no address as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004  # the version of IP
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), NETWORK_BITS), strict=False))


def forget_counts(now: dt.datetime) -> None:
    """Remove the counts of past windows."""
    with Session.begin() as session:
        session.execute(_FORGET, {"before": now - dt.timedelta(seconds=2 * WINDOW_SECONDS)})
