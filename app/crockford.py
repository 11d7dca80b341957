"""Names that a person can read aloud: Crockford's base 32 (https://www.crockford.com/base32.html)."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS = 5
_SOUNDS_LIKE = str.maketrans("ILO", "110")


def random_name(length: int) -> str:
    """Draw ``length`` characters, five random bits each, from the system's source of randomness."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def encode(data: bytes) -> str:
    """Write bytes, their bits padded on the left to a multiple of five."""
    length = -(-len(data) * 8 // _BITS)
    number = int.from_bytes(data, "big")
    return "".join(ALPHABET[number >> _BITS * place & 31] for place in reversed(range(length)))


def decode(text: str) -> bytes:
    """Read what ``encode`` wrote, as a person may have typed it. Raises ValueError for what it cannot have written."""
    typed = normalise(text)
    number = 0
    for letter in typed:
        number = number << _BITS | ALPHABET.index(letter)
    length = len(typed) * _BITS // 8
    if number >> length * 8:
        raise ValueError("the padding is not empty")
    return number.to_bytes(length, "big")


def normalise(text: str) -> str:
    """Read what a person typed: upper case, I and L as 1, O as 0, hyphens left out."""
    return text.upper().replace("-", "").translate(_SOUNDS_LIKE)
