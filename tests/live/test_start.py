"""What `python -m app.live` says when it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from app.config import Settings

ROOT = Path(__file__).parents[2]


def start(settings: Settings, *words: str, **over: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "MEDIA_ROOT": str(settings.media_root),
    }
    command = [sys.executable, "-m", "app.live", *words]
    return subprocess.run(command, cwd=ROOT, env=env | over, capture_output=True, text=True, check=False)


def test_a_port_that_is_in_use_is_named_in_one_line(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = start(settings, "--port", str(port))

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [f"live: nothing can listen on 127.0.0.1:{port}: Address already in use"]


def test_a_socket_in_a_folder_that_is_missing_is_named_in_one_line(settings: Settings, tmp_path: Path) -> None:
    ended = start(settings, "--uds", str(tmp_path / "missing" / "live.sock"))

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "missing/live.sock" in ended.stderr


def test_a_setting_that_is_missing_is_named_in_one_line(settings: Settings) -> None:
    ended = start(settings, "--port", "0", SECRET_KEY="")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["live: SECRET_KEY is missing. See docs/settings.md."]
