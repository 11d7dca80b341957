"""`make stop` and `make reset`: end what runs in this checkout, and delete its data."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping

from dev import locks, processes
from dev.cluster import all_clusters
from dev.console import Refusal, say
from dev.places import VAR
from dev.run import LOCK
from dev.service import end_leftovers

GRACE = 60.0  # seconds for a run to end in order


def stop() -> None:
    """End the run of this checkout and its clusters. What does not run is left alone."""
    if not VAR.exists():
        return
    # Who holds the lock is the run: no process that got its id by chance can.
    pid = locks.holder(LOCK)
    if pid is not None:
        say(f"Ending the run (process {pid})")
        processes.send(pid, signal.SIGTERM)
        if not processes.wait_until(lambda: locks.holder(LOCK) is None, GRACE):
            processes.send(pid, signal.SIGKILL)
            processes.wait_until(lambda: locks.holder(LOCK) is None, GRACE)
    end_leftovers()
    for cluster in all_clusters():
        if cluster.running:
            say(f"Stopping the database in {cluster.home}")
            cluster.stop()


def reset(given: Mapping[str, str] = os.environ) -> None:
    """Delete all data of this checkout, after asking. YES=1 is the answer where nobody can be asked."""
    if not VAR.exists():
        say("There are no data.")
        return
    if given.get("YES") != "1":
        _ask()
    stop()
    for cluster in all_clusters():
        cluster.destroy()
    shutil.rmtree(VAR)
    say("The data are deleted.")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise Refusal("make reset deletes the database, photos and keys in var/. To say yes: make reset YES=1")
    if input(f"Delete {VAR} with its database, photos and keys? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise Refusal("Nothing is deleted.")
