from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import Latencies, Spread, figures, percentile, quotients

numbers = st.floats(min_value=0.001, max_value=1e6)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1), (0.5, 50), (0.501, 51), (0.99, 99), (1.0, 100)],
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    values = list(range(100, 0, -1))

    assert percentile(values, share) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)


@given(st.lists(numbers, min_size=1), st.floats(min_value=0, max_value=1))
def test_at_least_the_share_does_not_exceed_a_percentile(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_latencies_sum_up_a_round() -> None:
    found = Latencies.of([float(value) for value in range(1, 201)])

    assert found == Latencies(p50=100.0, p99=198.0, count=200)


def test_a_spread_is_the_median_with_least_and_greatest() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0, 2.5]) == Spread(2.5, 1.0, 10.0)


def test_quotients_are_taken_round_by_round_so_that_a_slow_machine_cancels() -> None:
    calm, busy = [10.0, 10.0, 10.0], [12.0, 36.0, 12.0]
    slow = [one * 3 if place == 1 else one for place, one in enumerate(calm)]

    assert quotients(busy, slow) == Spread(1.2, 1.2, 1.2)


def test_quotients_of_unequal_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        quotients([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.012"), (0.5, "0.500"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (1234.5, "1,234")],
)
def test_numbers_have_about_three_figures(value: float, text: str) -> None:
    assert figures(value) == text
