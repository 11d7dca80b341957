"""`make run`: from a bare checkout to a running system, and back."""

import os
import re
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import FrameType

from dev import environment, locks, ports, setup
from dev.cluster import Cluster, main_cluster
from dev.console import Refusal, relay, say
from dev.environment import Plan
from dev.places import PROGRAMS, ROOT, VAR, require_writable
from dev.service import Service, end_leftovers, wait_until_ready
from dev.welcome import TOKENS, welcome

EXAMPLE = re.compile(r"-?[\d.]+ -?[\d.]+ \S+")  # what `flask prepare` prints of a report: longitude, latitude, item
LOCK = VAR / "run.pid"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(given: Mapping[str, str] = os.environ) -> None:
    """Set up, start and serve until told to end. The data stay."""
    started = time.monotonic()
    running = locks.holder(LOCK)
    if running is not None:
        raise Refusal(_already(running))
    plan = Plan.of(given)
    require_writable(VAR)
    with locks.held(LOCK, busy=_already(None), wait=False):
        end_leftovers()
        with ports.listen(plan.host, plan.port) as listener:
            _run(plan, given, listener, started=started)


def _run(plan: Plan, given: Mapping[str, str], listener: socket.socket, *, started: float) -> None:
    _end_gently()
    try:
        setup.ensure(server=not plan.external, front=True)
        _serve(plan, given, listener, started=started)
    except KeyboardInterrupt:
        say("Ended." if plan.external else "Ended. The data stay in var/.")


def prepare(plan: Plan, env: Mapping[str, str]) -> list[str]:
    """Bring the database to the newest schema, put the city and its demonstration staff in; return an example.

    The example is longitude, latitude and item of a report. A database that is not ours gets no such staff.
    """
    demo = [] if plan.external else ["--demo", str(TOKENS)]
    command = [str(PROGRAMS / "flask"), "prepare", str(plan.pack), *demo]
    return relay(command, answer=EXAMPLE, env=env, cwd=ROOT).split()


def _serve(plan: Plan, given: Mapping[str, str], listener: socket.socket, *, started: float) -> None:
    cluster = main_cluster()
    with ExitStack() as ending:
        if not plan.external:
            say(f"Starting PostgreSQL {cluster.server.version} in {cluster.home}")
            ending.callback(cluster.stop)
            cluster.start()
            cluster.ensure_database(plan.database)
        env = environment.whole(environment.settings(plan, given, cluster), given)
        example = prepare(plan, env)
        say("Starting web and worker")
        service = Service(env, listener)
        ending.callback(service.stop)
        service.start()
        wait_until_ready(plan.address, service)
        say(welcome(plan, example, seconds=time.monotonic() - started))
        service.watch(lambda: None if plan.external else _revive(cluster))


def _revive(cluster: Cluster) -> None:
    """Start the database again when something killed it."""
    if not cluster.running:
        say("The database is gone: starting it again")
        cluster.start()


def _end_gently() -> None:
    """Let Ctrl-C, SIGTERM and a closed terminal end us by the same way; the first one counts, the rest are too late."""

    def end(_: int, __: FrameType | None) -> None:
        for ending in ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    for ending in ENDINGS:
        if ending is not signal.SIGHUP or signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, end)


def _already(pid: int | None) -> str:
    return f"This checkout runs already{f' (process {pid})' if pid else ''}. End it with Ctrl-C there, or: make stop"
