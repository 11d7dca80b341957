"""A resident's journeys on a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.make import YUEHAI

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HERE = {"longitude": YUEHAI[0], "latitude": YUEHAI[1], "accuracy": 12}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_photo_with_its_position_is_all_that_is_needed(phone: Open, shared: Path) -> None:
    page = phone("/?lang=zh")
    assert fits(page)

    page.set_input_files("#photos", shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg")
    expect(page.locator("#previews img")).to_have_count(1)
    page.get_by_role("button", name="提交").click()

    expect(page).to_have_url(re.compile(r"/track/[0-9a-z]{32}"))
    expect(page.locator("main")).to_contain_text("粤海街道")
    expect(page.locator("[aria-current=step]")).to_contain_text("已分拨")
    assert fits(page)


def test_position_search_and_joining_with_scripts(phone: Open) -> None:
    def file(page: Page) -> None:
        page.get_by_role("button", name="使用我的位置").tap()
        expect(page.locator("#position")).to_contain_text("12")
        page.get_by_label("输入关键词").fill("pothole")
        page.locator("#matches button").first.tap()
        expect(page.locator("#item")).to_have_value("B0220")
        page.get_by_label("说明").fill("路面有坑")
        page.get_by_role("button", name="提交").tap()

    first = phone("/?lang=zh", geolocation=HERE, permissions=["geolocation"])
    file(first)
    expect(first).to_have_url(re.compile("/track/"))
    second = phone("/?lang=zh", geolocation=HERE, permissions=["geolocation"])
    file(second)

    expect(second.get_by_role("heading", name="是同一个问题吗")).to_be_visible()
    assert fits(second)
    second.get_by_role("button", name="就是这个").tap()

    expect(second.locator("main")).to_contain_text("已并入同一张工单")
    expect(second.locator("main")).to_contain_text("2 人报告过")


def test_without_scripts_everything_can_be_done(phone: Open) -> None:
    page = phone("/?lang=en", java_script_enabled=False)

    page.get_by_text("Type longitude and latitude").tap()
    page.get_by_label("Longitude").fill(str(YUEHAI[0]))
    page.get_by_label("Latitude").fill(str(YUEHAI[1]))
    page.get_by_label("What is it").select_option("B0121")
    page.get_by_role("button", name="Send").tap()

    expect(page).to_have_url(re.compile("/track/"))
    expect(page.locator("main")).to_contain_text("Yuehai Subdistrict, Nanshan")


def test_a_refused_position_says_what_to_do_and_the_words_stay(phone: Open) -> None:
    page = phone("/?lang=en")

    page.get_by_role("button", name="Use my position").tap()
    expect(page.locator("#position")).to_contain_text("Allow it in its settings")
    page.get_by_label("In your words").fill("third lamp")
    page.get_by_role("button", name="Send").tap()

    expect(page.get_by_role("alert")).to_contain_text("Send lon and lat")
    expect(page.get_by_label("In your words")).to_have_value("third lamp")


def test_offline_the_words_are_kept_on_the_phone(phone: Open) -> None:
    page = phone("/?lang=en")
    page.get_by_label("In your words").fill("third lamp")

    page.context.set_offline(offline=True)
    page.get_by_role("button", name="Send").tap()
    expect(page.locator("#progress")).to_contain_text("You are offline")
    page.context.set_offline(offline=False)
    page.reload()

    expect(page.get_by_label("In your words")).to_have_value("third lamp")
