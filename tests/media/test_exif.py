from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import GPS, Base
from PIL.TiffImagePlugin import IFDRational

from app.media import exif, picture
from tests.media.pictures import decode, encode, quarters, with_exif

HERE: dict[int, Any] = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (22.0, 30.0, 36.0),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: (113.0, 55.0, 12.0),
}


def test_degrees_minutes_and_seconds_become_a_position() -> None:
    position = exif.position_of(HERE)

    assert position == pytest.approx((113.92, 22.51))


@pytest.mark.parametrize(("references", "signs"), [("NE", (1, 1)), ("SE", (1, -1)), ("NW", (-1, 1)), ("SW", (-1, -1))])
def test_the_references_give_the_signs(references: str, signs: tuple[int, int]) -> None:
    gps = HERE | {GPS.GPSLatitudeRef: references[0], GPS.GPSLongitudeRef: references[1]}

    position = exif.position_of(gps)

    assert position == pytest.approx((113.92 * signs[0], 22.51 * signs[1]))


@pytest.mark.parametrize(
    "wrong",
    [
        {GPS.GPSLatitude: (math.nan, 0.0, 0.0)},
        {GPS.GPSLatitude: (math.inf, 0.0, 0.0)},
        {GPS.GPSLatitude: (IFDRational(22, 0), 30.0, 36.0)},
        {GPS.GPSLatitude: (IFDRational(0, 0), IFDRational(0, 0), IFDRational(0, 0))},
        {GPS.GPSLatitude: 4294967295.0},
        {GPS.GPSLatitude: ()},
        {GPS.GPSLatitude: (22.0, 30.0)},
        {GPS.GPSLatitude: (-22.0, 30.0, 36.0)},
        {GPS.GPSLatitude: (90.0, 0.0, 1.0)},
        {GPS.GPSLatitude: ("a", "b", "c")},
        {GPS.GPSLatitude: b"\x00\x01\x02"},
        {GPS.GPSLongitude: (180.0, 1.0, 0.0)},
        {GPS.GPSLongitude: None},
        {GPS.GPSLatitudeRef: ""},
        {GPS.GPSLatitudeRef: "E"},
        {GPS.GPSLatitudeRef: "NN"},
        {GPS.GPSLongitudeRef: None},
        {GPS.GPSLongitudeRef: 69},
    ],
)
def test_garbage_in_one_half_gives_no_position(wrong: dict[int, Any]) -> None:
    position = exif.position_of(HERE | wrong)

    assert position is None


def test_zeros_of_a_phone_without_a_fix_give_no_position() -> None:
    zeros = {GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)}

    position = exif.position_of(HERE | zeros)

    assert position is None


def test_an_empty_directory_gives_no_position_and_no_direction() -> None:
    assert exif.position_of({}) is None
    assert exif.direction_of({}) is None


def test_a_reference_in_bytes_with_padding_is_read() -> None:
    position = exif.position_of(HERE | {GPS.GPSLatitudeRef: b"s\x00", GPS.GPSLongitudeRef: "W "})

    assert position == pytest.approx((-113.92, -22.51))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (359.5, 359.5), (360.0, 0.0), (361.0, None), (-1.0, None), (math.nan, None), ("north", None)],
)
def test_a_direction_is_below_360_or_none(value: Any, expected: float | None) -> None:
    assert exif.direction_of({GPS.GPSImgDirection: value}) == expected


@pytest.mark.parametrize(
    ("value", "reference", "expected"),
    [
        (12.5, b"\x00", 12.5),
        (12.5, 0, 12.5),
        (12.5, b"\x01", -12.5),
        (12.5, 1, -12.5),
        (-12.5, 1, -12.5),
        (-12.5, 0, -12.5),
        (12.5, 2, 12.5),
        (12.5, 3, -12.5),
        (12.5, None, 12.5),
        (12.5, "x", 12.5),
        (12.5, b"", 12.5),
        (IFDRational(25, 2), b"\x00", 12.5),
        (IFDRational(0, 0), b"\x00", None),
        (math.nan, 0, None),
        (math.nan, 1, None),
        (math.inf, 0, None),
        (-math.inf, 1, None),
        (4294967295.0, 0, None),
        (501.0, 1, None),
        ("high", 0, None),
        ((1.0, 2.0), 0, None),
        (b"\x01\x02", 0, None),
        (None, 0, None),
    ],
)
def test_an_altitude_is_metres_above_the_sea_or_none(value: Any, reference: Any, expected: float | None) -> None:
    assert exif.altitude_of({GPS.GPSAltitude: value, GPS.GPSAltitudeRef: reference}) == expected


def test_an_altitude_without_its_reference_is_above_the_sea() -> None:
    assert exif.altitude_of({GPS.GPSAltitude: 40.0}) == 40.0
    assert exif.altitude_of({}) is None
    assert exif.altitude_of({GPS.GPSAltitudeRef: b"\x01"}) is None


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({Base.DateTimeOriginal: "2026:05:01 08:30:00"}, "2026-05-01T08:30:00"),
        (
            {Base.DateTimeOriginal: "2026:05:01 08:30:00", Base.OffsetTimeOriginal: "+08:00"},
            "2026-05-01T08:30:00+08:00",
        ),
        ({Base.DateTimeOriginal: "2026:05:01 08:30:00", Base.OffsetTimeOriginal: "+99:00"}, "2026-05-01T08:30:00"),
        ({Base.DateTimeOriginal: "garbage", Base.DateTimeDigitized: "2026:05:01 08:30:00"}, "2026-05-01T08:30:00"),
        ({Base.DateTimeOriginal: "    :  :     :  :  "}, None),
        ({Base.DateTimeOriginal: "0000:00:00 00:00:00"}, None),
        ({Base.DateTimeOriginal: "1970:01:01 00:00:00"}, None),
        ({Base.DateTimeOriginal: "9999:12:31 23:59:59", Base.OffsetTimeOriginal: "-08:00"}, None),
        ({Base.DateTimeOriginal: 7}, None),
        ({}, None),
    ],
)
def test_the_clock_is_read_with_its_offset_or_not_at_all(details: dict[int, Any], expected: str | None) -> None:
    assert exif.taken_at_of(details) == expected


@pytest.mark.parametrize(("value", "expected"), [(6, 6), (1, 1), (0, 1), (9, 1), (-3, 1), ("6", 1), (None, 1)])
def test_an_orientation_that_is_none_counts_as_upright(value: Any, expected: int) -> None:
    assert exif.orientation_of({Base.Orientation: value}) == expected


def test_the_facts_of_a_whole_file_are_read() -> None:
    data = with_exif(
        quarters(),
        gps=HERE | {GPS.GPSImgDirection: 271.5, GPS.GPSAltitude: 40.5, GPS.GPSAltitudeRef: b"\x01"},
        Orientation=6,
        DateTimeOriginal="2026:05:01 08:30:00",
        OffsetTimeOriginal="-05:00",
    )

    facts = exif.read(decode(data))

    assert facts.orientation == 6
    assert facts.taken_at == "2026-05-01T08:30:00-05:00"
    assert facts.position == pytest.approx((113.92, 22.51))
    assert facts.direction == 271.5
    assert facts.altitude == -40.5


@pytest.mark.parametrize(
    ("name", "altitude", "direction"),
    [
        ("gps_NE_iphone8_guangzhou.heic", 42.8, 25.3),
        ("gps_NW_canon600d.jpg", 1960.0, None),
        ("gps_NE_drone_small.jpg", 1252.0, None),
        ("gps_garbage_values.jpg", None, None),
        ("gps_empty_ifd_orient6.jpg", None, None),
        ("nogps_noexif.jpg", None, None),
    ],
)
def test_what_cameras_wrote_of_altitude_and_direction_is_read(
    photos: Path, name: str, altitude: float | None, direction: float | None
) -> None:
    image = picture.open_picture((photos / name).read_bytes())
    picture.load(image)

    facts = exif.read(image)

    assert facts.altitude == (None if altitude is None else pytest.approx(altitude, abs=0.1))
    assert facts.direction == (None if direction is None else pytest.approx(direction, abs=0.1))


values = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.tuples(st.floats(), st.floats(), st.floats()),
    st.lists(st.builds(IFDRational, st.integers(0, 2**32 - 1), st.integers(0, 3)), min_size=3, max_size=3).map(tuple),
)


@given(gps=st.dictionaries(st.integers(0, 31), values))
def test_no_values_stop_the_reading_and_a_position_is_on_earth(gps: dict[int, Any]) -> None:
    position, direction = exif.position_of(gps | {1: "N", 3: "E"}), exif.direction_of(gps)
    altitude = exif.altitude_of(gps)

    assert position is None or (abs(position[0]) <= 180 and abs(position[1]) <= 90)
    assert direction is None or 0 <= direction < 360
    assert altitude is None or -500 <= altitude <= 15_000


@given(
    noise=st.binary(max_size=200), start=st.sampled_from([b"", b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08"])
)
def test_no_bytes_in_the_place_of_exif_stop_a_picture(noise: bytes, start: bytes) -> None:
    data = encode(Image.new("L", (8, 8)), exif=b"Exif\x00\x00" + start + noise)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        facts = exif.read(decode(data))

    assert facts.orientation in range(1, 9)
