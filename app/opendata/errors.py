"""What open data refuses."""

from __future__ import annotations

from app.errors import NotFound, Unavailable

RETRY_SECONDS = "30"


class NoSuchFile(NotFound):
    """No file of open data has this name, or not any more."""

    title = "There is no such file of open data"


class TooManyDownloads(Unavailable):
    """As many files are being sent as a process sends at once: each holds a thread for as long as its client reads."""

    title = "Too many downloads at the moment"

    def __init__(self) -> None:
        super().__init__("Send the same request again in a while.")
        self.headers["Retry-After"] = RETRY_SECONDS
