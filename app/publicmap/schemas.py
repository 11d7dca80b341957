"""Wire shapes of the public map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from app.api.pages import PageIn
from app.publicmap.box import Box, split_box
from app.publicmap.grid import Period, Shown
from app.publicmap.models import TextVerdict
from app.publicmap.words import Filtered

CODES_MOST = 50


class Several(fields.List[Any]):
    """Values that may repeat, or stand in one with commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        given = [part for each in value for part in str(each).split(",") if part]
        return list(super()._deserialize(given, attr, data, **kwargs))


class Numbers(fields.String):
    """So many numbers with commas between them, each within its own bounds."""

    def __init__(self, *bounds: tuple[float, float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounds = bounds

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[float, ...]:  # type: ignore[override]
        parts = str(super()._deserialize(value, *args, **kwargs)).split(",")
        try:
            numbers = tuple(float(part) for part in parts)
            fit = all(low <= number <= high for number, (low, high) in zip(numbers, self.bounds, strict=True))
        except ValueError:
            fit = False
        if not fit:
            raise ValidationError(f"Send {len(self.bounds)} numbers of degrees with commas between them.")
        return numbers


class BoxesField(fields.String):
    """A box of degrees (west,south,east,north), as one box or as two where it crosses the date line (RFC 7946, 5.2).

    What reaches over the poles or round the world is cut; longitudes may go on counting beyond 180, as maps do.
    """

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[Box, ...]:  # type: ignore[override]
        try:
            west, south, east, north = (
                float(part) for part in str(super()._deserialize(value, *args, **kwargs)).split(",")
            )
        except ValueError:
            raise ValidationError(
                "Send four numbers of degrees with commas between them: west,south,east,north."
            ) from None
        if not all(math.isfinite(number) for number in (west, south, east, north)):
            raise ValidationError("The sides of the box are finite numbers of degrees.")
        if south > north:
            raise ValidationError("The south of the box lies north of its north: write west,south,east,north.")
        return split_box(west, south, east, north)


_LON, _LAT = (-180.0, 180.0), (-85.0, 85.0)


def _codes(described: str) -> Several:
    text = fields.String(validate=validate.Length(max=100))
    most = validate.Length(max=CODES_MOST)
    return Several(text, load_default=list, validate=most, metadata={"description": described})


class FiltersIn(Schema):
    """Which work orders."""

    class Meta:
        """``class`` is no name in Python."""

        include = {"class": _codes("Codes of item classes")}  # noqa: RUF012  # marshmallow has it so

    state = Several(
        fields.Enum(Shown, by_value=True),
        load_default=list,
        metadata={"description": "open, fixed, closed; several with commas. Without any, all"},
    )
    item = _codes("Codes of items")
    period = fields.Enum(
        Period,
        by_value=True,
        load_default=Period.QUARTER,
        metadata={"description": "Since when it was fixed; open ones are shown always"},
    )
    street = fields.String(load_default=None, validate=validate.Length(max=100))


class LinesIn(FiltersIn, PageIn):
    """Which page of which work orders."""

    bbox = BoxesField(
        load_default=None,
        metadata={
            "description": "west,south,east,north; west is greater than east where the box crosses the date line"
        },
    )
    near = Numbers(_LON, _LAT, load_default=None, metadata={"description": "lon,lat: the nearest first"})


class FiguresIn(Schema):
    """Since when."""

    period = fields.Enum(Period, by_value=True, load_default=Period.QUARTER)


class MapNamedOut(Schema):
    """A thing with a code and its names; ``name`` is in the city's first language."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)


class MapItemOut(MapNamedOut):
    """An item with its class."""

    class Meta:
        """``class`` is no name in Python."""

        include = {"class": fields.String(required=True)}  # noqa: RUF012  # marshmallow has it so


class MapPositionOut(Schema):
    """A position in WGS 84; of a sensitive one the middle of its block."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


def _moment(*, allow_none: bool = True, **more: Any) -> fields.AwareDateTime:
    return fields.AwareDateTime(required=True, allow_none=allow_none, **more)


class PublicLineOut(Schema):
    """A work order as everybody may see it."""

    class Meta:
        """``class`` is no name in Python."""

        include = {"class": fields.String(required=True)}  # noqa: RUF012  # marshmallow has it so

    id = fields.String(required=True)
    item = fields.Nested(MapNamedOut, required=True)
    state = fields.String(required=True)
    step = fields.String(required=True)
    position = fields.Nested(MapPositionOut, required=True)
    place = fields.Nested(MapNamedOut, required=True)
    opened = _moment(allow_none=False, metadata={"description": "To the hour while it is under an hour old"})
    fixed = _moment()
    closed = _moment()
    days_to_fix = fields.Float(required=True, allow_none=True)
    unit = fields.Nested(MapNamedOut, required=True, allow_none=True)
    reports = fields.Integer(required=True)
    followers = fields.Integer(required=True)
    thumbnail = fields.String(required=True, allow_none=True)
    distance_m = fields.Float(required=True, allow_none=True, metadata={"description": "With `near` only"})


class PublicLinesOut(Schema):
    """A page of work orders."""

    items = fields.List(fields.Nested(PublicLineOut), required=True)
    next = fields.String(required=True, allow_none=True)


class PublicEventOut(Schema):
    """A line of the public history; ``text`` is empty where the filter stopped it."""

    at = _moment(allow_none=False)
    kind = fields.String(required=True)
    text = fields.String(required=True, allow_none=True)


class PublicWorkOrderOut(PublicLineOut):
    """A work order with its history, its pair of pictures and its words."""

    sensitive = fields.Boolean(required=True)
    timeline = fields.List(fields.Nested(PublicEventOut), required=True)
    pair = fields.Dict(required=True, allow_none=True)
    description = fields.String(required=True, allow_none=True)
    attribution = fields.String(required=True)


class AreaFiguresOut(MapNamedOut):
    """An area with its figures."""

    level = fields.String(required=True)
    parent = fields.String(required=True, allow_none=True)
    open = fields.Integer(required=True)
    fixed = fields.Integer(required=True, metadata={"description": "In the period"})
    median_days_to_fix = fields.Float(required=True, allow_none=True)


class PublicAreasOut(Schema):
    """Streets and districts."""

    areas = fields.List(fields.Nested(AreaFiguresOut), required=True)
    attribution = fields.String(required=True)


class MapOut(Schema):
    """What a page with a map needs to begin."""

    bounds = fields.List(fields.Float(), required=True)
    centre = fields.List(fields.Float(), required=True)
    zoom = fields.Integer(required=True)
    levels = fields.Dict(required=True)
    items = fields.List(fields.Nested(MapItemOut), required=True)
    classes = fields.List(fields.Nested(MapNamedOut), required=True)
    counts = fields.Dict(required=True)
    attribution = fields.String(required=True)
    style_url = fields.String(required=True, allow_none=True)


class WordsIn(Schema):
    """What staff decide of words."""

    verdict = fields.Enum(TextVerdict, by_value=True, required=True)


class WordsOut(Schema):
    """The words of a work order, and whether everybody reads them."""

    description = fields.String(required=True)
    filter = fields.Enum(Filtered, by_value=True, required=True)
    verdict = fields.Enum(TextVerdict, by_value=True, required=True, allow_none=True)
    by = fields.String(required=True, allow_none=True)
    at = _moment()
    is_public = fields.Boolean(required=True)


class WaitingWordsOut(Schema):
    """Words that wait for staff, with the work order that would show them."""

    id = fields.String(required=True, attribute="work_order.public_id", metadata={"description": "Of the work order"})
    item = fields.String(required=True, attribute="work_order.item.code")
    street = fields.String(required=True, attribute="work_order.street")
    filed_at = fields.AwareDateTime(required=True, attribute="report.filed_at")
    description = fields.String(required=True, attribute="report.description")


class WaitingWordsPageOut(Schema):
    """A page of words that wait."""

    descriptions = fields.List(fields.Nested(WaitingWordsOut), required=True)
    next = fields.String(required=True, allow_none=True)
