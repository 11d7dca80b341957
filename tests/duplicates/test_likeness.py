from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.duplicates.likeness import photos_alike, words_alike


@pytest.mark.parametrize(
    ("mine", "theirs", "least", "most"),
    [
        ("路灯不亮了", ["路灯不亮"], 0.8, 1.0),
        ("The street light is OUT!", ["street light out"], 0.6, 1.0),
        ("路灯不亮", ["井盖丢失", "路灯 不亮。"], 1.0, 1.0),
        ("路灯不亮", ["井盖丢失"], 0.0, 0.0),
        ("路灯不亮", [], 0.0, 0.0),
        ("", ["路灯不亮"], 0.0, 0.0),
        ("？！", ["。。"], 0.0, 0.0),
    ],
)
def test_words_are_alike_by_pairs_of_characters(mine: str, theirs: list[str], least: float, most: float) -> None:
    assert least <= words_alike(mine, theirs) <= most


@pytest.mark.parametrize(
    ("mine", "theirs", "alike"),
    [([5], [5], 1.0), ([0], [0b11, -1], 0.875), ([-1], [0], 0.0), ([], [5], 0.0), ([5], [], 0.0)],
)
def test_photos_are_alike_by_the_bits_of_their_hashes(mine: list[int], theirs: list[int], alike: float) -> None:
    assert photos_alike(mine, theirs) == alike


@given(st.text(), st.text(), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-(1 << 63), (1 << 63) - 1))
def test_likeness_has_no_direction(text: str, other: str, one: int, another: int) -> None:
    assert words_alike(text, [other]) == words_alike(other, [text])
    assert photos_alike([one], [another]) == photos_alike([another], [one])
