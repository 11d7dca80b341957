"""The floor: what pgbench takes for the SQL of a call, on the same database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.statistics import Latencies
from dev import postgres
from dev.cluster import APP, Cluster

# The first executions of a client prepare the statement and are planned one by one.
WARMING = 6
# A script that writes does so only with new values. Its turn without any ends at once, far below what a commit takes;
# as the turns are drawn by lot, it has new values in about one turn of four.
IDLE_MS = 0.05
TURNS = 4
# On a machine that is busy with something else a short run may end without one turn that did something.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Script:
    """What pgbench runs: the file of the transaction, the file that draws its values, its weight, first values.

    ``idle_ms``: a turn that took no longer did nothing.
    """

    transaction: Path
    draw: Path | None
    weight: int
    first: Sequence[str] = ()
    idle_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Floor:
    """The scripts of one call on one database; ``covered`` is the share of the recorded calls that they stand for."""

    cluster: Cluster
    database: str
    scripts: Sequence[Script]
    covered: float

    def measure(self, *, clients: int, bound: Sequence[str], folder: Path) -> Latencies:
        """Run pgbench and sum up the latencies of the transactions, without those of the draws."""
        log = folder / "log"
        command = [self.cluster.server.program("pgbench"), "-n", "-M", "prepared", "-h", str(self.cluster.socket)]
        command += ["-U", APP, "-c", str(clients), "-j", "1", *bound, "--log", f"--log-prefix={log}"]
        idle: list[float | None] = []
        for script in self.scripts:
            if script.draw is not None:
                command += ["-f", f"{script.draw}@{script.weight}"]
                idle.append(None)
            command += ["-f", f"{script.transaction}@{script.weight}"]
            idle.append(script.idle_ms)
            command += [word for value in script.first for word in ("-D", value)]
        found: list[float] = []
        for _ in range(ATTEMPTS):
            postgres.must([*command, self.database])
            found = read_log(_take_lines(folder), idle)
            if found:
                break
        return Latencies.of(found)


def _take_lines(folder: Path) -> list[str]:
    logs = list(folder.glob("log.*"))
    lines = [line for file in logs for line in file.read_text().splitlines()]
    for file in logs:
        file.unlink()
    return lines


def read_log(lines: Sequence[str], idle: Sequence[float | None]) -> list[float]:
    """Read pgbench's log: the milliseconds of the measured scripts, without each client's first few.

    ``idle`` has for every script the time in milliseconds up to which a turn did nothing, None for one that is not
    measured. A line is: client, transaction, microseconds, script, second, microsecond (PostgreSQL 15, pgbench,
    "Per-Transaction Logging"). Where nothing else is left, the first few count.
    """
    warmed: dict[tuple[str, str], int] = defaultdict(int)
    cold: list[float] = []
    warm: list[float] = []
    for line in lines:
        client, _, microseconds, script = line.split()[:4]
        took, least = int(microseconds) / 1000, idle[int(script)]
        if least is None or took <= least:
            continue
        warmed[client, script] += 1
        (warm if warmed[client, script] > WARMING else cold).append(took)
    return warm or cold


def commit_floor(cluster: Cluster, database: str, folder: Path) -> Floor:
    """Give the floor of a transaction that writes one small row: what a commit alone costs on this disk."""
    cluster.psql(f"CREATE TABLE bench.commits (at timestamptz); GRANT INSERT ON bench.commits TO {APP}", database)
    script = folder / "commit.sql"
    script.write_text("INSERT INTO bench.commits VALUES (clock_timestamp());\n")
    return Floor(cluster, database, [Script(script, None, 1)], 1.0)
