"""The rules for all tests, in small sessions of pytest with the options of `make test`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.checks import DISTRIBUTION
from dev.places import ROOT
from tests.rules import listed_skips

CONFTEST = (
    "from tests.rules import pytest_collection_modifyitems, pytest_make_collect_report, pytest_runtest_makereport\n"
)
ALONE = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.MARK
@pytest.mark.parametrize("number", range(8))
def test_heavy(number):
    with Path("workers.txt").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
    time.sleep(0.1)
"""
SKIPS = """
import pytest
def test_that_runs():
    pass
@pytest.fixture
def missing():
    pytest.skip("not here")
def test_that_skips(missing):
    pass
@pytest.mark.xfail
def test_known_to_fail():
    assert False
"""
SKIPPED_MODULE = 'import pytest\npytest.skip("not here", allow_module_level=True)\n'


def run(folder: Path, *options: str, ci: str, **modules: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over modules in a folder, under the rules and settings of this suite."""
    for name, source in {"conftest": CONFTEST, **modules}.items():
        (folder / f"{name}.py").write_text(source)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {"PYTHONPATH": str(ROOT), "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", ".", "-p", "xdist", "-p", "pytest_timeout"]
    command = [sys.executable, "-m", "pytest", *settings, *options, "."]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_what_must_not_run_beside_each_other_runs_on_one_worker(tmp_path: Path) -> None:
    modules = {f"test_{mark}": ALONE.replace("MARK", mark) for mark in ("alone", "browser", "kill")}

    ended = run(tmp_path, *DISTRIBUTION, ci="", **modules)

    workers = (tmp_path / "workers.txt").read_text().split()
    assert "24 passed" in ended.stdout, ended.stdout + ended.stderr
    assert len(workers) == 24
    assert len(set(workers)) == 1


def test_a_skip_that_is_not_listed_fails_in_ci(tmp_path: Path) -> None:
    elsewhere, in_ci = (run(tmp_path, *DISTRIBUTION, ci=ci, test_some=SKIPS) for ci in ("", "true"))

    assert "1 passed, 1 skipped, 1 xfailed" in elsewhere.stdout, elsewhere.stdout + elsewhere.stderr
    assert elsewhere.returncode == 0
    assert "1 passed, 1 xfailed, 1 error" in in_ci.stdout, in_ci.stdout + in_ci.stderr
    assert "skips.txt does not list it" in in_ci.stdout
    assert in_ci.returncode == 1


def test_a_skipped_module_that_is_not_listed_fails_in_ci(tmp_path: Path) -> None:
    ended = run(tmp_path, ci="true", test_all=SKIPPED_MODULE)

    assert "skips.txt does not list it" in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode != 0


def test_a_listed_skip_has_a_reason() -> None:
    assert listed_skips("# comment\n\ntests/a.py::b  no kernel module here\n") == {
        "tests/a.py::b": "no kernel module here"
    }
    with pytest.raises(ValueError, match=r"no reason for tests/a\.py::b"):
        listed_skips("tests/a.py::b\n")


def test_every_listed_skip_names_a_file_that_exists() -> None:
    listed = listed_skips((ROOT / "tests" / "skips.txt").read_text())

    assert [name for name in listed if not (ROOT / name.partition("::")[0]).is_file()] == []
