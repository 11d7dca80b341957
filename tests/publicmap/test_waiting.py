"""Words that wait for staff: which are listed, to whom, in which order, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.publicmap.models import TextDecision, TextVerdict
from app.publicmap.service import fold, rebuild
from app.reports.models import Report
from app.reports.service import show
from tests.make import NOW, YUEHAI, make_person, make_report

LIST = "/api/v1/descriptions"
PRIVATE = "打 138 0013 800{} 找我"
SENSITIVE = "S0101"


def file(session: Session, n: int, words: str = PRIVATE, **over: Any) -> Report:
    lon = over.pop("lon", YUEHAI[0] + n / 200)
    return make_report(session, description=words.format(n), lon=lon, now=NOW + timedelta(minutes=n), **over)


def id_of(session: Session, report: Report) -> str:
    return show(session, report).work_order.public_id


def headers(session: Session, role: Role = Role.DISPATCHER, **scope: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_person(session, role, **scope)[1]}"}


def listed(client: FlaskClient, staff: dict[str, str], query: str = "") -> dict[str, Any]:
    answer = client.get(f"{LIST}?{query}", headers=staff)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [each["id"] for each in found["descriptions"]]


def test_what_the_filter_stopped_is_listed_oldest_first_page_by_page(client: FlaskClient, shenzhen: Session) -> None:
    reports = [file(shenzhen, n) for n in (3, 1, 2)]
    file(shenzhen, 4, "路灯不亮")
    file(shenzhen, 5, "")
    file(shenzhen, 6, item=SENSITIVE)
    fold(shenzhen, now=NOW)
    staff = headers(shenzhen)

    first = listed(client, staff, "limit=2")
    second = listed(client, staff, f"limit=2&cursor={first['next']}")

    assert ids(first) + ids(second) == [id_of(shenzhen, reports[n]) for n in (1, 2, 0)]
    assert (len(ids(first)), second["next"]) == (2, None)
    assert first["descriptions"][0] == {
        "id": id_of(shenzhen, reports[1]),
        "item": "B0121",
        "street": show(shenzhen, reports[1]).work_order.street,
        "filed_at": "2026-11-23T02:01:00+00:00",
        "description": PRIVATE.format(1),
    }


@pytest.mark.parametrize("verdict", ["released", "hidden"])
def test_what_was_decided_waits_no_more(verdict: str, client: FlaskClient, shenzhen: Session) -> None:
    decided, other = (id_of(shenzhen, file(shenzhen, n)) for n in (1, 2))
    fold(shenzhen, now=NOW)
    staff = headers(shenzhen)

    client.post(f"/api/v1/work-orders/{decided}/description", json={"verdict": verdict}, headers=staff)
    at_once = ids(listed(client, staff))
    rebuild(shenzhen, now=NOW)

    assert at_once == ids(listed(client, staff)) == [other]


def test_what_is_decided_while_it_is_noted_is_not_listed(client: FlaskClient, shenzhen: Session) -> None:
    report = file(shenzhen, 1)
    fold(shenzhen, now=NOW)
    shenzhen.add(TextDecision(report_id=report.id, verdict=TextVerdict.HIDDEN, by="somebody", at=NOW))
    shenzhen.flush()

    assert ids(listed(client, headers(shenzhen))) == []


def test_what_left_the_map_waits_no_more(client: FlaskClient, shenzhen: Session) -> None:
    report = file(shenzhen, 1)
    fold(shenzhen, now=NOW)
    staff = headers(shenzhen)
    before = ids(listed(client, staff))

    work_order = show(shenzhen, report).work_order
    shenzhen.execute(text("UPDATE work_orders SET state = 'declined' WHERE id = :id"), {"id": work_order.id})
    shenzhen.execute(text("INSERT INTO work_order_changes (work_order_id) VALUES (:id)"), {"id": work_order.id})
    fold(shenzhen, now=NOW)

    assert (before, ids(listed(client, staff))) == ([work_order.public_id], [])


def test_words_of_a_report_that_joined_are_listed_once_they_would_be_shown(
    client: FlaskClient, shenzhen: Session
) -> None:
    first = file(shenzhen, 1, "")
    fold(shenzhen, now=NOW)
    public_id = id_of(shenzhen, first)

    file(shenzhen, 1, same_as=public_id)
    fold(shenzhen, now=NOW)

    assert ids(listed(client, headers(shenzhen))) == [public_id]


def test_making_the_map_anew_notes_the_same(
    client: FlaskClient, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.publicmap.waiting.NOTED_AT_ONCE", 2)
    for n in range(5):
        file(shenzhen, n)
    fold(shenzhen, now=NOW)
    staff = headers(shenzhen)
    folded = ids(listed(client, staff))

    shenzhen.execute(text("DELETE FROM waiting_words"))
    rebuild(shenzhen, now=NOW)

    assert len(folded) == 5
    assert ids(listed(client, staff)) == folded


def test_who_may_not_see_a_work_order_is_not_shown_its_words(client: FlaskClient, shenzhen: Session) -> None:
    file(shenzhen, 1)
    fold(shenzhen, now=NOW)

    elsewhere = headers(shenzhen, area="440304")
    of_unit = headers(shenzhen, unit="sz-parks")
    own = headers(shenzhen, Role.SUPERVISOR, unit="sz-street_lighting", area="440305")

    assert [len(ids(listed(client, staff))) for staff in (elsewhere, of_unit, own)] == [0, 0, 1]
    assert client.get(LIST, headers=headers(shenzhen, Role.CREW)).status_code == 403
    assert client.get(LIST).status_code == 401
    assert client.get(f"{LIST}?cursor=foreign", headers=own).status_code == 422
