"""A whole service of its own under test: durable cluster, web, worker, each of which may be killed."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import utcnow
from app.jobs import enqueue
from app.notify.models import Delivery, DeliveryState
from dev.cluster import Cluster
from tests.ports import reserve_port
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def count_as_lost(session: Session) -> None:
    """Let the minutes be over after which killed workers, their jobs and their deliveries count as lost."""
    early = utcnow() - dt.timedelta(hours=1)
    taken = (DeliveryState.SENDING, DeliveryState.QUEUED)
    session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"))
    session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
    session.execute(update(Delivery).where(Delivery.state.in_(taken)).values(next_at=early))
    for job in ("upkeep.reap", "notify.recover"):
        enqueue(session, job, timestamp=0)


@dataclass
class Service:
    """Web and worker over a database, as the Procfile starts them."""

    cluster: Cluster
    settings: Settings
    folder: Path
    port: int = field(default_factory=reserve_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Give where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *arguments: str, application: str = "wsgi", **more: str) -> None:
        """Start ``web`` or ``worker`` in a session of its own; ``worker 2`` is one more.

        ``arguments`` are added to its command, ``application`` is the module that it runs, ``more`` its environment
        besides the settings.
        """
        command = {
            "web": [
                *(sys.executable, "-m", "app.server" if application == "wsgi" else application),
                *("--port", str(self.port), "--workers", "2", "--threads", "4"),
            ],
            "worker": [str(BIN / "flask"), "--app", application, "worker"],
        }[name.partition(" ")[0]]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*command, *arguments],
                cwd=ROOT,
                env=self._environment() | more,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kill ``web``, ``worker``, one ``web worker`` process or the ``database``, as a crash would."""
        if name == "database":
            self.cluster.kill()
        elif name == "one of web":
            children = psutil.Process(self.running["web"].pid).children()
            if children:
                children[0].send_signal(signal.SIGKILL)
        else:
            os.killpg(self.running[name].pid, signal.SIGKILL)
            self.running.pop(name).wait()

    def restore(self) -> None:
        """Start again whatever does not run."""
        if not self.cluster.running:
            self.cluster.start()
        for name in ("web", "worker"):
            if name not in self.running or self.running[name].poll() is not None:
                self.start(name)

    def stop(self) -> None:
        """End web and worker."""
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()

    def require_running(self) -> None:
        """Fail where one of its processes ended by itself, with what that said last."""
        for name, process in self.running.items():
            assert process.poll() is None, f"{name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}"

    def wait_until_alive(self) -> None:
        """Wait until the process answers."""

        def answers() -> bool:
            self.require_running()
            with suppress(requests.RequestException):
                return requests.get(f"{self.address}/healthz", timeout=PATIENCE_S).ok
            return False

        wait_until(answers, lambda: f"no answer: {(self.folder / 'web.log').read_text()[-2000:]}")

    def _environment(self) -> dict[str, str]:
        settings: dict[str, Any] = {
            "DATABASE_URL": self.settings.database_url,
            "DATABASE_OWNER_URL": self.settings.database_owner_url,
            "SECRET_KEY": self.settings.secret_key,
            "MEDIA_ROOT": self.settings.media_root,
            "MAIL_ROOT": self.settings.mail_root,
            "REPORTS_PER_MINUTE": "0",
            "LOG_LEVEL": "WARNING",
        }
        return os.environ | {name: str(value) for name, value in settings.items()}
