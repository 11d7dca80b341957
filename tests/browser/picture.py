"""``python3 -m dev picture``: the picture of the README, taken of the real page over the real requests of Boston.

It loads the pack into a database of its own, starts the web process, opens the map and waits until it is drawn.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from benchmarks.ground import settings_for
from benchmarks.web import HOST, Server
from dev import environment
from dev.cluster import Cluster
from dev.console import Refusal, say, warn
from dev.places import ROOT, VAR, city_code, database_name, shared_data
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.waiting import PATIENCE_MS

PICTURE = ROOT / "docs" / "pictures" / "map.webp"
PACK = shared_data() / "cities" / "boston"
PLACE = "11.3/42.3150/-71.0750"
SIZE: ViewportSize = {"width": 1280, "height": 800}
MOST_BYTES = 300_000
# The map says when it has drawn all that it has.
IS_DRAWN = "() => new Promise((done) => { cityMap.once('idle', done); cityMap.triggerRepaint(); })"


def flask(settings: Mapping[str, str], *words: str) -> None:
    """Run a command of the application; its output is shown. Raises Refusal."""
    say(f"flask {' '.join(words)}")
    command = [sys.executable, "-m", "flask", *words]
    if subprocess.run(command, cwd=ROOT, env=environment.whole(settings), check=False).returncode:
        raise Refusal(f"flask {' '.join(words[:2])} failed; what it said is above.")


@contextmanager
def served(pack: Path) -> Iterator[str]:
    """Serve a pack with its history from a database that is gone afterwards; give the address."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        cluster = Cluster(VAR / "picture-pg", durable=False)
        cluster.destroy()
        ending.callback(cluster.destroy)
        cluster.start()
        name = database_name(city_code(pack))
        cluster.ensure_database(name)
        settings = settings_for(cluster, name, folder) | {"LOG_LEVEL": "WARNING"}
        flask(settings, "db", "upgrade")
        flask(settings, "city", "load", str(pack))
        flask(settings, "map", "rebuild")  # what the worker would do
        server = Server(settings)
        ending.callback(server.stop)
        server.wait()
        yield f"http://{HOST}:{server.port}"


def take(address: str, place: str) -> Image.Image:
    """Take the picture of the map at a place (``zoom/lat/lon``). Raises Refusal where the page complains."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
        page.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.goto(f"{address}/map?period=all&lang=en#{place}")
        page.evaluate(IS_DRAWN)
        _tell(page)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    if complaints:
        raise Refusal(f"The page complains: {complaints[0]}")
    return picture


def _tell(page: Page) -> None:
    counts = {state: page.locator(f"[data-count={state}]").inner_text() for state in ("open", "fixed", "closed")}
    say("The page shows " + ", ".join(f"{count} {state}" for state, count in counts.items()))


def packed(picture: Image.Image, most: int = MOST_BYTES) -> bytes:
    """Write a picture as WebP of the best quality that fits into so many bytes. Raises Refusal where none does."""
    for quality in range(90, 30, -10):
        target = io.BytesIO()
        picture.save(target, "WEBP", quality=quality, method=6)
        if target.tell() <= most:
            return target.getvalue()
    raise Refusal(f"The picture does not fit into {most:,} bytes.")


def main() -> int:
    """Take the picture; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m dev picture", description="Take the picture of the README.")
    parser.add_argument("--place", default=PLACE, help="zoom/lat/lon of the map")
    parser.add_argument("--to", type=Path, default=PICTURE)
    parser.add_argument("--address", help="of a service that runs already; nothing is loaded then")
    arguments = parser.parse_args()
    pack = (ROOT / os.environ["CITY"]).resolve() if os.environ.get("CITY") else PACK
    try:
        with ExitStack() as ending:
            address = arguments.address or ending.enter_context(served(pack))
            content = packed(take(address, arguments.place))
    except Refusal as refusal:
        warn(str(refusal))
        return 1
    arguments.to.parent.mkdir(parents=True, exist_ok=True)
    arguments.to.write_bytes(content)
    say(f"{arguments.to.name} is written: {SIZE['width']} x {SIZE['height']}, {len(content):,} bytes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
