"""Tests, lint, types: the checks of `make`, each a command of `.venv`."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from dev import environment, setup
from dev.cluster import main_cluster, scratch_cluster
from dev.console import Refusal, say
from dev.environment import Plan
from dev.places import PROGRAMS, ROOT, VAR

# Tests of one group run on one worker, one after the other.
DISTRIBUTION = ("-n", "2", "--dist", "loadgroup")
FAST = "not browser and not kill"
LOAD = "mapload"  # the benchmark that needs nginx and wrk
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache", "htmlcov", ".coverage")


def test(words: Sequence[str], *, fast: bool, long: bool) -> int:
    """Run the tests and return pytest's exit code; `words` go to pytest.

    `fast`: without browser and kill tests. `long`: only those that have a long form, and in that form.

    Its conftest starts the scratch cluster; when nobody else uses that, it is stopped after.
    """
    setup.ensure(development=True, browser=not fast, front=True)
    chosen = ["-m", FAST] if fast else ["-m", "long"] if long else []
    try:
        return call("pytest", *DISTRIBUTION, *chosen, *words, settings={"LONG": "1"} if long else None)
    finally:
        cluster = scratch_cluster()
        if cluster.running and not cluster.busy:
            cluster.stop()


def lint() -> None:
    """Check form, lint and the import contracts."""
    setup.ensure(development=True, server=False)
    must(["ruff", "format", "--check", "."], ["ruff", "check", "."], ["lint-imports", "--no-logo"])


def form() -> None:
    """Format the code and mend what the linter can mend."""
    setup.ensure(development=True, server=False)
    must(["ruff", "format", "."], ["ruff", "check", "--fix", "."])


def types() -> None:
    """Check the types; what is checked stands in pyproject.toml."""
    setup.ensure(development=True, server=False)
    must(["mypy"])


def bench(words: Sequence[str]) -> int:
    """Run the benchmarks, which make a cluster of their own; return their exit code."""
    setup.ensure(development=True, load=os.environ.get("BENCH") == LOAD)
    return call("python", "-m", "benchmarks", *words)


def picture(words: Sequence[str]) -> int:
    """Take the picture of the README; return the exit code."""
    setup.ensure(development=True, browser=True, front=True)
    return call("python", "-m", "tests.browser.picture", *words)


def fuzz_media(words: Sequence[str]) -> int:
    """Send mutated photos to the decoders; return the exit code, which is not 0 where there are faults."""
    setup.ensure(development=True, server=False)
    return call("python", "-m", "tests.media.fuzz", *words)


def docs(given: Mapping[str, str] = os.environ) -> int:
    """Write the generated parts of the documentation."""
    setup.ensure()
    settings = environment.settings(Plan.of(given), given, main_cluster())
    return call("flask", "docs", settings=settings)


def lock(words: Sequence[str]) -> None:
    """Compile the requirement files, with the hashes of all platforms; `words` go to uv, such as --upgrade."""
    setup.ensure(development=True, server=False)
    form = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    header = ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]
    for name in ("requirements", "requirements-installer", "requirements-dev"):
        say(f"Compiling {name}.txt")
        must(["uv", "pip", "compile", *form, *header, *words, "-o", f"{name}.txt", f"{name}.in"])


def clean() -> None:
    """Delete caches and build results; `.venv/` and the data stay."""
    for name in CACHES:
        path = ROOT / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder != VAR:
            for cache in folder.rglob("__pycache__"):
                shutil.rmtree(cache, ignore_errors=True)


def call(program: str, *words: str, settings: Mapping[str, str] | None = None) -> int:
    """Run a program of `.venv` in the checkout's root; return its exit code."""
    env = environment.whole(settings or {})
    return subprocess.run([PROGRAMS / program, *words], cwd=ROOT, env=env, check=False).returncode


def must(*commands: Sequence[str]) -> None:
    """Run programs of `.venv`, all of them even if one fails; a failure is a Refusal."""
    failed = []
    for program, *words in commands:
        say(f"{program} {' '.join(words)}".strip())
        if call(program, *words):
            failed.append(program)
    if failed:
        raise Refusal(f"{' and '.join(dict.fromkeys(failed))} found faults; they are above.")
