from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from app.media import links

KEY = links.derive_key("made-up-secret-key-for-tests-only-0123456789")
PHOTO, OTHER = UUID(int=1), UUID(int=2)


def signature() -> str:
    return parse_qs(urlsplit(links.rendition_path(KEY, PHOTO, 320)).query)["sig"][0]


def test_a_link_of_ours_is_known() -> None:
    assert urlsplit(links.rendition_path(KEY, PHOTO, 320)).path == f"/api/v1/photos/{PHOTO}/320"
    assert links.verify(KEY, PHOTO, 320, signature())


@pytest.mark.parametrize(("photo", "size"), [(OTHER, 320), (PHOTO, 1600), (PHOTO, 32)])
def test_a_signature_is_good_for_one_picture_in_one_size(photo: UUID, size: int) -> None:
    assert not links.verify(KEY, photo, size, signature())


@pytest.mark.parametrize("wrong", ["", "a", "二", signature()[:-1], signature() + "A", signature().swapcase()])
def test_another_signature_is_refused(wrong: str) -> None:
    assert not links.verify(KEY, PHOTO, 320, wrong)


def test_another_secret_makes_another_key() -> None:
    other = links.derive_key("another-made-up-secret-key-0123456789")

    assert not links.verify(other, PHOTO, 320, signature())
