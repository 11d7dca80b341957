"""How much is measured: the word in BENCH."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dev.console import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes in open work orders, smallest first. Seconds and numbers of calls bound each measurement of a round.

    ``lives`` is how many work orders a round moves from sign to fix, ``clocks`` how many run where ``breached`` of them
    are breached, fewest first. Among ``photos`` photos ``asked_photos`` of each kind are looked for,
    ``scans`` of them by a scan too.
    """

    sizes: tuple[int, ...]
    rounds: int
    read_seconds: float
    file_seconds: float
    most_files: int
    floor_reads: tuple[str, ...]
    floor_files: int
    lives: int
    floor_lives: int
    clocks: tuple[int, int]
    breached: int
    photos: int
    asked_photos: int
    scans: int
    recorded: int
    seeds: int


DEFAULT = Scale(
    sizes=(10_000, 100_000),
    rounds=5,
    read_seconds=1.0,
    file_seconds=4.0,
    most_files=400,
    floor_reads=("-T", "1"),
    floor_files=400,
    lives=80,
    floor_lives=100,
    clocks=(10_000, 1_000_000),
    breached=1000,
    photos=1_000_000,
    asked_photos=200,
    scans=5,
    recorded=200,
    seeds=600,
)
LARGE = replace(DEFAULT, sizes=(10_000, 100_000, 1_000_000), read_seconds=1.5, most_files=600)
TINY = Scale(
    sizes=(100, 300),
    rounds=1,
    read_seconds=0.1,
    file_seconds=0.5,
    most_files=12,
    floor_reads=("-t", "60"),
    floor_files=12,
    lives=8,
    floor_lives=5,
    clocks=(200, 400),
    breached=20,
    photos=2000,
    asked_photos=10,
    scans=2,
    recorded=16,
    seeds=40,
)
SCALES = {"": DEFAULT, "large": LARGE, "tiny": TINY}


def scale_of(word: str) -> Scale:
    """Give the scale that BENCH names: nothing, ``large``, or ``tiny`` for a trial of the machinery."""
    if word not in SCALES:
        raise Refusal(f"BENCH is {word!r}; it is large, tiny or nothing.")
    return SCALES[word]
