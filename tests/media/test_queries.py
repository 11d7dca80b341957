from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.media import queries
from app.media.models import BAND_SHIFTS, Photo

NOW = dt.datetime(2026, 5, 1, 8, tzinfo=dt.UTC)
HASH = 0x5A3C_0FF0_1234_9ABC


def make(session: Session, **over: Any) -> Photo:
    values: dict[str, Any] = {
        "digest": uuid4().hex,
        "key": "k",
        "size": 1,
        "media_type": "image/jpeg",
        "width": 1,
        "height": 1,
        "orientation": 1,
        "taken_zone_known": False,
        "stored_at": NOW,
        "arrived_at": NOW,
        "claimed_at": NOW,
    }
    photo = Photo(**(values | over))
    session.add(photo)
    session.flush()
    return photo


def alike(session: Session, photo: Photo, **over: Any) -> list[Photo]:
    return queries.find_alike(session, photo, **({"limit": 10} | over))


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


@pytest.mark.parametrize(
    ("flipped", "found"),
    [
        ((), True),
        ((0,), True),
        ((63,), True),
        ((0, 16, 32), True),
        ((16, 32, 48), True),
        ((0, 32, 48), True),
        ((15, 16, 63), True),
        ((0, 1, 2), True),
        ((0, 16, 32, 48), False),
        ((0, 1, 2, 3), False),
    ],
)
def test_a_hash_that_differs_in_three_bits_is_found_and_one_in_four_is_not(
    session: Session, flipped: tuple[int, ...], found: bool
) -> None:
    photo = make(session, dhash=HASH)
    other = make(session, dhash=signed(HASH ^ sum(1 << bit for bit in flipped)))

    assert alike(session, photo) == ([other] if found else [])
    assert alike(session, other) == ([photo] if found else [])


def test_fewer_bits_can_be_asked_for_and_more_cannot(session: Session) -> None:
    photo, near = make(session, dhash=HASH), make(session, dhash=HASH ^ 3)

    assert alike(session, photo, most_bits=2) == [near]
    assert alike(session, photo, most_bits=1) == []
    with pytest.raises(ValueError, match="0 to 3"):
        alike(session, photo, most_bits=4)


def test_a_hash_below_zero_is_found(session: Session) -> None:
    photo = make(session, dhash=-HASH)
    other = make(session, dhash=-HASH ^ 0b111)

    assert alike(session, photo) == [other]


def test_the_same_bytes_are_found_without_a_hash_and_nothing_else_is(session: Session) -> None:
    photo = make(session, digest="ab", dhash=None)
    same = make(session, digest="ab", dhash=None)
    make(session, dhash=None)
    make(session, dhash=0)

    assert alike(session, photo) == [same]


def test_what_nobody_claimed_and_what_is_left_out_is_not_found(session: Session) -> None:
    photo = make(session, dhash=HASH)
    make(session, dhash=HASH, claimed_at=None)
    ours = make(session, dhash=HASH)

    assert alike(session, photo, apart_from=[ours.id]) == []


def test_the_first_used_comes_first(session: Session) -> None:
    photo = make(session, dhash=HASH, digest="ab")
    late = make(session, dhash=HASH, claimed_at=NOW + dt.timedelta(hours=1))
    early = make(session, digest="ab")

    assert alike(session, photo) == [early, late]
    assert alike(session, photo, limit=1) == [early]


def test_likenesses_are_looked_up_in_every_index_and_not_in_the_table(session: Session) -> None:
    photo = make(session, dhash=HASH)
    sent: list[tuple[str, Any]] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
    alike(session, photo)
    statement, values = sent[-1]
    session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))

    plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())

    assert "Index Scan using ix_photos_digest " in plan
    for shift in BAND_SHIFTS:
        assert f"Index Only Scan using ix_photos_dhash_{shift} " in plan
    assert "Seq Scan" not in plan
