"""What the service is told: its settings, as the environment of its processes."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.cluster import APP, OWNER, Cluster
from dev.places import PROGRAMS, ROOT, VAR, city_code, database_name, slug
from dev.ports import read_port

SECRET = VAR / "secret-key"
SECRET_LENGTH = 32
ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not bound to


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve, and where."""

    host: str
    port: int
    pack: Path
    code: str
    external: bool
    """Whether DATABASE_URL names a database that is not ours."""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Plan":
        """Read HOST, PORT, CITY and DATABASE_URL."""
        pack = (ROOT / (given.get("CITY") or "cities/shenzhen")).resolve()
        return cls(
            host=given.get("HOST") or "127.0.0.1",
            port=read_port(given.get("PORT") or "8000"),
            pack=pack,
            code=city_code(pack),
            external=bool(given.get("DATABASE_URL")),
        )

    @property
    def database(self) -> str:
        """The name of the city's database in the private cluster."""
        return database_name(self.code)

    @property
    def address(self) -> str:
        """The address as seen from this machine."""
        host = "127.0.0.1" if self.host in ANY_ADDRESS else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def settings(plan: Plan, given: Mapping[str, str], cluster: Cluster) -> dict[str, str]:
    """Return the settings of the service: those given, and for the rest those of this checkout."""
    ours = {
        "CITY_PACK": str(plan.pack),
        "HOST": plan.host,
        "PORT": str(plan.port),
        "PUBLIC_URL": given.get("PUBLIC_URL") or plan.address,
        "MEDIA_ROOT": given.get("MEDIA_ROOT") or str(VAR / "media" / slug(plan.code)),
        "MAIL_ROOT": given.get("MAIL_ROOT") or str(VAR / "mail"),
        "SECRET_KEY": given.get("SECRET_KEY") or secret(SECRET),
        "SMS_GATEWAY_URL": given.get("SMS_GATEWAY_URL") or "folder",
        "WECHAT_GATEWAY_URL": given.get("WECHAT_GATEWAY_URL") or "folder",
        "OUTBOUND_LOOPBACK": given.get("OUTBOUND_LOOPBACK") or "1",
        "LOG_LEVEL": given.get("LOG_LEVEL") or "WARNING",  # a terminal shows what needs somebody
        "WEB_WORKERS": given.get("WEB_WORKERS") or "2",
        "FLASK_APP": "wsgi.py",
    }
    if plan.external:
        return ours | {name: given[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL") if given.get(name)}
    return ours | databases(cluster, plan.database)


def databases(cluster: Cluster, name: str) -> dict[str, str]:
    """Return the two settings that name a database of a private cluster, one for each role."""
    return {"DATABASE_URL": cluster.url(name, APP), "DATABASE_OWNER_URL": cluster.url(name, OWNER)}


def whole(added: Mapping[str, str], given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a child: ours, the settings added, and the programs of .venv first in PATH.

    Modules are compiled once and not at each of the many starts, whatever was asked for; `make clean` deletes them.
    """
    path = f"{PROGRAMS}{os.pathsep}{given.get('PATH', os.defpath)}"
    kept = {name: value for name, value in given.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **added, "PATH": path, "PYTHONUNBUFFERED": "1"}


def secret(file: Path) -> str:
    """Return the key kept in a file that only we may read; make it when there is none."""
    try:
        kept = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if len(kept) >= SECRET_LENGTH:
        return kept
    fresh = secrets.token_urlsafe(SECRET_LENGTH * 2)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(fresh, encoding="ascii")
    draft.replace(file)
    return fresh
