"""Figures of a ranking, by hand on a few pairs."""

from __future__ import annotations

import pytest

from app.duplicates.measure import Pairs, measure


def pairs(*reports: tuple[list[float], int | None], labelled: tuple[bool, ...] | None = None) -> Pairs:
    made = Pairs()
    for number, (scores, true) in enumerate(reports):
        is_labelled = true is not None if labelled is None else labelled[number]
        made.add("light", scores, true=true, unknown=[False] * len(scores), labelled=is_labelled)
    return made


def test_average_precision_is_the_area_under_the_steps() -> None:
    found = measure(pairs(([0.9, 0.1], 0), ([0.8], None), ([0.7], 0)), rounds=0)

    # Right, wrong, right: (1 + 2/3) / 2.
    assert found["average_precision"] == pytest.approx(5 / 6, abs=1e-4)
    assert found["precision_at_recall"]["0.2"] == 1
    assert found["precision_at_recall"]["0.6"] == pytest.approx(2 / 3, abs=1e-4)


def test_a_parent_that_is_no_candidate_counts_as_missed() -> None:
    found = measure(pairs(([0.9], 0), ([0.8], None), labelled=(True, True)), rounds=0)

    assert found["ceiling"] == 0.5
    assert found["average_precision"] == 0.5
    assert found["precision_at_recall"]["0.6"] == 0
    assert found["recall_at_1"] == 1


def test_equal_scores_are_shown_together() -> None:
    found = measure(pairs(([0.5], None), ([0.5], None), ([0.5], 0)), rounds=0)

    assert found["average_precision"] == pytest.approx(1 / 3, abs=1e-4)


def test_of_equal_candidates_the_one_that_is_shown_first_is_first() -> None:
    found = measure(pairs(([0.5, 0.5, 0.1], 1), ([0.5, 0.5, 0.1], 0)), rounds=0)

    assert found["recall_at_1"] == 0.5
    assert found["recall_at_3"] == 1


def test_what_labels_do_not_say_counts_as_wrong_unless_it_is_left_out() -> None:
    made = pairs(([0.4], 0))
    made.add("light", [0.9], true=None, unknown=[True], labelled=False)

    found = measure(made, rounds=0)

    assert (found["average_precision"], found["average_precision_of_known"], found["unknown"]) == (0.5, 1, 1)


def test_at_most_the_share_is_shown_one() -> None:
    reports = [([1 - n / 100], 0 if n < 10 else None) for n in range(100)]

    found = measure(pairs(*reports), rounds=0)

    assert found["recall_when_shown"] == {"0.05": 0.5, "0.10": 1, "0.20": 1}


def test_a_bootstrap_gives_intervals_about_the_figure() -> None:
    reports = [([0.9 if n % 3 else 0.1], 0 if n % 2 else None) for n in range(60)]

    found = measure(pairs(*reports), rounds=50)
    low, high = found["intervals"]["average_precision"]

    assert low < found["average_precision"] < high
