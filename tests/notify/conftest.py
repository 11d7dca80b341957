"""Fixtures of the tests of telling people: mail into a folder, a mail server that answers as told, jobs run here."""

from __future__ import annotations

import dataclasses
import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.notify import keys, tasks
from app.notify.keys import Keys
from tests.databases import settings_for
from tests.ports import reserve_port


@pytest.fixture
def post_settings(tmp_path: Path) -> Iterator[Settings]:
    """Configure this process with mail into a folder of the test; give the settings."""
    before = list(keys._current)
    settings = settings_for("postgresql://", "postgresql://", tmp_path)
    keys.configure(settings)
    yield settings
    keys._current[:] = before


@pytest.fixture
def by_smtp(post_settings: Settings) -> Callable[[str], Keys]:
    """Give a function that sends the mail of this process to a server."""
    return lambda url: keys.configure(dataclasses.replace(post_settings, smtp_url=url))


@pytest.fixture
def inbox(post_settings: Settings) -> Callable[[], list[EmailMessage]]:
    """Give a function that reads the mails of the folder in the order of their names."""

    def read() -> list[EmailMessage]:
        paths = sorted(post_settings.mail_root.glob("*.eml"))
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]

    return read


class Server:
    """A mail server on a free loopback port: ``answers`` by command, or it takes the mail."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.mails: list[EmailMessage] = []
        self.port = reserve_port()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(  # noqa: N802  # aiosmtpd calls it so
        self,
        server: Any,  # noqa: ARG002  # the interface
        session: Any,  # noqa: ARG002  # the interface
        envelope: Any,
        address: str,
        options: list[str],  # noqa: ARG002  # the interface
    ) -> str:
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        return "250 ok"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it so
        self,
        server: Any,  # noqa: ARG002  # the interface
        session: Any,  # noqa: ARG002  # the interface
        envelope: Any,
        address: str,
        options: list[str],  # noqa: ARG002  # the interface
    ) -> str:
        if "RCPT" in self.answers:
            return self.answers["RCPT"].format(address=address)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802  # the interface
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken as 42"


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a running mail server."""
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    yield server
    controller.stop()


@pytest.fixture
def work() -> Callable[[Session], list[str]]:
    """Give a function that runs the jobs of this package that are due, until none is left, and names them."""
    known: dict[str, Any] = {
        "notify.fan_out": tasks.fan_out,
        "notify.deliver": tasks.deliver,
        "notify.call": tasks.call,
    }
    take = text(
        "DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id) FROM procrastinate_jobs WHERE task_name LIKE"
        " 'notify.%' AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())) RETURNING task_name, args"
    )

    def run(session: Session) -> list[str]:
        done: list[str] = []
        session.flush()
        while job := session.execute(take).first():
            known[job.task_name](**job.args)
            done.append(job.task_name)
        session.expire_all()
        return done

    return run
