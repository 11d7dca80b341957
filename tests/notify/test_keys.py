"""Contacts at rest and tracking links."""

from __future__ import annotations

import dataclasses
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import InvalidToken

from app.config import Settings
from app.notify import keys

REPORT = UUID("01934f6e-0000-7000-8000-000000000001")


@pytest.mark.usefixtures("post_settings")
def test_a_sealed_contact_is_unreadable_and_comes_back() -> None:
    sealed = keys.seal("one@example.org")

    assert b"one" not in sealed
    assert keys.unseal(sealed) == "one@example.org"


def test_a_contact_cannot_be_read_with_another_secret_key(post_settings: Settings) -> None:
    sealed = keys.seal("one@example.org")

    keys.configure(dataclasses.replace(post_settings, secret_key="another-made-up-secret-key-0123456789"))

    with pytest.raises(InvalidToken):
        keys.unseal(sealed)


@pytest.mark.usefixtures("post_settings")
def test_the_secret_of_a_report_is_always_the_same_and_has_160_bits() -> None:
    secret = keys.tracking_secret(REPORT)

    assert secret == keys.tracking_secret(REPORT)
    assert len(secret) * 5 == 160
    assert set(secret) <= set("0123456789abcdefghjkmnpqrstvwxyz")
    assert keys.tracking_secret(uuid4()) != secret


def test_the_secret_changes_with_the_secret_key(post_settings: Settings) -> None:
    secret = keys.tracking_secret(REPORT)

    keys.configure(dataclasses.replace(post_settings, secret_key="another-made-up-secret-key-0123456789"))

    assert keys.tracking_secret(REPORT) != secret


def test_the_link_carries_the_secret_under_the_public_address(post_settings: Settings) -> None:
    assert keys.tracking_url(REPORT) == f"{post_settings.public_url}/track/{keys.tracking_secret(REPORT)}"


def test_a_secret_is_found_in_any_case_and_with_look_alikes() -> None:
    assert keys.tracking_hash("ab01 ".upper()) == keys.tracking_hash("abol") == keys.tracking_hash("ab0i")
    assert keys.tracking_hash("ab01") != keys.tracking_hash("ab02")


def test_the_keys_show_neither_themselves_nor_the_secret(post_settings: Settings) -> None:
    shown = repr(keys.configure(post_settings))

    assert post_settings.secret_key not in shown


def test_a_process_that_was_not_configured_says_so(post_settings: Settings) -> None:
    keys._current.clear()

    with pytest.raises(keys.NotConfigured):
        keys.tracking_secret(REPORT)
    keys.configure(post_settings)
