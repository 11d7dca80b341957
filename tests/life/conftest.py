"""A town for the tests of the whole life: people of every role, a clock that the test moves, all steps by HTTP."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.db import utcnow
from app.dispatch.escalation import act_on_breaches
from app.dispatch.service import resume_ended
from app.reports.service import after_fix
from tests.make import NOW, YUEHAI, make_person, make_photo, new_key

LIGHTING = "sz-street_lighting"
PARKS = "sz-parks"
WATER = "sz-water_supply"


@dataclass
class Town:
    """Shenzhen on a Monday at 10:00, until the test lets time pass."""

    client: FlaskClient
    session: Session
    now: dt.datetime = NOW
    _tokens: dict[tuple[Role, str | None, str | None], str] = field(default_factory=dict)

    def headers(self, role: Role, *, unit: str | None = "*", area: str | None = "440300") -> dict[str, str]:
        """Give the headers of a person of a role, unit and area."""
        key = (role, unit, area)
        if key not in self._tokens:
            self._tokens[key] = make_person(self.session, role, unit=unit, area=area)[1]
        return {"Authorization": f"Bearer {self._tokens[key]}"}

    def file(self, status: int = 201, **over: Any) -> dict[str, Any]:
        """File a report of a street light in Yuehai as a resident."""
        lon, lat = YUEHAI
        body = {"lon": lon, "lat": lat, "item": "B0121", "language": "zh", "description": "灯不亮"} | over
        headers = {"Idempotency-Key": str(new_key())}
        answer = self.client.post("/api/v1/reports", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return dict(answer.get_json())

    def post(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        status: int = 200,
        role: Role | None = None,
        headers: dict[str, str] | None = None,
        **scope: Any,
    ) -> dict[str, Any]:
        """Post JSON, or a form where it holds photos, as a person of a role or as anybody."""
        headers = (headers or {}) | (self.headers(role, **scope) if role else {})
        if "photos" in (body or {}):
            answer = self.client.post(f"/api/v1{path}", headers=headers, data=body)
        else:
            answer = self.client.post(f"/api/v1{path}", headers=headers, json=body or {})
        assert answer.status_code == status, answer.text
        return dict(answer.get_json()) if isinstance(answer.get_json(), dict) else {"list": answer.get_json()}

    def get(self, path: str, *, status: int = 200, role: Role = Role.DISPATCHER, **query: Any) -> dict[str, Any]:
        """Read as a person of a role who sees the whole city."""
        answer = self.client.get(f"/api/v1{path}", headers=self.headers(role), query_string=query)
        assert answer.status_code == status, answer.text
        return dict(answer.get_json())

    def move(
        self, report: dict[str, Any], action: str, role: Role, *, status: int = 200, of: str | None = "*", **more: Any
    ) -> dict[str, Any]:
        """Take a step with the work order of a report, as a person of the unit ``of``."""
        body = {"action": action} | more
        return self.post(f"/work-orders/{report['work_order']}/moves", body, status=status, role=role, unit=of)

    def fix(
        self, report: dict[str, Any], *, unit: str = LIGHTING, color: str = "green", status: int = 200
    ) -> dict[str, Any]:
        """Say with a photo that it is fixed."""
        photos = (io.BytesIO(make_photo(color)), f"{color}.jpg")
        return self.move(report, "fix", Role.CREW, of=unit, status=status, photos=photos, note="换了灯泡")

    def repair(self, report: dict[str, Any], *, unit: str = LIGHTING, color: str = "green") -> dict[str, Any]:
        """Sign for it and fix it."""
        self.move(report, "sign", Role.CREW, of=unit)
        return self.fix(report, unit=unit, color=color)

    def answer(self, report: dict[str, Any], verb: str, *, status: int = 200, **body: Any) -> dict[str, Any]:
        """Answer as the reporter."""
        secret = report["tracking_url"].rsplit("/", 1)[1]
        return self.post(f"/track/{secret}/{verb}", body, status=status)

    def show(self, report: dict[str, Any]) -> dict[str, Any]:
        """Show the work order as the desk sees it."""
        return self.get(f"/work-orders/{report['work_order']}")

    def track(self, report: dict[str, Any]) -> dict[str, Any]:
        """Show the report as its reporter sees it."""
        return self.get(f"/track/{report['tracking_url'].rsplit('/', 1)[1]}")

    def kinds(self, report: dict[str, Any]) -> list[str]:
        """Give what the history of a work order tells, line by line."""
        return [event["kind"] for event in self.show(report)["events"]]

    def clocks(self, report: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        """Give the clocks of a kind, first started first."""
        return [clock for clock in self.show(report)["deadlines"] if clock["kind"] == kind]

    def wait(self, **duration: float) -> int:
        """Let time pass, then let the minute's jobs run; give how many clocks were acted on."""
        self.now += dt.timedelta(**duration)
        return self.run()

    def until(self, moment: str) -> int:
        """Let time pass until a moment of Shenzhen's own time, then let the minute's jobs run."""
        self.now = dt.datetime.fromisoformat(moment + "+08:00")
        return self.run()

    def run(self) -> int:
        """Run the jobs of a minute."""
        city = current_city(self.session)
        resume_ended(self.session, city=city, now=self.now)
        acted = act_on_breaches(self.session, city=city, now=self.now)
        after_fix.close_silent(self.session, city=city, now=self.now)
        self.session.flush()
        return acted


@pytest.fixture
def town(app: Flask, client: FlaskClient, shenzhen: Session) -> Iterator[Town]:
    """Give the town; the service's clock is the town's."""
    town = Town(client, shenzhen)
    app.extensions["clock"] = lambda: town.now
    yield town
    app.extensions["clock"] = utcnow
