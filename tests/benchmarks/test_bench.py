"""The whole bench at its smallest scale: that it runs, not what it measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.likeness import KINDS
from benchmarks.overdue import JOB
from benchmarks.recording import FILE, LOOK, MOVE, READS
from benchmarks.scale import TINY
from benchmarks.site import ALL

ROOT = Path(__file__).parents[2]

# One process has the page made; two at once would disturb each other.
pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bench")
    env = {**os.environ, "BENCH": "tiny", "CITY": "cities/shenzhen"}
    words = ["--page", str(folder / "page.md"), "--cluster", str(folder / "pg")]
    command = [sys.executable, "-m", "benchmarks", *words]

    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    return (folder / "page.md").read_text()


def test_every_call_is_measured_at_every_size_beside_pgbench(page: str) -> None:
    for measured in ALL:
        for size in TINY.sizes:
            rows = [line for line in page.splitlines() if line.startswith(f"| {measured.title} | {size:,} |")]
            assert len(rows) == 1, (measured.title, size)
            assert len(rows[0].split(" | ")) == 7


def test_growth_is_told_of_every_call_and_judged_for_filing(page: str) -> None:
    growth = page.partition("## Growth")[2].partition("##")[0]

    for measured in ALL:
        row = next(line for line in growth.splitlines() if line.startswith(f"| {measured.title} |"))
        assert ("1.3" in row.rpartition(")")[2]) == measured.files


def test_as_many_work_orders_stay_open_as_the_size_says(page: str) -> None:
    assert f"({', '.join(f'{size:,}' for size in TINY.sizes)} at the end)" in page


def test_every_call_has_its_plans(page: str) -> None:
    for call in (*READS, LOOK, FILE, MOVE, JOB):
        assert f"<summary><code>{call}</code>: " in page


def test_moves_are_told_by_the_second_and_each_step_by_itself(page: str) -> None:
    rows = page.partition("## Moves a second")[2].partition("##")[0].splitlines()

    for clients in (1, 4):
        for size in TINY.sizes:
            (row,) = [line for line in rows if line.startswith(f"| {size:,} | {clients} |")]
            assert row.count("|") == 9
            assert row.endswith("|  |  |  |") == (clients > 1)
    assert "POST /moves: sign, note, fix 100%" in page


def test_the_minute_job_is_judged_where_the_most_clocks_run(page: str) -> None:
    rows = page.partition("## The clocks of a minute")[2].partition("##")[0].splitlines()

    for size in TINY.clocks:
        (row,) = [line for line in rows if line.startswith(f"| {size:,} | {TINY.breached} |")]
        assert ("1.5" in row.rpartition(")")[2]) == (size == max(TINY.clocks))


def test_renditions_are_told_beside_libvips_and_ours_are_judged(page: str) -> None:
    part = page.partition("## Renditions of 12 megapixels")[2].partition("##")[0]
    rows = [line for line in part.splitlines() if line.startswith(("| JPEG |", "| JPEG and WebP |"))]

    assert [row.split(" | ")[1] for row in rows] == ["in this process", "in a child", "libvips"] * 2
    assert [row for row in rows if "1.2 |" in row] == rows[:1]
    assert part.count(" MP ") >= 5


def test_the_same_picture_is_told_beside_a_scan_and_found_by_the_indexes(page: str) -> None:
    part = page.partition(f"## The same picture among {TINY.photos:,}")[2].partition("##")[0]

    for kind in KINDS:
        (row,) = [line for line in part.splitlines() if line.startswith(f"| {kind} |")]
        assert row.count("|") == 6
    for kind in (KINDS[0], KINDS[2]):
        assert f"<summary><code>find_alike, {kind}</code>: photos" in page


def test_the_page_names_no_host_and_no_folder(page: str, tmp_path: Path) -> None:
    assert os.uname().nodename not in page
    assert str(ROOT) not in page
    assert str(tmp_path.parent.parent) not in page
