from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.roles import Role
from app.workorders.errors import IllegalMove, MissingNeeds, NotYourMove
from app.workorders.lifecycle import MOVES, Action, Need, When, find_move, legal
from app.workorders.states import ENDED, INTERNAL, OPEN, STEP_OF, EventKind, State

PAIRS = (
    {When.ANY},
    {When.LEAD, When.CO},
    {When.LAST, When.LEFT},
    {When.SAME, When.OTHER},
    {When.GOOD, When.BAD},
    {When.WAITED, When.SENT, When.WORKED, When.HELD},
)


def test_a_state_an_action_and_a_condition_stand_once_in_the_table() -> None:
    starts = [(move.source, move.action, move.when) for move in MOVES]

    assert len(starts) == len(set(starts))


def test_conditions_of_one_action_exclude_each_other() -> None:
    for move in MOVES:
        alike = {each.when for each in MOVES if (each.source, each.action) == (move.source, move.action)}

        assert any(alike <= pair for pair in PAIRS), move


def test_every_state_can_be_reached_and_the_states_are_open_fixed_or_ended() -> None:
    reached = {State.AWAITING_DISPATCH} | {move.target for move in MOVES}

    assert reached == set(State) == set(STEP_OF)
    assert {*OPEN, State.FIXED, *ENDED} == set(State)


def test_from_every_state_a_work_order_can_come_to_its_end() -> None:
    arrives = {State.CLOSED}
    for _ in State:
        arrives |= {move.source for move in MOVES if move.target in arrives}

    assert arrives == set(State)


def test_only_what_is_asked_of_people_or_the_service_writes_history() -> None:
    told = {move.tells for move in MOVES}

    assert set(EventKind) - told == {
        EventKind.RECEIVED,
        EventKind.JOINED,
        EventKind.WAITING,
        EventKind.OVERDUE,
        EventKind.ESCALATED,
    }
    assert {EventKind.HELD, EventKind.DECLINED, EventKind.MERGED, EventKind.FIXED}.isdisjoint(INTERNAL)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_who_reads_or_looks_after_accounts_moves_nothing(role: Role) -> None:
    assert not [move for move in MOVES if role in move.who]


@pytest.mark.parametrize("action", [Action.CLOSE, Action.REOPEN, Action.CHECK, Action.CONFIRM, Action.RATE])
def test_a_unit_cannot_accept_its_own_repair(action: Action) -> None:
    who = {role for move in MOVES if move.action is action for role in move.who}

    assert who.isdisjoint({Role.CREW, Role.UNIT_MANAGER})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Action),
            st.sampled_from(Role),
            st.sets(st.sampled_from(Need)),
            st.tuples(*(st.sampled_from(sorted(pair)) for pair in PAIRS)),
        )
    )
)
def test_every_walk_stays_in_the_table(walk: list[tuple[Action, Role, set[Need], tuple[When, ...]]]) -> None:
    state = State.AWAITING_DISPATCH

    for action, role, brought, facts in walk:
        try:
            move = find_move(state, action, role, brought, set(facts))
        except IllegalMove as refusal:
            assert refusal.members["legal"] == [each.value for each in legal(state, role)]
            assert not [m for m in MOVES if (m.source, m.action) == (state, action) and m.when in facts]
        except NotYourMove as refusal:
            assert role.value not in refusal.members["roles"]
        except MissingNeeds as refusal:
            assert refusal.members["errors"]
        else:
            assert move in MOVES
            assert (move.source, move.action) == (state, action)
            assert move.when in facts
            assert role in move.who
            assert set(move.needs) <= brought
            state = move.target


def test_every_need_says_what_to_send() -> None:
    for need in Need:
        refusal = MissingNeeds(action=Action.NOTE, missing=[need])

        assert refusal.members["errors"][0]["pointer"].startswith("/")


def test_a_crew_cannot_close_what_it_fixed() -> None:
    with pytest.raises(NotYourMove):
        find_move(State.FIXED, Action.CLOSE, Role.CREW)


def test_a_step_of_the_state_that_is_not_possible_now_is_not_said_to_be_allowed() -> None:
    with pytest.raises(IllegalMove) as refused:
        find_move(State.DISPATCHED, Action.RELEASE, Role.SUPERVISOR)

    refusal = str(refused.value)
    assert "cannot take the step release as it stands." in refusal
    assert "release" not in refusal.partition("It allows:")[2]
