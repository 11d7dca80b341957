"""`make run`: from a bare checkout to a running system, and back."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import FrameType

from dev import environment, locks, ports, setup
from dev.cluster import Cluster, main_cluster
from dev.console import Refusal, say
from dev.environment import Plan
from dev.places import PROGRAMS, ROOT, VAR, require_writable
from dev.service import Service, wait_until_ready
from dev.welcome import TOKENS, welcome

LOCK = VAR / "run.pid"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(given: Mapping[str, str] = os.environ) -> None:
    """Set up, start and serve until told to end. The data stay."""
    running = locks.holder(LOCK)
    if running is not None:
        raise Refusal(_already(running))
    plan = Plan.of(given)
    ports.require_free(plan.host, plan.port)
    ports.require_free(plan.host, plan.live_port, name="LIVE_PORT")
    require_writable(VAR)
    with locks.held(LOCK, busy=_already(None), wait=False):
        _end_gently()
        try:
            setup.ensure(server=not plan.external, front=True)
            _serve(plan, given)
        except KeyboardInterrupt:
            say("Ended." if plan.external else "Ended. The data stay in var/.")


def prepare(plan: Plan, env: Mapping[str, str]) -> None:
    """Bring the database to the newest schema and put the city in."""
    say("Migrating the database")
    flask(env, "db", "upgrade")
    say(f"Loading the city pack {plan.pack} if the database is empty")
    flask(env, "city", "load", str(plan.pack), "--if-empty")


def flask(env: Mapping[str, str], *words: str) -> None:
    """Run a command of the application; its output is shown."""
    if subprocess.run([PROGRAMS / "flask", *words], cwd=ROOT, env=env, check=False).returncode:
        raise Refusal(_failed(words))


def ask_flask(env: Mapping[str, str], *words: str) -> str:
    """Run a command of the application and return its output; only its complaints are shown."""
    command = [str(PROGRAMS / "flask"), *words]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Refusal(_failed(words))
    return done.stdout.strip()


def _failed(words: Sequence[str]) -> str:
    return f"flask {' '.join(words[:2])} failed; what it said is above."


def _serve(plan: Plan, given: Mapping[str, str]) -> None:
    cluster = main_cluster()
    with ExitStack() as ending:
        if not plan.external:
            say(f"Starting PostgreSQL {cluster.server.version} in {cluster.home}")
            ending.callback(cluster.stop)
            cluster.start()
            cluster.ensure_database(plan.database)
        env = environment.whole(environment.settings(plan, given, cluster), given)
        prepare(plan, env)
        say("Starting web, worker and live stream")
        service = Service(env)
        ending.callback(service.stop)
        service.start()
        if not plan.external:  # while they start, for each command takes a second to load the application
            ask_flask(env, "staff", "demo", "--file", str(TOKENS))
        sample = ask_flask(env, "city", "sample").split("\n")[-1].split()
        wait_until_ready(plan.address, service)
        say(welcome(plan, sample))
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
