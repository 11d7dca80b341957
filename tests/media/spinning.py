"""The program of a decoder that does with a job what its bytes say: ``spin``, ``wait``, or nothing."""

from __future__ import annotations

import time
from typing import Any

from app.media import child


def serve() -> None:
    """Answer jobs as a decoder does."""
    child.serve(work)


def work(job: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Use processor time for ever, or pass wall time without any."""
    while data == b"spin":
        pass
    if data == b"wait":
        time.sleep(0.3)
    return {"boxes": []}, b""
