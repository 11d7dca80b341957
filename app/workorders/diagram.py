"""The page docs/lifecycle.md, generated from the table of moves."""

from __future__ import annotations

from app.workorders.lifecycle import MOVES
from app.workorders.states import ENDED, INTERNAL, STEP_OF, State

_HEAD = """# The life of a work order

Generated from `app/workorders/lifecycle.py` by `flask docs`; a test compares the two.

"""


def lifecycle_page() -> str:
    """Give the page: a Mermaid state diagram, the table of moves, the public step of each state."""
    actions: dict[tuple[State, State], list[str]] = {}
    for move in MOVES:
        if move.source is not move.target:
            actions.setdefault((move.source, move.target), []).append(move.action)
    # One arrow for all the actions between two states, or nobody could read it.
    diagram = "\n".join(
        f"    {source} --> {target}: {', '.join(dict.fromkeys(names))}" for (source, target), names in actions.items()
    )
    rows = "\n".join(
        f"| {move.source} | {move.action} | {move.when} | {move.target} | {', '.join(move.who)} "
        f"| {', '.join(move.needs) or '-'} | {move.tells}{' (internal)' if move.tells in INTERNAL else ''} |"
        for move in MOVES
    )
    ends = "\n".join(f"    {state} --> [*]" for state in ENDED)
    steps = "\n".join(f"| {state} | {STEP_OF[state]} |" for state in State)
    return (
        f"{_HEAD}```mermaid\nstateDiagram-v2\n    [*] --> {State.AWAITING_DISPATCH}\n{diagram}\n"
        f"{ends}\n```\n\n"
        "One action leads to several states where the column *when* says so. A line of history that is internal is "
        "seen by staff only; the others are seen by everybody who reported it.\n\n"
        f"| from | action | when | to | who may | needs | history says |\n"
        f"| --- | --- | --- | --- | --- | --- | --- |\n{rows}\n\n"
        f"What the public sees:\n\n| state | step |\n| --- | --- |\n{steps}\n"
    )
