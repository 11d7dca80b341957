from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.publicmap.box import LATITUDE_MOST, split_box
from app.publicmap.service import fold
from tests.make import NOW, make_report

LIST = "/api/v1/public/work-orders"
DEGREES = st.floats(-1000, 1000)


@pytest.mark.parametrize(
    ("asked", "boxes"),
    [
        ((113, 22, 114, 23), [(113, 22, 114, 23)]),
        ((-180, -90, 180, 90), [(-180, -85, 180, 85)]),
        ((-400, -100, 400, 100), [(-180, -85, 180, 85)]),
        ((170, -10, -170, 10), [(170, -10, 180, 10), (-180, -10, -170, 10)]),
        ((170, -10, 190, 10), [(170, -10, 180, 10), (-180, -10, -170, 10)]),
        ((-190, -10, -170, 10), [(170, -10, 180, 10), (-180, -10, -170, 10)]),
        ((473, 22, 474, 23), [(113, 22, 114, 23)]),
        ((180, 0, -180, 1), [(180, 0, 180, 1), (-180, 0, -180, 1)]),
    ],
)
def test_a_box_is_cut_to_the_map_and_split_at_the_date_line(
    asked: tuple[float, float, float, float], boxes: list[tuple[float, ...]]
) -> None:
    assert list(split_box(*asked)) == boxes


@given(west=DEGREES, south=DEGREES, east=DEGREES, north=DEGREES)
def test_every_box_ends_up_on_the_map(west: float, south: float, east: float, north: float) -> None:
    for box in split_box(west, min(south, north), east, max(south, north)):
        assert -180 <= box[0] <= box[2] <= 180
        assert -LATITUDE_MOST <= box[1] <= box[3] <= LATITUDE_MOST


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ("-180,-90,180,90", True),
        ("-200,-95,200,95", True),
        ("110,20,-170,25", True),
        ("473,22,475,23", True),
        ("170,20,-170,25", False),
        ("115,20,113,25", False),
    ],
)
def test_the_list_of_a_box_is_of_that_box(client: FlaskClient, shenzhen: Session, bbox: str, found: bool) -> None:
    make_report(shenzhen, now=NOW)
    fold(shenzhen, now=NOW)

    answer = client.get(f"{LIST}?bbox={bbox}")

    assert answer.status_code == 200, answer.text
    assert bool(answer.get_json()["items"]) == found


@pytest.mark.parametrize(
    ("bbox", "says"),
    [
        ("1,2,3", "west,south,east,north"),
        ("1,2,3,inf", "finite"),
        ("1,2,3,nan", "finite"),
        ("113,23,114,22", "north of its north"),
    ],
)
def test_what_is_no_box_is_refused_in_words_that_name_the_cause(client: FlaskClient, bbox: str, says: str) -> None:
    answer = client.get(f"{LIST}?bbox={bbox}")

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/bbox"
    assert says in answer.get_json()["detail"]
