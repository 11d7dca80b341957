"""What holds for every test: which never run beside each other, and that CI skips nothing that is not listed."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

ALONE = "alone"
IMPLY_ALONE = ("browser", "kill", ALONE)
SKIPS = Path(__file__).with_name("skips.txt")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put all tests that need the machine for themselves into one group, which --dist loadgroup gives one worker."""
    for item in items:
        if any(item.get_closest_marker(name) for name in IMPLY_ALONE):
            item.add_marker(pytest.mark.xdist_group(ALONE))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test in CI unless it is listed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        refuse(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a skipped module in CI unless it is listed."""
    report = yield
    if report.skipped:
        refuse(report, collector.nodeid)
    return report


def refuse(report: pytest.TestReport | pytest.CollectReport, nodeid: str) -> None:
    """Let a report of a skip be one of a failure."""
    name = nodeid.removesuffix(f"@{ALONE}")
    if os.environ.get("CI") and name not in listed_skips(SKIPS.read_text(encoding="utf-8")):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, and {SKIPS.name} does not list it: {report.longrepr}"


def listed_skips(text: str) -> dict[str, str]:
    """Read the list of skips: by test its reason. Raises ValueError where a line has none."""
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    if bare := [pair for pair in pairs if len(pair) == 1]:
        message = f"no reason for {bare[0][0]}"
        raise ValueError(message)
    return {pair[0]: pair[1] for pair in pairs}
