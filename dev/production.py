"""`make install`: the service as systemd units of this machine, beside a database of one's own.

It makes the system account `suishoupai`, /etc/suishoupai/ with the settings, /etc/systemd/system/suishoupai-*,
/usr/local/bin/suishoupai and /var/backups/suishoupai. Run again, it updates what changed in the checkout and keeps
settings and data.
"""

import os
import pwd
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev import local_database, setup
from dev.console import Refusal, say
from dev.places import PROGRAMS, ROOT

ACCOUNT = "suishoupai"
PLACE = "/srv/suishoupai"  # the path in deploy/ that stands for the checkout
SOURCE = ROOT / "deploy"
SYSTEMD = Path("/run/systemd/system")  # exists while systemd is the init system: sd_booted(3)
SECRET_BYTES = 48
MODES = {".env": 0o600, ".conf": 0o644, ".service": 0o644, ".timer": 0o644}


def install(given: Mapping[str, str] = os.environ, etc: Path = Path("/etc"), usr: Path = Path("/usr/local")) -> None:
    """Install or update the service; LOCAL_DATABASE=1 also makes a database in this machine's PostgreSQL."""
    if os.geteuid() != 0:
        raise Refusal("make install writes to /etc and makes an account. Run it as root: sudo make install")
    if not SYSTEMD.is_dir():
        raise Refusal("systemd does not run here. docs/operations.md names the commands that your supervisor must run.")
    local = given.get("LOCAL_DATABASE") == "1"
    setup.ensure(server=local, front=True, production=True)
    # The service cannot write here: without this every start compiles every module anew.
    _must(str(PROGRAMS / "python"), "-m", "compileall", "-q", str(ROOT / "app"), str(ROOT / "migrations"))
    _make_account()
    _require_readable()
    settings = etc / ACCOUNT
    write_settings(settings)
    if local:
        fill(settings, local_database.ensure(settings))
    write_units(etc / "systemd" / "system")
    _write(usr / "bin" / ACCOUNT, _here(SOURCE / ACCOUNT))
    _must("systemctl", "daemon-reload")
    say(next_steps(settings))


def write_settings(folder: Path) -> None:
    """Write the files of settings that are missing; a new one gets a fresh SECRET_KEY."""
    folder.mkdir(mode=0o755, exist_ok=True)
    for source in sorted(SOURCE.glob("*.env")):
        if not (folder / source.name).exists():
            say(f"Writing {folder / source.name}")
            _write(folder / source.name, source.read_text(encoding="utf-8"))
    if not value(folder / "service.env", "SECRET_KEY"):
        fill(folder, {"SECRET_KEY": secrets.token_urlsafe(SECRET_BYTES)})


def fill(folder: Path, values: Mapping[str, str]) -> None:
    """Set names that the files of settings have and that are empty; a name that has a value keeps it."""
    for file in sorted(folder.glob("*.env")):
        text = file.read_text(encoding="utf-8")
        lines = [f"{line}{values.get(line[:-1], '')}" if line.endswith("=") else line for line in text.splitlines()]
        _write(file, "\n".join([*lines, ""]))


def value(file: Path, name: str) -> str:
    """Return what a file of settings says of a name, or an empty text."""
    found = re.search(rf"^{name}=(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].strip() if found else ""


def write_units(folder: Path) -> None:
    """Write the units, and remove those of ours that the checkout does not have any more."""
    sources = {path.relative_to(SOURCE / "systemd"): path for path in (SOURCE / "systemd").rglob("*") if path.is_file()}
    for old in folder.glob(f"{ACCOUNT}-*"):
        if old.is_file() and old.relative_to(folder) not in sources:
            old.unlink()
    for name, source in sources.items():
        _write(folder / name, _here(source))


def next_steps(settings: Path) -> str:
    """Return what is left to do, as commands."""
    missing = [name for name in ("DATABASE_URL",) if not value(settings / "service.env", name)]
    missing += [name for name in ("DATABASE_OWNER_URL",) if not value(settings / "owner.env", name)]
    lines = ["", "Installed. What is left, also after an update:"]
    if missing:
        lines.append(f"  editor {settings}/*.env                    # set {' and '.join(missing)}")
    return "\n".join([
        *lines,
        "  systemctl start suishoupai-migrate",
        "  suishoupai city load PATH/OF/PACK                # the first time, and when the pack changed",
        "  systemctl enable suishoupai-web suishoupai-worker suishoupai-backup.timer",
        "  systemctl restart suishoupai-web suishoupai-worker suishoupai-backup.timer",
        "",
    ])  # fmt: skip


def _make_account() -> None:
    if not any(entry.pw_name == ACCOUNT for entry in pwd.getpwall()):
        say(f"Making the account {ACCOUNT}")
        home = f"/var/lib/{ACCOUNT}"
        _must("useradd", "--system", "--user-group", "--home-dir", home, "--shell", "/usr/sbin/nologin", ACCOUNT)
    backups = Path("/var/backups") / ACCOUNT
    backups.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(backups, ACCOUNT, ACCOUNT)


def _require_readable() -> None:
    """Refuse when the account cannot run the checkout, as in a home that others may not enter."""
    # A shell between, for setpriv itself finds programs with the rights that it is about to drop.
    account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "sh", "-c", 'exec "$0" "$@"']
    probe = [*account, str(PROGRAMS / "python"), "-c", "import app.config"]
    if subprocess.run(probe, cwd=ROOT, capture_output=True, check=False).returncode:
        raise Refusal(
            f"The account {ACCOUNT} cannot run the service in {ROOT}: it may not enter that folder, or the one of the "
            f"Python behind it ({Path(PROGRAMS / 'python').resolve()}). Clone to {PLACE} and run "
            "make install PYTHON=/usr/bin/python3 there."
        )


def _must(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"{command[0]} failed: {_last(done.stderr.splitlines()) or done.returncode}")


def _last(lines: Sequence[str]) -> str:
    return lines[-1].strip() if lines else ""


def _here(source: Path) -> str:
    """Return the text of a file of deploy/ with the checkout's path in it."""
    return source.read_text(encoding="utf-8").replace(PLACE, str(ROOT))


def _write(file: Path, text: str) -> None:
    """Write a file beside its place and move it there; what others may do follows from its kind."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.chmod(MODES.get(file.suffix, 0o755))
    draft.replace(file)
