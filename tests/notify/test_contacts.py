"""What a person writes into the field."""

from __future__ import annotations

import pytest

from app.notify.contacts import parse_contact
from app.notify.errors import UnusableContact
from app.notify.models import ChannelKind


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        ("one@example.org", "one@example.org"),
        ("  One.Two+reports@Mail.Example.ORG ", "One.Two+reports@mail.example.org"),
        ("one＠example．org", "one@example.org"),
        ("one@例子.中国", "one@xn--fsqu00a.xn--fiqs8s"),
        ("one@例子。中国", "one@xn--fsqu00a.xn--fiqs8s"),
        ("one@Bücher.example.org", "one@xn--bcher-kva.example.org"),
        ("one@straße.example.org", "one@xn--strae-oqa.example.org"),
        ("one@XN--FSQU00A.example.org", "one@xn--fsqu00a.example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        (f"{'a' * 64}@example.org", f"{'a' * 64}@example.org"),
    ],
)
def test_an_e_mail_address_is_kept_with_its_domain_in_lower_case(contact: str, address: str) -> None:
    assert parse_contact(contact) == (ChannelKind.EMAIL, address)


@pytest.mark.parametrize(
    ("contact", "number"),
    [
        ("13800138000", "+8613800138000"),
        ("138 0013-8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("86 138 0013 8000", "+8613800138000"),
        ("0086-13800138000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("+1 617-555-0100", "+16175550100"),
    ],
)
def test_a_phone_number_comes_out_in_e164(contact: str, number: str) -> None:
    assert parse_contact(contact) == (ChannelKind.SMS, number)


@pytest.mark.parametrize(
    "contact",
    [
        "",
        "nobody",
        "one@",
        "@example.org",
        "one@example",
        "one@127.0.0.1",
        "one..two@example.org",
        ".one@example.org",
        "one two@example.org",
        "one@exa mple.org",
        "one@-example.org",
        "一@example.org",
        "one@例 子.中国",
        "one@-例子.中国",
        "one@例子.中国\nBcc: two@example.org",
        "one@例子",
        "one@example.org\nBcc: two@example.org",
        "one@example.org\r\nBcc: two@example.org",
        "one@example.org,two@example.org",
        "One <one@example.org>",
        f"{'a' * 65}@example.org",
        f"a@{'.'.join(['b' * 60] * 5)}.org",
        "0755 1234 5678",
        "12345678901",
        "617-555-0100",
        "+86 138 0013 8000 ext 4",
        "+0 138 0013 8000",
        "+1234567890123456",
    ],
)
def test_anything_else_is_refused_with_a_pointer_to_the_contact(contact: str) -> None:
    with pytest.raises(UnusableContact) as refusal:
        parse_contact(contact)

    assert refusal.value.members["errors"][0]["pointer"] == "/contact"


def test_an_address_with_other_letters_before_the_at_is_refused_in_words_that_say_so() -> None:
    with pytest.raises(UnusableContact, match="before the @"):
        parse_contact("一@example.org")
