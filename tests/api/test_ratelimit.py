from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.ratelimit import network_of
from tests.make import YUEHAI


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_client_is_counted_by_what_it_cannot_change_at_will(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("addresses", "statuses"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"], [201, 429, 201]),
        (["192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"], [201, 429, 201]),
    ],
)
def test_addresses_of_one_network_share_a_count(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, addresses: list[str], statuses: list[int]
) -> None:
    monkeypatch.setitem(app.config, "REPORTS_PER_MINUTE", 1)
    lon, lat = YUEHAI

    answers = [
        client.post(
            "/api/v1/reports",
            json={"lon": lon, "lat": lat, "item": "B0121"},
            environ_overrides={"REMOTE_ADDR": address},
        )
        for address in addresses
    ]

    assert [answer.status_code for answer in answers] == statuses
