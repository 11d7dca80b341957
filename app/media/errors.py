"""What the photos refuse. A refusal names the file and its place in ``/photos``."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from app.errors import Conflict, Forbidden, NotFound, TooLarge, Unavailable, Unprocessable

RETRY_SECONDS = "5"


class NoPhotos(Unprocessable):
    """At least one photo is needed."""

    title = "A photo is missing"

    def __init__(self) -> None:
        detail = "Send at least one photo in `photos`."
        super().__init__(detail, errors=[{"pointer": "/photos", "detail": detail}])


class TooManyPhotos(Unprocessable):
    """More photos than one request may bring."""

    title = "Too many photos"

    def __init__(self, *, count: int, limit: int) -> None:
        detail = f"{count} photos came, at most {limit} are taken at a time."
        super().__init__(detail, errors=[{"pointer": "/photos", "detail": detail}])


class PhotoTooLarge(TooLarge):
    """A file has more bytes than are taken; ``file`` names it, ``limit`` is in bytes."""

    title = "The photo is too large"

    def __init__(self, *, name: str, index: int, size: int, limit: int, pointer: str = "") -> None:
        detail = f"`{name}` has {size / 1e6:.1f} MB, at most {limit / 1e6:.0f} MB are taken. Send a smaller copy."
        errors = [{"pointer": pointer or f"/photos/{index}", "detail": detail}]
        super().__init__(detail, file=name, limit=limit, errors=errors)


class UnreadablePhoto(Unprocessable):
    """A file is no picture that can be read; ``file`` names it, the detail says why."""

    title = "The photo cannot be read"

    def __init__(self, *, name: str, index: int, reason: str) -> None:
        detail = f"`{name}` {reason}"
        super().__init__(detail, file=name, errors=[{"pointer": f"/photos/{index}", "detail": detail}])


class NoSuchPhoto(Unprocessable):
    """A photo that the payload names was never sent, was removed, or belongs to another report already."""

    title = "There is no such photo"

    def __init__(self, *, missing: list[UUID]) -> None:
        names = ", ".join(str(photo_id) for photo_id in missing)
        detail = f"Not here, or used already: {names}. Send the photos again."
        super().__init__(detail, errors=[{"pointer": "/photos", "detail": detail}])


class NoSuchUpload(NotFound):
    """No upload has this id, the signature is not ours, or a newer address was given for it."""

    title = "There is no such upload"

    def __init__(self) -> None:
        super().__init__(
            "The address is not as we gave it, a newer one was given, or nothing named the photo within a day. "
            "Begin again with POST /api/v1/photos."
        )


class UploadExpired(Forbidden):
    """The address to PUT to has expired; ``expired_at`` says when."""

    title = "The address has expired"

    def __init__(self, *, expired_at: dt.datetime) -> None:
        super().__init__(
            f"It was good until {expired_at:%Y-%m-%d %H:%M} UTC. POST to `state_url` gives a new one for the photo.",
            expired_at=expired_at.isoformat(),
        )


class UploadDiffers(Unprocessable):
    """What came is not what was announced: another media type, another length, or the connection broke."""

    title = "This is not what was announced"

    def __init__(self, *, name: str, announced: str, came: str) -> None:
        super().__init__(
            f"`{name}` was announced as {announced}, and what came is {came}. PUT the file again with the headers "
            "that were given, or announce another one: POST to `state_url`.",
            file=name,
        )


class UploadClosed(Conflict):
    """The upload takes no bytes in its ``state``; the detail says what to do."""

    title = "This upload takes no bytes"

    def __init__(self, detail: str, *, state: str) -> None:
        super().__init__(detail, state=state)


class NothingArrived(Conflict):
    """The client says that it put the bytes, and the store has none."""

    title = "Nothing has arrived"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"The store has nothing of `{name}`. PUT it again; POST to `state_url` gives a new address.", file=name
        )


class NoSuchRendition(NotFound):
    """The link names no picture, or its signature is wrong."""

    title = "There is no such picture"


class NotReady(NotFound):
    """The picture is here and its rendition is still being made; ``Retry-After`` says when to come back."""

    title = "The picture is not ready yet"

    def __init__(self, *, retry_after_s: int = 2) -> None:
        super().__init__(f"Ask again in {retry_after_s} seconds.")
        # Without a word about caching a 404 may be kept, and the picture with it.
        self.headers |= {"Retry-After": str(retry_after_s), "Cache-Control": "no-store"}


class StoreUnavailable(Unavailable):
    """The store of photos does not take or give bytes: full, read-only or away."""

    title = "Photos cannot be stored at the moment"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = RETRY_SECONDS


class DecoderUnavailable(Unavailable):
    """No decoder could look at the photo: all are busy, or one was stopped from outside."""

    title = "Photos cannot be looked at at the moment"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = RETRY_SECONDS
