"""The picture of the README: that it is taken of a map that is drawn, and fits."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from app.db import Session, utcnow
from app.publicmap.service import fold
from dev.console import Refusal
from tests.browser import picture
from tests.make import YUEHAI, fix, make_report

ROOT = Path(__file__).parents[2]


def test_the_picture_shown_is_the_one_that_is_taken_and_names_its_source() -> None:
    page = (ROOT / "README.md").read_text()
    (shown,) = re.findall(r"!\[.*\]\((.*)\)\n\n\*[^*]*City of Boston open data[^*]*PDDL[^*]*\*\n", page)

    with Image.open(picture.PICTURE) as found:
        size = found.size

    assert ROOT / shown == picture.PICTURE
    assert size == (picture.SIZE["width"], picture.SIZE["height"])
    assert picture.PICTURE.stat().st_size <= picture.MOST_BYTES


def test_a_picture_is_packed_as_well_as_fits() -> None:
    noise = Image.effect_noise((400, 300), 80).convert("RGB")
    best = picture.packed(noise)

    smaller = picture.packed(noise, most=len(best) - 1)

    assert len(smaller) < len(best)
    assert Image.open(io.BytesIO(smaller)).size == (400, 300)
    with pytest.raises(Refusal, match="does not fit"):
        picture.packed(noise, most=100)


@pytest.mark.browser
def test_the_command_takes_it_of_a_running_service(address: str, tmp_path: Path) -> None:
    with Session.begin() as session:
        fix(session, make_report(session, now=utcnow()), now=utcnow())
        make_report(session, lon=YUEHAI[0] + 0.0015, now=utcnow())
        session.flush()
        fold(session, now=utcnow())
    target = tmp_path / "map.webp"
    words = ["--address", address, "--place", f"14/{YUEHAI[1]}/{YUEHAI[0]}", "--to", str(target)]

    ended = subprocess.run(
        [sys.executable, "-m", "tests.browser.picture", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert "The page shows 1 open, 1 fixed, 0 closed" in ended.stdout + ended.stderr
    # Where nothing is drawn the map has one color.
    assert len(Image.open(target).crop((440, 80, 1180, 680)).getcolors(1 << 20) or []) > 100
