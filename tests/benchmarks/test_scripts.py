from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from benchmarks.floor import IDLE_MS, WARMING, read_log
from benchmarks.record import Statement
from benchmarks.scale import SCALES, scale_of
from benchmarks.scripts import Call, _plain
from benchmarks.web import web_command
from dev.console import Refusal

NOW = dt.datetime.now(dt.UTC)


def call(*statements: Statement, names: frozenset[str] = frozenset(), keys: frozenset[UUID] = frozenset()) -> Call:
    return Call(statements=statements, began=NOW, ended=NOW + dt.timedelta(seconds=1), names=names, keys=keys)


def parts(sql: str, values: Any) -> tuple[list[str], list[Any]]:
    return Statement(sql, values, transaction=False).parts()


def test_a_statement_is_parted_at_its_named_values() -> None:
    found = parts("SELECT %(b)s::FLOAT + %(a)s::FLOAT, %(b)s::FLOAT;", {"a": 1.0, "b": 2.0})

    assert found == (["SELECT ", "::FLOAT + ", "::FLOAT, ", "::FLOAT"], [2.0, 1.0, 2.0])


def test_values_in_a_row_are_taken_in_their_order() -> None:
    assert parts("SELECT %s, %s", ("x", "y")) == (["SELECT ", ", ", ""], ["x", "y"])


def test_a_percent_sign_is_not_a_value() -> None:
    assert parts("SELECT 'x' LIKE 'x%%' AND %(a)s", {"a": "t"}) == (["SELECT 'x' LIKE 'x%' AND ", ""], ["t"])


def test_an_empty_value_becomes_null() -> None:
    assert parts("SELECT %(a)s::UUID, %(b)s", {"a": None, "b": "x"}) == (["SELECT NULL::UUID, ", ""], ["x"])


def test_what_the_driver_types_is_typed_in_the_sql() -> None:
    assert parts("SELECT f(%(a)s, %(b)s)", {"a": 1, "b": "x"})[0] == ["SELECT f(", "::bigint, ", ")"]


def test_calls_of_the_same_statements_have_one_shape() -> None:
    one, other = (call(Statement("SELECT %(a)s", {"a": value}, transaction=False)) for value in ("x", "y"))
    empty = call(Statement("SELECT %(a)s", {"a": None}, transaction=False))

    assert one.shape == other.shape
    assert one.shape != empty.shape


def test_keys_of_the_call_are_drawn_anew_and_others_stay() -> None:
    old, new, key = UUID("018f4b30-0000-7000-8000-000000000000"), uuid7(), uuid4()
    made = call(keys=frozenset({key}))

    assert made.fresh(old) is None
    assert made.fresh(UUID(str(new))) == "bench.key(clock_timestamp())"
    assert made.fresh(key) == "gen_random_uuid()"
    assert made.fresh(uuid4()) is None


def test_the_moment_of_the_call_is_drawn_anew_and_a_due_time_stays() -> None:
    made = call()

    assert made.fresh(NOW) == "clock_timestamp()"
    assert made.fresh(NOW + dt.timedelta(hours=4)) is None


def test_unique_names_and_digests_are_drawn_anew_and_words_stay() -> None:
    made = call(names=frozenset({"SZ-20261123-ABCDEF", "0123456789"}))

    assert made.fresh("SZ-20261123-ABCDEF") == "'SZ-20261123-' || bench.name(10)"
    assert made.fresh("0123456789") == "bench.name(10)"
    assert made.fresh("B0121") is None
    assert made.fresh(bytes(32)) is not None
    assert made.fresh(b"salt") is None


def test_what_pgbench_would_take_for_a_variable_is_refused() -> None:
    assert _plain("a::text") == "a::text"
    with pytest.raises(RuntimeError, match="variable"):
        _plain("SELECT '12:30'")


def line(script: int, microseconds: int, client: int = 0) -> str:
    return f"{client} 1 {microseconds} {script} 1790000000 123456"


def test_a_log_gives_the_measured_scripts_without_the_first_few_of_each_client() -> None:
    cold = [line(1, 9000, client) for client in (0, 1) for _ in range(WARMING)]
    lines = [*cold, line(0, 5000), line(1, 1500), line(1, 2500, client=1)]

    assert read_log(lines, [None, 0.0]) == [1.5, 2.5]


def test_a_log_of_first_few_only_counts_them() -> None:
    assert read_log([line(0, 700)], [0.0]) == [0.7]


def test_a_turn_that_did_nothing_is_not_counted() -> None:
    lines = [line(0, 3), *(line(0, 4000) for _ in range(WARMING)), line(0, 2), line(0, 3000)]

    assert read_log(lines, [IDLE_MS]) == [3.0]


def test_the_scale_is_named_by_bench() -> None:
    assert scale_of("").sizes == (10_000, 100_000)
    assert scale_of("large").sizes == (10_000, 100_000, 1_000_000)
    assert all(list(scale.sizes) == sorted(scale.sizes) for scale in SCALES.values())
    with pytest.raises(Refusal, match="huge"):
        scale_of("huge")


def test_the_server_is_the_one_of_the_procfile() -> None:
    assert web_command().startswith("exec python -m app.server ")


def test_what_belongs_to_a_work_order_is_taken_from_another_and_a_token_stays() -> None:
    order, head, token = uuid7(), bytes(range(32)), bytes(32)
    moved = Call(
        statements=(),
        began=NOW,
        ended=NOW,
        own={order: "work_order_id", head: "head", "ABC": "public_id"},
        kept=frozenset({token}),
    )

    assert [moved.fresh(value) for value in (order, head, "ABC")] == [
        "life.work_order_id",
        "life.head",
        "life.public_id",
    ]
    assert moved.fresh(token) is None
    assert moved.fresh(bytes(reversed(head))) == "sha256(uuid_send(gen_random_uuid()))"
    assert moved.fresh("other") is None
