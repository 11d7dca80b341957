"""Where things lie: in the checkout, and beside it when the checkout will not do."""

import hashlib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from dev.console import Refusal

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
VENV = ROOT / ".venv"
PROGRAMS = VENV / "bin"

SOCKET_ROOM = 90  # bytes: a socket's path must fit 107, of which PostgreSQL takes 14 for "/.s.PGSQL.5432"
NAME_ROOM = 63  # bytes of a PostgreSQL identifier


def shared_data(root: Path = ROOT) -> Path:
    """Return ../shared, the folder of test data, whether it exists or not.

    It lies beside the checkout; for a linked worktree of git also beside the main checkout.
    """
    beside, link = root.parent / "shared", root / ".git"
    if beside.is_dir() or not link.is_file():
        return beside
    metadata = Path(link.read_text().removeprefix("gitdir:").strip())  # MAIN/.git/worktrees/NAME
    return metadata.parents[3] / "shared"


def digest(text: str) -> str:
    """Return ten characters that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def aside(folder: Path) -> Path:
    """Return the place for a cluster whose own folder the database account may not enter."""
    return Path("/var/lib") / f"suishoupai-{digest(str(folder.parent))}" / folder.name


def socket_folder(home: Path, owner: int) -> Path:
    """Return the folder for the socket of the cluster that lies in `home`.

    It is in `home` unless the path would be too long for a socket. The other place has the account's number in its
    name, so that two accounts of one machine do not meet.
    """
    inside = home / "socket"
    if len(os.fsencode(inside)) <= SOCKET_ROOM:
        return inside
    # Not TMPDIR: every process, whatever its environment, must find the same folder.
    return Path("/tmp") / f"suishoupai-{owner}-{digest(str(home))}"  # noqa: S108  # made 0700, its owner is checked


def slug(code: str) -> str:
    """Return a city's code as a part of a name: lower-case letters, digits and underscores.

    Two codes never give one slug: a code that is more than lower-case letters, digits and hyphens gets a digest.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", code.lower()).strip("_")[:40]
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) and len(code) <= len(plain):
        return plain
    return f"{plain}_{digest(code)}".lstrip("_")


def database_name(code: str) -> str:
    """Return the name of the database of the city with this code."""
    return f"ssp_{slug(code)}"


def city_code(pack: Path) -> str:
    """Return the code of a city pack, by its city.toml."""
    try:
        city: dict[str, Any] = tomllib.loads((pack / "city.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"There is no city pack at {pack}: it has no city.toml. Choose one with CITY=path.") from None
    except (OSError, ValueError) as fault:
        raise Refusal(f"{pack / 'city.toml'} cannot be read: {fault}") from fault
    code = city.get("code")
    if not isinstance(code, str) or not code.strip():
        raise Refusal(f'{pack / "city.toml"} has no code, such as code = "440300".')
    return code.strip()


def require_writable(folder: Path) -> None:
    """Make a folder of ours; refuse when it cannot be made or written."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise Refusal(f"{folder} cannot be written ({fault.strerror}).") from fault
