"""Propose and publish: what is refused, what a version does, what a load of the pack leaves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app import db
from app.accounts.roles import STAFF_ROLES, Role
from app.catalogue.city import current_city
from app.catalogue.models import Origin, PackVersion, Responsibility
from app.catalogue.packs import Loaded, load_pack, read_pack
from app.config import Settings
from app.dispatch import responsibilities
from app.dispatch.errors import AlreadyPublished, NoSuchProposal, NotYourList, RulesRefused, StaleProposal
from app.dispatch.models import Assignment
from app.dispatch.responsibilities import NewRule
from app.dispatch.rule_models import Proposal, ProposalState
from app.workorders.models import WorkOrder
from tests.catalogue.town import PARTS, write_town
from tests.make import NOW, make_person, make_work_order
from tests.waiting import wait_until

TODAY = dt.date(2026, 11, 23)
YUEHAI, NANSHAN, CITY = "440305007", "440305", "440300"
PROPOSERS = {Role.DISPATCHER, Role.ADJUDICATOR, Role.SUPERVISOR, Role.ADMIN}
PUBLISHERS = {Role.SUPERVISOR, Role.ADMIN}


def rule(unit: str = "sz-gas", **over: Any) -> NewRule:
    return NewRule(**{"item": "B0121", "unit": unit, "valid_from": TODAY, **over})


def propose(
    session: Session, *add: NewRule, close: Sequence[UUID] = (), role: Role = Role.DISPATCHER, **scope: Any
) -> Proposal:
    scope.setdefault("area", current_city(session).code)
    by, _ = make_person(session, role, **scope)
    return responsibilities.propose(session, add=add, close=list(close), reason="made up", by=by, now=NOW)


def publish(session: Session, proposal: Proposal, role: Role = Role.SUPERVISOR, **scope: Any) -> Proposal:
    scope.setdefault("area", current_city(session).code)
    by, _ = make_person(session, role, **scope)
    return responsibilities.publish(session, proposal.id, by=by, now=NOW)


def publish_rule(
    session: Session, who: Role = Role.ADJUDICATOR, *, now: dt.datetime = NOW, **over: Any
) -> Responsibility:
    by, _ = make_person(session, who)
    values: dict[str, Any] = {"item": "B0121", "area": NANSHAN, "unit": "sz-gas", "note": "ruled"} | over
    return responsibilities.publish_rule(session, **values, by=by, now=now)


def faults(session: Session, *add: NewRule, close: Sequence[UUID] = ()) -> dict[str, str]:
    count = select(func.count()).select_from(Proposal)
    before = session.scalar(count)
    with pytest.raises(RulesRefused) as refusal:
        propose(session, *add, close=close)
    assert session.scalar(count) == before
    return {fault["pointer"]: fault["detail"] for fault in refusal.value.members["errors"]}


def pack_rule(session: Session) -> Responsibility:
    return session.scalars(select(Responsibility).where(Responsibility.item == "B0408")).one()


def rulings(session: Session) -> list[Any]:
    rules = Responsibility
    statement = select(rules.area, rules.unit, rules.since, rules.until).where(rules.origin == Origin.RULING)
    return list(session.execute(statement.order_by(rules.since, rules.area)))


def lead(session: Session, order: WorkOrder) -> Assignment:
    return session.scalars(select(Assignment).where(Assignment.work_order_id == order.id)).one()


# What a proposal may say.


def test_unknown_codes_are_named_with_pointers(shenzhen: Session) -> None:
    wrong = NewRule(item="X", role="y", asset_owner="z", area="1", unit="", valid_from=TODAY)

    assert set(faults(shenzhen, rule(), wrong)) == {
        f"/add/1/{name}" for name in ("item", "role", "asset_owner", "area", "unit")
    }


def test_a_proposal_changes_something_and_a_rule_names_something(shenzhen: Session) -> None:
    assert set(faults(shenzhen)) == {"/add"}
    assert "match everything" in faults(shenzhen, rule(item=""))["/add/0"]


def test_a_rule_that_could_never_count_is_refused(shenzhen: Session) -> None:
    early = rule("sz-gas", item="B0408", area="440304", valid_from=dt.date(2023, 12, 31))

    assert faults(shenzhen, rule(role="gas")) == {
        "/add/0/role": "The item has the role 'street_lighting': the rule would match nothing. Leave the role out."
    }
    assert "to sz-parks from 2024-01-01 on" in faults(shenzhen, early)["/add/0/valid_from"]


def test_the_same_rule_twice_is_refused(shenzhen: Session) -> None:
    publish_rule(shenzhen, area=YUEHAI)

    found = faults(shenzhen, rule(area=NANSHAN), rule("sz-parks", area=NANSHAN), rule(area=YUEHAI))

    assert found == {
        "/add/1": "Another rule of this proposal has the same columns and day; keep one of them.",
        "/add/2": "A ruling of version 2 says so already.",
    }


def test_a_rule_of_the_pack_is_overruled_not_closed(shenzhen: Session) -> None:
    old = pack_rule(shenzhen)

    told = faults(shenzhen, close=[old.id])["/close/0"]
    publish(shenzhen, propose(shenzhen, rule("sz-gas", item="B0408", area="440304")))
    order = make_work_order(shenzhen, lon=114.055, lat=22.541, item="B0408")

    assert "add a rule with the same columns" in told
    assert lead(shenzhen, order).explanation["unit"] == "sz-gas"
    assert lead(shenzhen, order).explanation["not_chosen"][0]["unit"] == "sz-parks"
    assert old.until is None


def test_only_a_current_ruling_can_be_closed_and_once(shenzhen: Session) -> None:
    first, second = publish_rule(shenzhen), publish_rule(shenzhen, unit="sz-parks")
    nobody = uuid7()

    found = faults(shenzhen, close=[first.id, nobody, second.id, second.id])

    assert found == {
        "/close/0": "Version 3 closed the rule on item B0121, area 440305 already.",
        "/close/1": f"The list has no rule {nobody}.",
        "/close/3": "This rule is named twice.",
    }


# Who may.


@pytest.mark.parametrize("role", STAFF_ROLES)
def test_who_proposes_and_who_publishes(shenzhen: Session, role: Role) -> None:
    proposal = propose(shenzhen, rule())

    def allowed(verb: Callable[[], object]) -> bool:
        try:
            verb()
        except NotYourList:
            return False
        return True

    assert allowed(lambda: propose(shenzhen, rule("sz-parks"), role=role)) is (role in PROPOSERS)
    assert allowed(lambda: publish_rule(shenzhen, role)) is (role in PUBLISHERS | {Role.ADJUDICATOR})
    assert allowed(lambda: publish(shenzhen, proposal, role=role)) is (role in PUBLISHERS)


@pytest.mark.parametrize(
    ("scope", "area", "may"),
    [
        ({}, "", True),
        ({"area": NANSHAN}, YUEHAI, True),
        ({"area": NANSHAN}, NANSHAN, True),
        ({"area": NANSHAN}, CITY, False),
        ({"area": NANSHAN}, "", False),
        ({"area": NANSHAN}, "440304", False),
        ({"area": YUEHAI}, NANSHAN, False),
        ({"unit": "sz-gas"}, YUEHAI, False),
        ({"unit": None}, YUEHAI, False),
        ({"area": None}, YUEHAI, False),
    ],
)
def test_nobody_changes_rules_beyond_their_scope(
    shenzhen: Session, scope: dict[str, Any], area: str, *, may: bool
) -> None:
    draft = propose(shenzhen, rule(area=area))

    with nullcontext() if may else pytest.raises(NotYourList):
        propose(shenzhen, rule(area=area), **scope)
    with nullcontext() if may else pytest.raises(NotYourList):
        publish(shenzhen, draft, **scope)


def test_closing_needs_the_scope_of_what_is_closed(shenzhen: Session) -> None:
    ruled = publish_rule(shenzhen, area=CITY)

    with pytest.raises(NotYourList):
        propose(shenzhen, close=[ruled.id], area=NANSHAN)


# What a version does.


def test_a_published_rule_sends_the_next_report_elsewhere(shenzhen: Session) -> None:
    before = make_work_order(shenzhen)
    proposal = publish(shenzhen, propose(shenzhen, rule(area=NANSHAN)), role=Role.ADMIN)
    after = make_work_order(shenzhen, lon=113.9491)

    assert (proposal.state, proposal.version) == (ProposalState.PUBLISHED, 2)
    assert (before.lead_unit, after.lead_unit) == ("sz-street_lighting", "sz-gas")
    old, new = lead(shenzhen, before).explanation, lead(shenzhen, after).explanation
    assert (old["version"], old["basis"], new["version"], new["basis"]) == (1, "role", 2, "rule")
    assert new["rule"]["version"] == 2
    assert new["rule"]["origin"] == "ruling"


def test_a_version_says_what_made_it(shenzhen: Session) -> None:
    proposal = publish(shenzhen, propose(shenzhen, rule()))

    assert shenzhen.get_one(PackVersion, 2).notes == [
        f"proposal {proposal.id}, published by {proposal.published_by}: 1 rules added, 0 closed; made up"
    ]


def test_a_ruling_about_the_same_gives_place_to_the_new_one(shenzhen: Session) -> None:
    publish_rule(shenzhen, unit="sz-parks", now=NOW - dt.timedelta(days=3))
    publish_rule(shenzhen, unit="sz-gas")
    publish_rule(shenzhen, unit="sz-gas", note="again")

    assert rulings(shenzhen) == [(NANSHAN, "sz-parks", 2, 3), (NANSHAN, "sz-gas", 3, 4), (NANSHAN, "sz-gas", 4, None)]


def test_a_rule_of_next_month_lets_the_present_one_count_until_then(shenzhen: Session) -> None:
    publish_rule(shenzhen, unit="sz-parks")
    later = NOW + dt.timedelta(days=40)
    publish(shenzhen, propose(shenzhen, rule("sz-gas", area=NANSHAN, valid_from=dt.date(2026, 12, 24))))

    now, then = make_work_order(shenzhen), make_work_order(shenzhen, lon=113.9491, now=later)

    assert (now.lead_unit, then.lead_unit) == ("sz-parks", "sz-gas")


def test_a_closed_ruling_is_kept_for_what_it_decided(shenzhen: Session) -> None:
    ruled = publish_rule(shenzhen)
    decided = make_work_order(shenzhen)

    publish(shenzhen, propose(shenzhen, close=[ruled.id]))

    assert rulings(shenzhen) == [(NANSHAN, "sz-gas", 2, 3)]
    assert lead(shenzhen, decided).explanation["rule"]["version"] == 2
    assert make_work_order(shenzhen, lon=113.9491).lead_unit == "sz-street_lighting"


def test_a_ruling_made_a_rule_is_published_at_once_with_its_author(shenzhen: Session) -> None:
    made = publish_rule(shenzhen, asset_owner="sz-power", role="street_lighting")

    proposal = shenzhen.scalars(select(Proposal)).one()
    assert (made.since, made.origin, made.note, made.valid_from) == (2, Origin.RULING, "ruled", TODAY)
    assert (proposal.version, proposal.state) == (2, ProposalState.PUBLISHED)
    assert proposal.proposed_by == proposal.published_by
    assert (proposal.published_by or "").startswith("adjudicator:")
    assert make_work_order(shenzhen).lead_unit == "sz-street_lighting"


def test_a_ruling_with_an_unknown_unit_becomes_no_rule(shenzhen: Session) -> None:
    with pytest.raises(RulesRefused) as refusal:
        publish_rule(shenzhen, unit="nobody")

    assert [fault["pointer"] for fault in refusal.value.members["errors"]] == ["/rule/unit"]
    assert current_city(shenzhen).version == 1


def test_the_objects_of_the_transaction_stay_loaded(shenzhen: Session) -> None:
    order = make_work_order(shenzhen)

    publish_rule(shenzhen)

    assert order.item.code == "B0121"


# Drafts that are too old.


def test_what_is_published_is_not_published_again(shenzhen: Session) -> None:
    proposal = publish(shenzhen, propose(shenzhen, rule()))

    with pytest.raises(AlreadyPublished) as refusal:
        publish(shenzhen, proposal)

    assert refusal.value.members == {"version": 2}


def test_an_unknown_proposal_is_none(shenzhen: Session) -> None:
    with pytest.raises(NoSuchProposal):
        responsibilities.publish(shenzhen, uuid7(), by=make_person(shenzhen, Role.ADMIN)[0], now=NOW)


def stale(session: Session, proposal: Proposal) -> list[str]:
    version = current_city(session).version
    with pytest.raises(StaleProposal) as refusal:
        publish(session, proposal)
    assert "Read the list again" in refusal.value.detail
    assert session.scalar(select(func.max(PackVersion.number))) == version
    return list(refusal.value.members["changed"])


def test_a_draft_is_stale_when_what_it_closes_is_closed(shenzhen: Session) -> None:
    ruled = publish_rule(shenzhen)
    first, second = propose(shenzhen, close=[ruled.id]), propose(shenzhen, close=[ruled.id])

    publish(shenzhen, first)

    assert stale(shenzhen, second) == ["Version 3 closed the rule on item B0121, area 440305 already."]


def test_a_draft_is_stale_when_somebody_ruled_about_the_same(shenzhen: Session) -> None:
    fresh = propose(shenzhen, rule("sz-parks", area=NANSHAN))
    publish_rule(shenzhen)
    replacing = propose(shenzhen, rule("sz-parks", area=NANSHAN))
    publish_rule(shenzhen, note="again")

    new = "Version 3 has a ruling on item B0121, area 440305 that the proposal does not know."
    assert stale(shenzhen, fresh) == [new]
    assert stale(shenzhen, replacing) == [new, "1 of the rulings that it takes the place of are closed already."]


def test_a_draft_does_not_mind_other_changes(shenzhen: Session) -> None:
    proposal = propose(shenzhen, rule(area=NANSHAN))
    publish_rule(shenzhen, area=YUEHAI)

    assert publish(shenzhen, proposal).version == 3


# The pack.


def load(session: Session, folder: Path, **changed: tuple[str, str]) -> Loaded:
    return load_pack(session, read_pack(write_town(folder, **changed)), PARTS, now=NOW)


def test_a_reload_of_the_pack_keeps_the_ruling_and_lists_the_conflict(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path / "a")
    publish(session, propose(session, rule("works", item="lamp", area="east")))

    same = load(session, tmp_path / "b")
    other = load(session, tmp_path / "c", responsibilities=("its own lamps", "its lamps"))

    assert (same.version, same.changed) == (2, False)
    assert (other.version, other.notes) == (
        3,
        ["a ruling gives item lamp, area east to works, the pack to east-office; both are kept"],
    )
    assert rulings(session) == [("east", "works", 2, None)]


def test_a_draft_is_stale_when_the_pack_drops_its_unit(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path / "a", units=("works,", "builders,Bau,Builders,builders,city,town\nworks,"))
    proposal = propose(session, rule("builders", item="lamp", area="east"))

    load(session, tmp_path / "b")

    assert stale(session, proposal) == ["'builders' is not known to the current lists."]


# At the same time.


def test_two_publishes_at_once_make_the_version_once(committed: Settings) -> None:
    with db.Session.begin() as session:
        proposal = propose(session, rule())
    outcomes: list[str] = []
    together = Barrier(4)

    def work() -> None:
        together.wait()
        try:
            with db.Session.begin() as session:
                outcomes.append(f"version {publish(session, proposal).version}")
        except AlreadyPublished as refusal:
            outcomes.append(str(refusal))

    run_all([Thread(target=work) for _ in range(4)])

    assert sorted(outcomes) == ["Version 2 has it already."] * 3 + ["version 2"]


def test_rulings_load_and_publish_at_once_follow_each_other(committed: Settings, shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    for path in (shared / "cities" / "shenzhen").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "units.csv").open("a", encoding="utf-8") as file:
        file.write("sz-extra,,Extra Unit,extra,city,440300\n")
    with db.Session.begin() as session:
        proposal = propose(session, rule())
    together = Barrier(3)
    problems: list[Exception] = []

    def at_once(verb: Any) -> Thread:
        def work() -> None:
            together.wait()
            try:
                with db.Session.begin() as session:
                    verb(session)
            except Exception as problem:  # noqa: BLE001  # whatever a thread raises must reach the test
                problems.append(problem)

        return Thread(target=work)

    run_all(
        [
            at_once(lambda session: load_pack(session, read_pack(folder), PARTS, now=NOW)),
            at_once(lambda session: publish(session, proposal)),
            at_once(publish_rule),
        ]
    )

    assert problems == []
    with db.Session() as session:
        assert session.scalars(select(PackVersion.number).order_by(PackVersion.number)).all() == [1, 2, 3, 4]
        assert sorted(area for area, _, _, until in rulings(session) if until is None) == ["", NANSHAN]


@contextmanager
def publishing(proposal: Proposal) -> Iterator[None]:
    """Publish a draft, and commit once another session waits for it."""
    with db.Session.begin() as session:
        publish(session, proposal)
        yield
        waiting = text(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
        )
        with db.Reading() as watch:
            wait_until(lambda: watch.scalar(waiting), "nobody waits")


def test_a_draft_about_the_same_is_judged_when_its_turn_comes(committed: Settings) -> None:
    with db.Session.begin() as session:
        first, second = propose(session, rule()), propose(session, rule("sz-parks"))
    refused: list[StaleProposal] = []

    def work() -> None:
        try:
            with db.Session.begin() as session:
                publish(session, second)
        except StaleProposal as refusal:
            refused.append(refusal)

    with publishing(first):
        thread = Thread(target=work)
        thread.start()
    thread.join()

    assert [each.members["changed"] for each in refused] == [
        ["Version 2 has a ruling on item B0121 that the proposal does not know."]
    ]


def test_a_ruling_replaces_what_was_published_while_it_waited(committed: Settings) -> None:
    with db.Session.begin() as session:
        proposal = propose(session, rule(area=NANSHAN))

    def work() -> None:
        with db.Session.begin() as session:
            publish_rule(session, unit="sz-parks")

    with publishing(proposal):
        thread = Thread(target=work)
        thread.start()
    thread.join()

    with db.Session() as session:
        assert rulings(session) == [(NANSHAN, "sz-gas", 2, 3), (NANSHAN, "sz-parks", 3, None)]


def run_all(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
