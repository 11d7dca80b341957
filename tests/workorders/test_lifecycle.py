from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.roles import Role
from app.workorders.errors import IllegalMove, MissingNeeds, NotYourMove
from app.workorders.lifecycle import MOVES, STEP_OF, Action, Need, State, advance, legal


def test_a_state_and_an_action_stand_once_in_the_table() -> None:
    starts = [(move.source, move.action) for move in MOVES]

    assert len(starts) == len(set(starts))


def test_every_state_can_be_reached_and_only_closed_ends_the_line() -> None:
    reached = {State.AWAITING_DISPATCH} | {move.target for move in MOVES}
    leaving = {move.source for move in MOVES if move.target is not move.source}

    assert reached == set(State)
    assert set(State) - leaving == {State.CLOSED}
    assert set(STEP_OF) == set(State)


@given(st.lists(st.tuples(st.sampled_from(Action), st.sampled_from(Role), st.sets(st.sampled_from(Need)))))
def test_every_walk_stays_in_the_table(walk: list[tuple[Action, Role, set[Need]]]) -> None:
    state = State.AWAITING_DISPATCH

    for action, role, brought in walk:
        try:
            move = advance(state, action, role, brought)
        except IllegalMove as refusal:
            assert action not in legal(state)
            assert refusal.members["legal"] == [each.value for each in legal(state)]
        except NotYourMove as refusal:
            assert role.value not in refusal.members["roles"]
        except MissingNeeds as refusal:
            assert refusal.members["errors"]
        else:
            assert move in MOVES
            assert move.source is state
            assert role in move.who
            assert set(move.needs) <= brought
            state = move.target


def test_a_crew_cannot_close_what_it_fixed() -> None:
    with pytest.raises(NotYourMove):
        advance(State.FIXED, Action.CLOSE, Role.CREW, set())
