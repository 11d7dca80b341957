"""Decoders: child processes, kept ready, that look at photos so that no hostile file meets this process.

A child is a fresh interpreter, not a fork of a process with threads and secrets. It imports the picture code alone.
"""

from __future__ import annotations

import atexit
import datetime as dt
import logging
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from app.media import wire
from app.media.errors import DecoderUnavailable
from app.media.formats import Format

log = logging.getLogger(__name__)

# Processor time of the child, not wall time: a busy machine does not make a picture undecodable.
PROBE_SECONDS = 10.0
RENDER_SECONDS = 30.0
# A picture of 1600 pixels took 0.5 to 6 s: fine detail costs. The first one of a child waits for OpenCV too.
DETECT_SECONDS = 45.0
# Wall time after which a child is killed that neither answers nor uses up its processor time: it is stopped or starved.
STALLED_SECONDS = 120.0
# How long a request waits for a free decoder.
QUEUE_SECONDS = 20.0
# By these a picture ends its decoder. Any other signal comes from outside: a service manager that stops the whole
# group, the kernel that needs memory.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

_ROOT = Path(__file__).parents[2]
# Isolated (-I): neither the working folder nor the environment says what is imported.
_START = (
    "import sys; sys.path.append(sys.argv[1]); from importlib import import_module; import_module(sys.argv[2]).serve()"
)
_DECODER = "app.media.child"
_DETECTOR = "app.media.detect"
# Nothing of our environment: it holds secrets. Fewer arenas: each reserves 64 MB of the limited address space.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}


class Undecodable(Exception):
    """The file is no picture that is taken; the text is the rest of a sentence that begins with the file's name."""


class TooSlow(Undecodable):
    """Decoding used up its processor time: the file's fault, although a faster machine may decode it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a decoder found. Pixels are as shown; ``position`` is (lon, lat) of WGS 84; ``direction`` in degrees.

    ``taken_at`` stands as though it were UTC where ``taken_zone_known`` is false. ``altitude`` is metres above the sea,
    ``dhash`` and ``sharpness`` as in Photo.
    """

    media_type: str
    width: int
    height: int
    orientation: int
    taken_at: dt.datetime | None
    taken_zone_known: bool
    position: tuple[float, float] | None
    direction: float | None
    altitude: float | None
    dhash: int | None
    sharpness: float | None


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two pictures in one frame: a JPEG of each for every size, all sizes of before first.

    ``width`` and ``height`` are pixels of the largest; ``aligned`` says that both show the same scene in the same
    place, otherwise they are cropped to one shape only.
    """

    aligned: bool
    width: int
    height: int
    before: list[bytes]
    after: list[bytes]


class Child:
    """One decoder process."""

    def __init__(self, program: str = _DECODER) -> None:
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter, our own program
            [sys.executable, "-I", "-c", _START, str(_ROOT), program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd="/",
        )

    def alive(self) -> bool:
        """Say whether it can take a job."""
        return self.process.poll() is None

    def ask(
        self, job: dict[str, Any], data: bytes, *, seconds: float, stalled_s: float = STALLED_SECONDS
    ) -> tuple[dict[str, Any], bytes]:
        """Give it a job and wait for the answer.

        It may use ``seconds`` of processor time, and is killed after ``stalled_s`` of wall time. Raises Undecodable
        (TooSlow) or DecoderUnavailable. After an exception the child is of no more use.
        """
        stalled = threading.Event()
        timer = threading.Timer(stalled_s, self._kill_stalled, [stalled])
        timer.start()
        try:
            wire.write(cast("BinaryIO", self.process.stdin), job | {"cpu_seconds": seconds}, data)
            message = wire.read(cast("BinaryIO", self.process.stdout))
        except OSError:
            message = None
        except wire.BrokenWire as error:
            raise Undecodable("makes the decoder fail. Send another copy.") from error
        finally:
            timer.cancel()
            timer.join()
        if message is None:
            raise self._obituary(seconds, stalled=stalled.is_set())
        return message

    def _kill_stalled(self, stalled: threading.Event) -> None:
        stalled.set()
        self.process.kill()

    def _obituary(self, seconds: float, *, stalled: bool) -> Exception:
        """Say whose fault it is: a crash is the file's; a kill from outside or a failed start is not."""
        code = self.close()
        log.warning("decoder stopped", extra={"returncode": code, "stalled": stalled})
        if -code == signal.SIGXCPU:
            return TooSlow(f"took longer than {seconds:.0f} seconds to decode. Send a smaller copy.")
        if -code in CRASHES:
            return Undecodable("makes the decoder stop. Send another copy.")
        return DecoderUnavailable("The decoder was stopped. Nothing was stored; send the same request again.")

    def close(self) -> int:
        """End it and give its return code. A child that has ended the wire gets a moment to die by itself."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                cast("BinaryIO", stream).close()
        try:
            return self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Prober:
    """A pool of decoders, started when first needed; safe to share between threads."""

    def __init__(
        self,
        children: int,
        *,
        seconds: float = PROBE_SECONDS,
        queue_seconds: float = QUEUE_SECONDS,
        program: str = _DECODER,
    ) -> None:
        self._program = program
        self._seconds = seconds
        self._queue_seconds = queue_seconds
        # The last one used comes first: the others need not even be started.
        self._free: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(children):
            self._free.put(None)
        atexit.register(self.close)

    def probe(self, data: bytes) -> Probe:
        """Decode a photo once. Raises Undecodable, or DecoderUnavailable where none is free or one was killed."""
        facts, _ = self._ask({"sizes": []}, data, seconds=self._seconds)
        moment = facts.pop("taken_at")
        taken_at = dt.datetime.fromisoformat(moment) if moment else None
        known = taken_at is not None and taken_at.tzinfo is not None
        if taken_at is not None and not known:
            taken_at = taken_at.replace(tzinfo=dt.UTC)
        position = facts.pop("position")
        return Probe(**facts, taken_at=taken_at, taken_zone_known=known, position=position and tuple(position))

    def render(self, data: bytes, sizes: Sequence[int], formats: Sequence[Format] = (Format.JPEG,)) -> list[bytes]:
        """Make each size, the longest side in pixels, in each format; size by size. Raises as ``probe`` does."""
        return self._make({"sizes": list(sizes), "formats": list(formats)}, data)

    def mask(
        self,
        data: bytes,
        boxes: Sequence[dict[str, Any]],
        sizes: Sequence[int],
        formats: Sequence[Format] = (Format.JPEG,),
    ) -> list[bytes]:
        """Pixelate boxes and make each size in each format, in the order of ``render``. Raises as ``probe`` does."""
        return self._make({"sizes": list(sizes), "formats": list(formats), "boxes": list(boxes)}, data)

    def _make(self, job: dict[str, Any], data: bytes) -> list[bytes]:
        header, made = self._ask(job, data, seconds=RENDER_SECONDS)
        return _split(made, header["lengths"], count=len(job["sizes"]) * len(job["formats"]))

    def _ask(self, job: dict[str, Any], data: bytes, *, seconds: float) -> tuple[dict[str, Any], bytes]:
        try:
            child = self._free.get(timeout=self._queue_seconds)
        except queue.Empty:
            raise DecoderUnavailable(
                "All decoders are busy. Nothing was stored; send the same request again."
            ) from None
        fit = False
        try:
            child = _ready(child, self._program)
            header, payload = child.ask(job, data, seconds=seconds)
            fit = True
        finally:
            if child is not None and not fit:
                child.close()
            self._free.put(child if fit else None)
        if "refusal" in header:
            log.info("photo refused", extra={"refusal": header["refusal"], "cause": header["cause"]})
            raise Undecodable(header["refusal"])
        return header, payload

    def close(self) -> None:
        """End every decoder that is not at work; one that is ends with this process."""
        atexit.unregister(self.close)
        idle: list[Child | None] = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._free.get_nowait())
        for child in idle:
            if child is not None:
                child.close()
            self._free.put(None)


class Detector(Protocol):
    """What finds faces and number plates in a rendition."""

    def find(self, data: bytes) -> list[dict[str, Any]]:
        """Give boxes as app/media/masks.py describes them, each with ``kind`` and ``source``.

        Raises Undecodable (TooSlow where it may pass) or DecoderUnavailable.
        """
        ...


class Aligner(Protocol):
    """What brings the pictures of before and after into one frame."""

    def align(self, before: bytes, after: bytes, sizes: Sequence[int]) -> Aligned:
        """Make both for each size, the longest side in pixels. Raises as ``Detector.find`` does."""
        ...


class HaarDetector(Prober):
    """One child with OpenCV, started when the first picture is looked at: in workers, never in the web.

    It finds by the cascades, and aligns.
    """

    def __init__(self) -> None:
        super().__init__(1, seconds=DETECT_SECONDS, queue_seconds=4 * DETECT_SECONDS, program=_DETECTOR)

    def find(self, data: bytes) -> list[dict[str, Any]]:
        """Find them by app/media/detect.py."""
        header, _ = self._ask({}, data, seconds=DETECT_SECONDS)
        boxes: list[dict[str, Any]] = header["boxes"]
        return boxes

    def align(self, before: bytes, after: bytes, sizes: Sequence[int]) -> Aligned:
        """Align them by app/media/align.py."""
        job = {"before": len(before), "sizes": list(sizes)}
        header, made = self._ask(job, before + after, seconds=DETECT_SECONDS)
        pictures = _split(made, header["lengths"], count=2 * len(sizes))
        width, height = header["size"]
        return Aligned(header["aligned"], width, height, pictures[: len(sizes)], pictures[len(sizes) :])


def _split(made: bytes, lengths: Sequence[int], *, count: int) -> list[bytes]:
    """Cut what a child made into its ``count`` pictures."""
    ends = [sum(lengths[: index + 1]) for index in range(count)]
    return [made[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _ready(child: Child | None, program: str) -> Child:
    """Give the child, or a fresh one where it was never started or has died since."""
    if child is not None and child.alive():
        return child
    if child is not None:
        child.close()
    try:
        return Child(program)
    except OSError as error:
        raise DecoderUnavailable("No decoder can be started. Nothing was stored; send it again in a while.") from error
