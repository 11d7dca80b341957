"""The program of a decoder process: takes jobs on standard input, answers on standard output, ends with its parent.

It holds no secret, opens no file and no connection: a hostile picture that takes it over finds nothing. Started by
app.media.probe, which says how much processor time a job may use.
"""

from __future__ import annotations

import math
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

from app.media import masks, picture, render, wire
from app.media.formats import Format

# 50 megapixels are 200 MB in Pillow; the worst case (WebP, 810 MB measured) holds four of these at a time.
MEMORY_BYTES = 1 << 30
CPU_SECONDS = 60  # of a job that names no limit of its own
FILES = 32

Answer: TypeAlias = tuple[dict[str, Any], bytes]
Work: TypeAlias = Callable[[dict[str, Any], bytes], Answer]


def serve(work: Work | None = None, *, memory: int = MEMORY_BYTES) -> None:
    """Answer jobs until standard input ends; ``work`` does them, as ``do`` where it is left out."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    # What a library prints must not stand in the middle of an answer.
    sys.stdout = sys.stderr
    # Ctrl-C reaches the whole group of processes; the parent ends its children in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Pillow warns of every oddity in a file; they would fill the logs.
    warnings.simplefilter("ignore")
    limit(memory)
    answer_all(source, target, work)


def limit(memory: int = MEMORY_BYTES) -> None:
    """Take away from this process what a decoder does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def answer_all(source: BinaryIO, target: BinaryIO, work: Work | None = None) -> None:
    """Read jobs from ``source`` and write an answer for each to ``target``."""
    while (message := wire.read(source)) is not None:
        job, data = message
        limit_processor_time(job.pop("cpu_seconds", CPU_SECONDS))
        wire.write(target, *answer(job, data, work or do))


def limit_processor_time(seconds: float) -> None:
    """Let the kernel end this process by SIGXCPU once it has used so many more seconds, rounded up."""
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), most))


def do(job: dict[str, Any], data: bytes) -> Answer:
    """Probe a picture, or make renditions of it where the job names sizes, masked ones where it names boxes."""
    if not job["sizes"]:
        return picture.probe(data), b""
    boxes, formats = job.get("boxes"), [Format(name) for name in job["formats"]]
    if boxes is None:
        made = render.render(data, job["sizes"], formats)
    else:
        made = masks.mask(data, boxes, job["sizes"], formats)
    return {"lengths": [len(one) for one in made]}, b"".join(made)


def answer(job: dict[str, Any], data: bytes, work: Work = do) -> Answer:
    """Do one job: a header with the facts, or with ``refusal`` and its ``cause``; the bytes are the renditions."""
    try:
        return work(job, data)
    except picture.Refusal as refusal:
        return {"refusal": str(refusal), "cause": "; ".join(getattr(refusal, "__notes__", []))}, b""
    except MemoryError:
        return {"refusal": picture.TOO_MUCH_MEMORY, "cause": "MemoryError"}, b""
    except Exception as error:  # noqa: BLE001  # whatever a picture sets off in here, the next one finds a decoder
        return {"refusal": "cannot be worked with. Send another copy.", "cause": repr(error)[:200]}, b""
