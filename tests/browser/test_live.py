"""The tracking page with the live stream beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from app import create_app, open_process
from app.config import Settings
from app.notify.keys import tracking_secret
from tests.browser.conftest import Open, Server
from tests.live.lines import filed, note
from tests.live.process import Live, running
from tests.ports import reserve_port

pytestmark = pytest.mark.browser

STOP_LOOKING = "for (let id = 1; id < 1000; id++) clearInterval(id)"  # from now on the stream alone brings news


@pytest.fixture
def live(committed: Settings, tmp_path: Path) -> Iterator[tuple[Live, Settings]]:
    web, stream = reserve_port(), reserve_port()
    addresses = {"public_url": f"http://127.0.0.1:{web}", "live_url": f"http://127.0.0.1:{stream}"}
    settings = replace(committed, **addresses)  # type: ignore[arg-type]  # both are text
    with running(settings, tmp_path, port=stream) as process:
        yield process, settings


@pytest.fixture
def address(app: Flask, live: tuple[Live, Settings]) -> Iterator[str]:
    settings = live[1]
    apart = create_app(settings)
    server = Server("127.0.0.1", int(settings.public_url.rpartition(":")[2]), apart)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield settings.public_url
    server.shutdown()
    thread.join()
    server.server_close()
    apart.extensions["engine"].dispose()
    open_process(app.config["SETTINGS"]).dispose()  # what the other tests have


def test_a_step_shows_itself_when_it_happens(phone: Open, live: tuple[Live, Settings]) -> None:
    report, _, work_order_id = filed()
    page = phone(f"/track/{tracking_secret(report.id)}?lang=en")
    page.evaluate("window.stayed = true")
    page.evaluate(STOP_LOOKING)
    live[0].wait(streams=1)

    note(work_order_id, "The pole is ordered.")
    expect(page.locator("#history")).to_contain_text("The pole is ordered.")
    expect(page.locator("#news")).not_to_be_empty()
    note(work_order_id, "It comes tomorrow.")
    expect(page.locator("#history")).to_contain_text("It comes tomorrow.")

    assert page.evaluate("window.stayed") is True
    expect(page.locator("#copy")).to_be_visible()
