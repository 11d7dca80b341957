"""The public map in a browser: it draws, opens, filters, lists and renews itself, by mouse, finger and keyboard."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Locator, Page, Route, expect
from sqlalchemy import select, text

from app.accounts.roles import Role
from app.db import Session, utcnow
from app.publicmap.service import fold
from app.reports.queries import reports_of
from app.reports.service import show
from app.workorders.lifecycle import Action
from app.workorders.models import WorkOrder
from tests.browser.conftest import Open
from tests.browser.test_journeys import faint_words, fits, small_targets
from tests.make import YUEHAI, fix, make_report, take
from tests.waiting import wait_until

OPEN, FIXED = (185, 58, 8), (11, 107, 88)
OPEN_DARK = (255, 157, 92)
CLOSE = f"#16/{YUEHAI[1]}/{YUEHAI[0]}"

pytestmark = pytest.mark.browser


@pytest.fixture
def two(address: str) -> dict[str, str]:  # it commits to the database of the server
    """File two reports side by side, fix one of them, and have both counted; give their ids."""
    found = {}
    with Session.begin() as session:
        for name, east in (("open", 0.0), ("fixed", 0.0015)):
            report = make_report(session, lon=YUEHAI[0] + east, now=utcnow())
            work_order = show(session, report).work_order
            found[name] = work_order.public_id
            if name == "fixed":
                take(session, report, Role.CREW, Action.SIGN, now=utcnow())
                fix(session, report, now=utcnow())
        session.flush()
    count()
    return found


def count() -> None:
    """Do what the worker does within a second."""
    with Session.begin() as session:
        while fold(session, now=utcnow()):
            pass


def is_drawn(page: Page) -> None:
    """Wait until the map has drawn all that it has."""
    expect(page.locator("#map canvas")).to_be_visible()
    page.evaluate(
        """() => new Promise((done) => {
            const map = window.cityMap;
            const nudge = setInterval(() => map.triggerRepaint(), 250);  // a frame may be lost where much goes on
            map.once("idle", () => { clearInterval(nudge); done(); });
            map.triggerRepaint();
        })"""
    )


def pixels(page: Page, color: tuple[int, int, int], within: int = 40) -> int:
    """Count the pixels of the map that are nearly of a color."""
    picture = Image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")
    plain = picture.tobytes()
    dots = zip(plain[0::3], plain[1::3], plain[2::3], strict=True)
    return sum(abs(r - color[0]) + abs(g - color[1]) + abs(b - color[2]) < within for r, g, b in dots)


def shows(page: Page, color: tuple[int, int, int], more_than: int = 30) -> None:
    """Wait until the map shows so many pixels of a color: it may be still before its tiles are asked for."""
    _until(page, lambda: pixels(page, color) > more_than)


def hides(page: Page, color: tuple[int, int, int]) -> None:
    """Wait until the map shows nothing of a color."""
    _until(page, lambda: pixels(page, color) == 0)


def _until(page: Page, holds: Callable[[], bool]) -> None:
    def goes_on() -> bool:
        page.wait_for_timeout(50)  # Playwright hears nothing while Python sleeps
        return holds()

    wait_until(goes_on, "the map looks otherwise")


def renew(page: Page) -> None:
    """Wait until the page has asked anew of its own accord, and shows the answer."""
    with page.expect_response("**/map/lines?*") as answered:
        pass
    answered.value.finished()
    page.evaluate("() => new Promise((done) => setTimeout(done))")


def state(page: Page, name: str) -> Locator:
    return page.locator(f"[name=state][value={name}]")


def line(page: Page, public_id: str) -> Locator:
    return page.locator(f"#lines a[data-id='{public_id}']")


def fix_now(public_id: str) -> None:
    """Have the crew fix a work order, and have it counted."""
    with Session.begin() as session:
        work_order = session.scalars(select(WorkOrder).where(WorkOrder.public_id == public_id)).one()
        report = reports_of(session, work_order.id)[0]
        take(session, report, Role.CREW, Action.SIGN, now=utcnow())
        fix(session, report, now=utcnow())
    count()


def test_it_draws_what_is_open_and_what_was_fixed(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")

    is_drawn(page)

    shows(page, OPEN)
    shows(page, FIXED)
    assert page.locator("#lines a").count() == len(two)


def test_a_filter_changes_map_list_and_address(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)

    state(page, "open").uncheck()
    expect(page.locator("#lines a")).to_have_count(1)
    is_drawn(page)

    hides(page, OPEN)
    shows(page, FIXED)
    assert page.locator("#lines a").get_attribute("data-id") == two["fixed"]
    assert "state=fixed" in page.url
    assert "state=open" not in page.url


def test_a_point_opens_its_work_order_and_escape_closes_it(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en#18/{YUEHAI[1]}/{YUEHAI[0]}")
    is_drawn(page)

    page.locator("#map canvas").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    expect(page.locator("#detail article")).to_contain_text(two["open"])
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()


def test_the_list_works_by_keyboard_and_gives_the_focus_back(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    link = page.locator(f"#lines a[data-id='{two['fixed']}']")

    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#detail article")).to_contain_text("fixed in 1 day by")
    page.locator("#detail .close", has_text="Close").click()

    expect(link).to_be_focused()


def test_a_fix_shows_by_itself_and_leaves_the_list_alone(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    shows(page, OPEN)
    line(page, two["fixed"]).evaluate("(link) => { link.known = true; }")
    line(page, two["open"]).focus()

    fix_now(two["open"])
    expect(line(page, two["open"]).locator(".state")).to_have_text("fixed")
    renew(page)

    hides(page, OPEN)
    assert page.locator("[data-count=fixed]").text_content() == "2"
    assert "0 open, 2 fixed" in str(page.locator("#listed").text_content())
    assert line(page, two["fixed"]).evaluate("(link) => link.known")
    expect(line(page, two["open"])).to_be_focused()


def test_nothing_is_asked_while_nobody_looks_and_at_once_when_somebody_does(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.away, configurable: true })")
    page.evaluate("window.away = true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split("?")[0].rsplit("/", 1)[1]))

    page.evaluate("() => new Promise((done) => setTimeout(done, 6000))")  # longer than it waits between two looks
    while_away = list(asked)
    page.evaluate("for (let id = 1; id < 10000; id++) clearInterval(id)")
    with page.expect_request("**/map/lines?*"), page.expect_request("**/*.mvt?*"):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")

    assert two
    assert while_away == []


def test_it_speaks_chinese_is_dark_and_fits_a_small_phone(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=zh{CLOSE}", color_scheme="dark")

    is_drawn(page)

    assert two
    shows(page, OPEN_DARK)
    expect(page.locator("h1")).to_have_text("正在办理与已经修好的")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_chosen_one_lies_above_what_is_at_its_place(phone: Open, two: dict[str, str], repaired: UUID) -> None:
    count()
    page = phone(f"/map?lang=en#18/{YUEHAI[1]}/{YUEHAI[0]}")
    is_drawn(page)
    before = pixels(page, FIXED)
    at_open = page.locator("#lines a", has=page.locator(".state.fixed")).first

    at_open.click()
    expect(page.locator("#detail .compare")).to_be_visible()
    is_drawn(page)

    assert (two["open"] != at_open.get_attribute("data-id"), repaired is not None) == (True, True)
    shows(page, FIXED, more_than=before + 20)
    hides(page, OPEN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_signs_differ_without_colors(phone: Open, two: dict[str, str], scheme: str) -> None:
    page = phone(f"/map?lang=en#17/{YUEHAI[1]}/{YUEHAI[0] + 0.00075}", color_scheme=scheme)
    is_drawn(page)
    page.locator("#map").scroll_into_view_if_needed()
    points = page.evaluate(
        """() => cityMap.queryRenderedFeatures({ layers: ["work-orders"] }).map((each) => {
            const at = cityMap.project(each.geometry.coordinates);
            return [each.properties.state, at.x, at.y];
        })"""
    )
    picture = Image.open(io.BytesIO(page.locator("#map canvas").screenshot())).convert("L")
    signs = {name: picture.crop((round(x) - 14, round(y) - 14, round(x) + 14, round(y) + 14)) for name, x, y in points}

    ground = picture.getpixel((5, picture.height // 2))
    apart = ImageStat.Stat(ImageChops.difference(signs["open"], signs["fixed"])).mean[0]
    best = {name: max(contrast(ground, shade) for shade in sign.getextrema()) for name, sign in signs.items()}

    assert two
    assert apart > 40
    assert {name: value >= 3 for name, value in best.items()} == {"open": True, "fixed": True}


def contrast(first: Any, second: Any) -> float:
    """Compare two shades of gray (WCAG 2.2, relative luminance)."""
    low, high = sorted(((shade / 255 + 0.055) / 1.055) ** 2.4 for shade in (first, second))
    return float((high + 0.05) / (low + 0.05))


def test_the_last_state_stays_chosen(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)

    for name in ("closed", "fixed"):
        state(page, name).uncheck()
    state(page, "open").click()

    expect(state(page, "open")).to_be_checked()
    expect(page.locator("#lines a")).to_have_count(1)
    assert page.locator("#lines a").get_attribute("data-id") == two["open"]


def test_the_panel_is_in_the_address_and_back_closes_it(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en&item=B0121&item=B0408{CLOSE}")
    is_drawn(page)

    line(page, two["fixed"]).click()
    expect(page.locator("#detail article")).to_contain_text(two["fixed"])
    shared = page.url
    line(page, two["open"]).click()
    expect(page.locator("#detail article")).to_contain_text(two["open"])
    page.go_back()

    expect(page.locator("#detail")).to_be_hidden()
    assert f"w={two['fixed']}" in shared
    assert "w=" not in page.url
    state(page, "closed").uncheck()
    assert page.url.count("item=") == 2
    page.go_forward()
    expect(page.locator("#detail article")).to_contain_text(two["open"])


def test_a_shared_link_opens_the_panel_at_its_place_in_the_other_language_too(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en&state=fixed&w={two['fixed']}")
    is_drawn(page)
    expect(page.locator("#detail article")).to_contain_text("fixed in 1 day")
    middle = page.evaluate("[cityMap.getCenter().lng, cityMap.getCenter().lat, cityMap.getZoom()]")

    page.locator("a.language").click()
    expect(page.locator("h1")).to_have_text("正在办理与已经修好的")
    expect(page.locator("#detail article")).to_contain_text("用1天修好")
    is_drawn(page)

    assert middle == pytest.approx([YUEHAI[0] + 0.0015, YUEHAI[1], 16], abs=1e-3)
    assert (state(page, "fixed").is_checked(), state(page, "open").is_checked()) == (True, False)
    assert page.evaluate("cityMap.getZoom()") == pytest.approx(16, abs=0.1)


def test_of_two_opened_one_after_the_other_the_last_is_shown(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    # A renewed panel would hide what came too late.
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    held: list[Route] = []
    ended: list[str] = []
    for event in ("requestfinished", "requestfailed"):
        page.on(event, lambda request: ended.append(request.url))
    page.route(f"**/map/work-orders/{two['open']}?*", lambda route: held.append(route))  # noqa: PLW0108  # it asks for a function of Python

    line(page, two["open"]).click()
    line(page, two["fixed"]).click()
    expect(page.locator("#detail article")).to_contain_text(two["fixed"])
    held[0].continue_()
    _until(page, lambda: any(f"/{two['open']}?" in url for url in ended))
    page.evaluate("() => new Promise((done) => setTimeout(done))")

    assert two["fixed"] in str(page.locator("#detail article").text_content())
    assert two["fixed"] in page.url


def test_the_focus_comes_back_to_a_line_that_was_renewed(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    line(page, two["open"]).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#detail article")).to_contain_text(two["open"])

    fix_now(two["open"])
    expect(line(page, two["open"]).locator(".state")).to_have_text("fixed")
    page.keyboard.press("Escape")

    expect(page.locator("#detail")).to_be_hidden()
    expect(line(page, two["open"])).to_be_focused()


def test_an_open_panel_shows_the_fix_and_is_left_alone_where_nothing_changed(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    line(page, two["open"]).click()
    expect(page.locator("#detail .state")).to_have_text("open")
    page.locator("#detail article").evaluate("(article) => { article.known = true; }")

    for _ in range(2):
        with page.expect_response(f"**/map/work-orders/{two['open']}?*") as answered:
            pass
        answered.value.finished()
    unchanged = page.locator("#detail article").evaluate("(article) => article.known")
    fix_now(two["open"])

    expect(page.locator("#detail .state")).to_have_text("fixed")
    assert unchanged
    expect(page.locator("#detail")).to_be_focused()


def test_the_focus_goes_to_the_list_where_the_line_is_gone(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en&state=open{CLOSE}")
    is_drawn(page)
    line(page, two["open"]).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#detail article")).to_contain_text(two["open"])

    fix_now(two["open"])
    expect(page.locator("#lines a")).to_have_count(0)
    page.keyboard.press("Escape")

    expect(page.locator("#list-title")).to_be_focused()


def test_show_more_goes_on_with_the_first_new_line(phone: Open, two: dict[str, str]) -> None:
    with Session.begin() as session:
        for number in range(23):
            make_report(session, lon=YUEHAI[0] + 0.0003, lat=YUEHAI[1] + number / 10_000, item="B0408", now=utcnow())
    count()
    page = phone(f"/map?lang=en#15/{YUEHAI[1]}/{YUEHAI[0]}")
    is_drawn(page)
    expect(page.locator("#lines a")).to_have_count(20)

    page.locator("#following a").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#lines a")).to_have_count(25)
    expect(page.locator("#lines a").nth(20)).to_be_focused()
    expect(page.locator("#following a")).to_have_count(0)
    assert set(two.values()) <= {str(each.get_attribute("data-id")) for each in page.locator("#lines a").all()}


def test_the_slider_in_the_panel_is_moved_by_the_keyboard(phone: Open, repaired: UUID) -> None:
    count()
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)
    page.locator("#lines a").click()
    slider = page.locator("#detail").get_by_label("Slide between before and after")
    expect(slider).to_be_visible()
    after = page.locator("#detail .compare .after img")
    half = after.evaluate("(image) => getComputedStyle(image).clipPath")

    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")

    assert repaired
    assert half == "inset(0px 0px 0px 50%)"
    assert after.evaluate("(image) => getComputedStyle(image).clipPath") == "inset(0px 0px 0px 99%)"
    expect(slider).to_have_attribute("aria-valuetext", "1 % after")
    expect(after).not_to_have_js_property("naturalWidth", 0)


class Base(BaseHTTPRequestHandler):
    """The host of a style: one of magenta ground, from vector tiles as styles of cities have them."""

    tile = b""

    def do_GET(self) -> None:  # the name is the library's
        body = self.tile if self.path.endswith(".mvt") else json.dumps(self.style()).encode()
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def style(self) -> dict[str, Any]:
        tiles = f"http://{self.headers['Host']}/{{z}}/{{x}}/{{y}}.mvt"
        source = {"type": "vector", "tiles": [tiles], "maxzoom": 16, "attribution": "Magenta Survey"}
        paint = {"fill-color": "#ff00ff"}
        ground = {"id": "ground", "type": "fill", "source": "base", "source-layer": "ground", "paint": paint}
        return {"version": 8, "sources": {"base": source}, "layers": [ground]}

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def base(app: Flask, address: str) -> Iterator[str]:
    """Serve a style and its tiles on another port; give their address."""
    with Session() as session:
        Base.tile = bytes(
            session.scalar(
                text(
                    "SELECT ST_AsMVT(g, 'ground', 4096, 'geom') FROM (SELECT ST_MakeEnvelope(0, 0, 4096, 4096) geom) g"
                )
            )
        )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Base)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    before = app.config["SETTINGS"]
    yield f"http://127.0.0.1:{server.server_port}"
    app.config["SETTINGS"] = before
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_style_of_another_host_lies_beneath(phone: Open, app: Flask, base: str, two: dict[str, str]) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], map_style_url=f"{base}/style.json")
    page = phone(f"/map?lang=en{CLOSE}")

    is_drawn(page)

    shows(page, (255, 0, 255), more_than=10_000)
    shows(page, OPEN)
    expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("Magenta Survey")
    expect(page.locator("#trouble")).to_be_hidden()
    line(page, two["open"]).click()
    expect(page.locator("#detail article")).to_contain_text(two["open"])


def test_without_its_style_map_list_and_links_work_all_the_same(
    phone: Open, app: Flask, base: str, two: dict[str, str]
) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], map_style_url=f"{base}/missing.json")
    page = phone(f"/map?lang=en{CLOSE}")
    expect(page.locator("#trouble")).to_contain_text("cannot be reached")
    is_drawn(page)

    line(page, two["open"]).click()

    expect(page.locator("#detail article")).to_contain_text(two["open"])
    shows(page, OPEN)
    expect(page.locator("#listed")).to_contain_text("the nearest first")


def test_whose_data_it_is_stands_on_the_map(phone: Open, two: dict[str, str]) -> None:
    page = phone(f"/map?lang=en{CLOSE}")
    is_drawn(page)

    assert two
    credit = page.locator(".maplibregl-ctrl-attrib")
    expect(credit).to_be_visible()
    expect(credit.get_by_role("link", name="OpenStreetMap")).to_have_attribute(
        "href", "https://www.openstreetmap.org/copyright"
    )


def test_without_webgl_filters_list_and_links_work(phone: Open, two: dict[str, str]) -> None:
    page = phone("/map?lang=en")
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.reload()
    expect(page.locator("#map")).to_be_hidden()

    state(page, "open").uncheck()
    expect(page.locator("#lines a")).to_have_count(1)
    line(page, two["fixed"]).click()

    expect(page.locator("#detail article")).to_contain_text(two["fixed"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_and_touched(phone: Open, two: dict[str, str], scheme: str) -> None:
    page = phone(f"/map?lang=en{CLOSE}", color_scheme=scheme)
    is_drawn(page)
    line(page, two["fixed"]).click()
    expect(page.locator("#detail article")).to_be_visible()

    assert fits(page)
    assert faint_words(page) == []
    assert [each for each in small_targets(page) if "attrib" not in each] == []


def test_without_scripts_the_form_filters_the_list(browser: Browser, address: str, two: dict[str, str]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/map?lang=en")
    assert page.locator("#lines a").count() == len(two)

    state(page, "open").uncheck()
    state(page, "closed").uncheck()
    page.get_by_role("button", name="Show").click()

    expect(page.locator("#lines a")).to_have_count(1)
    expect(line(page, two["fixed"])).to_be_visible()
    page.locator("#lines a").click()
    expect(page.locator("h1")).to_be_visible()
    assert page.locator("meta[property='og:title']").get_attribute("content")
    context.close()
