"""The verbs of `python3 -m dev`."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from dev import checks, environment, production, run, setup, stop
from dev.cluster import APP, OWNER, SUPERUSER, main_cluster, scratch_cluster
from dev.console import Refusal, warn
from dev.environment import Plan

INTERRUPTED = 130


def main(words: Sequence[str]) -> int:
    """Do what the words say; return the exit code."""
    arguments, rest = _parser().parse_known_args(words)
    if rest and arguments.verb not in TAKES_MORE:
        warn(f"{arguments.verb} takes no {rest[0]}")
        return 2
    try:
        return VERBS[arguments.verb](arguments, [word for word in rest if word != "--"]) or 0
    except Refusal as refusal:
        warn(str(refusal))
        return 1
    except KeyboardInterrupt:
        warn("interrupted; run it again to go on")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m dev", description="Set up, run and test this checkout.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    added = {name: verbs.add_parser(name, help=text, allow_abbrev=False) for name, text in HELP.items()}
    added["setup"].add_argument("--tests", action="store_true", help="also what the tests need")
    form = added["test"].add_mutually_exclusive_group()
    form.add_argument("--fast", action="store_true", help="without browser and kill tests")
    form.add_argument("--long", action="store_true", help="the long form of those that have one")
    added["psql"].add_argument("--tests", action="store_true", help="of the cluster of the tests")
    added["psql"].add_argument("--role", default=SUPERUSER, choices=(SUPERUSER, OWNER, APP))
    added["psql"].add_argument("--database", help="default: the one of CITY")
    return parser


def _setup(arguments: argparse.Namespace, _: Sequence[str]) -> None:
    server = not os.environ.get("DATABASE_URL")
    setup.ensure(development=arguments.tests, browser=arguments.tests, server=server, front=True)


def _env(_: argparse.Namespace, __: Sequence[str]) -> None:
    """Print the settings of the running private cluster as lines for a shell."""
    cluster = main_cluster()
    if not cluster.running:
        raise Refusal("The database does not run. Start it with make run.")
    plan = Plan.of({**os.environ, "DATABASE_URL": ""})
    for name, value in environment.settings(plan, os.environ, cluster).items():
        print(f"export {name}={shlex.quote(value)}")


def _psql(arguments: argparse.Namespace, rest: Sequence[str]) -> None:
    """Become a psql that is connected to a private cluster."""
    cluster = scratch_cluster() if arguments.tests else main_cluster()
    if not cluster.running:
        raise Refusal("The database does not run. Start it with make run.")
    default = SUPERUSER if arguments.tests else Plan.of(os.environ).database
    command = [*cluster.psql_command(arguments.database or default, arguments.role), *rest]
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


HELP = {
    "setup": "install what is missing: Debian packages, .venv",
    "run": "start the service with its database (PORT, HOST, CITY, DATABASE_URL)",
    "install": "install the service as systemd units (as root; LOCAL_DATABASE=1 for a database on this machine)",
    "test": "run the tests; further words go to pytest",
    "lint": "check form, lint and imports",
    "fmt": "format the code",
    "types": "check the types",
    "bench": "run the benchmarks",
    "fuzz-media": "send mutated photos to the decoders; further words go to it",
    "docs": "write the generated documentation",
    "picture": "take the picture of the README, of Boston's real requests; further words go to it",
    "lock": "compile the requirement files; further words go to uv",
    "clean": "delete caches",
    "stop": "end what runs in this checkout",
    "reset": "delete all data of this checkout",
    "env": "print the settings of the running database as export lines",
    "psql": "open psql on it; further words go to psql",
}
TAKES_MORE = {"test", "bench", "fuzz-media", "picture", "lock", "psql"}
VERBS: dict[str, Callable[[argparse.Namespace, Sequence[str]], int | None]] = {
    "setup": _setup,
    "run": lambda _, __: run.run(),
    "install": lambda _, __: production.install(),
    "test": lambda arguments, rest: checks.test(rest, fast=arguments.fast, long=arguments.long),
    "lint": lambda _, __: checks.lint(),
    "fmt": lambda _, __: checks.form(),
    "types": lambda _, __: checks.types(),
    "bench": lambda _, rest: checks.bench(rest),
    "fuzz-media": lambda _, rest: checks.fuzz_media(rest),
    "docs": lambda _, __: checks.docs(),
    "picture": lambda _, rest: checks.picture(rest),
    "lock": lambda _, rest: checks.lock(rest),
    "clean": lambda _, __: checks.clean(),
    "stop": lambda _, __: stop.stop(),
    "reset": lambda _, __: stop.reset(),
    "env": _env,
    "psql": _psql,
}
