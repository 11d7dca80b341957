"""Keys that are derived from the secret key of the settings, each under a name of its own.

HKDF (RFC 5869) with SHA-256: no key tells anything of another, or of the secret.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.config import Settings

KEY_BYTES = 32


def derive_key(settings: Settings, name: bytes) -> bytes:
    """Derive the key of a purpose: 32 bytes."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=name).derive(settings.secret_key.encode())


def derive_box(settings: Settings, name: bytes) -> Fernet:
    """Derive what keeps the secrets of a purpose unreadable at rest."""
    return Fernet(base64.urlsafe_b64encode(derive_key(settings, name)))
