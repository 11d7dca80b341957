"""A live service and a phone-sized Chromium."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import ThreadedWSGIServer

from app.accounts.roles import Role
from app.config import Settings
from app.db import Session, utcnow
from app.media import masking, tasks
from app.media import service as media
from app.media.models import Photo
from app.reports.queries import photos_of_report
from app.reports.tasks import pair
from app.workorders.lifecycle import Action
from tests.make import make_report, take
from tests.media.pictures import encode
from tests.waiting import PATIENCE_MS

CHROMIUM = Path("/usr/bin/chromium")
# Without these Chromium asks hosts of its maker at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 360, "height": 740}
# A refused form, a picture in the making, a cut network: Chromium reports every one of them.
EXPECTED = re.compile(r"status of (404|422)|ERR_INTERNET_DISCONNECTED")

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give Chromium; it is part of the set-up, so that in CI it must be there."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("chromium is missing, and this is CI")
        pytest.skip("chromium is not installed: make setup does it")
    expect.set_options(timeout=PATIENCE_MS)  # its own default is 5 seconds
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


class Server(ThreadedWSGIServer):
    """A server that ends when its last request has: one that still ran would leave its connection open."""

    daemon_threads = False


@pytest.fixture
def address(app: Flask, committed: Settings) -> Iterator[str]:
    """Give the address of the application, served by a thread over a database of its own."""
    server = Server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Open]:
    """Give a function that opens a path on a phone; at the end no page may have complained."""
    contexts, complaints = [], []

    def open_page(path: str, **options: Any) -> Page:
        context = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [line for line in complaints if not EXPECTED.search(line)] == []


@pytest.fixture
def repaired(address: str, shared: Path) -> UUID:  # it commits to the database of the server
    """File a report whose repair has a pair of pictures that everybody may see; give its id."""
    street = Image.open(shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").resize((960, 640))
    # Some steps to the right, in other light.
    later = street.crop((60, 20, 960, 620)).point([min(255, value * 5 // 4) for value in range(256)] * 3)
    with Session.begin() as session:
        report = make_report(session, now=utcnow(), photos=_accept(street))
        after = media.record(session, _accept(later)[0], now=utcnow(), claimed=False)
        take(session, report, Role.CREW, Action.SIGN, now=utcnow())
        take(session, report, Role.CREW, Action.FIX, now=utcnow(), photo_ids=[after.id])
        photos = [photos_of_report(session, report.id)[0].id, after.id]
    for photo_id in photos:
        tasks.render(str(photo_id))
        with Session.begin() as session:
            masking.release(session, session.get_one(Photo, photo_id), by=uuid4(), now=utcnow())
        tasks.mask(str(photo_id))
    pair(photo_id=str(photos[1]))
    media.current().aligner.close()  # type: ignore[attr-defined]
    with Session.begin() as session:
        assert session.scalars(select(Photo.masked_at).where(Photo.id.in_(photos))).all().count(None) == 0
    return report.id


def _accept(image: Image.Image) -> tuple[media.Accepted, ...]:
    return media.accept(media.current(), [media.Upload("a.jpg", encode(image))])
