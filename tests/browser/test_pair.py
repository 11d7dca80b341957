"""Before and after a repair on the tracking page: a slider, and side by side without scripts."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.accounts.roles import Role
from app.db import Session, utcnow
from app.media import masking, tasks
from app.media import service as media
from app.media.models import Photo
from app.notify.keys import tracking_secret
from app.reports.queries import photos_of_report
from app.reports.tasks import pair
from app.workorders.lifecycle import Action
from tests.browser.conftest import Open
from tests.browser.test_journeys import faint_words, fits, small_targets
from tests.make import make_report, take
from tests.media.pictures import encode

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def path(address: str, shared: Path) -> str:
    """Give the path of the page of a report whose repair has a pair."""
    street = Image.open(shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").resize((960, 640))
    # Some steps to the right, in other light.
    later = street.crop((60, 20, 960, 620)).point([min(255, value * 5 // 4) for value in range(256)] * 3)
    with Session.begin() as session:
        report = make_report(session, now=utcnow(), photos=accept(street))
        after = media.record(session, accept(later)[0], now=utcnow(), claimed=False)
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
        assert session.scalars(select(Photo.masked_at)).all().count(None) == 0
    return f"/track/{tracking_secret(report.id)}?lang=en"


def accept(image: Image.Image) -> tuple[media.Accepted, ...]:
    return media.accept(media.current(), [media.Upload("a.jpg", encode(image))])


def seen_part(page: Page) -> str:
    style: str = page.locator(".compare .after img").evaluate("(image) => getComputedStyle(image).clipPath")
    return style


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_slider_is_moved_by_the_keyboard_and_says_where_it_is(phone: Open, path: str, scheme: str) -> None:
    page = phone(path, color_scheme=scheme)
    slider = page.get_by_label("Slide between before and after")
    half = seen_part(page)

    slider.focus()
    page.keyboard.press("Home")
    after_only = seen_part(page)
    page.keyboard.press("ArrowRight")

    assert half == "inset(0px 0px 0px 50%)"
    assert after_only in {"inset(0px)", "inset(0px 0px 0px 0%)"}
    expect(slider).to_have_value("1")
    expect(slider).to_have_attribute("aria-valuetext", "99 % after")
    boxes = [page.locator(f".compare .{side} img").bounding_box() for side in ("before", "after")]
    assert boxes[0] is not None
    # One of them may have its larger picture already, whose shape is rounded elsewhere.
    assert boxes[0] == pytest.approx(boxes[1], abs=0.5)
    assert boxes[0]["height"] > 100
    assert page.locator(".compare .before img").get_attribute("alt", timeout=1000) is not None
    assert fits(page)
    assert small_targets(page) == []
    assert faint_words(page) == []


def test_without_scripts_the_two_stand_side_by_side(phone: Open, path: str) -> None:
    page = phone(path, java_script_enabled=False)

    boxes = [page.locator(f".compare .{side} img").bounding_box() for side in ("before", "after")]
    alts = [page.locator(f".compare .{side} img").get_attribute("alt") for side in ("before", "after")]

    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert (boxes[0]["y"], boxes[0]["height"]) == (boxes[1]["y"], boxes[1]["height"])
    assert not page.locator(".compare input").is_visible()
    assert [str(alt).rsplit(", ", 1)[1] for alt in alts] == ["as reported", "after the repair"]
