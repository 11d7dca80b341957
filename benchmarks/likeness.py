"""Finding a picture that was sent before: among how many photos, in which of them, and beside a scan of all.

A database of its own. Most hashes are random; of some photos copies were sent, and some share a band with many others,
as pictures do that all show the same strip of sky.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import psycopg
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.media.models import Photo
from app.media.queries import find_alike
from benchmarks.plans import Plan, explain_call
from benchmarks.record import Recorder
from benchmarks.statistics import Latencies
from dev.cluster import SUPERUSER, Cluster
from dev.console import Refusal

LOOKUP = "find_alike"
LIMIT = 10  # as the check of a repair asks
# Of a hundred photos one is a copy of the one before it with two bits changed, and HOT share their first band.
HOT = 2
KINDS = ("any photo", "a copy of another", "in the hot band")

_PHOTOS = """
INSERT INTO photos (id, digest, key, size, media_type, width, height, orientation, taken_zone_known, stored_at,
                    arrived_at, claimed_at, boxes, mask_revision, dhash)
SELECT bench.key(moment), md5(n::text) || md5((-n)::text), 'k', 1, 'image/jpeg', 1, 1, 1, false, moment, moment,
       moment, '[]', 0,
       CASE WHEN n % 100 BETWEEN 51 AND 50 + {hot} THEN drawn & ~65535::bigint | 4242
            WHEN n % 100 = 1 THEN drawn # (1::bigint << (n / 100 % 40)::int) # (1::bigint << 55)
            ELSE drawn END
FROM generate_series({first}, {last}) AS n
CROSS JOIN LATERAL (
    -- A copy has the hash of the one before it.
    SELECT ('x' || left(md5(((n - (n % 100 = 1)::int) * 7)::text), 16))::bit(64)::bigint AS drawn,
           now() - n * interval '1 second' AS moment
) d
"""
_CHUNK = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """A database with many photos, and for each kind of them some to look for."""

    engine: Engine
    url: str
    size: int
    asked: dict[str, Sequence[Photo]] = field(default_factory=dict)

    def look(self, kind: str) -> list[float]:
        """Look for what is like each of the photos; give milliseconds."""
        took = []
        with Session(self.engine) as session:
            for photo in self.asked[kind]:
                began = time.perf_counter()
                found = find_alike(session, photo, limit=LIMIT)
                took.append((time.perf_counter() - began) * 1000)
                if kind == KINDS[1] and not found:
                    raise Refusal("A copy was not found.")
        return took

    def scan(self, kind: str, most: int) -> list[float]:
        """Do the same by reading the whole table, for some of them."""
        took = []
        with Session(self.engine) as session:
            for name in ("indexscan", "bitmapscan", "indexonlyscan"):
                session.execute(text(f"SET LOCAL enable_{name} = off"))
            for photo in self.asked[kind][:most]:
                began = time.perf_counter()
                find_alike(session, photo, limit=LIMIT)
                took.append((time.perf_counter() - began) * 1000)
        return took

    def plans(self) -> list[Plan]:
        """Explain the search for a photo of each kind."""
        found = []
        for kind in (KINDS[0], KINDS[2]):
            recorder = Recorder.open(self.url)
            with recorder.recording() as statements, Session(recorder.engine) as session:
                find_alike(session, self.asked[kind][0], limit=LIMIT)
            recorder.engine.dispose()
            found += explain_call(self.url, f"{LOOKUP}, {kind}", statements)
        return found


def make_photos(cluster: Cluster, database: str, size: int, asked: int, *, ground: str) -> Photos:
    """Make a database with ``size`` photos, and choose ``asked`` of each kind."""
    cluster.drop_database(database)
    cluster.ensure_database(database, template=ground)
    with psycopg.connect(cluster.url(database, SUPERUSER).replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        connection.execute("TRUNCATE photos CASCADE")
        for first in range(0, size, _CHUNK):
            last = min(size, first + _CHUNK) - 1
            connection.execute(_PHOTOS.format(first=first, last=last, hot=HOT))
        connection.execute("VACUUM (FREEZE, ANALYZE) photos")
        connection.execute("CHECKPOINT")
    url = cluster.url(database)
    engine = create_engine(url)
    return Photos(engine=engine, url=url, size=size, asked=dict(_choose(engine, size, asked)))


def _choose(engine: Engine, size: int, asked: int) -> Iterator[tuple[str, Sequence[Photo]]]:
    chance = np.random.default_rng(3)
    hundreds = chance.choice(size // 100, min(asked, size // 100), replace=False)
    with Session(engine) as session:
        for kind, place in zip(KINDS, (30, 1, 51), strict=True):
            digests = [_digest(session, 100 * int(hundred) + place) for hundred in hundreds]
            photos = session.scalars(select(Photo).where(Photo.digest.in_(digests))).all()
            if len(photos) != len(digests):
                raise Refusal("The photos to look for are not there.")
            session.expunge_all()
            yield kind, photos


def _digest(session: Session, number: int) -> str:
    found: str = session.scalar(text("SELECT md5(:n ::text) || md5((-:n)::text)"), {"n": number}) or ""
    return found


@dataclass(frozen=True, slots=True)
class Looked:
    """The latencies of a kind over the rounds, ours and a scan's."""

    ours: list[Latencies]
    scanned: list[Latencies]


def measure_likeness(photos: Photos, rounds: int, scans: int, tell: Callable[[str], None]) -> dict[str, Looked]:
    """Look for each kind in each round, and scan for a few."""
    found = {kind: Looked([], []) for kind in KINDS}
    for kind in KINDS:
        photos.look(kind)  # what is on the disk is read once
    for turn in range(1, rounds + 1):
        for kind in KINDS if turn % 2 else KINDS[::-1]:
            found[kind].ours.append(Latencies.of(photos.look(kind)))
            found[kind].scanned.append(Latencies.of(photos.scan(kind, scans)))
        tell(f"likeness, round {turn} of {rounds}")
    return found
