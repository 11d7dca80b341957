"""What the load test of the map asks for, how it sets nginx up, and what it reads and writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.publicmap.grid import FINEST
from benchmarks import nginx, wrk
from benchmarks.mapload import MODES, PROXIED, SESSIONS, ZOOMS, addresses, box_of, conclude, views, write_table
from benchmarks.wrk import Load
from dev.console import Refusal

SAID = (
    'Running 10s test\n\nFOUND {"ok": 90, "same": 9, "other": 1, "errors": 2, "seconds": 10.0, "p50": 4.5, "p99": 60}\n'
)
INNER = st.integers(min_value=1 << 16, max_value=(1 << FINEST) - (1 << 16))


def load(rate: float, *, other: int = 0) -> Load:
    return Load(ok=int(rate * 10), same=0, other=other, errors=0, seconds=10.0, p50=4.0, p99=9.0)


@given(INNER, INNER)
def test_every_view_of_a_session_shows_its_place(x: int, y: int) -> None:
    seen = list(views([(x, y)]))

    assert [view[0].z for view in seen] == list(ZOOMS)
    for view in seen:
        assert (view[0].z, x >> (FINEST - view[0].z), y >> (FINEST - view[0].z)) in {
            (tile.z, tile.x, tile.y) for tile in view
        }
        assert len({(tile.x, tile.y) for tile in view}) == 6


def test_the_box_of_a_view_lies_around_it() -> None:
    (first, *_) = views([(855_000, 455_000)])

    west, south, east, north = map(float, box_of(first).split(","))

    assert west < 855_000 / (1 << FINEST) * 360 - 180 < east
    assert 0 < south < 22.5 < north < 25
    assert east - west == pytest.approx(3 * 360 / 256)


def test_tiles_are_asked_for_view_by_view_and_lists_once_a_view() -> None:
    asked = addresses([(855_000, 455_000)] * SESSIONS)

    assert len(asked["tiles"]) == 6 * len(asked["lists"]) == 6 * SESSIONS * len(ZOOMS)
    assert asked["tiles"][0].startswith("/tiles/8/")
    assert asked["tiles"][6].startswith("/tiles/9/")


def test_the_advised_configuration_is_taken_as_it_is_but_for_tls_ports_and_folder(tmp_path: Path) -> None:
    advised = nginx.ADVISED.read_text()

    written = nginx.configure(advised, web=1111, cache=2222, files=3333, folder=tmp_path)

    assert "listen 127.0.0.1:2222;" in written
    assert "server 127.0.0.1:1111;" in written
    assert f"proxy_cache_path {tmp_path}/kept " in written
    assert "ssl" not in written.replace("http://suishoupai", "")
    for line in advised.splitlines():
        if not any(word in line for word in ("ssl", "8000", "/var/cache")):
            assert line in written


def test_a_configuration_that_is_laid_out_differently_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not listen"):
        nginx.configure("127.0.0.1:8000 /var/cache/nginx/suishoupai", web=1, cache=2, files=3, folder=tmp_path)
    with pytest.raises(Refusal, match="does not name"):
        nginx.configure("listen 443 ssl http2;", web=1, cache=2, files=3, folder=tmp_path)


def test_the_script_asks_for_each_address_with_its_tag() -> None:
    script = wrk.write_script([("/tiles/8/1/2.mvt", 'W/"abc"'), ("/feeds/x", "")])

    assert r'{ "/tiles/8/1/2.mvt", "W/\"abc\"" },' in script
    assert '{ "/feeds/x", "" },' in script
    assert "number % #asked" in script


@pytest.mark.parametrize("path", ["/a\nb", "/é"])
def test_an_address_that_lua_would_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        wrk.write_script([(path, "")])


def test_what_wrk_found_is_read() -> None:
    found = wrk.read_output(SAID)

    assert found.rate == 10.0
    assert (found.p50, found.p99, found.other, found.errors) == (4.5, 60, 1, 2)


def test_a_wrk_that_found_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="nothing that can be read"):
        wrk.read_output("unable to connect")


def test_each_way_has_a_row_and_is_divided_by_the_files() -> None:
    runs = {mode: [load(100.0), load(300.0)] for mode in MODES}
    runs[PROXIED] = [load(50.0), load(150.0)]

    rows = list(write_table(runs))

    assert len(rows) == 2 + len(MODES)
    assert rows[2 + MODES.index(PROXIED)].endswith("| 0.500 (0.500..0.500) |")


def test_the_conclusion_says_how_many_failed() -> None:
    good = {mode: [load(100.0)] for mode in MODES}

    assert conclude({"tiles": good}).endswith("No request failed.")
    assert conclude({"tiles": good | {PROXIED: [load(100.0, other=7)]}}).endswith("7 requests failed.")
