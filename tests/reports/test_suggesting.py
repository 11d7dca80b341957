"""What is suggested as the same problem, what is kept of the answers, and when the machine joins by itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.city import SESSION_KEY, City, current_city
from app.catalogue.service import get_item
from app.duplicates.answers import Answer, Suggestion, read_answers
from app.duplicates.features import NEAREST
from app.geo.types import Point
from app.notify.contacts import parse_contact
from app.notify.keys import contact_digest
from app.reports.models import How, Report, ReportLink
from app.reports.suggesting import Candidate, Question, find_candidates, find_duplicates, rank, surest
from app.workorders.models import WorkOrder
from tests.make import NOW, YUEHAI, make_report, make_work_order

LAMP, OTHER_LAMP, TOILET = "B0121", "B0123", "B0126"
METRE = 1 / 111_320
LATER = NOW + dt.timedelta(hours=3)


def at(metres: float) -> dict[str, Any]:
    """Give a position so many metres north of the usual one."""
    return {"lon": YUEHAI[0], "lat": YUEHAI[1] + metres * METRE}


def ask(session: Session, metres: float = 0, *, item: str | None = LAMP, **known: Any) -> Question:
    place = at(metres)
    found = get_item(session, item) if item else None
    return Question(point=Point(place["lon"], place["lat"]), item=found, **known)


def find(session: Session, question: Question, *, now: dt.datetime = LATER) -> list[Candidate]:
    return find_candidates(session, question, city=current_city(session), now=now)


def among(session: Session, question: Question, work_order: WorkOrder) -> Candidate:
    ranked = rank(session, question, city=current_city(session), now=LATER)
    return next(one for one in ranked if one.id == work_order.id)


def sure_from(session: Session, join_at: float | None) -> City:
    """Have the city join by itself from a score on."""
    city = current_city(session)
    session.info[SESSION_KEY] = replace(city, duplicates=replace(city.duplicates, join_at=join_at))
    return current_city(session)


def test_the_likeliest_comes_first_and_the_unlikely_not_at_all(shenzhen: Session) -> None:
    far = make_work_order(shenzhen, **at(150), now=NOW - dt.timedelta(days=20))
    near = make_work_order(shenzhen, **at(5))
    middle = make_work_order(shenzhen, **at(60))

    found = find(shenzhen, ask(shenzhen))

    assert [one.id for one in found] == [near.id, middle.id]
    assert found[0].score > found[1].score >= current_city(shenzhen).duplicates.suggest_at
    assert far.id in {one.id for one in rank(shenzhen, ask(shenzhen), city=current_city(shenzhen), now=LATER)}
    assert found[0].brief == {"zh": "相距 5 米，同一事项，3 小时前", "en": "5 m away, same item, 3 hours ago"}


def test_another_item_of_the_class_may_be_the_same_problem(shenzhen: Session) -> None:
    other = make_work_order(shenzhen, **at(1), item=OTHER_LAMP)

    assert [one.id for one in find(shenzhen, ask(shenzhen))] == [other.id]


def test_in_a_crowd_those_of_the_own_item_are_still_seen(shenzhen: Session) -> None:
    for number in range(NEAREST + 2):
        make_work_order(shenzhen, **at(1 + number / 2), item=TOILET, now=NOW - dt.timedelta(days=1, seconds=number))
    own = make_work_order(shenzhen, **at(40))

    seen = rank(shenzhen, ask(shenzhen), city=current_city(shenzhen), now=LATER)

    assert own.id in {one.id for one in seen}
    assert len(seen) == NEAREST + 1


@pytest.mark.parametrize("item", ["S0408", "S0601"])
def test_items_that_never_join_find_nothing_and_are_never_found(shenzhen: Session, item: str) -> None:
    make_work_order(shenzhen, item=item)

    assert find(shenzhen, ask(shenzhen, item=item)) == []
    assert find(shenzhen, ask(shenzhen)) == []
    assert find(shenzhen, ask(shenzhen, item=None)) == []


def test_words_a_contact_and_an_accuracy_speak_for_it(shenzhen: Session) -> None:
    made = make_work_order(shenzhen, **at(20), description="路灯不亮", contact="resident-a@example.org")
    plain = among(shenzhen, ask(shenzhen), made).score
    digest = contact_digest(*parse_contact("resident-a@example.org"))
    stranger = contact_digest(*parse_contact("resident-b@example.org"))

    assert among(shenzhen, ask(shenzhen, description="这里路灯不亮"), made).score > plain
    assert among(shenzhen, ask(shenzhen, description="树倒了"), made).score == plain
    assert among(shenzhen, ask(shenzhen, contact=digest), made).score > plain
    assert among(shenzhen, ask(shenzhen, contact=stranger), made).score == plain
    assert among(shenzhen, ask(shenzhen, accuracy_m=20), made).score > plain


def test_a_choice_is_kept_as_a_label_of_all_that_were_shown(shenzhen: Session) -> None:
    chosen, other = make_work_order(shenzhen, **at(5)), make_work_order(shenzhen, **at(60))

    report = make_report(shenzhen, now=LATER, same_as=chosen.public_id)

    kept = {one.work_order_id: one for one in read_answers(shenzhen)}
    assert {id_: one.answer for id_, one in kept.items()} == {chosen.id: Answer.SAME, other.id: Answer.NOT_SAME}
    assert {one.report_id for one in kept.values()} == {report.id}
    assert kept[chosen.id].features["same_item"] == 1
    assert kept[chosen.id].version == current_city(shenzhen).duplicates.version


def test_none_of_them_is_an_answer_too(shenzhen: Session) -> None:
    near = make_work_order(shenzhen, **at(5))

    make_report(shenzhen, now=LATER, none_of_them=True)

    assert [(one.work_order_id, one.answer) for one in read_answers(shenzhen)] == [(near.id, Answer.NOT_SAME)]


def test_who_was_not_asked_gave_no_answer(shenzhen: Session) -> None:
    make_work_order(shenzhen, **at(5))

    make_report(shenzhen, now=LATER)

    assert shenzhen.scalars(select(Suggestion)).all() == []


def how(session: Session, report: Report) -> How:
    return session.get_one(ReportLink, report.id).how


def test_it_joins_by_itself_only_from_the_threshold_on(shenzhen: Session) -> None:
    open_one = make_work_order(shenzhen, **at(1))
    score = among(shenzhen, ask(shenzhen), open_one).score

    sure_from(shenzhen, score * 0.99)
    joined = make_report(shenzhen, now=LATER)
    sure_from(shenzhen, 0.999)
    opened = make_report(shenzhen, now=LATER)
    sure_from(shenzhen, None)
    opened_too = make_report(shenzhen, now=LATER)

    assert [how(shenzhen, each) for each in (joined, opened, opened_too)] == [How.AUTO, How.OPENED, How.OPENED]
    assert shenzhen.get_one(ReportLink, joined.id).work_order_id == open_one.id


def test_who_said_none_of_them_is_not_joined_by_the_machine(shenzhen: Session) -> None:
    make_work_order(shenzhen, **at(1))
    sure_from(shenzhen, 0.0)

    assert how(shenzhen, make_report(shenzhen, now=LATER, none_of_them=True)) is How.OPENED


@pytest.mark.parametrize("over", [{"item": OTHER_LAMP}, {"item": "S0601"}])
def test_the_machine_is_sure_of_its_own_item_alone(shenzhen: Session, over: dict[str, Any]) -> None:
    make_work_order(shenzhen, **at(1), **over)
    city = sure_from(shenzhen, 0.0)

    assert surest(shenzhen, ask(shenzhen), city=city, now=LATER) is None


def test_the_desk_sees_what_may_be_merged_and_why(shenzhen: Session) -> None:
    mine, near = make_work_order(shenzhen), make_work_order(shenzhen, **at(5))

    found = find_duplicates(shenzhen, mine, city=current_city(shenzhen), now=LATER)

    assert [one.id for one in found] == [near.id]
    assert {"zh", "en", "weight"} == set(found[0].why[0])
    assert float(found[0].why[0]["weight"]) > 0
