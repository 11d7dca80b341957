"""Each report sees what existed when it was filed, and nothing of the labels."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from app.duplicates.features import NEAREST, NEAREST_OF_ITEM
from app.duplicates.replay import History, Moment, read_history, replay

COLUMNS = "case_enquiry_id,open_dt,closed_dt,reason,type,queue,location,latitude,longitude,geocode_default,source,"
HEADER = COLUMNS + "is_duplicate,duplicate_of\n"


def line(
    name: str,
    opened: str,
    closed: str = "",
    *,
    kind: str = "Light",
    lat: float = 42.3,
    lon: float = -71.1,
    default: str = "0",
    parent: str = "",
    flag: str = "0",
) -> str:
    ended = closed and f"2011-07-{closed}"
    return f"{name},2011-07-{opened},{ended},Lights,{kind},Q,5 Main St,{lat},{lon},{default},App,{flag},{parent}\n"


def read(tmp_path: Path, *lines: str, header: str = HEADER) -> History:
    path = tmp_path / "requests.csv.gz"
    path.write_bytes(gzip.compress((header + "".join(lines)).encode()))
    return read_history(path)


def moments(history: History) -> dict[str, Moment]:
    return {moment.request.id: moment for moment in replay(history)}


def test_it_sees_what_was_open_and_what_was_closed_within_three_days(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        line("later", "20 10:00:00"),
        line("asks", "10 10:00:00"),
        line("open", "01 10:00:00"),
        line("closed lately", "02 10:00:00", "08 10:00:00"),
        line("closed long ago", "02 11:00:00", "06 10:00:00"),
        line("closed after", "03 10:00:00", "11 10:00:00"),
        line("far", "04 10:00:00", lat=42.303),
    )

    seen = moments(history)["asks"]

    assert {one.id for one in seen.candidates} == {"open", "closed lately", "closed after"}
    assert {one.id: s.fixed for one, s in zip(seen.candidates, seen.sightings, strict=True)} == {
        "open": False,
        "closed lately": True,
        "closed after": False,
    }


def test_labels_change_nothing_that_is_seen(tmp_path: Path) -> None:
    lines = [line("a", "01 10:00:00"), line("b", "02 10:00:00"), line("c", "03 10:00:00")]
    labelled = [
        lines[0],
        line("b", "02 10:00:00", parent="a", flag="1"),
        line("c", "03 10:00:00", parent="b", flag="1"),
    ]

    plain, told = moments(read(tmp_path, *lines)), moments(read(tmp_path, *labelled))

    assert {name: each.sightings for name, each in plain.items()} == {
        name: each.sightings for name, each in told.items()
    }
    assert [told[name].true is not None for name in "abc"] == [False, True, True]


def test_only_a_parent_that_came_first_counts(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        line("a", "01 10:00:00", parent="b", flag="1"),
        line("b", "02 10:00:00"),
        line("c", "03 10:00:00", parent="c", flag="1"),
        line("d", "04 10:00:00", parent="elsewhere", flag="1"),
    )

    # The parent of d is not in the file: it came before, and counts as missed.
    assert history.parents == {"d": "elsewhere"}
    assert history.flagged == {"a", "c"}
    assert moments(history)["d"].true is None


def test_of_those_that_labels_link_in_another_way_nothing_is_known(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        line("parent", "01 10:00:00"),
        line("child", "02 10:00:00", parent="parent", flag="1"),
        line("sibling", "03 10:00:00", parent="parent", flag="1"),
        line("other", "01 11:00:00"),
    )

    seen = moments(history)["sibling"]
    unknown = {one.id for one, known in zip(seen.candidates, seen.unknown, strict=True) if known}

    assert seen.true is not None
    assert seen.candidates[seen.true].id == "parent"
    assert unknown == {"child"}


def test_default_points_and_rows_without_a_place_or_a_moment_are_left_out_and_counted(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        line("good", "01 10:00:00"),
        line("default", "02 10:00:00", default="1"),
        line("nowhere", "02 10:00:00").replace("42.3", ""),
        line("never", "02 10:00:00").replace("2011-07-02", "soon"),
        line("no number", "02 10:00:00").replace("42.3", "nan"),
        line("beyond", "02 10:00:00", lat=-271.1),
        line("unclear end", "02 10:00:00", "soon"),
        "cut off,2011-07-02\n",
    )

    assert [one.id for one in history.requests] == ["good"]
    assert history.left_out == 7


def test_a_crowd_is_seen_from_its_near_side(tmp_path: Path) -> None:
    other = [line(f"other {n}", "01 10:00:00", kind="Bin", lat=42.3 + n / 100_000) for n in range(1, 40)]
    same = [line(f"same {n}", "01 10:00:00", lat=42.3 + n / 50_000 + 0.0006) for n in range(1, 20)]

    seen = moments(read(tmp_path, *other, *same, line("asks", "02 10:00:00")))["asks"]

    assert sum(not sighting.same_item for sighting in seen.sightings) == NEAREST
    assert sum(sighting.same_item for sighting in seen.sightings) == NEAREST_OF_ITEM


def test_columns_of_other_cities_are_known(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        "1,2024-05-01T10:00:00,,Noise,NYPD,10 Elm St,40.7,-74,MOBILE\n",
        "2,05/01/2024 11:00:00 AM,,Noise,NYPD,10 Elm St,40.7,-74,MOBILE\r\n",
        header="\ufeffUnique Key,Created Date,Closed Date,Complaint Type,Agency,Incident Address,Latitude,Longitude,"
        "Open Data Channel Type\n",
    )

    (seen,) = moments(history)["2"].sightings

    assert (seen.same_item, seen.same_unit, seen.same_address, seen.same_channel) == (True, True, True, True)
    assert seen.hours == 1


@pytest.mark.parametrize(
    ("header", "said"),
    [("id,item\n", "opened, lat, lon|lat, lon, opened"), (HEADER, "none of its 0 rows has a moment")],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(tmp_path, header=header)


def test_pairs_without_their_columns_are_refused_in_words(tmp_path: Path) -> None:
    path, pairs = tmp_path / "requests.csv", tmp_path / "pairs.csv"
    path.write_text(HEADER + line("good", "01 10:00:00"))
    pairs.write_text("mine,yours\n1,2\n")

    with pytest.raises(ValueError, match=r"pairs.csv has no columns child_id and parent_id; it has mine, yours"):
        read_history(path, pairs)
