"""Links to renditions: whoever has the link may see the picture (a capability); nobody can guess one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import StrEnum
from uuid import UUID

# 128 bits of the 256: RFC 2104, section 5, allows half.
_SIGNATURE_BYTES = 16


def derive_key(secret_key: str) -> bytes:
    """Derive the key of this purpose, so that a signature made here is worth nothing elsewhere."""
    return hmac.digest(secret_key.encode(), b"media", hashlib.sha256)


def sign(key: bytes, *parts: object) -> str:
    """Sign parts that hold no slash: HMAC-SHA256, 128 bits, base64url without padding (22 characters)."""
    text = "/".join(str(part) for part in parts)
    mac = hmac.digest(key, text.encode(), hashlib.sha256)[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class Kind(StrEnum):
    """Which rendition: plain for staff and whoever took the photo, masked for everybody else."""

    PLAIN = "plain"
    MASKED = "masked"


class Side(StrEnum):
    """Which picture of a pair."""

    BEFORE = "before"
    AFTER = "after"


def pair_path(key: bytes, before_id: UUID, after_id: UUID, side: Side, size: int) -> str:
    """Give the path and query of a picture of a pair; ``size`` is its longest side in pixels."""
    signature = sign(key, "pair", before_id, after_id, side, size)
    return f"/api/v1/photos/{before_id}/{after_id}/{side}-{size}.jpg?sig={signature}"


def verify_pair(key: bytes, before_id: UUID, after_id: UUID, side: Side, size: int, *, signature: str) -> bool:
    """Say whether the signature is ours, in a time that does not tell how much of it is right."""
    ours = sign(key, "pair", before_id, after_id, side, size)
    return hmac.compare_digest(ours.encode(), signature.encode())


def rendition_path(key: bytes, photo_id: UUID, size: int, kind: Kind = Kind.PLAIN) -> str:
    """Give the path and query of a rendition; ``size`` is its longest side in pixels."""
    folder = "masked/" if kind is Kind.MASKED else ""
    return f"/api/v1/photos/{photo_id}/{folder}{size}?sig={_sign_link(key, photo_id, size, kind)}"


def verify(key: bytes, photo_id: UUID, size: int, signature: str, kind: Kind = Kind.PLAIN) -> bool:
    """Say whether the signature is ours, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(_sign_link(key, photo_id, size, kind).encode(), signature.encode())


def upload_paths(key: bytes, photo_id: UUID) -> tuple[str, str]:
    """Give the paths by which the client of a direct upload asks how far it is, and says that it put the bytes."""
    signature = _sign_upload(key, photo_id)
    return f"/api/v1/photos/{photo_id}/upload?sig={signature}", f"/api/v1/photos/{photo_id}/arrived?sig={signature}"


def verify_upload(key: bytes, photo_id: UUID, signature: str) -> bool:
    """Say whether the signature is that of ``upload_paths``."""
    return hmac.compare_digest(_sign_upload(key, photo_id).encode(), signature.encode())


def content_path(key: bytes, photo_id: UUID, *announced: object, expires: int) -> str:
    """Give the path to which the client PUTs what it ``announced``; ``expires`` is in seconds of Unix time."""
    signature = _sign_content(key, photo_id, announced, expires)
    return f"/api/v1/photos/{photo_id}/content?expires={expires}&sig={signature}"


def verify_content(key: bytes, photo_id: UUID, *announced: object, expires: int, signature: str) -> bool:
    """Say whether the signature is that of ``content_path`` for the same announcement."""
    return hmac.compare_digest(_sign_content(key, photo_id, announced, expires).encode(), signature.encode())


def _sign_upload(key: bytes, photo_id: UUID) -> str:
    return sign(key, photo_id, "upload")


def _sign_content(key: bytes, photo_id: UUID, announced: tuple[object, ...], expires: int) -> str:
    # No part may hold a slash, and a media type does.
    return sign(key, photo_id, "content", *(str(one).replace("/", ".") for one in announced), expires)


def _sign_link(key: bytes, photo_id: UUID, size: int, kind: Kind) -> str:
    """Sign with the kind: no link opens the other one, nor does one from before pictures were masked."""
    return sign(key, photo_id, kind, size)
