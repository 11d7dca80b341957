"""``python -m benchmarks``: measure, and write a page of docs/.

BENCH is nothing, ``large`` or ``tiny``; or names a page of its own: ``live``, ``map``, ``mapload``, ``queue``
(ARGS are its arguments), ``similar``, ``slow``, and ``map-large`` and ``similar-large`` with ten million work orders.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import mapload, queue, similar, slow, tiles
from benchmarks.bench import bench
from benchmarks.live import main as bench_live
from benchmarks.scale import TINY, scale_of
from dev import locks
from dev.cluster import Cluster
from dev.console import Refusal, say, warn
from dev.places import ROOT, VAR

INTERRUPTED = 130
PAGES: Mapping[str, Callable[[], int]] = {
    "live": bench_live,
    "map": lambda: tiles.main([]),
    "map-large": lambda: tiles.main(["--sizes", *map(str, tiles.LARGE)]),
    "mapload": lambda: mapload.main([]),
    "queue": lambda: queue.main(shlex.split(os.environ.get("ARGS", ""))),
    "slow": lambda: slow.main([]),
    "similar": lambda: similar.main([]),
    "similar-large": lambda: similar.main(["--sizes", *map(str, similar.LARGE)]),
}


def main() -> int:
    """Measure at the scale of BENCH; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write a page.")
    parser.add_argument("--page", type=Path, help="default: docs/performance.md; of a tiny one var/performance.md")
    parser.add_argument("--cluster", type=Path, default=VAR / "bench-pg", help="a folder; what is in it is deleted")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that cluster and servers are ended then too
    lock = arguments.cluster.with_name(f"{arguments.cluster.name}.lock")
    try:
        if (page_of_its_own := PAGES.get(os.environ.get("BENCH", ""))) is not None:
            return page_of_its_own()
        scale = scale_of(os.environ.get("BENCH", ""))
        lock.parent.mkdir(parents=True, exist_ok=True)
        with locks.held(lock, busy="A bench of this checkout runs already.", wait=False):
            page = bench(scale, Cluster(arguments.cluster))
        target = arguments.page or (VAR if scale is TINY else ROOT / "docs") / "performance.md"
        target.write_text(page, encoding="utf-8")
    except Refusal as refusal:
        warn(str(refusal))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    say(f"{target.name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
