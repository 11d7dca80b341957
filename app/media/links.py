"""Links to renditions: whoever has the link may see the picture (a capability); nobody can guess one."""

from __future__ import annotations

import base64
import hashlib
import hmac
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


def rendition_path(key: bytes, photo_id: UUID, size: int) -> str:
    """Give the path and query of a rendition; ``size`` is its longest side in pixels."""
    return f"/api/v1/photos/{photo_id}/{size}.jpg?sig={sign(key, photo_id, size)}"


def verify(key: bytes, photo_id: UUID, size: int, signature: str) -> bool:
    """Say whether the signature is ours, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(sign(key, photo_id, size).encode(), signature.encode())
