"""The words that integrators copy: the check of a signature in docs/gateway.md and docs/webhooks.md."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.db import utcnow
from app.notify.signing import new_secret, sign

DOCS = Path(__file__).parents[2] / "docs"
PLAIN = "a text of at least thirty-two characters"


def check_of(page: str) -> Callable[[bytes, dict[str, str], str], bool]:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # our own page
    check: Callable[[bytes, dict[str, str], str], bool] = names["is_ours"]
    return check


@pytest.mark.parametrize(
    ("page", "secret"),
    [("gateway.md", new_secret()), ("gateway.md", PLAIN), ("webhooks.md", new_secret())],
    ids=["gateway", "gateway, plain", "webhooks"],
)
def test_the_check_that_the_guide_gives_takes_ours_and_nothing_else(page: str, secret: str) -> None:
    is_ours, now = check_of(page), utcnow()

    headers = sign(b"{}", message_id="1", secrets=[secret], at=now)
    both = sign(b"{}", message_id="1", secrets=[new_secret(), secret], at=now)
    old = sign(b"{}", message_id="1", secrets=[secret], at=now - dt.timedelta(minutes=6))

    assert is_ours(b"{}", headers, secret)
    assert is_ours(b"{}", both, secret)
    assert not is_ours(b"{ }", headers, secret)
    assert not is_ours(b"{}", headers | {"webhook-id": "2"}, secret)
    assert not is_ours(b"{}", headers, new_secret())
    assert not is_ours(b"{}", old, secret)
