"""What staff see of telling people: who was told what, what did not go, how the channels do."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.notify.keys import Keys
from app.notify.models import Delivery, DeliveryState
from app.notify.service import TOLD
from app.workorders.models import WorkOrder
from tests import make
from tests.notify.conftest import Server

Inbox = Callable[[], list[EmailMessage]]
Work = Callable[[Session], list[str]]

pytestmark = pytest.mark.usefixtures("post_settings")

ONE, TWO = "one@example.org", "two@example.org"


@pytest.fixture
def desk(shenzhen: Session) -> dict[str, str]:
    _, token = make.make_person(shenzhen, Role.DISPATCHER)
    return {"Authorization": f"Bearer {token}"}


def test_staff_see_who_was_told_what_with_each_try_and_no_address(
    shenzhen: Session, work: Work, client: FlaskClient, desk: dict[str, str]
) -> None:
    first = make.make_report(shenzhen, contact=ONE)
    work_order = shenzhen.scalars(select(WorkOrder)).one()
    second = make.make_report(shenzhen, contact=TWO, same_as=work_order.public_id)
    work(shenzhen)

    answer = client.get(f"/api/v1/work-orders/{work_order.public_id}/deliveries", headers=desk)

    told = answer.get_json()["deliveries"]
    assert {(each["event"], each["report"], each["address"]) for each in told} == {
        ("received", first.number, "o***@example.org"),
        ("joined", second.number, "t***@example.org"),
    }
    assert all(each["state"] == "sent" and [attempt["ok"] for attempt in each["attempts"]] == [True] for each in told)
    assert ONE not in answer.get_data(as_text=True)


@pytest.fixture
def posted(server: Server, by_smtp: Callable[[str], Keys]) -> Server:
    by_smtp(server.url)
    return server


def test_what_failed_is_listed_and_sent_once_more_as_a_new_message(
    shenzhen: Session, work: Work, posted: Server, client: FlaskClient, desk: dict[str, str]
) -> None:
    server = posted
    server.answers["DATA"] = "554 5.7.1 looks like spam"
    make.make_report(shenzhen, contact=ONE)
    work(shenzhen)
    (failed,) = client.get("/api/v1/deliveries", headers=desk).get_json()["deliveries"]
    (figures,) = client.get("/api/v1/channels", headers=desk).get_json()["channels"][:1]
    del server.answers["DATA"]

    again = client.post(f"/api/v1/deliveries/{failed['id']}/resend", headers=desk)
    twice = client.post(f"/api/v1/deliveries/{failed['id']}/resend", headers=desk)
    work(shenzhen)

    assert (failed["state"], failed["last_answer"]) == ("failed", "554 5.7.1 looks like spam")
    assert (figures["channel"], figures["failed"], figures["last_fault"]) == ("email", 1, "554 5.7.1 looks like spam")
    assert (again.status_code, twice.status_code) == (200, 409)
    assert shenzhen.scalars(select(Delivery.state)).one() is DeliveryState.SENT
    (mail,) = server.mails
    assert failed["id"] not in mail["Message-ID"]
    assert client.get("/api/v1/deliveries", headers=desk).get_json()["deliveries"] == []


def test_a_delivery_of_another_area_is_not_there(shenzhen: Session, work: Work, client: FlaskClient) -> None:
    make.make_report(shenzhen, contact=ONE)
    work(shenzhen)
    (delivery,) = shenzhen.scalars(select(Delivery))
    _, token = make.make_person(shenzhen, Role.DISPATCHER, area="440304")

    answer = client.post(f"/api/v1/deliveries/{delivery.id}/resend", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
def test_staff_can_look_at_every_message_first(client: FlaskClient, desk: dict[str, str], language: str) -> None:
    for kind in TOLD:
        query = {"kind": kind.value, "language": language, "note": "<b>粗</b>"}
        shown = client.get("/api/v1/messages/preview", headers=desk, query_string=query).get_json()
        assert shown["subject"]
        assert shown["short"]
        assert "<b>" not in shown["html"]
