"""The Debian packages that we need: which are missing, and how to get them."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import postgres
from dev.console import Refusal, follow, say, warn

CREATE_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")
NO_CLUSTER = "create_main_cluster = false"
CHROMIUM = Path("/usr/bin/chromium")
LIBRARIES = Path("/usr/lib")
NGINX = Path("/usr/sbin/nginx")
PGBOUNCER = Path("/usr/sbin/pgbouncer")
SERVICES = {"nginx-light": "nginx", "pgbouncer": "pgbouncer"}
UNITS = Path("/etc/systemd/system")
CHINESE_FONTS = Path("/usr/share/fonts/opentype/noto")

POSTGIS = re.compile(r"postgresql-(\d+)-postgis-\d+")
ANY_POSTGIS = "postgresql-postgis"

STEP = re.compile(r"((?:Get:\d+|Unpacking|Setting up) .{0,60})")
TOTAL = re.compile(r"(\d+) newly installed")
WAIT = ("-o", "DPkg::Lock::Timeout=300")  # seconds, when another installation is at work
STEPS_EACH = 3  # got, unpacked, set up


@dataclass(frozen=True, slots=True)
class Need:
    """Something that Debian packages provide, and how to see that it is there."""

    packages: Callable[[], Sequence[str]]
    present: Callable[[], bool]


def missing(needs: Iterable[Need]) -> list[str]:
    """Return the packages of the needs that are not met, each once, in order."""
    return list(dict.fromkeys(name for need in needs if not need.present() for name in need.packages()))


def needs(*, server: bool, browser: bool, load: bool = False, production: bool = False) -> list[Need]:
    """Return what is needed.

    Always a venv, with `server` PostgreSQL, with `browser` what the browser tests drive and the tests of the units
    and of the pooler need, with `load` nginx and wrk, with `production` what backups need.
    """
    found = [Need(lambda: ["python3-venv"], _can_make_venv)]
    if server:
        found.append(Need(_server_packages, lambda: bool(postgres.with_postgis())))
    if browser:
        found.append(Need(lambda: ["chromium"], CHROMIUM.exists))
        # Playwright's driver is a Node.js that a bare Debian cannot start without it.
        found.append(Need(lambda: ["libatomic1"], lambda: any(LIBRARIES.glob("*/libatomic.so.1"))))
        found.append(Need(lambda: ["fonts-noto-cjk"], lambda: any(CHINESE_FONTS.glob("NotoSansCJK*"))))
        found.append(Need(lambda: ["systemd"], lambda: shutil.which("systemd-analyze") is not None))
        found.append(Need(lambda: ["pgbouncer"], PGBOUNCER.exists))
    if production or browser:
        found.append(Need(lambda: ["rsync"], lambda: shutil.which("rsync") is not None))
        found.append(Need(lambda: ["postgresql-client"], lambda: shutil.which("pg_dump") is not None))
    if load:
        found.append(Need(lambda: ["nginx-light"], NGINX.exists))
        found.append(Need(lambda: ["wrk"], lambda: shutil.which("wrk") is not None))
    return found


def server_packages(installed: Sequence[int], offered: Sequence[str]) -> list[str]:
    """Return the packages of PostgreSQL with PostGIS, given the versions installed and the names of PostGIS offered.

    They are for the newest version that is installed and for which PostGIS is offered; else for the oldest that is
    offered and new enough, which is the one that this Debian is made for. Where nothing fits, the package that
    depends on what this Debian has.
    """
    extensions = {int(found[1]): name for name in offered if (found := POSTGIS.fullmatch(name))}
    fit = [version for version in extensions if version >= postgres.OLDEST]
    both = [version for version in installed if version in fit]
    version = max(both) if both else min(fit, default=None)
    return [ANY_POSTGIS] if version is None else [f"postgresql-{version}", extensions[version]]


def ensure(*, server: bool, browser: bool, load: bool = False, production: bool = False) -> None:
    """Install the packages that are missing, or refuse with the line that does it. Quick when none is."""
    every = needs(server=server, browser=browser, load=load, production=production)
    wanted = missing(every)
    if not wanted:
        return
    say(f"Missing Debian packages: {' '.join(wanted)}")
    root = _as_root(wanted)
    # An old list names files that are gone, and an empty one hides which PostgreSQL this Debian has.
    if not _run(root, ["apt-get", "update", "-q", *WAIT], "Reading the package lists"):
        warn("apt-get update failed; trying with the lists that are here")
    wanted = missing(every)
    for package, service in SERVICES.items():
        if package in wanted:
            _want_no_service(root, service)
    if any(name.startswith("postgresql-") for name in wanted):
        _want_no_main_cluster(root)
    _run(root, ["dpkg", "--configure", "-a"], "Looking for what an interrupted installation left")
    _install(root, wanted)


def _install(root: Sequence[str], packages: Sequence[str]) -> None:
    say("Installing them")
    options = ["-y", "--no-install-recommends", "--fix-broken", "-o", "Dpkg::Options::=--force-confold", *WAIT]
    command = [*root, "apt-get", "install", *options, *packages]
    follow(command, step=STEP, total_line=TOTAL, steps_each=STEPS_EACH)


def _server_packages() -> list[str]:
    return server_packages([server.version for server in postgres.installed()], _offered())


def _can_make_venv() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


def _offered() -> list[str]:
    if shutil.which("apt-cache") is None:
        return []
    command = ["apt-cache", "search", "--names-only", "^postgresql-[0-9]+-postgis-"]
    offered = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [line.split(" ")[0] for line in offered.splitlines()]


def _as_root(packages: Sequence[str]) -> list[str]:
    """Return the words before a command that run it as root, without questions to the user."""
    by_hand = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise Refusal(f"This is no Debian. Install what these are by hand: {' '.join(packages)}")
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1", "LC_ALL=C.UTF-8"]
    proxies = [f"{name}={os.environ[name]}" for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
    if os.geteuid() == 0:
        return [*quiet, *proxies]
    if shutil.which("sudo") is None:
        raise Refusal(f"There is no sudo here. Run as root: {by_hand}")
    ask = [] if sys.stdin.isatty() else ["-n"]
    if subprocess.run(["sudo", *ask, "-v"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Refusal(f"sudo is refused. Run as root: {by_hand}")
    return ["sudo", *quiet, *proxies]


def _want_no_main_cluster(root: Sequence[str]) -> None:
    """Tell Debian before PostgreSQL comes to make no cluster of its own: ours is private to the checkout."""
    said = CREATE_CLUSTER.read_text(encoding="utf-8") if CREATE_CLUSTER.exists() else ""
    if postgres.installed() or re.search(r"^\s*create_main_cluster", said, re.MULTILINE):
        return
    say(f"Writing {NO_CLUSTER!r} to {CREATE_CLUSTER}: the cluster will be a private one")
    for command in (["mkdir", "-p", str(CREATE_CLUSTER.parent)], ["tee", "-a", str(CREATE_CLUSTER)]):
        done = subprocess.run([*root, *command], input=f"{NO_CLUSTER}\n", text=True, capture_output=True, check=False)
        if done.returncode:
            raise Refusal(f"{CREATE_CLUSTER} cannot be written: {done.stderr.strip()}")


def _want_no_service(root: Sequence[str], service: str) -> None:
    """Have systemd not start the service of a package that comes: tests and benchmarks start one of their own."""
    unit = UNITS / f"{service}.service"
    if not UNITS.is_dir() or unit.exists() or unit.is_symlink():
        return
    say(f"Masking the service {service} ({unit}): it is wanted for tests and measurements alone")
    if subprocess.run([*root, "ln", "-s", os.devnull, str(unit)], capture_output=True, check=False).returncode:
        raise Refusal(f"{unit} cannot be written.")


def _run(root: Sequence[str], command: Sequence[str], text: str) -> bool:
    say(text)
    return not subprocess.run([*root, *command], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
