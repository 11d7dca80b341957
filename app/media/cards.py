"""The picture of a shared link: before and after side by side, in the frame that such previews have."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

# The Open Graph previews of the large services show 1.91 to 1.
WIDTH, HEIGHT, GAP = 1200, 630, 6
QUALITY = 82


def compose(before: bytes, after: bytes) -> bytes:
    """Lay two JPEG of our own side by side, each cut to its half; give a JPEG of 1200 by 630."""
    card = Image.new("RGB", (WIDTH, HEIGHT), "white")
    half = (WIDTH - GAP) // 2
    for left, content in ((0, before), (half + GAP, after)):
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
            card.paste(ImageOps.fit(picture.convert("RGB"), (half, HEIGHT)), (left, 0))
    written = io.BytesIO()
    card.save(written, "JPEG", quality=QUALITY, progressive=True)
    return written.getvalue()
