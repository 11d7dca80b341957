"""A resident's journeys on a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.db import Reading, Session, utcnow
from app.media.models import Photo
from app.media.tasks import render
from app.notify.keys import tracking_secret
from tests.browser.conftest import Open
from tests.make import YUEHAI, fix, make_photo, make_report

pytestmark = pytest.mark.browser

HERE = {"longitude": YUEHAI[0], "latitude": YUEHAI[1], "accuracy": 12}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def small_targets(page: Page) -> list[str]:
    """Name what a thumb would miss: visible controls under 44 pixels in either direction."""
    found: list[str] = page.evaluate(
        """() => [..."button|select|textarea|input|summary|.button|.stars label|header a".split("|")]
            .flatMap((name) => [...document.querySelectorAll(name)])
            .filter((each) => each.checkVisibility() && getComputedStyle(each).opacity !== "0")
            .map((each) => [each, (each.type === "checkbox" ? each.closest("label") : each).getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && (box.height < 44 || box.width < 44))
            .map(([each, box]) => `${each.outerHTML.slice(0, 60)} ${box.width}x${box.height}`)"""
    )
    return found


def faint_words(page: Page) -> list[str]:
    """Name what is under the contrast of WCAG 2.2 AA (1.4.3): 4.5, for large text 3."""
    found: list[str] = page.evaluate(
        """() => {
            const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
            const part = (value) => value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
            const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
            const behind = (each) => {
                for (let one = each; one; one = one.parentElement) {
                    const color = numbers(getComputedStyle(one).backgroundColor);
                    if (color.length === 3) return color;
                }
                return [255, 255, 255];
            };
            const faint = [];
            for (const each of document.querySelectorAll("body *")) {
                const words = [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
                if (!words || !each.checkVisibility() || each.tagName === "OPTION") continue;
                const style = getComputedStyle(each);
                const [one, other] = [light(numbers(style.color)), light(behind(each))].sort((a, b) => b - a);
                const ratio = (one + 0.05) / (other + 0.05);
                const size = parseFloat(style.fontSize);
                const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
                const name = each.textContent.trim().slice(0, 30);
                if (ratio < (large ? 3 : 4.5)) faint.push(`${name} ${ratio.toFixed(2)}`);
            }
            return faint;
        }"""
    )
    return found


def take_position(page: Page) -> None:
    page.get_by_role("button", name="使用我的位置").tap()
    expect(page.locator("#position")).to_contain_text("12")


def describe_pothole(page: Page) -> None:
    take_position(page)
    page.get_by_label("输入关键词").fill("路面坑洼了")
    page.locator("#matches button").first.tap()
    expect(page.locator("#item")).to_have_value("B0220")
    page.get_by_label("说明").fill("路面有坑")


def file_pothole(phone: Open) -> Page:
    page = phone("/?lang=zh", geolocation=HERE, permissions=["geolocation"])
    describe_pothole(page)
    page.get_by_label("电子邮箱").fill("resident@example.org")
    page.get_by_role("button", name="提交").tap()
    expect(page).to_have_url(re.compile("/track/"))
    return page


def test_a_photo_with_its_position_is_all_that_is_needed(phone: Open, shared: Path) -> None:
    page = phone("/?lang=zh")
    assert fits(page)
    assert small_targets(page) == []

    page.set_input_files("#photos", shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg")
    expect(page.locator("#previews img")).to_have_count(1)
    page.get_by_role("button", name="提交").click()

    expect(page).to_have_url(re.compile(r"/track/[0-9a-z]{32}"))
    expect(page.locator("main")).to_contain_text("粤海街道")
    expect(page.locator("[aria-current=step]")).to_contain_text("已分拨")
    assert fits(page)
    assert small_targets(page) == []


def test_the_page_asks_at_once_whether_it_is_the_same_and_one_tap_joins(phone: Open) -> None:
    first = file_pothole(phone)
    second = phone("/?lang=zh", geolocation=HERE, permissions=["geolocation"])
    describe_pothole(second)

    expect(second.get_by_role("heading", name="是同一个问题吗")).to_be_visible()
    second.get_by_role("button", name="就是这个").tap()
    expect(second.locator("#same_status")).to_contain_text("并入这个问题")
    assert fits(second)
    assert small_targets(second) == []
    second.get_by_role("button", name="提交").tap()

    expect(second.locator("main")).to_contain_text("已并入同一张工单")
    expect(second.locator("main")).to_contain_text("2 人报告过")
    first.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(first.locator("main")).to_contain_text("又有一人报告了同一个问题")


def test_who_does_not_answer_is_asked_again_and_who_says_no_is_not(phone: Open) -> None:
    file_pothole(phone)
    page = phone("/?lang=zh", geolocation=HERE, permissions=["geolocation"])
    describe_pothole(page)
    expect(page.locator("#similar")).to_be_visible()

    page.get_by_role("button", name="提交").tap()
    expect(page).to_have_title(re.compile("是同一个问题吗"))
    assert fits(page)
    assert small_targets(page) == []
    page.go_back()
    take_position(page)
    page.get_by_role("button", name="不是，这是另一个问题").tap()
    page.get_by_role("button", name="提交").tap()

    expect(page).to_have_url(re.compile("/track/"))
    expect(page.locator("main")).not_to_contain_text("人报告过")


def test_photos_add_up_and_each_can_be_taken_out(phone: Open, tmp_path: Path) -> None:
    names = [tmp_path / f"{place}.jpg" for place in range(8)]
    for place, path in enumerate(names):
        path.write_bytes(make_photo(size=(64 + place, 48)))
    page = phone("/?lang=en")

    page.set_input_files("#photos", names[:2])
    page.set_input_files("#photos", names[1:])
    expect(page.locator("#previews img")).to_have_count(6)
    expect(page.locator("#photos_status")).to_contain_text("At most six")
    page.get_by_role("button", name="Remove photo 1").tap()

    expect(page.locator("#previews img")).to_have_count(5)
    assert page.evaluate("[...document.getElementById('photos').files].map((each) => each.name)") == [
        path.name for path in names[1:6]
    ]
    assert small_targets(page) == []
    assert fits(page)


def test_a_picture_shows_itself_when_it_is_ready(phone: Open, shared: Path) -> None:
    page = phone("/?lang=en")
    page.set_input_files("#photos", shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg")
    page.get_by_role("button", name="Send").tap()
    expect(page).to_have_url(re.compile("/track/"))

    with Reading() as session:
        photo_id = session.scalars(select(Photo.id)).one()
    render(photo_id=str(photo_id))

    page.locator(".pictures img").scroll_into_view_if_needed()
    expect(page.locator(".pictures img")).to_have_js_property("naturalWidth", 320)


def test_without_scripts_everything_can_be_done(phone: Open, shared: Path) -> None:
    page = phone("/?lang=en", java_script_enabled=False)

    page.get_by_text("Type longitude and latitude").tap()
    page.get_by_label("Longitude").fill(str(YUEHAI[0]))
    page.get_by_label("Latitude").fill("ninety")
    page.get_by_label("What is it").select_option("B0121")
    page.set_input_files("#photos", shared / "data/photos/nogps_noexif.jpg")
    page.get_by_role("button", name="Send").tap()
    expect(page.locator("#lat_fault")).to_contain_text("number from -90 to 90")
    expect(page.get_by_label("Photo 1")).to_be_checked()
    page.get_by_label("Latitude").fill(str(YUEHAI[1]))
    page.get_by_role("button", name="Send").tap()

    expect(page).to_have_url(re.compile("/track/"))
    expect(page.locator("main")).to_contain_text("Yuehai Subdistrict, Nanshan")
    expect(page.locator(".pictures img")).to_have_count(1)


def test_a_refused_position_says_what_to_do_and_the_words_stay(phone: Open) -> None:
    page = phone("/?lang=en")

    page.get_by_role("button", name="Use my position").tap()
    expect(page.locator("#position")).to_contain_text("Allow it in its settings")
    page.get_by_label("In your words").fill("third lamp")
    page.get_by_role("button", name="Send").tap()

    expect(page.get_by_role("alert")).to_contain_text("Where is it?")
    expect(page.get_by_label("In your words")).to_have_value("third lamp")
    assert fits(page)


def test_offline_the_words_are_kept_on_the_phone_and_the_position_is_not(phone: Open) -> None:
    page = phone("/?lang=zh", geolocation=HERE, permissions=["geolocation"])
    describe_pothole(page)

    page.context.set_offline(offline=True)
    page.get_by_role("button", name="提交").tap()
    expect(page.locator("#progress")).to_contain_text("现在没有网络")
    page.context.set_offline(offline=False)
    page.reload()

    expect(page.get_by_label("说明")).to_have_value("路面有坑")
    expect(page.locator("#item")).to_have_value("B0220")
    expect(page.locator("#lon")).to_have_value("")
    take_position(page)
    page.get_by_role("button", name="提交").tap()
    expect(page).to_have_url(re.compile("/track/"))
    page.wait_for_load_state()  # the address is new before the script of the page has run
    assert page.evaluate("localStorage.getItem('draft')") is None


def fixed_link(language: str) -> str:
    """File a report, let the unit say that it is fixed, and give the path of its page."""
    with Session.begin() as session:
        report = make_report(session, now=utcnow())
        fix(session, report, now=utcnow(), note="New lamp.")
    return f"/track/{tracking_secret(report.id)}?lang={language}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_gives_two_stars_sees_that_it_is_worked_on_again(phone: Open, scheme: str) -> None:
    page = phone(fixed_link("en"), color_scheme=scheme)
    expect(page.get_by_role("button", name="Yes, it is fixed")).to_be_visible()
    stars = page.get_by_role("group", name="Overall")

    # Stars by the keyboard: one Tab to the group, arrows within, the focus in sight.
    stars.get_by_role("radio", name="1", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(stars.get_by_role("radio", name="2")).to_be_checked()
    assert page.evaluate("getComputedStyle(document.activeElement.nextElementSibling).outlineStyle") == "solid"
    filled = "[...document.querySelectorAll('#rate form > .stars label')].map(star)"
    star = "const star = (each) => getComputedStyle(each, '::before').content[1]"
    assert page.evaluate(f"() => {{ {star}; return {filled} }}") == [*"★★☆☆☆"]
    page.get_by_text("Say more").tap()
    page.get_by_role("group", name="Speed").get_by_text("4").tap()
    page.get_by_label("Comment").fill("It flickers.")
    page.get_by_text("No, it is not fixed").tap()
    assert fits(page)
    assert small_targets(page) == []
    assert faint_words(page) == []
    page.get_by_role("button", name="Send the rating").tap()

    expect(page.get_by_role("status").first).to_contain_text("works on it again")
    expect(page.locator("[aria-current=step]")).to_contain_text("In progress")
    expect(page.locator("main")).not_to_contain_text("It flickers.")
    expect(page).not_to_have_url(re.compile("thanks"))
    assert fits(page)
    assert faint_words(page) == []


def test_without_scripts_who_says_no_needs_a_ground_and_loses_nothing(phone: Open, shared: Path) -> None:
    page = phone(fixed_link("zh"), java_script_enabled=False)

    page.get_by_text("没有解决", exact=True).tap()
    page.get_by_role("button", name="提交：没有解决").tap()
    expect(page.get_by_role("alert")).to_contain_text("请说明哪里没有解决")
    page.set_input_files("#photos", [shared / "data/photos/nogps_noexif.jpg", shared / "data/photos/bad_truncated.jpg"])
    page.get_by_label("哪里没有解决").fill("第二盏灯还是不亮")
    page.get_by_role("button", name="提交：没有解决").tap()
    expect(page.get_by_role("alert")).to_contain_text("无法读取")
    expect(page.get_by_label("哪里没有解决")).to_have_value("第二盏灯还是不亮")
    expect(page.get_by_label("照片 1")).to_be_checked()
    page.get_by_role("button", name="提交：没有解决").tap()

    expect(page.locator("[aria-current=step]")).to_contain_text("处理中")
    expect(page.locator("main")).to_contain_text("已通知责任单位重新办理")
    expect(page.locator("main")).to_contain_text("第二盏灯还是不亮")


def test_a_newer_page_does_not_take_away_what_is_being_typed(phone: Open) -> None:
    link = fixed_link("en")
    page, other = phone(link), phone(link)
    page.get_by_text("No, it is not fixed").tap()
    page.get_by_label("What is wrong").fill("The second lamp")

    other.get_by_role("button", name="Yes, it is fixed").tap()
    expect(other.locator("main")).to_contain_text("You said that it is fixed.")
    page.evaluate(
        "() => { window.asked = 0; const ask = fetch; window.fetch = (...all) => { asked += 1; return ask(...all); }; }"
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate("window.asked") == 0

    expect(page.get_by_label("What is wrong")).to_have_value("The second lamp")
    page.get_by_role("button", name="Send: it is not fixed").tap()
    expect(page.locator("[aria-current=step]")).to_contain_text("In progress")


@pytest.mark.parametrize("path", ["/", "/problems", "/track/nothing"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_can_be_read(phone: Open, path: str, scheme: str) -> None:
    for language in ("zh", "en"):
        page = phone(f"{path}?lang={language}", color_scheme=scheme)

        assert fits(page)
        assert small_targets(page) == []
        assert faint_words(page) == []
