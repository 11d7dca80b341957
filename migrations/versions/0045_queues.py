"""The next job of a queue is found by an index, however many jobs wait in the others.

Revision ID: 0045
Revises: 0044
"""

from __future__ import annotations

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.execute(
        "CREATE INDEX procrastinate_jobs_of_queue ON procrastinate_jobs (queue_name, priority DESC, id) "
        "WHERE status = 'todo'"
    )


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP INDEX procrastinate_jobs_of_queue")
