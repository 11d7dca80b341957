"""``make fuzz-media``: send mutated pictures through real decoders and look at what becomes of everybody."""

from __future__ import annotations

import argparse
import resource
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from app.media.formats import Format
from app.media.probe import Prober, TooSlow, Undecodable
from app.media.service import SIZES
from tests.databases import shared_folder
from tests.media.containers import extras
from tests.media.mutations import Mutant, mutate, read_parents

DECODERS = 2
_EACH = 250
# A decoder that ends with these is the file's fault and is allowed; each one is listed.
_DEATHS = ("makes the decoder stop", "makes the decoder fail")
# What our own code did not expect: it was caught, and it is a fault all the same.
_UNEXPECTED = "cannot be worked with"


@dataclass(slots=True)
class Tally:
    """What became of the mutants. Times are in seconds, memory in bytes, both with the mutant that needed most."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    not_rendered: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    memory: tuple[int, str] = (0, "")
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def done(self) -> int:
        """Give the number of mutants that were sent."""
        return sum(self.outcomes.values())

    def lines(self) -> Iterator[str]:
        """Say it."""
        yield f"{self.done:,} files: " + ", ".join(f"{count:,} {name}" for name, count in self.outcomes.most_common())
        yield f"slowest: {self.slowest[0]:.2f} s, {self.slowest[1]}"
        yield f"most memory of a decoder: {self.memory[0] / 1e6:.0f} MB, after {self.memory[1]}"
        for title, found in (
            ("decoders that died", self.deaths),
            ("took too long", self.slow),
            ("accepted and then not rendered", self.not_rendered),
            ("FAULTS", self.faults),
        ):
            yield f"{title}: {len(found)}"
            yield from (f"  {one}" for one in found)


def fuzz(numbers: Iterable[int], parents: Mapping[str, bytes], tell: Callable[[str], None] = lambda _: None) -> Tally:
    """Send the mutants of these numbers through decoders, DECODERS at a time."""
    tally, before = Tally(), _ourselves()
    probers = [Prober(1) for _ in range(DECODERS)]
    waiting = iter(numbers)

    def work(prober: Prober) -> None:
        while (number := _next(waiting, tally.lock)) is not None:
            send(mutate(number, parents), prober, tally)
            if tally.done % _EACH == 0:
                tell(f"{tally.done:,} files: {dict(tally.outcomes)}, {len(tally.faults)} faults")

    with ThreadPoolExecutor(DECODERS) as threads:
        for each in [threads.submit(work, prober) for prober in probers]:
            each.result()
    for prober in probers:
        prober.close()
    tally.faults += [f"the caller has {after} {name}, before {before[name]}" for name, after in _grown(before)]
    return tally


def _next(waiting: Iterator[int], lock: threading.Lock) -> int | None:
    with lock:
        return next(waiting, None)


def send(mutant: Mutant, prober: Prober, tally: Tally) -> None:
    """Probe a mutant, render it where it is accepted, and note what happened."""
    began = time.monotonic()
    try:
        outcome, notes = _outcome(mutant.data, prober)
    except Exception:  # noqa: BLE001  # whatever comes here would have been an answer of 500
        outcome, notes = "raised", [traceback.format_exc()]
    took, memory = time.monotonic() - began, _memory_of(prober)
    with tally.lock:
        tally.outcomes[outcome] += 1
        tally.slowest = max(tally.slowest, (took, str(mutant)))
        tally.memory = max(tally.memory, (memory, str(mutant)))
        for note in notes:
            _list_of(tally, note).append(f"{mutant}: {note}")


def _outcome(data: bytes, prober: Prober) -> tuple[str, list[str]]:
    """Give what happened, and what is to be told of it."""
    try:
        found = prober.probe(data)
    except Undecodable as refusal:
        return "refused", [str(refusal)] if _is_remarkable(refusal) else []
    try:
        made = prober.render(data, SIZES, tuple(Format))
    except Undecodable as refusal:
        return "accepted, not rendered", [f"{refusal} ({found.media_type}, {found.width}x{found.height})"]
    return "accepted", [f"holds {extra}" for one in made for extra in extras(one)]


def _is_remarkable(refusal: Undecodable) -> bool:
    return isinstance(refusal, TooSlow) or str(refusal).startswith((*_DEATHS, _UNEXPECTED))


def _list_of(tally: Tally, note: str) -> list[str]:
    if note.startswith(_DEATHS):
        return tally.deaths
    if note.startswith("took longer"):
        return tally.slow
    return tally.faults if note.startswith((_UNEXPECTED, "holds", "Traceback")) else tally.not_rendered


def _memory_of(prober: Prober) -> int:
    """Give the most memory that the idle decoder of a pool of one ever had; 0 where it has just died."""
    child = prober._free.queue[-1]
    if child is None or not child.alive():
        return 0
    status = Path("/proc", str(child.process.pid), "status").read_text(encoding="ascii", errors="replace")
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _ourselves() -> dict[str, int]:
    """Count what a caller that is hurt would lose or gather."""
    return {"open files": len(list(Path("/proc/self/fd").iterdir())), "threads": threading.active_count()}


def _grown(before: dict[str, int]) -> list[tuple[str, int]]:
    return [(name, after) for name, after in _ourselves().items() if after > before[name]]


def main() -> int:
    """Fuzz, tell, and fail where there were faults."""
    parser = argparse.ArgumentParser(prog="make fuzz-media", description="Send mutated pictures to the decoders.")
    parser.add_argument("--count", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument(
        "--first", type=int, default=0, help="the first number; each number is one file, always the same"
    )
    parser.add_argument("--write", type=Path, help="only write the file of number FIRST here, to look at it")
    arguments = parser.parse_args()
    shared = shared_folder()
    if shared is None:
        parser.error("the photos of ../shared/data/photos are not here")
    parents = read_parents(shared / "data" / "photos")
    if arguments.write:
        arguments.write.write_bytes(mutate(arguments.first, parents).data)
        return 0
    began = time.monotonic()
    tally = fuzz(
        range(arguments.first, arguments.first + arguments.count), parents, lambda text: print(text, flush=True)
    )
    print("\n".join(tally.lines()))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"{time.monotonic() - began:.0f} s; the caller took {own:.0f} MB at most")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
