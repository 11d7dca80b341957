from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from dev import processes, production
from dev.places import PROGRAMS, ROOT
from tests.deploy.machine import PATIENCE, Machine

UNITS = ("web", "worker", "migrate", "backup")
MOST_EXPOSED = 30  # tenths: systemd-analyze calls 3.0 "OK"
ADDRESS = "http://127.0.0.1:8000"
PYTHON = str(PROGRAMS / "python")
FILE_REPORT = f"""
import json, uuid, requests
with open("{ROOT}/docs/pictures/map.webp", "rb") as photo:
    answer = requests.post("{ADDRESS}/api/v1/reports", headers={{"Idempotency-Key": str(uuid.uuid4())}},
        data={{"lon": 113.939, "lat": 22.525, "item": "B0121", "contact": "resident@example.org"}},
        files={{"photos": photo}}, timeout=60)
print(json.dumps({{"status": answer.status_code, "url": answer.json().get("tracking_url", answer.text)}}))
"""


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """Give a root folder whose /etc/systemd/system holds the units as they are installed."""
    production.write_units(tmp_path / "etc" / "systemd" / "system")
    return tmp_path


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_exposes_little(rendered: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--root={rendered}", f"--threshold={MOST_EXPOSED}",
         "--no-pager", f"suishoupai-{name}.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_understands_every_line_of_the_units(rendered: Path) -> None:
    folder = rendered / "etc" / "systemd" / "system"
    files = [str(folder / f"suishoupai-{name}.service") for name in UNITS]

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files, str(folder / "suishoupai-backup.timer")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert "suishoupai" not in done.stderr, done.stderr


def test_a_unit_that_the_checkout_has_no_more_is_removed(rendered: Path) -> None:
    folder = rendered / "etc" / "systemd" / "system"
    (folder / "suishoupai-old.service").write_text("[Service]\n")
    (folder / "another.service").write_text("[Service]\n")

    production.write_units(folder)

    assert not (folder / "suishoupai-old.service").exists()
    assert (folder / "another.service").exists()


def test_settings_are_kept_and_only_empty_ones_are_filled(tmp_path: Path) -> None:
    production.write_settings(tmp_path)
    key = production.value(tmp_path / "service.env", "SECRET_KEY")
    production.fill(tmp_path, {"DATABASE_URL": "first", "SECRET_KEY": "other"})

    production.write_settings(tmp_path)
    production.fill(tmp_path, {"DATABASE_URL": "second"})

    assert len(key) >= 32
    assert production.value(tmp_path / "service.env", "SECRET_KEY") == key
    assert production.value(tmp_path / "service.env", "DATABASE_URL") == "first"
    assert (tmp_path / "service.env").stat().st_mode & 0o777 == 0o600


def test_the_service_never_sees_the_owners_address() -> None:
    seen = {name for name in UNITS if "owner.env" in (ROOT / f"deploy/systemd/suishoupai-{name}.service").read_text()}

    assert seen == {"migrate", "backup"}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Give a booted machine in which the checkout can be run by another account."""
    folder = tmp_path / "machine"
    folder.mkdir()
    with Machine(folder) as machine:
        _open_the_way(machine)
        yield machine


def _open_the_way(machine: Machine) -> None:
    """Let the account enter where checkout and Python lie, in the copy, when those are somebody's home or /tmp."""
    places = [ROOT, (PROGRAMS / "python").resolve().parent]
    for folder in {parent for place in places for parent in place.parents}:
        machine.run("chmod", "o+rx", str(folder))
    hidden = [("ProtectHome", ("/root", "/home")), ("PrivateTmp", ("/tmp", "/var/tmp"))]  # noqa: S108  # compared with
    lifted = [
        f"{directive}=no"
        for directive, roots in hidden
        if any(place.is_relative_to(root) for place in places for root in roots)
    ]
    if lifted:
        text = "\n".join(["[Service]", *lifted, ""])
        machine.run("mkdir", "-p", "/etc/systemd/system/suishoupai-.service.d")
        machine.run("tee", "/etc/systemd/system/suishoupai-.service.d/way.conf", text=text)


def _readme_commands() -> list[str]:
    """Return the commands of the README that install the service for good, without their comments."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("### For good")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    return [line.partition("  #")[0].strip() for line in block.splitlines()]


@pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root")
@pytest.mark.alone
def test_a_machine_serves_after_the_commands_of_the_readme(machine: Machine) -> None:
    clone, install, *rest = _readme_commands()
    assert clone == "git clone URL /srv/suishoupai && cd /srv/suishoupai"  # the checkout is there

    said = [_run(machine, f"{install} PYTHON={(PROGRAMS / 'python').resolve()}")]
    said += [_run(machine, command) for command in rest]
    _wait_until_ready(machine)
    filed = json.loads(machine.run(PYTHON, "-c", FILE_REPORT))

    assert filed["status"] == HTTPStatus.CREATED, filed
    assert "systemctl start suishoupai-migrate" in said[0]
    _wait(machine, lambda: _files(machine, "/var/lib/suishoupai/media", "*.webp"), "the worker made no renditions")
    assert "Accepted." in _run(machine, "suishoupai --owner db accept-key --yes")
    _run(machine, "systemctl start suishoupai-backup")
    assert _files(machine, "/var/backups/suishoupai", "database-*.dump")
    assert _files(machine, "/var/backups/suishoupai/media/originals", "*")
    _kill_web(machine)
    _wait_until_ready(machine)


def _run(machine: Machine, command: str) -> str:
    try:
        return machine.run("sh", "-c", f"cd {shlex.quote(str(ROOT))} && {command}")
    except AssertionError as failed:
        raise AssertionError(f"{failed}\n{_journal(machine)}") from None


def _journal(machine: Machine) -> str:
    units = machine.run("systemctl", "status", "--no-pager", "suishoupai-*", fine=False)
    return units + machine.run("journalctl", "--no-pager", "-n", "60", fine=False)


def _wait(machine: Machine, holds: Callable[[], object], failure: str) -> None:
    assert processes.wait_until(lambda: bool(holds()), PATIENCE), f"{failure}\n{_journal(machine)}"


def _wait_until_ready(machine: Machine) -> None:
    get = f"import requests; requests.get('{ADDRESS}/readyz', timeout=30).raise_for_status(); print('ready')"
    _wait(machine, lambda: "ready" in machine.run(PYTHON, "-c", get, fine=False).split(), "web is not ready")


def _files(machine: Machine, folder: str, name: str) -> list[str]:
    return machine.run("find", folder, "-type", "f", "-name", name, "-size", "+0").splitlines()


def _kill_web(machine: Machine) -> None:
    before = _main_process(machine)
    machine.run("kill", "-KILL", before)
    _wait(machine, lambda: _main_process(machine) not in {before, "0"}, "web was not started again")


def _main_process(machine: Machine) -> str:
    return machine.run("systemctl", "show", "--property=MainPID", "--value", "suishoupai-web").strip()
