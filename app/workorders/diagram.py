"""The page docs/lifecycle.md, generated from the table of moves."""

from __future__ import annotations

from app.workorders.lifecycle import MOVES, STEP_OF, State

_HEAD = """# The life of a work order

Generated from `app/workorders/lifecycle.py` by `flask docs`; a test compares the two.

"""


def lifecycle_page() -> str:
    """Give the page: a Mermaid state diagram, the table of moves, the public step of each state."""
    arrows = sorted({(move.source, move.action, move.target) for move in MOVES if move.source is not move.target})
    diagram = "\n".join(f"    {source} --> {target}: {action}" for source, action, target in arrows)
    rows = "\n".join(
        f"| {move.source} | {move.action} | {move.target} | {', '.join(move.who)} | {', '.join(move.needs) or '-'} |"
        for move in MOVES
    )
    steps = "\n".join(f"| {state} | {STEP_OF[state]} |" for state in State)
    return (
        f"{_HEAD}```mermaid\nstateDiagram-v2\n    [*] --> {State.AWAITING_DISPATCH}\n{diagram}\n"
        f"    {State.CLOSED} --> [*]\n```\n\n"
        f"| from | action | to | who may | needs |\n| --- | --- | --- | --- | --- |\n{rows}\n\n"
        f"What the public sees:\n\n| state | step |\n| --- | --- |\n{steps}\n"
    )
