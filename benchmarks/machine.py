"""The machine and the programs, described without a name of host, person or folder."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from dev.cluster import Cluster

PROC = Path("/proc")
RELEASE = Path("/etc/os-release")
KIB_A_GIB = 1024 * 1024


def machine(cluster: Cluster, database: str, load: float) -> list[str]:
    """Say what was measured on, a line each; ``load`` is the load average before."""
    versions = cluster.psql("SELECT current_setting('server_version'), extversion FROM pg_extension "
                            "WHERE extname = 'postgis'", database)  # fmt: skip
    server, _, postgis = versions.partition("|")
    processor = _first(PROC / "cpuinfo", r"model name\s*: (.+)")
    release = _first(RELEASE, r'PRETTY_NAME="(.+)"')
    return [
        f"{os.cpu_count()} cores ({processor}), {_memory()} of memory, shared by client, server and database",
        f"{release}, Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}, PostgreSQL {server.split()[0]}, PostGIS {postgis}",
        f"load average of the minute before: {load:.2f}",
    ]


def _first(file: Path, pattern: str) -> str:
    try:
        found = re.search(pattern, file.read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1].strip() if found else "unknown"


def _memory() -> str:
    kibibytes = _first(PROC / "meminfo", r"MemTotal:\s*(\d+) kB")
    return f"{int(kibibytes) / KIB_A_GIB:.0f} GiB" if kibibytes.isdigit() else "unknown"
