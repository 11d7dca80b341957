from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from app.media.errors import DecoderUnavailable
from app.media.probe import Prober, TooSlow, Undecodable
from tests.media.containers import extras
from tests.media.fuzz import Tally, fuzz, send
from tests.media.mutations import MUTATIONS, Mutant, mutate, read_parents
from tests.media.pictures import encode, quarters, with_exif
from tests.media.profiles import DISPLAY_P3


@pytest.fixture(scope="module")
def parents(photos: Path) -> dict[str, bytes]:
    return read_parents(photos)


def test_two_hundred_mutants_hurt_nobody(parents: dict[str, bytes]) -> None:
    tally = fuzz(range(200), parents)

    assert tally.faults == []
    assert tally.done == 200
    assert tally.outcomes["accepted"] > 20
    assert tally.outcomes["refused"] > 20
    assert 0 < tally.memory[0] < 1 << 30


def test_a_number_stands_for_the_same_file_every_time(parents: dict[str, bytes]) -> None:
    mutants = [mutate(number, parents) for number in range(60)]

    assert [mutate(number, parents) for number in range(60)] == mutants
    assert {how for mutant in mutants for how in mutant.how.split(" + ")} == set(MUTATIONS)
    assert sum(mutant.data != parents[mutant.parent] for mutant in mutants) > 50


class Does:
    """A pool that raises or gives what it is told, with a decoder that is dead."""

    def __init__(self, *, fault: Exception | None = None, made: bytes = b"") -> None:
        self.fault, self.made = fault, made
        self._free = Prober(1)._free

    def probe(self, _: bytes) -> None:
        if self.fault is not None:
            raise self.fault

    def render(self, *_: object) -> list[bytes]:
        return [self.made]


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        (Does(fault=ValueError("ours")), "ValueError: ours"),
        (Does(fault=DecoderUnavailable("All decoders are busy.")), "All decoders are busy."),
        (Does(made=with_exif(quarters(), Make="Camera")), "holds segment E1"),
        (Does(made=b"no picture"), "holds neither JPEG nor WebP"),
    ],
)
def test_what_nobody_may_see_is_a_fault(pool: Any, told: str) -> None:
    tally = Tally()

    send(Mutant(7, "a.jpg", "as it was", b""), pool, tally)

    (fault,) = tally.faults
    assert fault.startswith("7 (a.jpg, as it was, 0 bytes)")
    assert told in fault


@pytest.mark.parametrize(
    ("fault", "listed"),
    [
        (Undecodable("makes the decoder stop. Send another copy."), "deaths"),
        (Undecodable("makes the decoder fail. Send another copy."), "deaths"),
        (TooSlow("took longer than 10 seconds to decode."), "slow"),
    ],
)
def test_a_decoder_that_a_file_ends_is_listed_and_is_no_fault(fault: Exception, listed: str) -> None:
    tally = Tally()

    send(Mutant(7, "a.jpg", "as it was", b""), cast("Prober", Does(fault=fault)), tally)

    assert len(getattr(tally, listed)) == 1
    assert tally.faults == []


@pytest.mark.parametrize(
    ("kind", "options", "held"),
    [
        ("JPEG", {}, []),
        ("JPEG", {"progressive": True}, []),
        ("WEBP", {}, []),
        ("WEBP", {"lossless": True}, []),
        ("JPEG", {"comment": b"words"}, ["segment FE"]),
        ("JPEG", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}, ["segment E1"]),
        ("JPEG", {"icc_profile": DISPLAY_P3}, ["segment E2"]),
        ("JPEG", {"dpi": (300, 300)}, ["an APP0"]),
        ("WEBP", {"icc_profile": DISPLAY_P3}, ["chunk b'VP8X'", "chunk b'ICCP'", "3 chunks"]),
        ("WEBP", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}, ["chunk b'VP8X'", "chunk b'EXIF'", "3 chunks"]),
        ("WEBP", {"xmp": b"<x/>"}, ["chunk b'VP8X'", "chunk b'XMP '", "3 chunks"]),
        ("PNG", {}, ["neither"]),
    ],
)
def test_what_a_file_holds_beside_the_picture_is_found(kind: str, options: dict[str, Any], held: list[str]) -> None:
    found = extras(encode(quarters(), kind, **options))

    assert len(found) == len(held)
    assert all(one.startswith(start) for one, start in zip(found, held, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_bytes_behind_the_end_are_found(kind: str) -> None:
    assert extras(encode(quarters(), kind) + b"GPS") != []
