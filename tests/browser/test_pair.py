"""Before and after a repair on the tracking page: a slider, and side by side without scripts."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from app.notify.keys import tracking_secret
from tests.browser.conftest import Open
from tests.browser.test_journeys import faint_words, fits, small_targets

pytestmark = pytest.mark.browser


@pytest.fixture
def path(repaired: UUID) -> str:
    """Give the path of the page of a report whose repair has a pair."""
    return f"/track/{tracking_secret(repaired)}?lang=en"


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
    assert page.locator(".compare .before img").get_attribute("alt") is not None
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
