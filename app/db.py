"""The database: one engine, one session factory, the base of all tables.

The edge opens transactions (``with Session.begin() as session``); services take the session. Reads that need no
transaction use ``Reading``: one round trip less at either end (measured in docs/performance.md).
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Enum, Index, MetaData, Text, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, sessionmaker
from sqlalchemy.orm import Session as SessionType
from uuid_utils.compat import uuid7

from app.config import Settings
from app.conninfo import connection_parameters
from app.outages import Outage, outage_of
from app.pooler import Connector
from app.silence import limit_silence, wait_for_ever

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def _values(members: type[enum.Enum]) -> list[str]:
    return [member.value for member in members]


class Base(DeclarativeBase):
    """The base of all tables: naming convention and type map; enums are text with a CHECK."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
        enum.StrEnum: Enum(enum.StrEnum, native_enum=False, create_constraint=True, length=32, values_callable=_values),
    }


class Identified:
    """A table whose key is a UUIDv7 (RFC 9562): time-ordered, made by the application."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


class Versioned(Identified):
    """A row of a city pack. ``since`` and ``until`` are pack versions; ``until`` is empty while the row is current.

    A row is never changed: a load closes it and adds its successor, so that a decision of the past can still be
    explained. ``digest`` tells whether a loaded row differs from the current one. Every such table has a ``code``
    or another natural key and a unique index over it where ``until`` is empty.
    """

    since: Mapped[int]
    until: Mapped[int | None]
    digest: Mapped[str]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        """Give the unique index of the current rows; a table that needs more adds to this tuple."""
        return (current_key(cls.__tablename__, "code"),)  # type: ignore[attr-defined]  # set by every subclass


def current_key(table: str, *columns: str) -> Index:
    """Give the unique index over the natural key of the rows that are current."""
    return Index(f"uq_{table}_current", *columns, unique=True, postgresql_where="until IS NULL")


Session = sessionmaker(expire_on_commit=False)
Reading = sessionmaker(expire_on_commit=False, autoflush=False)
# All of its statements see one moment, and none writes.
Snapshot = sessionmaker(expire_on_commit=False, autoflush=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a connection may wait for a lock, work on a statement, and lie idle in a transaction, in seconds.

    Without them one lock that is not let go of holds every thread that comes to wait for it. The server keeps to
    them; ``silence_s`` is how long we wait for a server that does not.
    """

    lock_s: int
    statement_s: int
    idle_s: int
    silence_s: int

    def as_settings(self) -> dict[str, int]:
        """Return the server's settings, in seconds."""
        return {
            "lock_timeout": self.lock_s,
            "statement_timeout": self.statement_s,
            "idle_in_transaction_session_timeout": self.idle_s,
        }

    def as_options(self) -> str:
        """Return them as libpq's ``options``: they hold from the first statement on and cost no round trip."""
        return " ".join(f"-c {name}={seconds}s" for name, seconds in self.as_settings().items())


# A person waits for the answer; a job waits for nobody, and yet must come back to be tried again.
WEB = Limits(lock_s=5, statement_s=30, idle_s=60, silence_s=35)
JOBS = Limits(lock_s=60, statement_s=600, idle_s=600, silence_s=660)


def connect(settings: Settings, limits: Limits = WEB, *, direct: bool = False) -> Engine:
    """Make the engine of this process and bind the session factories to it; ``direct`` passes a pooler by.

    ``limits`` hold for every connection that does not lead through a pooler; options of the URL itself win over them.
    """
    url = settings.direct_url if direct else settings.database_url
    parameters = connection_parameters(url, application_name="suishoupai")
    # The last word of an option wins.
    parameters["options"] = f"{limits.as_options()} {parameters.get('options', '')}".strip()
    engine = create_engine(
        url,
        pool_size=settings.database_pool,
        max_overflow=settings.database_pool,
        pool_pre_ping=True,
        pool_timeout=10,
        # What residents write must not reach the logs by way of an error.
        hide_parameters=True,
        connect_args=parameters,
    )
    event.listen(engine, "handle_error", _leave_read_only_server)
    event.listen(engine, "do_connect", Connector())
    limit_silence(engine, limits.silence_s)
    Session.configure(bind=engine)
    Reading.configure(bind=engine.execution_options(isolation_level="AUTOCOMMIT"))
    Snapshot.configure(bind=engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True))
    return engine


def set_role_limits(session: SessionType) -> None:
    """Give the role of this session the limits of web in its database, for connections through a pooler."""
    database = session.scalar(text("SELECT quote_ident(current_database())"))
    for name, seconds in WEB.as_settings().items():
        session.execute(text(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{seconds}s'"))


def _leave_read_only_server(context: ExceptionContext) -> None:
    """Close all connections once a server turns out to be read-only: the next ones may reach its successor."""
    if outage_of(context.original_exception) is Outage.READ_ONLY:
        context.is_disconnect = True


def lift_limits(session: SessionType) -> None:
    """Let this transaction take as long as it needs, for commands that a person starts and watches."""
    wait_for_ever(session.connection().connection.driver_connection)
    session.execute(_LIFT)


_LIFT = text(
    "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true), "
    "set_config('idle_in_transaction_session_timeout', '0', true)"
)

Row = TypeVar("Row", bound="Base")


def insert_named(session: SessionType, model: type[Row], column: str, draw: Callable[[], str], **values: Any) -> Row:
    """Insert a row under a random name; a name that is taken is drawn again."""
    while True:
        statement = insert(model).values({column: draw(), "id": uuid7(), **values})
        row = session.scalars(statement.on_conflict_do_nothing(index_elements=[column]).returning(model)).one_or_none()
        if row is not None:
            return row


def utcnow() -> dt.datetime:
    """Give the present moment in UTC. Only edges call this; services take ``now``."""
    return dt.datetime.now(dt.UTC)
