"""Requests to addresses that users gave: never to a private network, never further than the address itself.

A host is resolved once, every address of the answer must be public, and the connection goes to the one that was
looked at: a name that answers otherwise the next time (DNS rebinding) changes nothing. The certificate is checked for
the name. There are no redirects, proxies or cookies; the whole takes 10 seconds at most, however slowly it drips.
"""

from __future__ import annotations

import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPMessage
from typing import Any
from urllib.parse import SplitResult, urlsplit

PATIENCE_S = 10.0
MOST_BYTES = 64 * 1024
LONGEST_URL = 2000
REDIRECTS = range(300, 400)
# Everything that may be routed on the internet lies in here (RFC 4291); multicast, link-local and ULA do not.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# What a network without IPv4 reaches IPv4 by (RFC 6052): the address behind it counts.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
HTTPS, FIRST_USER_PORT, LAST_PORT = 443, 1024, 65535
# Ports of databases, queues and consoles: nothing there takes a webhook.
INTERNAL_PORTS = frozenset(
    {1433, 1521, 2049, 2181, 2375, 2376, 2379, 3306, 3389, 4369, 5432, 5601, 5672, 5900, 5984, 6379, 6443, 7001}
    | {8086, 8500, 9042, 9092, 9200, 9300, 10250, 11211, 15672, 27017}
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
# A name of two labels or more whose last one is no number: no address in disguise, nothing of the local network.
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?!\d+\Z|0x[0-9a-f]*\Z){_LABEL}")
_PLAIN = re.compile(r"[!-~]+")

Resolve = Callable[[str, int], Sequence[str]]
Dial = Callable[[str, int, float], socket.socket]


class NotAllowed(Exception):
    """The address is none that requests may go to; the text says what one looks like."""


class NotReached(Exception):
    """There was no usable answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side answered: at most the first 64 KB of it."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def line(self) -> str:
        """Give status and words, for the record of the attempt."""
        if self.status in REDIRECTS:
            return f"{self.status}: redirects are not followed, give the address itself"
        return f"{self.status} {self.body[:500].decode('utf-8', 'replace')}".strip()

    @property
    def retry_after_s(self) -> float | None:
        """Give the seconds of Retry-After; a date, which few send, counts as nothing said."""
        said = self.headers.get("Retry-After", "").strip()
        return float(said) if re.fullmatch(r"[0-9]{1,6}", said) else None


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host, in the order in which it would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to an address."""
    return socket.create_connection((address, port), seconds)


@cache
def trusted() -> ssl.SSLContext:
    """Give the certificates that this system trusts. Reading them takes 20 to 40 ms of a processor: it is done once."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Outbound:
    """The way out. ``loopback`` allows this machine too, by http as well: for development.

    ``anywhere`` is for addresses that the operator gave: any network, http too; the rest of the rules holds.
    ``resolve`` and ``dial`` are the system's; a test brings its own.
    """

    loopback: bool = False
    anywhere: bool = False
    patience_s: float = PATIENCE_S
    resolve: Resolve = resolve
    dial: Dial = dial
    context: ssl.SSLContext = field(default_factory=trusted)

    def check(self, url: str) -> SplitResult:
        """Give the parts of an address as far as it can be judged without a look at the network. Raises NotAllowed."""
        if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url):
            raise NotAllowed(f"An address has at most {LONGEST_URL} characters, all of them ASCII and none a space.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise NotAllowed("This is no address.") from None
        if self._is_free(parts):
            return parts
        if parts.scheme != "https":
            raise NotAllowed("The address must begin with https://.")
        if "@" in parts.netloc or parts.fragment:
            raise NotAllowed("The address must hold no user, no password and no fragment.")
        if not _NAME.fullmatch(parts.hostname or ""):
            raise NotAllowed("The address must name a public host, such as hooks.example.org.")
        if not _is_open(port or HTTPS):
            raise NotAllowed("The port must be 443, or one above 1023 that no internal service is known by.")
        return parts

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a body and give the answer, whatever its status. Raises NotAllowed and NotReached."""
        until = time.monotonic() + self.patience_s
        parts = self.check(url)
        port = parts.port or (HTTPS if parts.scheme == "https" else 80)
        addresses = self._pin(parts, port, until)
        try:
            with closing(self._connect(parts, addresses, port, until)) as connected:
                return _ask(_Timed(connected, until), parts, body, headers)
        except (OSError, HTTPException, ValueError) as fault:
            raise NotReached(_say(fault)) from fault

    def _is_free(self, parts: SplitResult) -> bool:
        """Tell whether an address may lie in any network."""
        near = self.anywhere or (self.loopback and parts.hostname in _LOOPBACK)
        return near and parts.scheme in {"http", "https"} and bool(parts.hostname)

    def _pin(self, parts: SplitResult, port: int, until: float) -> Sequence[str]:
        """Resolve a host once and give the addresses to connect to, all of which must be public."""
        host = parts.hostname or ""
        try:
            found = _threads().submit(self.resolve, host, port).result(_left(until))
        except (OSError, UnicodeError) as fault:
            raise NotReached(f"The host {host} is not found: {_say(fault)}") from fault
        if not found:
            raise NotReached(f"The host {host} has no address.")
        if not self._is_free(parts) and not all(is_public(address) for address in found):
            raise NotReached(f"The host {host} lies in a private network.")
        return found

    def _connect(self, parts: SplitResult, addresses: Sequence[str], port: int, until: float) -> socket.socket:
        plain = self._dial_any(addresses, port, until)
        if parts.scheme == "http":
            return plain
        try:
            plain.settimeout(_left(until))  # of the whole handshake, not of each piece
            return self.context.wrap_socket(plain, server_hostname=parts.hostname)
        except BaseException:
            plain.close()
            raise

    def _dial_any(self, addresses: Sequence[str], port: int, until: float) -> socket.socket:
        """Connect to the first address that takes it: a network without IPv6 must not fail at an IPv6 address."""
        for address in addresses[:-1]:
            try:
                return self.dial(address, port, _left(until) / 2)
            except OSError:
                continue
        return self.dial(addresses[-1], port, _left(until))


def is_public(address: str) -> bool:
    """Tell whether an address may be routed on the internet, whatever form it comes in."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        # 6to4 and Teredo carry an IPv4 address of anybody's choice.
        return ip.is_global and ip in GLOBAL_UNICAST and not ip.sixtofour and not ip.teredo
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


@cache
def _threads() -> ThreadPoolExecutor:
    # The system's resolver knows no deadline: it is waited for from outside.
    return ThreadPoolExecutor(16, thread_name_prefix="resolve")


def _is_open(port: int) -> bool:
    return port == HTTPS or (FIRST_USER_PORT <= port <= LAST_PORT and port not in INTERNAL_PORTS)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("It took too long.")
    return left


def _say(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}".removesuffix(": ")


def _ask(connected: _Timed, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> Reply:
    connection = HTTPConnection(parts.hostname or "")
    connection.auto_open = 0  # it never opens a socket of its own
    connection.sock = connected
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", path, body, {"Host": parts.netloc, "Connection": "close", **headers})
    answer = connection.getresponse()
    return Reply(answer.status, answer.msg, answer.read(MOST_BYTES))


@dataclass(frozen=True, slots=True)
class _Timed:
    """A socket that has one deadline for all that goes through it, and not one for each piece."""

    inner: socket.socket
    until: float

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002  # http.client reads by it
        return io.BufferedReader(_Reader(self))

    def sendall(self, data: bytes) -> None:
        self.inner.settimeout(_left(self.until))
        self.inner.sendall(data)

    def close(self) -> None:
        """Leave the socket to who opened it: http.client closes before it has read."""


class _Reader(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._timed.inner.settimeout(_left(self._timed.until))
        return self._timed.inner.recv_into(buffer)
