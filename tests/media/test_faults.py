"""A bucket that hangs, drips, fails or refuses keeps nobody waiting, and is used again when it is well."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.media.breaker import CircuitState, Limits
from app.media.errors import StoreUnavailable
from app.media.s3 import S3Store
from tests.media.buckets import WIDE, S3Server
from tests.media.faults import Fault, Proxy, failing_proxy
from tests.waiting import wait_until

KEY = "originals/aa/bb/picture"
# An hour: a circuit that opens stays open for the test. Nothing: the next call probes.
STAYS_OPEN = Limits(seconds=1, wait_s=0, calls=4, pause_s=3600)
PROBES_AT_ONCE = Limits(seconds=1, wait_s=60, calls=4, pause_s=0)


@contextmanager
def store_behind(server: S3Server, proxy: Proxy, limits: Limits) -> Iterator[S3Store]:
    name = uuid4().hex
    (server.root / name).mkdir()
    with closing(server.open(name, endpoint=proxy.endpoint, limits=limits)) as store:
        yield store


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[Proxy]:
    with failing_proxy(s3_server.endpoint) as proxy:
        yield proxy


def fail_until_open(store: S3Store) -> None:
    while store.health.state is CircuitState.CLOSED:
        with pytest.raises(StoreUnavailable):
            store.put(KEY, b"bytes")


def put_when_it_answers(store: S3Store) -> None:
    def is_put() -> bool:
        try:
            store.put(KEY, b"new bytes")
        except StoreUnavailable:
            return False
        return True

    wait_until(is_put)


@pytest.mark.parametrize("fault", Fault)
def test_after_some_failures_nothing_reaches_the_bucket_any_more(
    fault: Fault, s3_server: S3Server, proxy: Proxy
) -> None:
    with store_behind(s3_server, proxy, STAYS_OPEN) as store:
        proxy.fault = fault
        fail_until_open(store)
        reached = len(proxy.requests)

        for ask in (
            lambda: store.get(KEY),
            lambda: store.put(KEY, b"bytes"),
            lambda: store.size(KEY),
            lambda: store.exists(KEY),
            lambda: store.delete(KEY),
            lambda: store.sizes([KEY]),
            lambda: store.open_large(KEY),
            lambda: list(store.keys("originals")),
        ):
            with pytest.raises(StoreUnavailable):
                ask()

        assert len(proxy.requests) == reached
        assert store.health.state is CircuitState.OPEN
        assert store.health.fault
        assert store.health.since is not None


@pytest.mark.parametrize("fault", Fault)
def test_a_bucket_that_is_well_again_is_used_again(fault: Fault, s3_server: S3Server, proxy: Proxy) -> None:
    with store_behind(s3_server, proxy, PROBES_AT_ONCE) as store:
        proxy.fault = fault
        fail_until_open(store)
        opened = store.health

        proxy.fault = None
        put_when_it_answers(store)

        assert opened.state is CircuitState.HALF_OPEN
        assert store.health.state is CircuitState.CLOSED
        assert store.health.fault == ""
        assert (s3_server.root / store._bucket / KEY).read_bytes() == b"new bytes"


def test_what_is_not_there_is_no_failure_of_the_bucket(s3_server: S3Server, proxy: Proxy) -> None:
    with store_behind(s3_server, proxy, WIDE) as store:
        for _ in range(10):
            assert not store.exists(KEY)

        assert store.health.state is CircuitState.CLOSED


def test_who_finds_all_calls_taken_is_refused_without_a_call(s3_server: S3Server, proxy: Proxy) -> None:
    held = Limits(seconds=3600, wait_s=0, calls=2)
    with store_behind(s3_server, proxy, held) as store:
        proxy.fault = Fault.SILENT
        inside = [threading.Thread(target=quietly_get, args=(store,), daemon=True) for _ in range(2)]
        for thread in inside:
            thread.start()
        wait_until(lambda: proxy.held == 2)
        reached = len(proxy.requests)

        with pytest.raises(StoreUnavailable):
            store.get(KEY)

        assert len(proxy.requests) == reached
        assert store.health.state is CircuitState.CLOSED  # to be full is no failure
        proxy.released.set()
        for thread in inside:
            thread.join()


def test_one_call_probes_and_the_others_do_not_wait_for_it(s3_server: S3Server, proxy: Proxy) -> None:
    with store_behind(s3_server, proxy, Limits(seconds=60, wait_s=60, calls=4, pause_s=0)) as store:
        proxy.fault = Fault.BUSY
        fail_until_open(store)
        proxy.fault = Fault.SILENT
        probe = threading.Thread(target=quietly_get, args=(store,), daemon=True)
        probe.start()
        wait_until(lambda: proxy.held == 1)
        reached = len(proxy.requests)

        with pytest.raises(StoreUnavailable):
            store.get(KEY)

        assert len(proxy.requests) == reached
        proxy.released.set()
        probe.join()


def quietly_get(store: S3Store) -> None:
    with suppress(StoreUnavailable):
        store.get(KEY)


@pytest.mark.parametrize("fault", [Fault.DRIP, Fault.SILENT])
def test_the_deadline_holds_under_tls_too(
    fault: Fault, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = self_signed(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with ExitStack() as stack:
        proxy = stack.enter_context(failing_proxy(s3_server.endpoint, tls=context))
        store = stack.enter_context(store_behind(s3_server, proxy, PROBES_AT_ONCE))
        put_when_it_answers(store)

        proxy.fault = fault
        fail_until_open(store)

        assert proxy.held >= 1


def self_signed(folder: Path) -> ssl.SSLContext:
    """Make a certificate of localhost that is good for a day, and a server's context with it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(pem)
    (folder / "server.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context
