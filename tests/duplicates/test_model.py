"""Properties of every score, and the file of weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.duplicates.features import NAMES, Asking, Sighting
from app.duplicates.model import default_model, model_from, read_model, write_model
from app.duplicates.words import GROUP_OF, brief, reasons

MODEL = default_model()
ASKING = Asking("B0101", radius_m=15)
METRES = st.floats(0, 200)
HOURS = st.floats(0, 60 * 24)
CASES = st.builds(Asking, st.just("B0101"), radius_m=st.floats(5, 120), accuracy_m=st.floats(0, 100))


def seen(
    metres: float, hours: float = 1.0, *, item: str = "B0101", fixed: bool = False, same_asset: bool = False
) -> Sighting:
    same = item == "B0101"
    return Sighting(metres, hours, item, same, same, same, fixed, spot=metres, same_asset=same_asset)


OTHERS = st.lists(st.builds(seen, METRES, HOURS, item=st.sampled_from(["B0101", "C0101"])), max_size=6)


@given(CASES, OTHERS, st.tuples(METRES, METRES), HOURS, st.sampled_from(["B0101", "C0101"]))
def test_nearer_is_never_less_likely(
    asking: Asking, others: list[Sighting], metres: tuple[float, float], hours: float, item: str
) -> None:
    near, far = sorted(metres)
    # The spot stays: what moves with a place is what stands there, not how near it is.
    there = seen(far, hours, item=item)

    scores = [MODEL.scores(asking, [there._replace(distance_m=each), *others])[0] for each in (near, far)]

    assert scores[0] >= scores[1]


@given(CASES, OTHERS, METRES, st.tuples(HOURS, HOURS), st.sampled_from(["B0101", "C0101"]))
def test_newer_is_never_less_likely(
    asking: Asking, others: list[Sighting], metres: float, hours: tuple[float, float], item: str
) -> None:
    newer, older = sorted(hours)

    scores = [MODEL.scores(asking, [seen(metres, each, item=item), *others])[0] for each in (newer, older)]

    assert scores[0] >= scores[1]


@given(CASES, st.lists(st.tuples(METRES, HOURS), min_size=2, max_size=8, unique=True), st.randoms())
def test_the_order_of_the_candidates_changes_no_score(
    asking: Asking, places: list[tuple[float, float]], chance: st.DataObject
) -> None:
    shuffled = list(places)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random of hypothesis

    def scores(of: list[tuple[float, float]]) -> dict[tuple[float, float], float]:
        return dict(zip(of, MODEL.scores(asking, [seen(*each) for each in of]), strict=True))

    assert scores(shuffled) == pytest.approx(scores(places))


def test_the_same_asset_an_accurate_position_and_an_open_state_speak_for_it() -> None:
    plain = MODEL.scores(ASKING, [seen(12, 30)])[0]

    assert MODEL.scores(ASKING, [seen(12, 30, same_asset=True)])[0] > plain
    assert MODEL.scores(ASKING._replace(accuracy_m=20), [seen(12, 30)])[0] > plain
    assert MODEL.scores(ASKING, [seen(12, 30, fixed=True)])[0] < plain


def test_the_contributions_are_the_score() -> None:
    around = [seen(3, 2), seen(40, 500), seen(60, 5, item="C0101")]
    alike = [seen(3, 2), seen(40, 900), seen(60, 5, item="C0101")]

    change = MODEL.logits(ASKING, around)[1] - MODEL.logits(ASKING, alike)[1]
    told = [sum(value for _, value in MODEL.contributions(ASKING, each, 1)) for each in (around, alike)]

    assert told[0] - told[1] == pytest.approx(MODEL.scale * change)


def test_every_feature_can_be_explained_and_the_weightiest_comes_first() -> None:
    said = reasons(MODEL.contributions(ASKING, [seen(5, 1), seen(90, 100)], 0))

    assert set(GROUP_OF) == set(NAMES)
    assert [abs(float(each["weight"])) for each in said] == sorted(
        (abs(float(e["weight"])) for e in said), reverse=True
    )
    assert all(each["zh"] and each["en"] for each in said)


@pytest.mark.parametrize(
    ("hours", "zh", "en"),
    [
        (0.5, "一小时内", "within the hour"),
        (1.5, "1 小时前", "an hour ago"),
        (5, "5 小时前", "5 hours ago"),
        (30, "一天前", "a day ago"),
        (72, "3 天前", "3 days ago"),
    ],
)
def test_a_line_says_where_what_and_since_when(hours: float, zh: str, en: str) -> None:
    said = brief(seen(12.4, hours))

    assert said == {"zh": f"相距 12 米，同一事项，{zh}", "en": f"12 m away, same item, {en}"}


def test_weights_are_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "pack" / "duplicates.json"

    write_model(MODEL, path)

    assert read_model(path) == MODEL


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "another format"),
        ({"weights": {"phase_of_the_moon": 1.0}}, "phase_of_the_moon"),
        ({"weights": {"here": "much"}}, "numbers by name"),
        ({"weights": []}, "numbers by name"),
        ({"intercept": None}, "numbers by name"),
        ({"priors": None}, "numbers by name"),
        ({"join_at": "never"}, "numbers by name"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_in_words(change: dict[str, object], said: str) -> None:
    written = json.loads(json.dumps(MODEL.written())) | change

    with pytest.raises(ValueError, match=said):
        model_from(written, "duplicates.json")
