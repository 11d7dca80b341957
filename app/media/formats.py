"""The formats of renditions. Imported by the children too: standard library only."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How a rendition is written; the value is the ending of its key in the store.

    Everybody reads JPEG; who asks for WebP gets the same picture in a third less.
    """

    JPEG = "jpg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """Give the media type as HTTP has it."""
        return f"image/{self.name.lower()}"
