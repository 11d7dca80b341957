"""A database whose disk is full, on a small disk of its own: 503, /readyz says why, and it goes on when there is room.

It mounts a tmpfs, which only root may. In CI it must run; elsewhere it is skipped with that reason.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask

from app import db
from dev.cluster import Cluster
from tests.databases import fill, settings_for
from tests.make import YUEHAI

MEGABYTE = 1 << 20
DISK_BYTES = 512 * MEGABYTE
LON, LAT = YUEHAI
REPORT = {"lon": LON, "lat": LAT, "item": "B0121"}
pytestmark = pytest.mark.alone


@pytest.fixture
def disk() -> Iterator[Path]:
    """Give a file system of its own that the server's account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ssp-disk-"))
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        if os.environ.get("CI"):
            pytest.fail(f"CI must run this drill: {mounted.stderr}")
        pytest.skip(f"this drill needs root to mount a tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def small(disk: Path) -> Iterator[Cluster]:
    """Give a cluster on that disk."""
    cluster = Cluster(disk / "pg", durable=False)
    cluster.start()
    cluster.ensure_database("ssp_full")
    yield cluster
    cluster.destroy()


def fill_up(ballast: Path) -> None:
    """Write until the disk is full to the last byte."""
    with suppress(OSError), ballast.open("wb", buffering=0) as stream:
        while stream.write(b"\0" * 4096):
            pass


def test_a_full_disk_is_503_and_not_ready_until_there_is_room(
    app: Flask, disk: Path, small: Cluster, shared: Path, tmp_path: Path
) -> None:
    settings = settings_for(small.url("ssp_full"), small.url("ssp_full", "ssp_owner"), tmp_path)
    fill("shenzhen", settings)
    engine = db.connect(settings)
    client = app.test_client()
    app.extensions.pop("written_until", None)

    fill_up(disk / "ballast")
    refused, unready = client.post("/api/v1/reports", json=REPORT), client.get("/readyz")
    (disk / "ballast").unlink()
    taken, ready = client.post("/api/v1/reports", json=REPORT), client.get("/readyz")

    engine.dispose()
    assert (refused.status_code, unready.status_code) == (503, 503)
    assert refused.headers["Retry-After"]
    assert "no room" in refused.get_json()["detail"]
    assert unready.get_json()["database"] == "has no room on its disk"
    assert (taken.status_code, ready.status_code) == (201, 200)
